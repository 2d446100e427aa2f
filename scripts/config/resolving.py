"""Has Compose resolve the files and checks them by every rule: only after a change."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from scripts.config import compose
from scripts.config.compose import Compose
from scripts.config.rules import resolved as stack_rules
from scripts.config.rules import schema, written
from scripts.config.rules import text as compose_text
from scripts.config.rules.schema import Breach, as_tree
from scripts.core.files import Json


def resolved(composed: Compose) -> tuple[str, dict[str, Json]]:
    """Return the resolved file, as text and as a document; ConfigError for what breaks a rule."""
    schema.require(written_breaches(composed.files))
    text = compose.text(composed)
    document = compose.document(text)
    names = " + ".join(file.name for file in composed.files)
    schema.require(stack_rules.check_resolved(document, names))
    return text, document


def written_breaches(files: Iterable[Path]) -> Iterator[Breach]:
    """Yield what breaks a rule in compose files as they are written."""
    for name, document in _written(files):
        yield from written.check_raw(document, name)


def names(files: Iterable[Path], prefix: str) -> dict[str, str]:
    """Return the services by name and by container name, as the files are written."""
    found = {}
    for _, document in _written(files):
        for name, service in as_tree(document.get("services")).items():
            container = str(as_tree(service).get("container_name", name))
            found[name] = name
            found[container.replace("${CONTAINER_PREFIX:-}", prefix)] = name
    return found


def _written(files: Iterable[Path]) -> Iterator[tuple[str, Mapping[str, object]]]:
    for file in filter(Path.is_file, files):  # `compose.text` names one that is not there
        yield file.name, compose_text.parse(file.read_text(encoding="utf-8"), file.name)

"""Has Compose resolve the files and checks them by every rule: only after a change."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from scripts.config import compose
from scripts.config.compose import Compose
from scripts.config.rules import resolved as stack_rules
from scripts.config.rules import schema, written
from scripts.config.rules import text as compose_text
from scripts.config.rules.schema import Breach, as_list, as_tree
from scripts.config.settings import Settings
from scripts.core.errors import ConfigError
from scripts.core.files import Json

Place = tuple[str, str]
"""A service, and a key of it such as `environment.NEO4J_AUTH`."""


def resolved(composed: Compose, settings: Settings) -> tuple[str, dict[str, Json]]:
    """Return the resolved file, as text and as a document; ConfigError for what breaks a rule.

    Where it breaks one only because of a value that was set, the error is about that value.
    """
    schema.require(written_breaches(composed.files))
    try:
        return _resolved(composed)
    except ConfigError as error:
        if names := _to_blame(composed, settings):
            told = "\n".join(f"{settings.origin(one)}: {settings.shown(one)}" for one in names)
            why = str(error).replace("\n", "\n  ")
            raise ConfigError(
                f"{told}; the compose file cannot be used with that:\n  {why}",
                next_step=settings.step(names),
            ) from error
        raise


def _resolved(composed: Compose) -> tuple[str, dict[str, Json]]:
    text = compose.text(composed)
    document = compose.document(text)
    names = " + ".join(file.name for file in composed.files)
    schema.require(stack_rules.check_resolved(document, names))
    return text, document


def _to_blame(composed: Compose, settings: Settings) -> tuple[str, ...]:
    """Return the variables that break it each alone, or all together; none where defaults do.

    Compose itself is asked, with the defaults and one value after the other over them.
    """
    changed = [name for name in settings.names() if settings.get(name) != settings.default(name)]
    defaults = {name: settings.default(name) for name in changed}

    def breaks(values: Mapping[str, str]) -> bool:
        env = {**defaults, **composed.env, "ENV_FILE": "/nonexistent", **values}
        plain = replace(composed, env_file=settings.root / ".env.example", env=env)
        try:
            _resolved(plain)
        except ConfigError:
            return True
        return False

    if not changed or breaks(defaults):
        return ()
    alone = [name for name in changed if breaks({**defaults, name: settings.get(name)})]
    return tuple(alone or changed)


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


def facts(resolved: str) -> dict[str, dict[str, str]]:
    """Return what each service of a resolved file is given, as `containers.given` does."""
    services = as_tree(compose.document(resolved).get("services"))
    return {name: dict(_facts(as_tree(service))) for name, service in services.items()}


def _facts(service: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    yield "image", str(service.get("image", ""))
    yield "mem_limit", str(service.get("mem_limit", 0))
    for name, value in as_tree(service.get("environment")).items():
        yield f"environment.{name}", "" if value is None else str(value)
    for port in map(as_tree, as_list(service.get("ports"))):
        target = f"{port.get('target')}/{port.get('protocol', 'tcp')}"
        yield f"ports.{target}", str(port.get("published", ""))
        yield f"addresses.{target}", str(port.get("host_ip", ""))


def places(files: Iterable[Path], given: Mapping[str, Mapping[str, str]]) -> dict[str, set[Place]]:
    """Return where the services are given a variable, by the files as they are written.

    What a file of variables brings reaches a service under the variable's own name.
    """
    found: dict[str, set[Place]] = defaultdict(set)
    for service, keys in given.items():
        for key in keys:
            if key.startswith("environment."):
                found[key.partition(".")[2]].add((service, key))
    for _, document in _written(files):
        for use in compose_text.uses(document):
            key = _port_key(document, use) if use.key.startswith("ports[") else use.key
            if key in given.get(use.service, ()):
                found[use.name].add((use.service, key))
    return found


def _port_key(document: Mapping[str, object], use: compose_text.Use) -> str:
    """Return the key of a published port, or of its address, by its place in a file's list."""
    service = as_tree(as_tree(document.get("services")).get(use.service))
    entry = str(as_list(service.get("ports"))[int(use.key[6:].partition("]")[0])])
    kind = "addresses" if use.name in entry.partition("}:")[0] else "ports"
    return f"{kind}.{entry.rpartition(':')[2]}/tcp"


def _written(files: Iterable[Path]) -> Iterator[tuple[str, Mapping[str, object]]]:
    for file in filter(Path.is_file, files):  # `compose.text` names one that is not there
        yield file.name, compose_text.parse(file.read_text(encoding="utf-8"), file.name)

"""Asks the settings' file as it is written, also where `inv up` would refuse it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from scripts.config import settings
from scripts.config.env_text import text_of
from scripts.config.rules import env
from scripts.config.rules import text as compose_text
from scripts.config.settings import WORKSPACE_VARIABLES, Settings
from scripts.core.errors import StackError
from scripts.doctor.facts import SettingsFile


def ask(root: Path, environ: Mapping[str, str]) -> tuple[Settings, SettingsFile]:
    """Return the settings as far as they can be read, and what is known of their file."""
    example = text_of(root / ".env.example")
    used = frozenset(WORKSPACE_VARIABLES) | _read_by_compose(root)
    try:
        loaded = settings.load(root, environ, strict=False)
    except StackError as error:
        loaded = settings.of_example(root, environ)
        file = SettingsFile(unreadable=error)
    else:
        file = SettingsFile(
            file=".env" if loaded.missing else loaded.file.name,
            missing=loaded.missing,
            text="" if loaded.missing else text_of(loaded.file),
            exported=tuple(loaded.overruled()),
        )
    problems = env.problems(loaded)
    step = loaded.step(problem.name for problem in problems)
    return loaded, replace(file, example=example, used=used, problems=problems, step=step)


def _read_by_compose(root: Path) -> frozenset[str]:
    names: set[str] = set()
    for file in sorted((root / "docker").glob("docker-compose*.yml")):
        try:
            document = compose_text.parse(file.read_text(encoding="utf-8"), file.name)
        except (StackError, OSError):  # told as the compose file's own problem
            continue
        names |= {use.name for use in compose_text.uses(document)}
    return frozenset(names)

"""Checks every compose file, override and variable of the repository: what `nox -s schema` runs."""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from scripts.config import compose
from scripts.config.compose import Compose
from scripts.config.rules import resolved, schema, written
from scripts.config.rules import text as compose_text
from scripts.config.rules.schema import Breach
from scripts.config.settings import WORKSPACE_VARIABLES
from scripts.core.errors import ExitCode, StackError
from scripts.core.inventory import ImageSource
from scripts.core.process import run
from scripts.engine.private import programs

ROOT = Path(__file__).resolve().parents[2]


def main() -> ExitCode:
    """Check all files; tell how many, or every breach."""
    try:
        schemas = _schemas()
        breaches = (*_written(), *_resolved(programs.have(ROOT, os.environ, run, _say)))
        schema.require(breaches)
    except StackError as error:
        _say(f"error: {error}\nnext: {error.next_step}")
        return error.exit_code
    sys.stdout.write(
        f"{len(schemas)} schemas, {len(_compose_files())} compose files in"
        f" {len(_combinations())} combinations, and .env.example keep every rule\n"
    )
    return ExitCode.OK


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _compose_files() -> tuple[Path, ...]:
    return tuple(sorted((ROOT / "docker").glob("docker-compose*.yml")))


def _combinations() -> list[tuple[ImageSource, str]]:
    return [(source, profiles) for source in ImageSource for profiles in ("", "embedder")]


def _schemas() -> tuple[Path, ...]:
    """Return the schemas, each of which is a schema; ConfigError names one that is not."""
    found = tuple(sorted((ROOT / "schemas").glob("*.schema.json")))
    for path in found:
        try:
            Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))
        except (SchemaError, ValueError) as error:
            breach = Breach(file=path.name, found=str(error), wanted="a JSON Schema, 2020-12")
            schema.require([breach])
    return found


def _written() -> Iterator[Breach]:
    texts = {file.name: file.read_text(encoding="utf-8") for file in _compose_files()}
    for name, text in texts.items():
        yield from written.check_raw(compose_text.parse(text, name), name)
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    yield from written.check_variables(texts, example, WORKSPACE_VARIABLES)


def _resolved(env: Mapping[str, str]) -> Iterator[Breach]:
    for source, profiles in _combinations():
        composed = Compose(
            files=compose.files(ROOT, source),
            env_file=ROOT / ".env.example",
            env={**env, "COMPOSE_PROFILES": profiles, "ENV_FILE": "/nonexistent"},
            runner=run,
        )
        names = " + ".join(file.name for file in composed.files)
        document = compose.document(compose.text(composed))
        yield from resolved.check_resolved(document, names)


if __name__ == "__main__":
    sys.exit(main())

"""Checks every compose file, override and variable of the repository: what `nox -s schema` runs."""

import json
import os
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from scripts.config import compose, resolving
from scripts.config.choice import MILVUS, WITHOUT_MILVUS
from scripts.config.compose import Compose
from scripts.config.rules import resolved, schema, written
from scripts.config.rules.schema import Breach
from scripts.config.settings import WORKSPACE_VARIABLES
from scripts.core.checkout import Checkout
from scripts.core.errors import ExitCode, StackError, report
from scripts.core.inventory import ImageSource
from scripts.core.process import run
from scripts.engine.private import programs

ROOT = Path(__file__).resolve().parents[2]
COMBINATIONS = tuple(product(ImageSource, ("", "models", "models,milvus,preferences")))
"""Of image sources and profiles: each resolves to another file; Milvus is one in an overlay."""


def main(checkout: Checkout) -> ExitCode:
    """Check all files; tell how many, or every breach."""
    schemas = sorted((checkout.root / "schemas").glob("*.schema.json"))
    composes = sorted((checkout.root / "docker").glob("docker-compose*.yml"))
    try:
        schema.require(_no_schemas(schemas))
        schema.require((*_written(checkout.root, composes), *_resolved(checkout)))
    except StackError as error:
        return report(error)
    sys.stdout.write(
        f"{len(schemas)} schemas, {len(composes)} compose files in"
        f" {len(COMBINATIONS)} combinations, and .env.example keep every rule\n"
    )
    return ExitCode.OK


def _no_schemas(files: list[Path]) -> Iterator[Breach]:
    for file in files:
        try:
            Draft202012Validator.check_schema(json.loads(file.read_text(encoding="utf-8")))
        except (SchemaError, ValueError) as error:
            yield Breach("", str(error), "a JSON Schema, 2020-12", file=file.name)


def _written(root: Path, files: list[Path]) -> Iterator[Breach]:
    yield from resolving.written_breaches(files)
    texts = {file.name: file.read_text(encoding="utf-8") for file in files}
    example = (root / ".env.example").read_text(encoding="utf-8")
    yield from written.check_variables(texts, example, WORKSPACE_VARIABLES)


def _resolved(checkout: Checkout) -> Iterator[Breach]:
    root, runner = checkout.root, checkout.runner
    env = programs.have(checkout)
    for source, profiles in COMBINATIONS:
        composed = Compose(
            files=compose.files(root, source, (WITHOUT_MILVUS,) if MILVUS in profiles else ()),
            env_file=root / ".env.example",
            env={**env, "COMPOSE_PROFILES": profiles, "ENV_FILE": "/nonexistent"},
            runner=runner,
        )
        names = " + ".join(file.name for file in composed.files)
        yield from resolved.check_resolved(compose.document(compose.text(composed)), names)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(Checkout(root=ROOT, environ=os.environ, runner=run, say=_say)))

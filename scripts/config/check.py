"""Checks every compose file, override and variable of the repository: what `nox -s schema` runs."""

import json
import os
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from scripts.config import choice, compose, resolving, swarm
from scripts.config.choice import ELSEWHERE, MILVUS, OVERLAYS
from scripts.config.compose import Compose
from scripts.config.rules import dockerfiles, resolved, schema, written
from scripts.config.rules import text as compose_text
from scripts.config.rules.schema import Breach, as_tree
from scripts.config.settings import WORKSPACE_VARIABLES
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError, ExitCode, StackError, report
from scripts.core.files import Json
from scripts.core.inventory import ImageSource
from scripts.core.process import last_words, run
from scripts.engine.private import programs
from scripts.machine import wheels

ROOT = Path(__file__).resolve().parents[2]
COMBINATIONS = tuple(product(ImageSource, ("", "models", "models,milvus,preferences", ELSEWHERE)))
"""Of image sources and profiles: each resolves to another file; those of overlays bring these."""
PINNED = ("requirements/*.txt", "docker/**/requirements*.txt", "docker/**/requirements/*.txt")
"""Lists of packages: of the workspace, and of the images."""
X86_64_ONLY = frozenset({"docker/packages/milvus/requirements.txt"})
"""Lists with packages that Linux on arm64 does not have: package-built images are for x86-64."""


def main(checkout: Checkout) -> ExitCode:
    """Check all files; tell how many, or every breach."""
    schemas = sorted((checkout.root / "schemas").glob("*.schema.json"))
    composes = sorted((checkout.root / "docker").glob("docker-compose*.yml"))
    try:
        schema.require(_no_schemas(schemas))
        schema.require(
            (
                *_written(checkout.root, composes),
                *_dockerfiles(checkout.root),
                *_resolved(checkout),
                *_arm64(checkout),
            )
        )
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
        external = sorted(root.glob(f"docker/{choice.external('*')}"))
        overlays = {MILVUS: OVERLAYS, ELSEWHERE: [file.name for file in external]}
        over = next((names for one, names in overlays.items() if one in profiles), ())
        composed = Compose(
            files=compose.files(root, source, over),
            env_file=root / ".env.example",
            env={
                **env,
                **dict(map(_address, external)),
                "COMPOSE_PROFILES": profiles,
                "ENV_FILE": "/nonexistent",
            },
            runner=runner,
        )
        names = " + ".join(file.name for file in composed.files)
        document = compose.document(compose.text(composed))
        for service in (document.get("services") or {}).values():
            _with_volumes(service)
        yield from resolved.check_resolved(document, names)
        yield from _stack(composed, document, names)


def _stack(composed: Compose, document: dict[str, Json], names: str) -> Iterator[Breach]:
    """Have Docker read what a Swarm would be given; no engine is asked."""
    try:
        stack = swarm.stack(document, empty=swarm.folders(document))
    except ConfigError as error:
        yield Breach("", str(error), "what a Swarm can keep", file=names)
        return
    argv = ["docker", "stack", "config", "--compose-file", "-"]
    done = composed.runner(
        argv, timeout=compose.CONFIG_TIMEOUT, env=composed.env, stdin=stack.text()
    )
    if done.exit_code:
        found = f"the stack that Docker refuses: {last_words(done)}"
        yield Breach("", found, "a stack that Docker takes", file=names)


def _address(file: Path) -> tuple[str, str]:
    """Return the variable of a service elsewhere, and an address such as it takes."""
    service = file.stem.rpartition("-")[2]
    document = compose_text.parse(file.read_text(encoding="utf-8"), file.name)
    facts = as_tree(as_tree(as_tree(document.get("services")).get(service)).get("x-external"))
    scheme = next(iter(as_tree(facts.get("schemes"))), "")
    return f"EXTERNAL_{service.upper()}_URL", f"{scheme}://{service}.example:1234"


def _with_volumes(service: dict[str, Json]) -> None:
    """Add the volumes of an image that is built here to those that are known of others."""
    if build := service.get("build"):
        file = Path(build["context"], build.get("dockerfile", "Dockerfile"))
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        known = service.get("x-image-volumes", ())
        service["x-image-volumes"] = [*known, *dockerfiles.volumes(text)]


def _dockerfiles(root: Path) -> Iterator[Breach]:
    for file in sorted((root / "docker").rglob("Dockerfile")):
        text = file.read_text(encoding="utf-8")
        yield from dockerfiles.check(text, str(file.relative_to(root)))


def _arm64(checkout: Checkout) -> Iterator[Breach]:
    """Ask for all pinned packages; where nobody answers that is told, and no breach."""
    files = {file for pattern in PINNED for file in checkout.root.glob(pattern)}
    for file in sorted(files):
        name = str(file.relative_to(checkout.root))
        # the package-built images stand on Debian trixie, the others on an image of Python
        python = "3.13" if "packages" in file.parts else "3.11"
        answer = wheels.ask(file, python, checkout.runner, checkout.environ)
        if answer.lacks and name not in X86_64_ONLY:
            yield Breach("", answer.lacks, "packages that there are for arm64 too", file=name)
        if answer.unknown:
            checkout.say(f"not checked: whether arm64 has all pinned packages ({answer.unknown})")
            return


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(Checkout(root=ROOT, environ=os.environ, runner=run, say=_say)))

"""What Compose really reads is what was checked, and what a client is told is what is published."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import requests
import yaml

from scripts.config import env_text, settings, workspace
from scripts.config.rules import env as rules
from scripts.core.errors import ConfigError
from scripts.core.inventory import ImageSource
from scripts.core.process import run
from tests.e2e.kit.checkout import Checkout
from tests.kit.checkout import lay_out
from tests.kit.wrong_values import VALUES, Wrong, wrongs

pytestmark = pytest.mark.docker

SEED = int(os.environ.get("WRONG_VALUES_SEED") or 20261127)
COUNT = 60
"""Each is resolved by Compose, some with one value after the other."""
EXTRA = ("'a$b'", "'it\\'s'", '"a\\"b"', '"a\\tb"', "a\\nb", '"x" # c', "two words # c", "'#' # c")


@pytest.fixture(scope="module")
def docker(engine: Checkout) -> Mapping[str, str]:
    """What a plain docker needs in its environment."""
    return engine.engine_env()


def read_by_compose(folder: Path, text: str, env: Mapping[str, str]) -> dict[str, str]:
    """Return what a container would be given of a file; nothing where Compose refuses it."""
    (folder / "env").write_bytes(text.encode())
    names = [line.name for line in env_text.lines(text) if line.name]
    given = "".join(f"      {name}_: ${{{name}:-}}\n" for name in names)
    compose = f"services:\n  one:\n    image: x\n    env_file: env\n    environment:\n{given}"
    (folder / "compose.yml").write_text(compose)
    done = subprocess.run(
        ["docker", "compose", "--env-file", "env", "--file", "compose.yml", "config"],
        cwd=folder,
        env={**os.environ, **env},
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    if done.returncode:
        return {}
    document = yaml.BaseLoader(done.stdout.replace("$$", "$")).get_single_data()  # all are texts
    found = document["services"]["one"]["environment"]
    assert {name: found[f"{name}_"] for name in names} == {name: found[name] for name in names}
    return {name: found[name] for name in names}


def test_compose_reads_what_we_read(tmp_path: Path, docker: Mapping[str, str]) -> None:
    """Every value that is not refused, in a container's file and where the compose file uses it."""
    written = [f"N{number}={value}" for number, value in enumerate((*VALUES, *EXTRA))]
    sound = [line for line in written if not any(one.problem for one in env_text.lines(line))]
    assert len(sound) > len(written) // 2

    for ends in ("\n", "\r\n"):
        text = ends.join([*sound, ""])
        assert read_by_compose(tmp_path, text, docker) == {
            line.name: line.value for line in env_text.lines(text)
        }


@pytest.mark.parametrize("value", ["sk-live$SECRETpart", "a$$b", '"a$b"', "x\t# c", "a\rb"])
def test_what_is_refused_compose_would_read_differently(
    tmp_path: Path, docker: Mapping[str, str], value: str
) -> None:
    """So nobody is bothered in vain."""
    (line, *_) = env_text.lines(f"A={value}\n")

    assert line.problem
    assert read_by_compose(tmp_path, f"A={value}\n", docker).get("A") != line.value


def outcome(root: Path, wrong: Wrong, env: Mapping[str, str]) -> str:
    """Return what is said of a wrong value before anything starts; nothing where all is right."""
    environ = {}
    (root / ".env").write_bytes(wrong.data if wrong.place == "file" else b"")
    if wrong.place == "environment":
        environ = {wrong.name: os.fsdecode(wrong.data)}
    if wrong.place == "compose":
        (root / "docker" / wrong.name).write_bytes(wrong.data)
    try:
        found = settings.load(root, environ)
        rules.check(found)
        source = ImageSource.PACKAGES if wrong.name.endswith("packages.yml") else found.source
        workspace.described(found, {**env, **environ}, run, source)
    except ConfigError as error:
        return str(error)
    return ""


def test_compose_blames_no_file_for_a_value(tmp_path: Path, docker: Mapping[str, str]) -> None:
    """Random wrong values in random places, met by the real Compose; the seed is in the message."""
    lay_out(tmp_path)
    right = {file: file.read_bytes() for file in (tmp_path / "docker").glob("*.yml")}
    failed = []
    for wrong in wrongs(SEED, COUNT):
        said = outcome(tmp_path, wrong, docker)
        where = {"file": ".env line ", "environment": "the environment", "compose": "compose"}
        if said and not (wrong.place == "compose" or where[wrong.place] in said):
            failed.append(f"{wrong.place} {wrong.name} {wrong.data[:60]!r}: {said[:300]}")
        for file, text in right.items():
            file.write_bytes(text)

    assert not failed, "\n".join((f"seed {SEED}", *failed))


def test_neo4j_tells_its_clients_the_published_ports(running: Checkout) -> None:
    """A second stack's browser would log in to the first one otherwise."""
    told = requests.get(running.url("NEO4J_HTTP_PORT", "/"), timeout=10).json()

    assert told["bolt_direct"] == f"bolt://127.0.0.1:{running.values()['NEO4J_BOLT_PORT']}"


def test_what_runs_with_another_value_is_marked(running: Checkout, tmp_path: Path) -> None:
    """The containers themselves are asked."""
    assert "≠" not in running.inv("env").stdout
    changed = tmp_path / "changed.env"
    changed.write_text(running.env_file.read_text() + "HF_ENDPOINT=https://m.example\n")

    shown = replace(running, env_file=changed).inv("env").stdout

    (line,) = [line for line in shown.splitlines() if "≠" in line]
    assert line.startswith("HF_ENDPOINT ")
    assert "memos has https://hf-mirror.com" in line

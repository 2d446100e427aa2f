"""The container to work in takes nothing over, and two clones share nothing of it."""

from typing import Any

import pytest

from scripts.loop.editor import jsonc
from tests.kit.places import ROOT

FOLDER = ROOT / ".devcontainer"
KNOWN = {
    *("name", "build", "workspaceFolder", "workspaceMount", "initializeCommand", "mounts"),
    *("runArgs", "init", "overrideCommand", "containerEnv", "remoteUser", "customizations"),
}
"""Those of the specification that are used (https://containers.dev/implementors/json_reference)."""
COMPOSE = {"dockerComposeFile", "service", "runServices", "shutdownAction"}


@pytest.fixture
def found() -> dict[str, Any]:
    """Return devcontainer.json, which is JSON with comments."""
    node = jsonc.parsed((FOLDER / "devcontainer.json").read_text(encoding="utf-8"))
    assert node is not None
    return dict(node.value)


def mounts(found: dict[str, Any]) -> list[dict[str, str]]:
    """Return what is mounted, the folder itself among it."""
    texts = [*found["mounts"], found["workspaceMount"]]
    return [dict(part.split("=", 1) for part in text.split(",")) for text in texts]


def test_it_is_no_part_of_a_stack(found: dict[str, Any]) -> None:
    """With compose files an editor would start and stop the services that run."""
    assert found.keys() & COMPOSE == set()


def test_it_needs_no_download_but_debians(found: dict[str, Any]) -> None:
    """Features come from a registry of their own."""
    assert "features" not in found
    assert set(found) == KNOWN


def test_what_is_mounted_from_outside_has_the_same_path_inside(found: dict[str, Any]) -> None:
    """The engine outside is told the paths inside."""
    binds = [one for one in mounts(found) if one["type"] == "bind"]

    assert len(binds) == 2
    assert all(one["source"] == one["target"] for one in binds)
    assert found["workspaceFolder"] == "${localWorkspaceFolder}"


def test_each_clone_has_volumes_of_its_own(found: dict[str, Any]) -> None:
    """Whatever its folder is called; and the one outside keeps its environments."""
    volumes = [one for one in mounts(found) if one["type"] == "volume"]

    assert {one["target"].rpartition("/")[2] for one in volumes} == {".venv", ".nox"}
    assert all(one["source"].endswith("${devcontainerId}") for one in volumes)
    assert found["initializeCommand"] == ["mkdir", "-p", ".venv", ".nox"]


def test_who_works_in_it_is_not_root(found: dict[str, Any]) -> None:
    """What is made in the folder belongs to its owner outside."""
    assert found["remoteUser"] == "dev"
    assert " dev\n" in (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    assert (FOLDER / "begin").stat().st_mode & 0o111

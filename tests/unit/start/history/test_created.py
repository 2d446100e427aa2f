"""Compose's work is spared only where it would change nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.core.inventory import ImageStatus
from scripts.engine.api import Api
from scripts.start.history import created
from tests.kit.builders import service, stack, workspace
from tests.kit.fakes import FakeApi

IMAGES = tuple(
    ImageStatus(service=name, image=f"{name}:1", present=True, id=f"sha256:{name}")
    for name in ("db", "web")
)
Change = Callable[["World"], object]


class World:
    """Two services that run, on an engine that a test may change."""

    def __init__(self, root: Path) -> None:
        """Start with both as Compose made them."""
        self.rows: list[dict[str, Any]] = [self.row("db"), self.row("web")]
        self.api = FakeApi({"/containers/json": self.rows})
        self.volumes("db_data")
        self.images = IMAGES
        both = stack(service("db", volumes=("db_data",)), service("web", "db"))
        self.space = workspace(both, root, inputs="one")

    @staticmethod
    def row(name: str) -> dict[str, Any]:
        """Return a container as the engine lists it."""
        return {
            "Id": f"id-{name}",
            "Labels": {"com.docker.compose.service": name},
            "State": "running",
            "NetworkSettings": {"Networks": {"net": {"NetworkID": "net-1"}}},
        }

    def volumes(self, *names: str) -> None:
        """Let there be these volumes."""
        self.api.answers["/volumes"] = {"Volumes": [{"Name": name} for name in names]}

    def network(self, number: str) -> None:
        """Let the web be on another network."""
        self.rows[1]["NetworkSettings"]["Networks"]["net"]["NetworkID"] = number

    def image(self, **facts: Any) -> None:
        """Let the image of the web be another one."""
        self.images = (IMAGES[0], replace(IMAGES[1], **facts))

    def inputs(self, text: str) -> None:
        """Let the files and settings be others."""
        self.space = replace(self.space, inputs=text)

    def unchanged(self) -> bool:
        """Say what the module says."""
        return created.unchanged(self.space, self.images)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A stack that has just been started."""
    found = World(tmp_path)
    monkeypatch.setattr(Api, "of", lambda _: found.api)
    created.keep(found.space, found.images)
    return found


def test_what_runs_as_it_was_made_is_unchanged(world: World) -> None:
    """The same containers on the same networks, inputs and images."""
    assert world.unchanged()


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.inputs("two"),
        lambda world: world.inputs(""),
        lambda world: world.image(id="sha256:new"),
        lambda world: world.image(stale=True),
        lambda world: world.image(present=False),
        lambda world: world.volumes(),
        lambda world: world.network("net-2"),
        lambda world: world.rows.pop(),
        lambda world: world.rows[1].update(State="exited"),
        lambda world: world.rows[1].update(Id="id-other"),
        lambda world: world.rows.append(world.row("web")),
    ],
    ids=[
        *("inputs", "no inputs", "image", "recipe", "no image", "volume", "network"),
        *("container gone", "container ended", "container made anew", "two of one service"),
    ],
)
def test_whatever_compose_would_mend_is_noticed(world: World, change: Change) -> None:
    """Then it is asked, as ever."""
    change(world)

    assert not world.unchanged()


def test_services_are_added_to_those_of_the_same_inputs(world: World) -> None:
    """A start of one service does not forget the others; one with other inputs does."""
    created.keep(world.space, IMAGES[:1])
    assert world.unchanged()

    world.inputs("two")
    created.keep(world.space, IMAGES[:1])
    assert created.unchanged(world.space, IMAGES[:1])
    assert not world.unchanged()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"inputs": "one"}', '{"inputs": "one", "services": 1}']
)
def test_what_somebody_else_wrote_there_means_nothing(world: World, text: str) -> None:
    """Compose is asked instead."""
    (world.space.cache / created.FILE).write_text(text)

    assert not world.unchanged()


def test_where_nothing_can_be_noted_compose_is_asked_again(world: World) -> None:
    """A cache that cannot be written is no reason to fail."""
    (world.space.cache / created.FILE).unlink()
    (world.space.cache / created.FILE).mkdir()
    created.keep(world.space, world.images)

    assert not world.unchanged()

"""What must hold before a command changes something, with an engine that answers from records."""

from dataclasses import replace
from pathlib import Path

import pytest

from scripts.config.workspace import Workspace
from scripts.core.errors import ConfigError, EngineError, ExitCode
from scripts.core.inventory import Host
from scripts.data import volumes
from scripts.diagnosis.preflight import GIB, MOVED
from scripts.engine.api import Api
from scripts.machine import resources
from scripts.start import guards
from scripts.start.guards import findings, left_by, require_created, require_own
from tests.kit.builders import ENGINE, service, stack, workspace
from tests.kit.fakes import FakeApi

HERE = "/checkout/docker"
"""Where the compose file of `builders.stack` lies."""
PROJECT = "com.docker.compose.project"


class World:
    """An engine, and what is asked of this machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Start without containers, on a machine with room."""
        self.api = FakeApi({"/info": {"DockerRootDir": "/var/lib/docker"}})
        self.machine = Host(memory=16 * GIB, disk_free=90 * GIB)
        self.measured: list[Path] = []
        self.holders: dict[int, tuple[str, str]] = {}
        monkeypatch.setattr(Api, "of", lambda _: self.api)
        monkeypatch.setattr(resources, "look", self._look)
        monkeypatch.setattr(guards, "holders", lambda *_: self.holders)
        self.space = workspace(stack(service("db"), service("web", "db")))

    def _look(self, folder: Path) -> Host:
        self.measured.append(folder)
        return replace(self.machine, disk=str(folder))

    def elsewhere(self) -> Workspace:
        """Return the same stack on an engine of another machine."""
        return replace(self.space, engine=replace(ENGINE, endpoint="ssh://me@far.example"))

    def shared(self) -> Workspace:
        """Return the same stack on an engine that is reached by ssh."""
        return replace(self.space, engine=replace(ENGINE, remote="me@far.example"))

    def volume(self, checkout: str, machine: str) -> None:
        """Let a volume of the project be there, which a checkout on a machine made."""
        whose = {"dev.memos.checkout": checkout, "dev.memos.machine": machine}
        rows = [{"Name": "test_data", "Labels": {PROJECT: "test", **whose}}]
        self.api.answers["/volumes"] = {"Volumes": rows}

    def container(self, name: str, *, folder: str = HERE, project: str = "test") -> None:
        """Let a container run."""
        labels = {
            PROJECT: project,
            "com.docker.compose.service": name,
            "com.docker.compose.project.working_dir": folder,
        }
        rows = self.api.answers.setdefault("/containers/json", [])
        assert isinstance(rows, list)
        rows.append({"Id": name, "Names": [f"/{name}-1"], "Labels": labels})
        self.api.answers[f"/containers/{name}/json"] = {
            "Id": name,
            "Name": f"/{name}-1",
            "Config": {"Labels": labels},
            "State": {"Status": "running"},
        }


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A stack of two services, and nothing of it created."""
    return World(monkeypatch)


def test_own_containers_may_be_changed(world: World) -> None:
    """Compose's label names our own folder."""
    world.container("db")

    require_own(world.space)


def test_containers_of_another_checkout_are_never_taken_over(world: World, tmp_path: Path) -> None:
    """Container, project and the other checkout are named, and how to run side by side."""
    (tmp_path / "docker").mkdir()
    world.container("db", folder=str(tmp_path / "docker"))

    with pytest.raises(ConfigError) as caught:
        require_own(world.space)

    assert "container db-1 of project 'test'" in str(caught.value)
    assert str(caught.value).endswith(f"the checkout at {tmp_path}")
    assert "inv env --offset 100 --write second.env" in caught.value.next_step


def test_a_checkout_that_is_gone_is_told_as_moved(world: World) -> None:
    """With the command that takes over what it made; of an engine elsewhere nothing is known."""
    world.container("db", folder="/no/such/place/docker")

    with pytest.raises(ConfigError, match="/no/such/place, which is not there any") as caught:
        require_own(world.space)
    assert (caught.value.code, "inv up asks" in caught.value.next_step) == (MOVED, True)
    assert left_by(world.space) == "/no/such/place"
    with pytest.raises(ConfigError, match="belongs to the checkout"):
        left_by(world.elsewhere())


def test_the_same_path_on_another_machine_is_another_checkout(world: World) -> None:
    """Two laptops that share an engine: nothing is taken over, and data is asked about apart."""
    world.volume("/checkout", "another-laptop")
    with pytest.raises(ConfigError, match="on the machine another-laptop") as caught:
        require_own(world.shared())
    assert caught.value.exit_code == ExitCode.CONFIG
    assert "ENV_FILE=second.env inv up" in caught.value.next_step

    world.container("db")
    with pytest.raises(ConfigError, match="on the machine another-laptop"):
        left_by(world.shared())
    require_own(world.space)  # of this machine's own engine the path is enough

    asked = (world.api, ["test_data"], Path("/checkout"))
    found = volumes.of_others(*asked, world.shared().engine)
    assert found == {"test_data": "/checkout on another-laptop"}
    assert volumes.of_others(*asked, world.space.engine) == {}


def test_a_machine_that_was_renamed_keeps_its_stack(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkout has noted its former name; but not one that came with a copy of it.

    A clone of this machine knows the name too: data is asked about apart, and nobody is gone.
    """
    identity = tmp_path / "machine-id"
    identity.write_text("one\n", encoding="utf-8")
    monkeypatch.setattr(volumes, "MACHINE_ID", identity)
    monkeypatch.setattr(volumes, "machine", lambda: "before")
    volumes.note(tmp_path)
    monkeypatch.setattr(volumes, "machine", lambda: "after")
    volumes.note(tmp_path)
    world.volume(str(tmp_path), "before")
    space = world.shared()
    space = replace(space, settings=replace(space.settings, root=tmp_path))

    require_own(space)
    asked = (world.api, ["test_data"], tmp_path, space.engine)
    assert volumes.of_others(*asked) == {"test_data": f"{tmp_path} on before"}

    world.container("db", folder="/no/such/place/docker")
    world.volume("/no/such/place", "before")
    with pytest.raises(ConfigError, match="belongs to the checkout"):
        left_by(space)
    assert volumes.of_others(*asked) == {"test_data": "/no/such/place on before"}
    local = replace(space.engine, remote="")
    assert volumes.of_others(*asked[:3], local) == {"test_data": "/no/such/place"}

    identity.write_text("another\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="on the machine before, and this one is after"):
        require_own(space)


def test_a_checkout_that_was_moved_has_its_stack_on_a_shared_engine_too(world: World) -> None:
    """The volumes say that it was on this machine, where it can be seen that it is gone."""
    world.container("db", folder="/no/such/place/docker")
    world.volume("/no/such/place", volumes.machine())

    assert left_by(world.shared()) == "/no/such/place"
    asked = (world.api, ["test_data"], Path("/checkout"))
    assert volumes.of_others(*asked, world.shared().engine) == {}


def test_without_a_word_of_the_machine_nobody_is_taken_for_gone(world: World) -> None:
    """The paths of another one are not to be seen here."""
    world.container("db", folder="/no/such/place/docker")

    with pytest.raises(ConfigError, match="belongs to the checkout"):
        left_by(world.shared())


def test_an_engine_that_works_where_its_checkout_was_changes_nothing(world: World) -> None:
    """It would miss its files; it is started here first."""
    moved = replace(world.space, engine=replace(ENGINE, moved_from="/before"))

    with pytest.raises(EngineError, match="still works in /before") as caught:
        require_own(moved)
    assert caught.value.next_step.startswith("inv engine.start")


def test_what_was_never_created_cannot_be_restarted(world: World) -> None:
    """The first one without a container is named, with the command that makes it."""
    world.container("db")

    require_created(world.space, ("db",))
    with pytest.raises(ConfigError, match="web has no container yet") as caught:
        require_created(world.space, ("db", "web"))

    assert caught.value.next_step == "inv up --service web"


def test_on_a_good_machine_nothing_is_found(world: World) -> None:
    """The disk is that of the engine's data, not that of the checkout."""
    assert findings(world.space, ("db", "web")) == ()
    assert world.measured == [Path("/var/lib/docker")]


@pytest.mark.parametrize("info", [None, {}, {"DockerRootDir": ""}])
def test_an_engine_that_does_not_say_where_its_data_lies_has_it_beside_us(
    world: World, info: object
) -> None:
    """The checkout's disk is the best guess."""
    world.api.answers["/info"] = info

    findings(world.space, ("db",))

    assert world.measured == [Path("/checkout")]


def test_all_that_is_wrong_is_found_at_once(world: World) -> None:
    """The ports, the names and the machine."""
    world.machine = Host(memory=GIB, disk_free=2 * GIB)
    world.holders = {7687: ("db", "java (pid 7)")}
    world.container("web", project="memos-old")

    found = findings(world.space, ("db", "web"))

    assert {one.code for one in found} >= {"port-taken", "name-taken", "disk"}
    assert "/var/lib/docker" in next(one.cause for one in found if one.code == "disk")


def test_what_runs_already_takes_memory(world: World) -> None:
    """So a machine that the stack fills is not told to have too little."""
    world.machine = Host(memory=GIB, disk_free=90 * GIB)

    assert [one.code for one in findings(world.space, ("db",))] == ["memory"]

    world.container("db")
    assert findings(world.space, ("db",)) == ()


def test_of_an_engine_elsewhere_only_the_names_are_judged(world: World) -> None:
    """This machine's ports, memory and disk are not those of that one."""
    world.machine = Host(memory=GIB, disk_free=GIB)
    world.holders = {7687: ("db", "java (pid 7)")}
    world.container("web", project="memos-old")

    assert [one.code for one in findings(world.elsewhere(), ("db", "web"))] == ["name-taken"]
    assert world.measured == []

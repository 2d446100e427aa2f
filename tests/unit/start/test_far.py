"""What must hold for an engine on another machine: ports here and there, and that machine."""

from dataclasses import replace
from pathlib import Path

import pytest

from scripts.config.workspace import Workspace
from scripts.core.inventory import Host
from scripts.core.stack import Port
from scripts.diagnosis.preflight import GIB
from scripts.engine.api import Api
from scripts.engine.remote import link, there
from scripts.engine.remote.address import Address
from scripts.engine.remote.link import Link
from scripts.engine.remote.state import Forward, Phase, State
from scripts.engine.remote.there import There
from scripts.engine.swarm.cluster import Cluster
from scripts.machine import ports
from scripts.start import far, guards
from tests.kit.builders import ENGINE, service, stack, workspace
from tests.kit.fakes import FakeApi

WEB = replace(service("web"), ports=(Port(host="0.0.0.0", published=8080, target=80),))
OPEN = State(address="ssh://far", phase=Phase.OPEN, since=0)


class World:
    """A stack with one port on an engine far away, and two machines that a test describes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.api = FakeApi({"/info": {"DockerRootDir": "/var/lib/docker"}, "/containers/json": []})
        self.state = OPEN
        self.taken: set[tuple[str, int]] = set()
        self.found: There | None = There(host=Host(memory=16 * GIB, disk_free=90 * GIB))
        monkeypatch.setattr(Api, "of", lambda _: self.api)
        monkeypatch.setattr(link, "now", self._now)
        monkeypatch.setattr(there, "machine", lambda _folder, _ask: self.found)
        monkeypatch.setattr(ports, "taken", lambda host, port: (host, port) in self.taken)
        monkeypatch.setattr(far, "owner", lambda _: "nginx (pid 7)")

    def _now(self, _root: Path, _written: str) -> Link | None:
        open_ = self.state.phase is Phase.OPEN
        return Link(address=Address(host="far"), state=self.state) if open_ else None

    @property
    def space(self) -> Workspace:
        """The stack as a command has it."""
        return replace(workspace(stack(WEB)), engine=replace(ENGINE, remote="me@far"))

    def told(self) -> list[tuple[str, str]]:
        """Return what is found before a start."""
        return [(one.code, one.cause) for one in guards.findings(self.space, ("web",))]

    def forwards(self, error: str = "") -> None:
        """Let the link forward the port, or fail to."""
        self.state = replace(OPEN, forwards=(Forward(port=8080, service="web", error=error),))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Two machines with nothing in the way."""
    return World(monkeypatch)


def test_nothing_in_the_way_is_no_finding(world: World) -> None:
    """The other machine is asked for its memory and disk, and this one is not."""
    assert world.told() == []


def test_a_port_must_be_free_on_this_machine_too(world: World) -> None:
    """On loopback, where it is to answer, whatever address it has there."""
    world.taken = {("127.0.0.1", 8080)}

    assert world.told() == [
        ("port-taken", "port 8080 is taken by nginx (pid 7) on this machine"),
    ]


def test_what_the_link_itself_holds_is_no_conflict(world: World) -> None:
    """The port of the stack that runs there already."""
    world.taken = {("127.0.0.1", 8080)}
    world.forwards()

    assert world.told() == []
    assert not guards.blocked(world.space)


def test_a_port_must_be_free_there(world: World) -> None:
    """A process of that machine is seen, and not whose it is."""
    world.found = There(host=Host(), listening=frozenset({8080}))

    assert world.told() == [("port-taken", "port 8080 is taken by a process on far")]


def test_a_container_there_is_named(world: World) -> None:
    """Unless it is one of the stack."""
    wanted = [("web", WEB.ports[0])]

    found = far.look(world.space, wanted, {8080: "container stranger"}, set())
    assert found.holders == {8080: ("web", "container stranger on far")}
    assert far.look(world.space, wanted, {8080: "container stranger"}, {"container stranger"}) == (
        replace(found, holders={})
    )


def test_a_full_disk_there_is_told_as_that_machine_s(world: World) -> None:
    """By its name."""
    world.found = There(host=Host(disk_free=GIB // 2))

    assert world.told() == [
        ("disk", "0.5 GiB are free under /var/lib/docker of far, wanted 5 GiB"),
    ]


def test_without_a_link_nothing_is_known_of_that_machine(world: World) -> None:
    """As of one without /proc."""
    world.state = replace(OPEN, phase=Phase.BROKEN)
    assert world.told() == []
    world.state, world.found = OPEN, None
    assert world.told() == []


def test_a_running_service_whose_port_another_answers_here_is_looked_at_anew(world: World) -> None:
    """Or a probe would ask that other one."""
    world.forwards("taken here by nginx (pid 7)")

    assert guards.blocked(world.space)
    assert not guards.blocked(replace(world.space, engine=ENGINE))


@pytest.mark.parametrize(
    ("rows", "closed", "told"),
    [
        ([], 1, "the link to me@far is closed"),
        (
            [{"Labels": {"com.docker.compose.project": "second"}}],
            0,
            "the link to me@far stays: second is there",
        ),
    ],
)
def test_the_link_ends_with_the_last_stack_of_the_checkout(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[object],
    closed: int,
    told: str,
) -> None:
    """A second one beside it still needs it."""
    ended: list[Address] = []
    monkeypatch.setattr(link, "close", lambda _root, address: ended.append(address))
    world.api.answers["/containers/json"] = rows

    assert [*far.leave(world.space)] == [told]
    assert ended == [Address(host="far", user="me")] * closed


def test_each_link_of_a_swarm_ends_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """NODES may name the manager's machine too, in other words; and whom no link leads to."""
    ended: list[str] = []
    monkeypatch.setattr(link, "close", lambda _root, address: ended.append(str(address)))
    held = [replace(OPEN, address=one) for one in ("ssh://me@far", "ssh://me@two")]
    monkeypatch.setattr(link, "every", lambda _root: iter(held))
    monkeypatch.setattr(Cluster, "get", lambda *_, **__: [])
    nodes = "one=ssh://me@far two=me@two three=me@three"
    settings = replace(world.space.settings, defaults={"DEPLOY": "swarm", "NODES": nodes})

    told = [*far.leave(replace(world.space, settings=settings))]

    assert told == ["the link to me@far is closed", "the link to ssh://me@two is closed"]
    assert ended == ["ssh://me@far", "ssh://me@two"]

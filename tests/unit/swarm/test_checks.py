"""What must hold on a node of a Swarm that is asked over ssh: its machine, and ports there."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.config import swarm
from scripts.config.swarm import Stack
from scripts.config.workspace import Workspace
from scripts.core.process import Completed
from scripts.core.stack import Port
from scripts.engine.remote import link
from scripts.engine.remote.state import Forward, Phase, State
from scripts.engine.swarm.cluster import Cluster
from scripts.engine.swarm.nodes import Node
from scripts.engine.swarm.tasks import Known
from scripts.machine import ports
from scripts.start import far
from scripts.swarm import checks
from scripts.swarm.checks import Home
from tests.kit.builders import service, stack, workspace
from tests.kit.fakes import FakeApi

WAY = "ssh://me@two"
GIB_KB = 1 << 20
"""Of the kB that /proc/meminfo and df count in."""
WEB = replace(
    service("web"),
    memory=4 << 30,
    cpu_flags=("avx",),
    ports=(
        Port(host="127.0.0.1", published=8000, target=80),
        Port(host="0.0.0.0", published=8080, target=80),
    ),
)
NODE = Node(id="node-two", name="two", memory=8 << 30)


class World:
    """A node whose machine prints what a test says, and a link to it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.memory, self.disk, self.flags = 16, 90, "fpu avx"
        self.listening: Sequence[int] = ()
        self.built = "CONFIG_IP_VS=m\n"
        self.publishes: list[object] = []
        self.taken_here: set[int] = set()
        self.asked: list[list[str]] = []
        self.state = State(address=WAY, phase=Phase.OPEN, since=0)
        monkeypatch.setattr(link, "now", lambda _root, way: self if way == WAY else None)
        monkeypatch.setattr(link, "every", lambda _root: iter([self.state]))
        monkeypatch.setattr(ports, "taken", lambda _host, port: port in self.taken_here)
        monkeypatch.setattr(far, "owner", lambda _: "nginx (pid 7)")
        known = Known(nodes={NODE.id: NODE}, services=[], tasks=[], lost={})
        monkeypatch.setattr(Cluster, "known", lambda _: known)

    def ask(self, words: list[str], stdin: str) -> Completed:
        """Print it, as the shell there would."""
        del stdin
        self.asked.append(words)
        rows = "".join(
            f"  0: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 0 0\n"
            for port in self.listening
        )
        printed = (
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
            f"/dev/a 9 1 {self.disk * GIB_KB} 1% /\n"
            f"MemAvailable: {self.memory * GIB_KB} kB\n"
            f"processor : 0\nflags : {self.flags}\n{rows}{self.built}"
        )
        return Completed(argv=tuple(words), exit_code=0, stdout=printed, stderr="")

    def told(self, *kernel: str, way: str = WAY) -> list[tuple[str, str]]:
        """Return what is found, as code and cause."""
        api = FakeApi({"/info": {"DockerRootDir": "/data"}, "/containers/json": self.publishes})
        home = Home(node=NODE, services=(WEB,), api=api, way=way, local=False, brought=way != "")
        space: Workspace = workspace(stack(WEB), Path("/checkout"))
        wanted = Stack(document={}, kernel=kernel)
        found = checks.findings(space, [home], space.cluster, wanted)
        return [(one.code, one.cause) for one in found]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A machine with room for all of it."""
    return World(monkeypatch)


def test_a_machine_with_room_is_no_finding(world: World) -> None:
    """It is asked once, about the folder of its own engine."""
    assert world.told("IP_VS") == []
    assert [words[-1] for words in world.asked] == ["/data"]


def test_a_full_disk_of_a_node_is_told_with_its_folder_there(world: World) -> None:
    """Not with that of this machine."""
    world.disk = 2

    assert world.told() == [
        ("disk", "node two: 2.0 GiB are free under /data of two, wanted 5 GiB"),
    ]


def test_a_processor_that_lacks_what_a_service_needs_is_told_of_its_node(world: World) -> None:
    """Another node may have it."""
    world.flags = "fpu"

    assert world.told() == [("cpu-flags", "node two: the processor lacks avx")]


def test_memory_that_is_taken_there_is_told(world: World) -> None:
    """The manager knows only how much there is in all."""
    world.memory = 1

    assert world.told() == [
        ("memory", "node two: 1.0 GiB of memory are free, the stack wants 3 GiB"),
    ]


def test_a_port_that_a_node_is_to_publish_must_be_free_there(world: World) -> None:
    """What is for its machine alone is not published, so who has it there is in nobody's way."""
    world.listening = (8000, 8080)
    assert world.told() == [("port-taken", "port 8080 is taken by a process on two")]

    world.publishes = [
        {"Id": "x", "Names": ["/stranger"], "Ports": [{"PublicPort": 8080}], "Labels": {}}
    ]
    world.listening = ()
    assert world.told() == [("port-taken", "port 8080 is taken by container stranger on two")]


def test_a_port_that_the_link_is_to_bring_must_be_free_here(world: World) -> None:
    """Unless it is the link that has it already."""
    world.taken_here = {8000}
    assert world.told() == [("port-taken", "port 8000 is taken by nginx (pid 7) on this machine")]

    forwards = (Forward(port=8000, service="web"),)
    world.state = replace(world.state, forwards=forwards)
    assert world.told() == []


def test_a_kernel_that_was_built_without_what_the_stack_needs_is_told(world: World) -> None:
    """One that does not say how it was built is not judged."""
    ((code, cause),) = world.told("IP_VS", "INET_ESP")
    assert code == "kernel"
    assert cause == f"the kernel of two has no INET_ESP, without which {swarm.NEEDED['INET_ESP']}"

    world.built = ""
    assert world.told("IP_VS", "INET_ESP") == []


def test_of_a_node_that_ssh_does_not_lead_to_the_manager_s_word_is_taken(world: World) -> None:
    """No command is run there; of its processor and its disk nothing is known."""
    world.disk, world.flags, world.memory = 0, "fpu", 0

    assert world.told("INET_ESP", way="") == []
    assert world.asked == []

"""The process that holds the link to a remote engine, with an ssh that goes nowhere."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from scripts.core.errors import ConfigError, EngineError, StackError
from scripts.core.polling import poll
from scripts.engine.api import Api
from scripts.engine.remote import doors, keeper, link
from scripts.engine.remote import state as states
from scripts.engine.remote.address import Address, noted, parse
from scripts.engine.remote.keeper import Duty, Held, Keeper
from scripts.engine.remote.master import Master
from scripts.engine.remote.state import Phase, State
from tests.e2e.kit.checkout import free_ports
from tests.kit.fake_engine import FakeEngine, made
from tests.kit.fake_ssh import FakeSsh
from tests.kit.servers import unix

PATIENCE = 20.0


class World:
    """A checkout with a link to a machine, whose engine is the fake one."""

    def __init__(self, folder: Path, engine: FakeEngine, ssh: FakeSsh, socket: Path) -> None:
        self.folder, self.engine, self.ssh = folder, engine, ssh
        self.address = parse(f"ssh://me@far{socket}")
        self.said: list[str] = []
        self.error: StackError | None = None
        (folder / ".cache" / "memos-test").mkdir(parents=True)
        self.cache = folder / ".cache" / "memos-test"
        self.label = {"folder": str(folder / "docker"), "project": "memos-test"}

    @property
    def state(self) -> State:
        """How the link is."""
        return link.seen(self.folder, str(self.address))

    def keeper(self, *duties: Duty) -> Keeper:
        """Return one that is not running yet."""
        return Keeper(self.folder, self.address, os.environ, self.said.append, duties)

    @contextmanager
    def held(self, *duties: Duty) -> Iterator[None]:
        """Have the link held while the block runs, in a thread; the block ends it."""
        holder = self.keeper(*duties)

        def hold() -> None:
            try:
                holder.run()
            except StackError as error:
                self.error = error

        thread = Thread(target=hold)
        thread.start()
        try:
            yield
        finally:
            holder.end()
            thread.join(PATIENCE)

    def until(self, holds: Callable[[State], object]) -> State:
        """Wait until the state is so."""
        for state in poll(lambda: self.state, timeout=PATIENCE, interval=0.02):
            if holds(state):
                return state
        raise AssertionError(state)

    def publish(self, name: str, port: int, narrow: str = "") -> dict[str, Any]:
        """Have a container of the checkout publish a port, and let the engine tell of it.

        It has `narrow` ones for its own machine alone.
        """
        found = made(name, "running", ports={80: port}, **self.label)
        if narrow:
            found["Config"]["Labels"] |= {"dev.memos.ports": narrow}
            doors.declare(self.cache, {name: narrow})
        self.engine.state["containers"][f"id-{name}"] = found
        self.tell("start", name)
        return found

    def tell(self, action: str, name: str) -> None:
        """Let the engine tell of a container."""
        self.engine.tell({"Action": action, "Actor": {"ID": f"id-{name}", "Attributes": {}}})


@pytest.fixture
def world(tmp_path: Path, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A checkout, a machine that answers, and folders of its own for sockets."""
    monkeypatch.setattr(keeper, "PAUSES", (0.02,))
    monkeypatch.setattr(keeper, "BEAT", 0.1)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    ssh = FakeSsh(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{ssh.folder}{os.pathsep}{os.environ['PATH']}")
    socket = tmp_path / "far.sock"
    with unix(engine.respond, socket):
        yield World(tmp_path / "checkout", engine, ssh, socket)


def test_the_engine_there_answers_here_while_the_link_is_held(world: World) -> None:
    """And nothing of it is left afterwards."""
    with world.held():
        state = world.until(lambda state: state.phase is Phase.OPEN)
        assert (state.version, state.api_version) == ("26.1.5+dfsg1", "1.45")
        assert Api(state.endpoint).get("/info") == {"ID": "an-engine"}
        assert state.lives
    assert world.state.phase is Phase.CLOSED
    assert not Path(state.sockets).exists()


def test_where_the_socket_was_at_the_last_link_it_is_not_looked_for(world: World) -> None:
    """That takes three ways there and back; where it is no more, it is looked for."""
    place = states.folder(world.folder, world.address)
    for expected in (1, 1, 2):
        with world.held():
            state = world.until(lambda state: state.phase is Phase.OPEN)
        assert state.socket == world.address.socket
        assert len(world.ssh.calls("sh -s")) == expected
        if len(world.ssh.calls("-N")) > 1:
            states.write(place, replace(world.state, socket=f"{state.socket}.before"))


def test_a_keeper_says_that_it_is_closing_before_its_ssh_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever wants the link at that moment waits, and opens it anew."""
    seen = list[State]()
    close = Master.close

    def closed(master: Master) -> None:
        seen.append(world.state)
        close(master)

    monkeypatch.setattr(Master, "close", closed)
    with world.held():
        world.until(lambda state: state.phase is Phase.OPEN)

    assert [state.phase for state in seen] == [Phase.CLOSING]
    assert seen[0].lives


def test_a_keeper_whose_checkout_was_moved_makes_no_folder_where_it_was(world: World) -> None:
    """It would look as if the checkout were still there, and the other one a copy."""
    moved = world.folder.with_name("moved")
    with world.held():
        world.until(lambda state: state.phase is Phase.OPEN)
        world.folder.rename(moved)
    assert not world.folder.exists()
    assert link.seen(moved, str(world.address)).phase is Phase.OPEN


def test_a_port_answers_here_as_long_as_it_is_published_there(world: World) -> None:
    """The same port, on loopback."""
    (port,) = free_ports(1)
    with world.held():
        world.until(lambda state: state.phase is Phase.OPEN)
        found = world.publish("web", port)
        (forward,) = world.until(lambda state: state.forwards).forwards
        assert (forward.port, forward.service, forward.error) == (port, "web", "")
        assert world.ssh.calls(f"-O forward -L 127.0.0.1:{port}:127.0.0.1:{port}")

        found["Ports"] = []
        world.tell("die", "web")
        world.until(lambda state: not state.forwards)
        assert world.ssh.calls(f"-O cancel -L 127.0.0.1:{port}:127.0.0.1:{port}")


def test_only_what_is_of_a_stack_of_this_checkout_is_brought_here(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever may use the engine there could name our folder, and ports of other programs here."""
    monkeypatch.setattr(keeper, "MOST", 1)
    strange, first, second = sorted(free_ports(3))
    with world.held():
        world.until(lambda state: state.phase is Phase.OPEN)
        for port, project in ((strange, "a-stranger"), (first, "memos-test")):
            world.label["project"] = project
            world.publish(f"at-{port}", port)
        world.publish("ssh", 22)
        world.publish("more", second)
        found = world.until(lambda state: len(state.forwards) == 3).forwards

    assert {one.port: bool(one.error) for one in found} == {22: True, first: False, second: True}
    assert not world.ssh.calls(f"127.0.0.1:{strange}")
    assert not world.ssh.calls("127.0.0.1:22:")


def test_a_port_that_somebody_has_here_is_told_and_taken_once_it_is_free(
    world: World,
) -> None:
    """Nothing of the others is in the way of it."""
    with world.held(), socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        world.publish("web", port)
        (forward,) = world.until(lambda state: state.forwards).forwards
        assert forward.error.startswith("taken here by ")

        taken.close()
        world.until(lambda state: [one.error for one in state.forwards] == [""])


def test_a_link_that_breaks_comes_back_and_says_so(world: World) -> None:
    """With its ports, as soon as the machine is reached again."""
    (port,) = free_ports(1)
    with world.held():
        world.until(lambda state: state.phase is Phase.OPEN)
        world.publish("web", port)
        world.until(lambda state: state.forwards)
        world.ssh.refuse("ssh: connect to host far port 22: No route to host")
        world.ssh.cut()
        broken = world.until(
            lambda state: "No route" in (state.breaks or [states.Break(at=0)])[-1].error
        )
        assert broken.phase is Phase.BROKEN
        world.ssh.refuse()
        back = world.until(lambda state: state.phase is Phase.OPEN and state.forwards)

    (lost,) = back.breaks
    assert lost.until > lost.at
    assert (
        world.said[0]
        == f"the link to {world.address} broke: Connection to far closed by remote host."
    )
    assert world.said[1].startswith(f"the link to {world.address} is back after ")
    assert len(world.ssh.calls("docker context")) == 0  # the socket there is known by then


def test_a_keeper_ends_also_while_the_link_is_broken(world: World) -> None:
    """As by `inv down`, which does not wait for a machine that is gone."""
    with world.held():
        world.until(lambda state: state.phase is Phase.OPEN)
        world.ssh.refuse("ssh: connect to host far port 22: No route to host")
        world.ssh.cut()
        world.until(lambda state: state.phase is Phase.BROKEN)
    assert world.state.phase is Phase.CLOSED
    assert world.error is None


def test_what_no_waiting_mends_ends_the_trying(world: World) -> None:
    """A key that was taken away there: each try would be one more failed login."""
    with world.held():
        world.until(lambda state: state.phase is Phase.OPEN)
        world.ssh.refuse("me@far: Permission denied (publickey).")
        world.ssh.cut()
        world.until(lambda state: state.phase is Phase.FAILED)
    assert isinstance(world.error, ConfigError)
    assert world.error.code == "remote-login"


@pytest.mark.parametrize(
    ("line", "kind", "code"),
    [
        ("Host key verification failed.", ConfigError, "remote-host-key"),
        ("ssh: connect to host far port 22: Connection refused", EngineError, "remote-unreachable"),
    ],
)
def test_what_is_refused_at_first_is_kept_for_who_wanted_the_link(
    world: World, line: str, kind: type[StackError], code: str
) -> None:
    """And the keeper ends."""
    world.ssh.refuse(line)

    with pytest.raises(kind) as caught:
        world.keeper().run()

    assert caught.value.code == world.state.problem.code == code
    assert world.state.problem.text == str(caught.value)
    assert world.state.phase is Phase.FAILED


def test_an_engine_that_is_too_old_is_not_taken(world: World) -> None:
    """Nor tried again."""
    world.engine.state["version"] = {"Version": "20.10.24", "ApiVersion": "1.41"}

    with pytest.raises(
        EngineError, match=r"ssh://me@far\S+ is 20\.10\.24.*wanted is 25\.0"
    ) as caught:
        world.keeper().run()
    assert "upgrade it there" in caught.value.next_step


def test_a_machine_that_forwards_nothing_is_told(world: World) -> None:
    """With the word of its sshd."""
    world.ssh.prohibit("Port forwarding failed")

    with pytest.raises(EngineError, match="cannot forward the engine's socket: Port forwarding"):
        world.keeper().run()


def test_a_socket_behind_which_nobody_answers_is_told(world: World, tmp_path: Path) -> None:
    """Docker is there and does not run."""
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "deaf.sock"))
    world.address = Address(host="far", socket=str(tmp_path / "deaf.sock"))
    docker = world.ssh.folder / "docker"
    docker.write_text("#!/bin/sh\nexit 1\n")
    docker.chmod(0o755)

    with pytest.raises(EngineError, match="no engine answers at far behind") as caught:
        world.keeper().run()
    assert "sudo systemctl start docker" in caught.value.next_step

    docker.write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(EngineError, match="the sshd of far forwards no sockets") as caught:
        world.keeper().run()
    assert "AllowStreamLocalForwarding yes" in caught.value.next_step


def test_a_link_that_nobody_needs_ends_by_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No container of this checkout is there, and no command uses it."""
    monkeypatch.setattr(keeper, "IDLE", 0.05)

    world.keeper().run()

    assert world.state.phase is Phase.CLOSED
    assert world.error is None


def test_a_link_that_somebody_uses_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as that process lives."""
    monkeypatch.setattr(keeper, "IDLE", 0.05)
    link.used(states.folder(world.folder, world.address))

    def asked(_: State) -> bool:
        return sum("containers/json" in one for one in world.engine.calls) > 5

    with world.held():
        world.until(asked)
        assert world.state.phase is Phase.OPEN


def test_a_duty_works_beside_the_link(world: World) -> None:
    """With the engine while there is one, and a place for what it says."""
    seen: list[str] = []
    did = Event()

    def duty(held: Held) -> None:
        engine, there = held.engine(), held.link()
        assert engine is not None
        assert there is not None
        seen.append(engine.remote)
        seen.append(there.run(["echo", "two words"]).stdout)
        held.note("pushing", {"files": 3})
        did.set()

    def broken(_: Held) -> None:
        raise ValueError("no such thing")

    with world.held(duty, broken):
        assert did.wait(PATIENCE)
        assert world.until(lambda state: state.duties).duties == {"pushing": {"files": 3}}
        world.until(lambda _: world.said)
    assert seen == [str(world.address), "two words\n"]
    assert world.said == ["a duty of the link has ended: ValueError('no such thing')"]


def test_ports_that_no_node_publishes_are_brought_from_the_containers_themselves(
    world: World,
) -> None:
    """A port of a Swarm listens on every address of its node; over the bridge only that node's."""
    port, published = free_ports(2)
    world.engine.answer(
        "/v1.44/networks/docker_gwbridge",
        {"Containers": {"id-task": {"IPv4Address": "172.18.0.3/16"}}},
    )
    with world.held():
        world.until(lambda state: state.phase is Phase.OPEN)
        world.publish("task", published, narrow=f"{port}:8000")
        world.until(lambda state: len(state.forwards) == 2)

    assert world.ssh.calls(f"-O forward -L 127.0.0.1:{port}:172.18.0.3:8000")


def test_what_a_container_claims_beside_what_was_deployed_is_not_brought(world: World) -> None:
    """It may be a stranger's with our labels."""
    port, published = free_ports(2)
    bridge = {"Containers": {"id-task": {"IPv4Address": "172.18.0.3/16"}}}
    world.engine.answer("/v1.44/networks/docker_gwbridge", bridge)
    with world.held():
        world.until(lambda state: state.phase is Phase.OPEN)
        found = world.publish("task", published, narrow=f"{port}:8000")
        found["Config"]["Labels"]["dev.memos.ports"] = f"{port}:22"
        world.until(lambda state: [one.port for one in state.forwards] == [published])

    assert not world.ssh.calls("172.18.0.3:22")


def test_of_an_engine_here_only_those_are_brought(world: World, tmp_path: Path) -> None:
    """Without ssh, also over a connection that is half closed; what is published answers anyway."""
    port, published = free_ports(2)
    world.address = noted(f"unix://{tmp_path}/far.sock")
    with socket.create_server(("127.0.0.1", 0)) as server, world.held():
        bridge = {"Containers": {"id-task": {"IPv4Address": "127.0.0.1/8"}}}
        world.engine.answer("/v1.44/networks/docker_gwbridge", bridge)
        world.until(lambda state: state.phase is Phase.OPEN)
        world.publish("task", published, narrow=f"{port}:{server.getsockname()[1]}")
        world.until(lambda state: [one.port for one in state.forwards] == [port])
        with socket.create_connection(("127.0.0.1", port)) as caller:
            answerer, _ = server.accept()
            with answerer:
                caller.sendall(b"question")
                caller.shutdown(socket.SHUT_WR)
                assert answerer.makefile("rb").read() == b"question"
                answerer.sendall(b"answer")
            assert caller.makefile("rb").read() == b"answer"

        world.engine.state["containers"].clear()
        world.until(lambda state: not state.forwards)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    assert not world.ssh.calls("")

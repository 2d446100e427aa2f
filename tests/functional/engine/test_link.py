"""How commands find the link to a remote engine: what its keeper has noted, and what it has not."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread, Timer
from typing import Any

import pytest

from scripts.core import files
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError, EngineError, RefusedError
from scripts.core.process import run
from scripts.core.units import SECOND
from scripts.engine.remote import link
from scripts.engine.remote import state as states
from scripts.engine.remote.address import Address
from scripts.engine.remote.state import Break, Phase, Problem, State
from scripts.machine import processes
from tests.kit.fakes import checkout

TIME, FOR_EVER = 20.0, 1e6
FAR = Address(host="far", user="me")
NOW = time.time_ns()


class World:
    """A checkout whose keeper is this very process, with a state that a test writes."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.patch, self.said = root, patch, list[str]()
        self.place = states.folder(root, FAR)
        pid = os.getpid()
        self.state = State(
            address=str(FAR),
            root=str(root),
            phase=Phase.OPEN,
            since=NOW,
            pid=pid,
            started=processes.birth(pid),
            sockets=str(root),
            version="27.0",
            api_version="1.46",
        )
        self.begun = 0
        self.code: int | None = None
        """With which a keeper has ended."""
        client = root / "bin" / "ssh"  # a bare machine has none
        client.parent.mkdir()
        client.touch(0o755)
        self.path = f"{client.parent}:{os.environ['PATH']}"
        patch.setattr(link, "PATIENCE", 0.2)
        patch.setattr(link, "AGAIN", 0.1)

    @property
    def here(self) -> Checkout:
        """The checkout as a command has it."""
        return checkout(
            self.root,
            run,
            {"PATH": self.path, "XDG_RUNTIME_DIR": str(self.root)},
            self.said.append,
        )

    def noted(self, **changed: Any) -> None:
        """Write a state."""
        states.write(self.place, replace(self.state, **changed))

    def begins(self, then: Callable[[], None]) -> None:
        """Let a keeper that is started do this."""

        def begin(_place: Path, _address: Address) -> link.Ended:
            self.begun += 1
            then()
            return lambda: self.code

        self.patch.setattr(link, "_begin", begin)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A checkout without a link."""
    return World(tmp_path, monkeypatch)


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process."""
    process.terminate()
    process.wait()


def test_a_link_that_is_open_costs_no_question(world: World) -> None:
    """The versions are in what its keeper has noted."""
    world.noted()
    world.begins(lambda: None)

    engine = link.opened(world.here, FAR).engine("me@far")

    assert (engine.version, engine.api_version, engine.remote) == ("27.0", "1.46", "me@far")
    assert engine.endpoint == f"unix://{world.root / 'engine.sock'}"
    assert link.forwarded(world.here, "me@far") == engine.endpoint
    assert (world.begun, world.said) == (0, [])


def test_a_link_that_is_not_there_is_opened(world: World) -> None:
    """Which is said, because it takes a moment."""
    world.begins(world.noted)

    assert link.opened(world.here, FAR).endpoint
    assert world.said == ["opening the link to ssh://me@far"]


def test_a_folder_for_sockets_that_others_can_read_is_told_at_once(world: World) -> None:
    """No keeper is begun, whose end would be waited for."""
    (world.root / f"memos-dev-{os.getuid()}").mkdir()
    (world.root / f"memos-dev-{os.getuid()}").chmod(0o755)
    world.begins(lambda: None)

    with pytest.raises(ConfigError, match="is not this user's alone"):
        link.opened(world.here, FAR)
    assert world.begun == 0


def test_a_link_that_another_command_opens_is_waited_for(world: World) -> None:
    """As long as it takes."""
    world.noted(phase=Phase.OPENING)
    world.begins(lambda: None)

    with pytest.raises(RefusedError, match=r"is not there after 0 s") as caught:
        link.opened(world.here, FAR)
    assert caught.value.next_step == f"read {world.place / 'log'}"
    assert world.begun == 0


def test_a_keeper_that_ends_without_a_word_is_not_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log has what it said; but another one may be at it."""
    monkeypatch.setattr(link, "PATIENCE", FOR_EVER)
    world.code = 1
    log = world.place / states.LOG

    def fail() -> None:
        log.write_text("error: the disk is full\nnext: df\n", encoding="utf-8")

    world.begins(fail)
    with pytest.raises(RefusedError, match=r"is not there: the disk is full$") as caught:
        link.opened(world.here, FAR)
    assert caught.value.next_step == f"read {log}"

    with files.held(world.place, "remote"):
        later = Timer(0.2, world.noted)
        world.begins(later.start)
        assert link.opened(world.here, FAR).endpoint


def test_a_link_that_is_being_closed_is_waited_for_and_opened_again(world: World) -> None:
    """It still has the ports, and the lock."""
    keeper = subprocess.Popen(["sleep", "60"])
    before = {"pid": keeper.pid, "started": processes.birth(keeper.pid)}
    world.noted(phase=Phase.CLOSING, **before)
    Timer(0.2, end, [keeper]).start()
    world.begins(world.noted)

    assert link.opened(world.here, FAR).state.pid == os.getpid()
    assert keeper.returncode == -signal.SIGTERM


def test_a_copy_of_a_checkout_has_a_link_of_its_own(world: World, tmp_path: Path) -> None:
    """And leaves that of the other one alone."""
    copy = tmp_path / "copy"
    world.noted()
    shutil.copytree(world.root / ".cache", copy / ".cache")

    assert link.seen(copy, str(FAR)).phase is Phase.CLOSED
    assert not link.close(copy, FAR)
    assert [*link.every(copy)] == []
    assert link.seen(world.root, str(FAR)).phase is Phase.OPEN


def test_what_another_version_noted_of_a_link_is_none(world: World) -> None:
    """Also an address that is none: no command ends at it."""
    world.noted(address="far:far:far")

    assert states.read(world.place) is None
    assert link.seen(world.root, str(FAR)).phase is Phase.CLOSED


def test_a_checkout_that_was_moved_opens_its_link_anew(world: World, tmp_path: Path) -> None:
    """The keeper knows only where it was, and would bring no port here."""
    keeper = subprocess.Popen(["sleep", "60"])
    before = {"pid": keeper.pid, "started": processes.birth(keeper.pid)}
    world.noted(root=str(tmp_path / "before"), **before)
    world.begins(world.noted)
    Thread(target=keeper.wait).start()  # as who began it does

    assert link.opened(world.here, FAR).state.root == str(world.root)
    assert (world.begun, keeper.wait(TIME)) == (1, -signal.SIGTERM)


def test_what_kept_a_link_from_being_opened_is_raised_as_it_was(world: World) -> None:
    """And each command tries anew."""
    problem = Problem(text="no key", next="ssh far", kind="config", code="remote-login")
    world.noted(phase=Phase.FAILED, problem=problem, pid=1, started="before")
    world.begins(lambda: world.noted(phase=Phase.FAILED, problem=problem))

    for count in (1, 2):
        with pytest.raises(ConfigError, match="no key") as caught:
            link.opened(world.here, FAR)
        assert (caught.value.next_step, caught.value.code) == ("ssh far", "remote-login")
        assert world.begun == count
        world.noted(phase=Phase.FAILED, problem=problem, pid=1, started="before")


def test_a_link_that_is_broken_is_waited_for_a_while(world: World) -> None:
    """Then it is told since when, and why."""
    before = time.time_ns() - 90 * SECOND
    world.noted(phase=Phase.BROKEN, breaks=(Break(at=before, error="No route"),))

    with pytest.raises(EngineError, match=r"broken for 1 min \d\d s: No route") as caught:
        link.opened(world.here, FAR)

    assert caught.value.next_step == "inv remote"
    assert world.said[0].endswith("No route; waiting 0 s for it")


def test_a_command_can_say_that_a_link_broke_meanwhile(world: World) -> None:
    """Not of a break before it began."""
    world.noted(breaks=(Break(at=NOW - 20 * SECOND, until=NOW - 10 * SECOND, error="Timeout"),))

    told = link.broke(world.root, NOW / SECOND - 15)
    assert told == "the link to ssh://me@far broke meanwhile (Timeout)"
    assert link.broke(world.root, NOW / SECOND - 5) == ""


def test_a_machine_without_ssh_is_told_before_anything_is_started(
    world: World, tmp_path: Path
) -> None:
    """As a matter of this machine."""
    world.begins(lambda: None)

    with pytest.raises(ConfigError, match="there is none on PATH here"):
        link.opened(replace(world.here, environ={"PATH": str(tmp_path)}), FAR)
    assert world.begun == 0


def test_where_no_link_is_none_is_closed(world: World) -> None:
    """Nor is a process ended that has the number of a keeper from before."""
    assert not link.close(world.root, FAR)
    world.noted(started="another moment")
    assert not link.close(world.root, FAR)
    assert [*link.every(world.root)] == []


def test_sockets_lie_in_nobody_else_s_folder(world: World, tmp_path: Path) -> None:
    """Others could put their own in the place of ours."""
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    place = states.sockets(world.root, FAR, environ)
    assert place.stat().st_mode & 0o777 == 0o700
    place.chmod(0o777)

    with pytest.raises(ConfigError, match="is not this user's alone"):
        states.sockets(world.root, FAR, environ)

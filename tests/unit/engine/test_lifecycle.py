"""The private engine's files, processes and life, on a played /proc."""

import fcntl
import json
import os
import resource
import shlex
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.core import polling
from scripts.core.checkout import Checkout
from scripts.core.errors import EngineError, RefusedError
from scripts.engine.places import Places, client_env, keep_mark, places
from scripts.engine.private import lifecycle, network, processes, programs, root_mount
from scripts.engine.private.lifecycle import last_error
from scripts.engine.private.processes import Mount
from scripts.engine.private.programs import bring, link, packages, pins, present
from scripts.machine.apt import Deb, PrivateApt
from scripts.machine.apt_sources import Mirror
from scripts.machine.system import System
from tests.kit.fakes import FakeRunner, checkout

BOOKWORM = {"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm"}
DEBIAN = System(kernel="linux", machine="x86_64", uid=0, release=BOOKWORM)
OVERLAY = Mount(point="/home/x/.engine/data/overlay2/1/merged", folder="/", kind="overlay")
SELF = Mount(
    point="/home/x/.engine/data", folder="/x/.engine/data", covers="/x/.engine/data", kind="ext4"
)
DISK = Mount(point="/home/x/.engine/data", folder="/somewhere", kind="ext4")
UBUNTU = replace(DEBIAN, release={"ID": "ubuntu"})
TRIXIE = replace(DEBIAN, release={"ID": "debian", "VERSION_CODENAME": "trixie"})


@pytest.fixture
def at(tmp_path: Path) -> Places:
    """Return the places of a checkout."""
    return places(tmp_path / "checkout", run=tmp_path / "run")


def test_names_fit_their_limits(at: Places) -> None:
    """Whatever the checkout's path: an interface has 15 bytes, a socket's path 107."""
    deep = places(Path("/") / ("x" * 200))

    assert len(deep.bridge) <= 15
    assert len(str(deep.exec_root / "containerd" / "containerd-debug.sock")) < 80
    assert deep.bridge != at.bridge


def mark(root: Path, run: Path) -> Places:
    """Let an engine be started for a checkout; give its places."""
    (root / ".engine").mkdir(parents=True, exist_ok=True)
    keep_mark(root)
    return places(root, run=run)


def test_an_engine_keeps_its_names_when_its_checkout_is_moved(tmp_path: Path) -> None:
    """What runs is found by them; where it was is known until it is started again."""
    old, new = tmp_path / "old", tmp_path / "new place"
    before = mark(old, tmp_path)
    assert before.before is None
    old.rename(new)

    after = places(new, run=tmp_path)
    assert (after.run, after.bridge, after.before) == (before.run, before.bridge, old)
    assert after.data == new / ".engine" / "data"

    assert mark(new, tmp_path).before is None
    assert places(new, run=tmp_path).run == before.run


def test_who_comes_to_the_old_path_has_an_engine_of_his_own(tmp_path: Path) -> None:
    """Its names are not made of the path."""
    before = mark(tmp_path / "old", tmp_path)
    (tmp_path / "old").rename(tmp_path / "new")

    assert mark(tmp_path / "old", tmp_path).run != before.run
    assert places(tmp_path / "new", run=tmp_path).run == before.run


def test_a_copy_of_a_checkout_has_an_engine_of_its_own(tmp_path: Path) -> None:
    """The one that it was copied from goes on with the first."""
    before = mark(tmp_path / "one", tmp_path)
    shutil.copytree(tmp_path / "one", tmp_path / "two")

    copy = places(tmp_path / "two", run=tmp_path)
    assert (copy.run != before.run, copy.before) == (True, None)
    assert mark(tmp_path / "two", tmp_path).run != before.run
    assert places(tmp_path / "one", run=tmp_path).run == before.run


@pytest.mark.parametrize("text", ["", "[]", '{"mark": "../../x", "root": "/", "top": ""}'])
def test_a_mark_that_is_none_of_ours_is_none(tmp_path: Path, text: str) -> None:
    """It becomes part of paths."""
    fresh = places(tmp_path)
    (tmp_path / ".engine").mkdir()
    (tmp_path / ".engine" / "mark.json").write_text(text)

    assert places(tmp_path) == fresh


def test_a_mark_of_another_root_is_none(tmp_path: Path) -> None:
    """In a chroot the same path is another checkout."""
    mark(tmp_path, tmp_path)
    file = tmp_path / ".engine" / "mark.json"
    fresh = json.loads(file.read_text())
    file.write_text(json.dumps({**fresh, "top": "1 2"}))

    assert places(tmp_path).run.name != fresh["mark"]


def test_an_engine_of_before_marks_were_kept_is_found_by_its_path(tmp_path: Path) -> None:
    """It may run just now."""
    before = places(tmp_path)
    before.data.mkdir(parents=True)

    keep_mark(tmp_path)

    assert places(tmp_path) == before


def test_programs_are_linked_so_that_a_move_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them names the checkout's path."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    at = places(tmp_path / "old")
    for name in ("usr/bin/docker", "usr/bin/tini-static", "usr/sbin/xtables-legacy-multi"):
        (at.tree / name).parent.mkdir(parents=True, exist_ok=True)
        (at.tree / name).touch()
    link(at)
    (tmp_path / "old").rename(tmp_path / "new")

    moved = places(tmp_path / "new")
    assert moved.docker.is_file()
    assert (moved.home / "sbin" / "docker-init").is_file()
    scripts = [(moved.home / "sbin" / name).read_text() for name in ("iptables", "ip6tables-save")]
    assert not any(str(tmp_path) in script for script in scripts)


def test_path_names_the_engines_docker_once(at: Places) -> None:
    """`eval` may be typed twice."""
    once = client_env(at, {"PATH": "/usr/bin:/bin"})

    assert client_env(at, once)["PATH"] == f"{at.home}/bin:/usr/bin:/bin"


def test_only_docker_comes_from_a_newer_release_with_its_security_updates() -> None:
    """runc and iptables stay with the host: they need its libraries."""
    assert packages(DEBIAN) == packages(TRIXIE)
    assert "docker-compose-v2" in packages(UBUNTU)
    docker = "docker.io docker-cli docker-compose docker-buildx containerd"
    assert pins("trixie").split("\n\n") == [
        "Package: *\nPin: release n=trixie\nPin-Priority: 100",
        "Package: *\nPin: release n=trixie-security\nPin-Priority: 100",
        f"Package: {docker}\nPin: release n=trixie\nPin-Priority: 990",
        f"Package: {docker}\nPin: release n=trixie-security\nPin-Priority: 990\n",
    ]


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Mirror:
    """Return a mirror, and packages that are fetched without apt."""
    found = Mirror(uri="http://mirror.test/debian", suite="bookworm", keyring=Path("/k.gpg"))
    monkeypatch.setattr(programs, "find_mirror", lambda *_: found)
    monkeypatch.setattr(programs, "this_system", lambda: DEBIAN)
    debs = tuple(Deb(name=name, size=1, sha256="0") for name in ("a.deb", "b.deb"))

    def fetch(apt: PrivateApt, *_: object) -> tuple[Deb, ...]:
        apt.debs.mkdir(parents=True, exist_ok=True)
        for deb in debs:
            (apt.debs / deb.name).touch()
        return debs

    monkeypatch.setattr(PrivateApt, "fetch", fetch)
    return found


@pytest.mark.parametrize("system", [DEBIAN, TRIXIE])
def test_programs_are_brought_once(
    at: Places, runner: FakeRunner, mirror: Mirror, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stamp is written last, and belongs to the list of packages."""
    runner.answer("xargs", "a.deb\nb.deb\n")
    monkeypatch.setattr(programs, "this_system", lambda: system)
    said: list[str] = []
    plugin = at.home / "root.partial/usr/libexec/docker/cli-plugins/docker-compose"

    def unpacking(line: str) -> None:
        said.append(line)
        plugin.parent.mkdir(parents=True, exist_ok=True)
        plugin.touch()

    for _ in range(2):
        bring(checkout(at.root, runner, say=unpacking))

    assert said == ["engine: unpacking 2 packages"]
    assert len(runner.calls) == 1
    assert present(at, system)
    assert not present(at, UBUNTU)
    assert mirror.suite == "bookworm"
    assert (at.home / "docker/cli-plugins/docker-compose").resolve().is_file()
    assert 'xtables-legacy-multi" iptables' in (at.home / "sbin/iptables").read_text()
    limits = json.loads((at.home / "daemon.json").read_text())["default-ulimits"]["nofile"]
    assert limits["Soft"] == limits["Hard"] > 0


def test_an_unpacking_that_breaks_off_leaves_no_stamp(
    at: Places, runner: FakeRunner, mirror: Mirror
) -> None:
    """The next run begins with a clean folder."""
    runner.answer("xargs", stderr="tar: no space left", exit_code=123)
    (at.home / "root.partial" / "old").mkdir(parents=True)

    with pytest.raises(RefusedError, match="no space left"):
        bring(checkout(at.root, runner))
    assert not present(at, DEBIAN)
    assert not (at.home / "root.partial" / "old").exists()
    assert mirror.uri


class Proc:
    """A /proc with processes that a test makes and signals end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signals: list[tuple[int, int]] = []
        self.deaf: set[int] = set()
        self.add(1, "/sbin/init")
        (folder / "self" / "ns").mkdir(parents=True)
        (folder / "self" / "ns" / "net").symlink_to("net:[1]")
        (folder / "self" / "mountinfo").write_text("1 0 8:1 / / rw - ext4 /dev/x rw\n")
        (folder / "uptime").write_text("1000.0 900.0\n")
        (folder / "version").touch()

    def add(self, pid: int, *argv: str, parent: int = 1, net: str = "net:[1]") -> None:
        """Add a process."""
        process = self.folder / str(pid)
        (process / "ns").mkdir(parents=True)
        (process / "cmdline").write_bytes("\0".join([*argv, ""]).encode())
        numbers = " ".join(["0"] * 17)
        (process / "stat").write_text(f"{pid} (a) b) S {parent} {numbers} 50000 0\n")
        (process / "ns" / "net").symlink_to(net)

    def end(self, pid: int) -> None:
        """Let a process end."""
        process = self.folder / str(pid)
        (process / "cmdline").write_bytes(b"")
        (process / "stat").write_text("")

    def kill(self, pid: int, by: int) -> None:
        """Take a signal; the deaf only hear SIGKILL."""
        self.signals.append((pid, by))
        if not (self.folder / str(pid)).exists():
            raise ProcessLookupError
        if by == signal.SIGKILL or pid not in self.deaf:
            self.end(pid)


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proc:
    """Return a played /proc."""
    fake = Proc(tmp_path / "proc")
    monkeypatch.setattr(os, "kill", fake.kill)
    monkeypatch.setattr(processes, "PROC", fake.folder)
    monkeypatch.setattr(polling, "poll", instant)
    monkeypatch.setattr(lifecycle, "poll", instant)
    return fake


def instant(observe: Callable[[], object], **_: float) -> Iterator[object]:
    """Look 50 times without sleeping."""
    for _look in range(50):
        yield observe()


def crashed(at: Places, proc: Proc) -> None:
    """Leave what a dockerd leaves that was killed: a shim and its container."""
    socket = f"{at.exec_root}/containerd/containerd.sock"
    proc.add(30, "/x/containerd-shim-runc-v2", "-address", socket)
    proc.add(31, "postgres", parent=30)


def test_our_processes_are_known_by_their_command_lines(at: Places, proc: Proc) -> None:
    """A process id in a file may belong to anybody by now."""
    proc.add(10, "/x/dockerd", "--exec-root", str(at.exec_root))
    proc.add(11, "containerd", "--config", f"{at.exec_root}/containerd/containerd.toml")
    proc.add(12, "tail", str(at.exec_root))
    proc.add(13, "dockerd", "--exec-root", "/run/other")
    proc.add(14, "dockerd", net="net:[2]")
    proc.add(15, "")

    assert processes.ours(at) == {10: "dockerd", 11: "containerd"}
    assert processes.daemon(at) == 10
    assert processes.other_engines(at) == (13,)
    assert processes.argv(99) == ()
    assert processes.uptime(10) == 1000.0 - 50000 / os.sysconf("SC_CLK_TCK")
    assert processes.uptime(99) == 0.0


def test_what_a_crash_leaves_is_ended_containers_first(at: Places, proc: Proc) -> None:
    """A shim that ends first leaves its container behind for ever."""
    crashed(at, proc)

    processes.reap(at, 1.0)

    assert proc.signals == [(31, signal.SIGTERM), (30, signal.SIGKILL)]


def test_a_container_that_does_not_listen_is_killed(at: Places, proc: Proc) -> None:
    """After its grace."""
    crashed(at, proc)
    proc.deaf.add(31)

    processes.reap(at, 1.0)

    assert proc.signals[:2] == [(31, signal.SIGTERM), (31, signal.SIGKILL)]


def test_a_process_that_is_gone_needs_no_signal(proc: Proc) -> None:
    """It may end between the look and the signal."""
    processes.end([404], signal.SIGTERM)

    assert proc.signals == [(404, signal.SIGTERM)]


def test_a_process_of_root_is_left_to_root(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to type, and no traceback."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)

    with pytest.raises(EngineError, match=r"process 7 .* may not be ended by this user") as caught:
        processes.end([7], signal.SIGTERM)
    assert caught.value.next_step.startswith("sudo ")
    assert proc.signals == []


def test_mounts_are_taken_from_the_inside_out(proc: Proc) -> None:
    """Also with a blank in the path."""
    lines = "".join(
        f"{number} 0 8:1 / {point} rw - ext4 /dev/x rw\n"
        for number, point in enumerate(["/", "/a\\040b", "/a\\040b/c", "/a\\040bc"])
    )
    (proc.folder / "self" / "mountinfo").write_text(lines)

    assert [mount.point for mount in processes.mounts([Path("/a b")])] == ["/a b/c", "/a b"]
    assert not processes.is_chroot()
    (proc.folder / "self" / "mountinfo").write_text("1 0 8:1 / /proc rw - proc proc rw\n")
    assert processes.is_chroot()


@pytest.mark.parametrize("root", ["/", "/home", "/var/tmp/machine/root", "/volumes/1/_data"])
def test_data_upon_itself_is_known_in_a_chroot_and_a_container_too(proc: Proc, root: str) -> None:
    """There the file system begins above what is seen of it, or anywhere else."""
    folder = f"{root.rstrip('/')}/w/.engine/data"
    below = f"2 1 8:1 {root} /checkout rw - ext4 /dev/x rw\n"
    for source, its in ((f"8:1 {folder}", True), ("8:1 /b", False), (f"8:2 {folder}", False)):
        line = f"3 2 {source} /checkout/w/.engine/data rw - ext4 /dev/x rw\n"
        (proc.folder / "self" / "mountinfo").write_text(below + line)

        (mount,) = processes.mounts([Path("/checkout/w/.engine")])
        assert mount.of_engine is its


@pytest.mark.parametrize(
    ("files", "why"),
    [((), "is empty"), (("memory/tasks",), ""), (("cgroup.controllers", "cgroup.procs"), "")],
)
def test_control_groups_must_be_there(tmp_path: Path, files: Sequence[str], why: str) -> None:
    """Version 1 has a folder for each controller, version 2 one for all."""
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    if why:
        with pytest.raises(EngineError, match=why) as caught:
            processes.check_cgroups(tmp_path)
        assert "mount --rbind /sys" in caught.value.next_step
    else:
        processes.check_cgroups(tmp_path)


@pytest.mark.parametrize("name", ["memory", "cgroup.controllers"])
def test_read_only_control_groups_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As in an unprivileged container."""
    (tmp_path / name).mkdir()
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(EngineError, match="read-only"):
        processes.check_cgroups(tmp_path)


def test_our_control_groups_are_removed(at: Places, tmp_path: Path) -> None:
    """Only ours, in every hierarchy."""
    folder = tmp_path / "cgroup"
    (folder / f"memory{at.cgroup}" / "container").mkdir(parents=True)
    (folder / "cpu" / "docker").mkdir(parents=True)

    processes.remove_cgroups(at, folder)

    assert not (folder / f"memory{at.cgroup}").exists()
    assert (folder / "cpu" / "docker").exists()


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("level=info msg=up\nfailed to start daemon: no overlay\nlevel=info msg=bye\n", "failed"),
        ('level=error msg="no rules"\nlevel=info msg=bye\n', 'level=error msg="no rules"'),
        ("level=info msg=up\nlevel=info msg=bye\n", "level=info msg=bye"),
        ("", "its log is empty"),
    ],
)
def test_the_line_that_matters_is_found(tmp_path: Path, log: str, line: str) -> None:
    """dockerd says more after it has failed."""
    (tmp_path / "log").write_text(log)

    assert last_error(tmp_path / "log").startswith(line)
    assert last_error(tmp_path / "none") == "it wrote no log"


class World:
    """What happens around the private engine in a test."""

    def __init__(self, at: Places, proc: Proc, patch: pytest.MonkeyPatch) -> None:
        self.at, self.proc, self.patch = at, proc, patch
        self.said: list[str] = []
        self.done: list[str] = []
        self.argv: list[str] = []
        self.healthy = True
        self.starts = True

    def detach(self, argv: Sequence[str], *, log: Path, env: dict[str, str]) -> None:
        """Start dockerd."""
        self.argv = list(argv)
        assert str(self.at.home / "sbin") in env["PATH"]
        log.write_text("failed to start daemon: no overlay\n")
        if self.starts:
            self.proc.add(50, "/x/dockerd", "--exec-root", str(self.at.exec_root))

    def as_user(self) -> None:
        """Let a user ask who is not root."""
        self.patch.setattr(lifecycle, "this_system", lambda: replace(DEBIAN, uid=1000))

    def note(self, word: str, answer: object = None) -> Callable[..., object]:
        """Return a function that only remembers that it was called."""

        def noted(*_: object, **__: object) -> object:
            self.done.append(word)
            return answer

        return noted


@pytest.fixture
def world(at: Places, proc: Proc, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world in which an engine can be started."""
    fake = World(at, proc, monkeypatch)
    at.home.mkdir(parents=True)
    at.run.mkdir(parents=True)
    monkeypatch.setattr(lifecycle, "bring", fake.note("bring"))
    monkeypatch.setattr(lifecycle, "detach", fake.detach)
    monkeypatch.setattr(lifecycle, "SYSTEMD", at.root / "no-systemd")
    monkeypatch.setattr(lifecycle, "places", lambda _: at)
    monkeypatch.setattr(lifecycle, "this_system", lambda: DEBIAN)
    monkeypatch.setattr(
        lifecycle, "_answers", lambda _: fake.healthy and processes.daemon(at) is not None
    )
    monkeypatch.setattr(lifecycle, "keep_mark", lambda _: None)
    for name in ("prepare", "restore", "repair_others", "guard"):
        monkeypatch.setattr(network, name, fake.note(name, {}))
    for name in ("check_cgroups", "remove_cgroups", "unmount"):
        monkeypatch.setattr(processes, name, fake.note(name))
    return fake


@pytest.fixture
def here(world: World, runner: FakeRunner) -> Checkout:
    """Return the checkout of the world's engine."""
    return checkout(world.at.root, runner, {"PATH": "/bin"}, world.said.append)


def test_a_start_prepares_launches_and_repairs(here: Checkout, world: World) -> None:
    """In that order; the second time it says that all is there."""
    world.at.log.write_text("old\n")
    world.at.pidfile.write_text("1")

    lifecycle.start(here)
    lifecycle.start(here)

    assert world.done == ["check_cgroups", "bring", "prepare", "repair_others", "guard"]
    assert world.said == ["engine: starting", "engine: ready", "engine: is running"]
    assert world.argv[-2:] == ["--cgroup-parent", world.at.cgroup]
    assert not world.at.pidfile.exists()
    assert world.at.log.with_suffix(".old.log").read_text() == "old\n"


def test_in_a_chroot_dockerd_gets_a_root_that_is_mounted(here: Checkout, world: World) -> None:
    """And where systemd runs, the control groups are left to it."""
    (world.proc.folder / "self" / "mountinfo").write_text("")
    world.patch.setattr(lifecycle, "SYSTEMD", world.at.home)

    lifecycle.start(here)

    assert world.argv[1].endswith("root_mount.py")
    assert "--cgroup-parent" not in world.argv


def test_what_was_started_before_the_checkout_was_moved_is_stopped_there(
    here: Checkout, world: World
) -> None:
    """It would not find its files; then it starts here, with nothing of it mounted."""
    lifecycle.start(here)
    world.proc.deaf.clear()
    moved = replace(world.at, before=Path("/before"))
    asked = iter([moved, moved])
    world.patch.setattr(lifecycle, "places", lambda _: next(asked, world.at))
    world.patch.setattr(processes, "mounts", lambda _: (OVERLAY, DISK))
    world.patch.setattr(lifecycle, "_end", world.note("end"))

    lifecycle.start(here)

    assert world.said[2] == (
        "engine: this checkout was at /before: stopping what was started there"
    )
    assert world.done[5:9] == ["check_cgroups", "bring", "end", "unmount"]


def test_engines_of_two_checkouts_do_not_start_at_once(here: Checkout, world: World) -> None:
    """The rules of the host are read, changed and brought back by one at a time.

    What is kept of the host meanwhile is written under another lock.
    """
    held: list[bool] = []

    def prepare(*_: object) -> dict[str, str]:
        for folder in world.at.run.parents[:2]:
            number = os.open(folder, os.O_RDONLY)
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(True)
            else:
                held.append(False)
            os.close(number)
        return {}

    world.patch.setattr(network, "prepare", prepare)

    lifecycle.start(here)

    assert held == [False, True]


def test_a_slow_dockerd_is_waited_for_while_it_writes(here: Checkout, world: World) -> None:
    """As with many containers on a slow disk."""
    world.patch.setattr(lifecycle, "READY_TIME", 0.5)
    looks = iter(range(40))

    def answers(_: Places) -> bool:
        with world.at.log.open("a") as log:
            log.write("level=info\n")
        return next(looks) == 39

    world.patch.setattr(lifecycle, "_answers", answers)

    lifecycle.start(here)

    assert world.said[-1] == "engine: ready"


def test_an_engine_that_is_starting_is_waited_for(here: Checkout, world: World) -> None:
    """Another run may have started it."""
    world.detach([], log=world.at.log, env={"PATH": str(world.at.home / "sbin")})
    looks = iter([False, False, True])
    world.patch.setattr(lifecycle, "_answers", lambda _: next(looks))

    lifecycle.start(here)

    assert world.said == ["engine: ready"]


@pytest.mark.parametrize("starts", [True, False])
def test_a_dockerd_that_does_not_come_up_is_explained_and_ended(
    here: Checkout, world: World, *, starts: bool
) -> None:
    """The line of its log, the log's path, and nothing half-started."""
    world.healthy, world.starts = False, starts

    with pytest.raises(EngineError, match="failed to start daemon: no overlay") as caught:
        lifecycle.start(here)

    assert str(world.at.log) in caught.value.next_step
    assert processes.ours(world.at) == {}
    assert "engine: it did not come up, stopping it again" in world.said


def test_a_dockerd_that_ends_is_not_waited_for(here: Checkout, world: World) -> None:
    """One that was seen and is gone will not come back."""
    ends = iter([True, True, False, False, False, False])
    world.healthy = False
    world.proc.deaf.add(50)
    seen = processes.daemon

    def daemon(at: Places) -> int | None:
        return seen(at) if next(ends, False) else None

    world.patch.setattr(processes, "daemon", daemon)

    with pytest.raises(EngineError, match="did not start"):
        lifecycle.start(here)
    assert len(list(ends)) < 6


def test_a_machine_that_cannot_have_one_is_told_so(here: Checkout, world: World) -> None:
    """With the line that installs another."""
    world.as_user()

    with pytest.raises(EngineError, match="needs root"):
        lifecycle.start(here)
    assert world.done == []


def test_a_stop_waits_for_the_containers(here: Checkout, world: World) -> None:
    """And says that it does; a second one finds nothing."""
    lifecycle.start(here)
    world.proc.deaf.add(50)

    lifecycle.stop(here)
    lifecycle.stop(here)

    assert world.proc.signals == [(50, signal.SIGTERM), (50, signal.SIGKILL)]
    assert world.said[2:] == [
        "engine: stopping its containers",
        "engine: stopping its containers",
        "engine: stopped",
        "engine: was not running",
    ]


@pytest.mark.parametrize("task", ["stop", "remove"])
def test_what_belongs_to_root_is_left_to_root(here: Checkout, world: World, task: str) -> None:
    """A user is told what to type, and nothing has changed."""
    lifecycle.start(here)
    world.as_user()

    with pytest.raises(EngineError, match="belongs to root, this is user id 1000") as caught:
        getattr(lifecycle, task)(here)

    assert caught.value.next_step == f"sudo ./dev inv engine.{task}"
    assert processes.daemon(world.at) == 50
    assert world.proc.signals == []


def test_a_user_without_an_engine_needs_no_root(here: Checkout, world: World) -> None:
    """There is nothing to stop and nothing to remove."""
    world.at.home.rmdir()
    world.at.run.rmdir()
    world.as_user()

    lifecycle.stop(here)
    lifecycle.remove(here)

    assert world.said == ["engine: was not running", "engine: there is none"]
    assert "restore" not in world.done


class Emptied:
    """Plays the API while all is removed."""

    calls: list[str]

    def __init__(self, _: str) -> None:
        self.calls = []

    def get(self, path: str, **_: object) -> list[dict[str, str]]:
        """List two containers."""
        self.calls.append(f"GET {path}")
        return [{"Id": "gone"}, {"Id": "c1"}]

    def delete(self, path: str, **_: object) -> None:
        """Remove it, unless it has gone by itself."""
        self.calls.append(f"DELETE {path}")
        if path.endswith("gone"):
            raise RefusedError("No such container", next_step="")

    def post(self, path: str) -> None:
        """Fail, as an engine does that is full."""
        self.calls.append(f"POST {path}")
        raise RefusedError("no space", next_step="")


def test_removing_leaves_nothing(here: Checkout, world: World) -> None:
    """Containers and networks through the API, then processes, mounts, network, files."""
    api = Emptied("")
    world.patch.setattr(lifecycle, "Api", lambda _: api)
    lifecycle.start(here)
    mounted = iter([(OVERLAY, SELF), (OVERLAY, SELF), ()])
    world.patch.setattr(processes, "mounts", lambda _: next(mounted))

    lifecycle.remove(here)

    assert api.calls == [
        *("GET /containers/json", "DELETE /containers/gone", "DELETE /containers/c1"),
        "POST /networks/prune",
    ]
    assert world.done[5:] == ["unmount", "unmount", "restore", "remove_cgroups"]
    assert not world.at.home.exists()
    assert not world.at.run.parent.exists()
    assert world.said[-1] == "engine: removed"


@pytest.mark.parametrize("place", ["", "data", "somebody's", "data/volumes/kept/_data"])
def test_nothing_is_deleted_through_a_mount(here: Checkout, world: World, place: str) -> None:
    """What is mounted below may be somebody's data: nothing is stopped either."""
    lifecycle.start(here)
    point = world.at.home / place
    line = f"1 0 8:1 /somewhere {str(point).replace(' ', '040')} rw - ext4 /dev/x rw\n"
    (world.proc.folder / "self" / "mountinfo").write_text(line)

    with pytest.raises(EngineError, match=" is mounted, so nothing was deleted") as caught:
        lifecycle.remove(here)

    assert caught.value.next_step.startswith(f"umount {shlex.quote(str(point))}, then")
    assert processes.daemon(world.at) == 50
    assert {"unmount", "restore"} & {*world.done} == set()


def test_what_an_engine_mounts_itself_is_known() -> None:
    """For containers, and its data upon itself, on whatever disk that is."""
    assert OVERLAY.of_engine
    assert SELF.of_engine
    assert not DISK.of_engine
    assert not replace(DISK, folder="/").of_engine


def test_what_cannot_be_deleted_is_named(here: Checkout, world: World) -> None:
    """Instead of saying that all was removed."""
    kept = str(world.at.home / "data")

    def rmtree(_: Path, *, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise PermissionError(1, "Operation not permitted", kept)

    world.patch.setattr(shutil, "rmtree", rmtree)

    with pytest.raises(EngineError, match=f"{kept} is left .*: Operation not permitted"):
        lifecycle.remove(here)
    assert "engine: removed" not in world.said


def test_what_can_be_deleted_at_second_try_is_removed(here: Checkout, world: World) -> None:
    """A process that ends just then still writes."""
    rmtree = shutil.rmtree

    def late(folder: Path, *, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            rmtree(folder)

    world.patch.setattr(shutil, "rmtree", late)

    lifecycle.remove(here)

    assert not world.at.home.exists()
    assert world.said[-1] == "engine: removed"


def test_another_checkouts_engine_is_left_alone(here: Checkout, world: World) -> None:
    """Its folder stands beside ours."""
    (world.at.run.parent / "other").mkdir()

    lifecycle.remove(here)

    assert (world.at.run.parent / "other").exists()
    assert not world.at.run.exists()


class Libc:
    """Plays the calls that make a root."""

    def __init__(self, result: int) -> None:
        self.result = result
        self.calls: list[tuple[str, tuple[object, ...]]] = []

    def unshare(self, *words: object) -> int:
        """Make a namespace."""
        self.calls.append(("unshare", words))
        return self.result

    def mount(self, *words: object) -> int:
        """Mount."""
        self.calls.append(("mount", words))
        return self.result


@pytest.mark.parametrize("result", [0, -1])
def test_a_root_is_made_in_a_namespace_of_its_own(
    monkeypatch: pytest.MonkeyPatch, result: int
) -> None:
    """First of all, so that nothing is seen outside; a refusal of the kernel ends it."""
    libc = Libc(result)
    entered: list[str] = []
    monkeypatch.setattr(root_mount, "ctypes", FakeCtypes(libc))
    monkeypatch.setattr(os, "chroot", entered.append)
    monkeypatch.setattr(os, "chdir", entered.append)

    if result:
        with pytest.raises(PermissionError):
            root_mount.enter()
    else:
        root_mount.enter()
    assert libc.calls[0] == ("unshare", (root_mount.CLONE_NEWNS,))
    assert entered == ([] if result else ["/proc", "/"])


class FakeCtypes:
    """Return the played libc."""

    def __init__(self, libc: Libc) -> None:
        self.libc = libc

    def CDLL(self, *_: object, **__: object) -> Libc:
        """Return it."""
        return self.libc

    def get_errno(self) -> int:
        """Return EPERM."""
        return 1

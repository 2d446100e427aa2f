"""Which engine is used, and whether it is good enough."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.core.checkout import Checkout
from scripts.core.errors import EngineError
from scripts.core.inventory import Engine
from scripts.engine import discovery
from scripts.engine.discovery import check_versions, discover
from scripts.engine.places import keep_mark, places
from scripts.engine.private import control, lifecycle, processes
from scripts.machine import system
from scripts.machine.system import System
from tests.kit.fakes import FakeRunner, checkout, no_program

VERSION = {"Version": "26.1.5", "ApiVersion": "1.45"}
DEBIAN = System(kernel="linux", machine="x86_64", uid=0, release={"ID": "debian"})
MAC = System(kernel="darwin", machine="arm64", uid=501)
TCP = "tcp://engine.test:2376"


class Machine:
    """A checkout on a machine with these engines, by their address; else there is no such file."""

    def __init__(self, root: Path, runner: FakeRunner, patch: pytest.MonkeyPatch) -> None:
        self.root, self.runner, self.patch = root, runner, patch
        self.at = places(root)
        self.found: dict[str, Mapping[str, str] | Exception] = {}
        patch.setattr(discovery, "ask_socket", self._ask)
        self.is_a(DEBIAN)

    def _ask(self, endpoint: str) -> tuple[Mapping[str, str] | None, Exception | str]:
        answer = self.found.get(endpoint, FileNotFoundError("no such file"))
        return (None, answer) if isinstance(answer, Exception) else (answer, "")

    def is_a(self, kind: System) -> None:
        """Let the machine be of another kind."""
        for module in (control, discovery, system):
            self.patch.setattr(module, "this_system", lambda: kind)

    def checkout(
        self, environ: Mapping[str, str] | None = None, say: Callable[[str], None] = lambda _: None
    ) -> Checkout:
        """Return the checkout as a command is given it."""
        return checkout(self.root, self.runner, environ, say)

    def discover(self, **environ: str) -> Engine | None:
        """Look for an engine, with these variables in the environment."""
        return discover(self.checkout(environ), default=Path("/default.sock"))


@pytest.fixture
def machine(tmp_path: Path, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Return a Debian without an engine."""
    return Machine(tmp_path, runner, monkeypatch)


def context(name: str, folder: Path) -> dict[str, str]:
    """Return an environment whose docker configuration names a context."""
    (folder / "config.json").write_text(json.dumps({"currentContext": name}))
    return {"DOCKER_CONFIG": str(folder)}


def moved(machine: Machine) -> None:
    """Start the private engine, and rename the checkout."""
    (machine.root / "before" / ".engine").mkdir(parents=True)
    keep_mark(machine.root / "before")
    machine.found[places(machine.root / "before").endpoint] = VERSION
    (machine.root / "before").rename(machine.root / "after")
    machine.root = machine.root / "after"


def test_an_engine_that_was_started_before_a_move_may_only_be_asked(machine: Machine) -> None:
    """What starts something finds none, and starts it here."""
    moved(machine)

    found = discovery.required(machine.checkout())

    assert found.moved_from == str(machine.root.with_name("before"))
    assert machine.discover() is None
    assert machine.discover(DOCKER_HOST=found.endpoint) is None


def test_an_engine_of_another_user_is_told_as_his(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after one start with sudo."""
    machine.is_a(replace(DEBIAN, uid=1000))
    (machine.root / ".engine").mkdir()
    monkeypatch.setattr(discovery, "owner", lambda _: "root")
    monkeypatch.setattr(sys, "argv", ["inv", "ps"])

    with pytest.raises(EngineError, match="of this checkout belongs to root") as caught:
        discovery.required(machine.checkout())
    assert caught.value.next_step == "sudo -u root ./dev inv ps"


def test_docker_host_comes_first(machine: Machine) -> None:
    """Also before a context and a private engine."""
    machine.found |= {"unix:///mine.sock": VERSION, machine.at.endpoint: VERSION}

    found = machine.discover(DOCKER_HOST="unix:///mine.sock", DOCKER_CONTEXT="x")

    assert found == Engine(
        endpoint="unix:///mine.sock",
        env={"DOCKER_HOST": "unix:///mine.sock"},
        private=False,
        version="26.1.5",
        api_version="1.45",
    )


def test_a_docker_host_that_is_dead_is_no_reason_to_take_another(machine: Machine) -> None:
    """It would put the containers somewhere else without a word."""
    machine.found[machine.at.endpoint] = VERSION

    with pytest.raises(EngineError, match=r"DOCKER_HOST=unix:///dead\.sock is set.*no such file"):
        machine.discover(DOCKER_HOST="unix:///dead.sock")


def test_an_engine_over_tcp_is_asked_by_docker(machine: Machine) -> None:
    """It knows TLS and ssh."""
    machine.runner.answer("docker version", json.dumps(VERSION))
    environ = {"DOCKER_HOST": TCP, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}

    found = machine.discover(**environ)

    assert found is not None
    assert found.env == environ
    assert machine.runner.calls[0].env == environ


@pytest.mark.parametrize(("stdout", "stderr"), [("", ""), ("null\n", "refused"), ("", "refused")])
def test_an_engine_over_tcp_that_is_silent_is_named(
    machine: Machine, stdout: str, stderr: str
) -> None:
    """docker prints null for a server that it cannot reach."""
    machine.runner.answer("docker version", stdout, stderr=stderr, exit_code=1)

    with pytest.raises(EngineError, match=stderr or "no answer within 10 s"):
        machine.discover(DOCKER_HOST=TCP)


@pytest.mark.parametrize("by", ["environment", "configuration"])
@pytest.mark.parametrize("verify", [True, False])
def test_a_context_is_resolved_to_its_address_and_keys(
    machine: Machine, by: str, *, verify: bool
) -> None:
    """So everything that follows needs DOCKER_HOST only."""
    environ = context("far", machine.root) if by == "configuration" else {"DOCKER_CONTEXT": "far"}
    inspected = {
        "Endpoints": {"docker": {"Host": TCP, "SkipTLSVerify": not verify}},
        "TLSMaterial": {"docker": ["ca.pem"]},
        "Storage": {"TLSPath": "/home/me/.docker/contexts/tls/1"},
    }
    machine.runner.answer("docker context inspect far", json.dumps(inspected))
    machine.runner.answer("docker version", json.dumps(VERSION))

    found = machine.discover(**environ)

    expected = {
        "DOCKER_HOST": TCP,
        "DOCKER_CERT_PATH": "/home/me/.docker/contexts/tls/1/docker",
        **({"DOCKER_TLS_VERIFY": "1"} if verify else {}),
    }
    assert found is not None
    assert found.env == expected


def test_a_context_of_a_socket_needs_no_keys(machine: Machine) -> None:
    """Rootless Docker is such a context."""
    machine.found["unix:///run/user/1/docker.sock"] = VERSION
    endpoints = {"docker": {"Host": "unix:///run/user/1/docker.sock"}}
    machine.runner.answer("docker context inspect", json.dumps({"Endpoints": endpoints}))

    found = machine.discover(DOCKER_CONTEXT="rootless")

    assert found is not None
    assert found.env == {"DOCKER_HOST": "unix:///run/user/1/docker.sock"}


def test_an_unknown_context_is_named(machine: Machine) -> None:
    """Never the default instead."""
    machine.runner.answer("docker context inspect", stderr="context not found", exit_code=1)

    with pytest.raises(EngineError, match="no docker context 'gone': context not found"):
        machine.discover(DOCKER_CONTEXT="gone")


@pytest.mark.parametrize(
    "config", ['{"currentContext": ""}', '{"currentContext": "default"}', "[]"]
)
def test_the_default_socket_comes_before_a_private_engine(machine: Machine, config: str) -> None:
    """The user's own always comes first; a configuration that is no object names no context."""
    (machine.root / "config.json").write_text(config)
    machine.found |= {"unix:///default.sock": VERSION, machine.at.endpoint: VERSION}

    found = machine.discover(DOCKER_CONFIG=str(machine.root))

    assert found is not None
    assert not found.private


def test_a_private_engine_is_used_when_the_default_is_dead(machine: Machine) -> None:
    """A socket file outlives its engine."""
    at = machine.at
    machine.found |= {"unix:///default.sock": ConnectionRefusedError(), at.endpoint: VERSION}

    found = machine.discover(PATH="/bin")

    assert found is not None
    assert found.private
    assert found.env == {
        "DOCKER_HOST": at.endpoint,
        "DOCKER_CONFIG": str(at.home / "docker"),
        "PATH": f"{at.home}/bin:/bin",
    }


def test_no_engine_is_no_error(machine: Machine) -> None:
    """One can be brought; and a name that `engine.env` has set is not another one's."""
    ours = {"DOCKER_HOST": machine.at.endpoint}

    assert machine.discover() is None
    assert machine.discover(**ours) is None


def test_a_socket_that_is_not_for_this_user_is_said(machine: Machine) -> None:
    """There is an engine: it is not the time to bring another."""
    machine.found["unix:///default.sock"] = PermissionError()

    with pytest.raises(EngineError, match="may not use the engine") as caught:
        machine.discover()
    assert "usermod" in caught.value.next_step


def test_a_rootless_engine_of_this_user_is_found(machine: Machine) -> None:
    """Also where there is another one, which is root's and not for them."""
    runtime = machine.root / "run"
    runtime.mkdir()
    machine.found[f"unix://{runtime}/docker.sock"] = VERSION
    machine.found["unix:///default.sock"] = PermissionError()

    found = machine.discover(XDG_RUNTIME_DIR=str(runtime))

    assert found is not None
    assert found.env == {"DOCKER_HOST": f"unix://{runtime}/docker.sock"}


@pytest.mark.parametrize("named", ["", "not/absolute", "/no/such/folder", "{another user's}"])
def test_a_rootless_engine_is_looked_for_where_the_system_has_it(
    machine: Machine, named: str
) -> None:
    """`su` keeps the name of another user's folder; cron has none."""
    others = machine.root / "run"
    others.mkdir()
    machine.patch.setattr("os.geteuid", lambda: 4711)
    machine.found[f"unix://{others}/docker.sock"] = VERSION
    named = named.replace("{another user's}", str(others))

    assert machine.discover(XDG_RUNTIME_DIR=named) is None

    machine.found["unix:///run/user/4711/docker.sock"] = VERSION
    found = machine.discover(XDG_RUNTIME_DIR=named)
    assert found is not None
    assert found.endpoint == "unix:///run/user/4711/docker.sock"


PODMAN = {**VERSION, "Version": "Podman 5.8.6"}


@pytest.mark.parametrize("socket", ["{own}/podman/podman.sock", "/run/podman/podman.sock"])
def test_podman_is_found_where_there_can_be_no_other_and_refused(
    machine: Machine, socket: str
) -> None:
    """With what it lacks; where an engine can be brought, one is."""
    socket = socket.format(own=machine.root)
    machine.found[f"unix://{socket}"] = PODMAN
    assert machine.discover(XDG_RUNTIME_DIR=str(machine.root)) is None

    machine.is_a(replace(DEBIAN, uid=1000))
    found = machine.discover(XDG_RUNTIME_DIR=str(machine.root))
    assert found is not None
    with pytest.raises(EngineError, match=r"is Podman 5\.8\.6.*start_interval.*") as caught:
        discovery.check_engine(found)
    assert caught.value.next_step.startswith("DOCKER_HOST=unix:///PATH of a Docker Engine")


def test_any_other_engine_comes_before_podman(machine: Machine) -> None:
    """Also where Podman has Docker's socket, as its package podman-docker does."""
    machine.is_a(replace(DEBIAN, uid=1000))
    machine.found["unix:///default.sock"] = PODMAN
    machine.found[machine.at.endpoint] = VERSION

    found = machine.discover()

    assert found is not None
    assert found.endpoint == machine.at.endpoint


def engine_of(**words: str) -> Engine:
    """Return an engine of the user."""
    fields = {"version": "26.1.5", "api_version": "1.45", "endpoint": "unix:///x", **words}
    return Engine(env={}, private=False, **fields)


@pytest.mark.parametrize(
    "version",
    ["v2.24.4", "2.24.4", "2.26.1-4", "5.0.0", "2.40.3+ds1-0ubuntu1", "v2.24.10-desktop.1"],
)
def test_a_compose_that_is_new_enough_is_taken(machine: Machine, version: str) -> None:
    """Distributions add their own words to a version."""
    machine.runner.answer("compose version --short", f"{version}\n")

    check_versions(engine_of(), machine.runner)


@pytest.mark.parametrize("version", ["v2.24.3", "2.3.3", "1.29.2", "dev"])
def test_a_compose_that_is_too_old_is_named(machine: Machine, version: str) -> None:
    """With what is wanted."""
    machine.runner.answer("compose version --short", version)

    with pytest.raises(EngineError, match=f"Compose is {version}; wanted is 2.24.4") as caught:
        check_versions(engine_of(), machine.runner)
    assert caught.value.next_step


def test_an_engine_that_is_too_old_is_named(machine: Machine) -> None:
    """Debian 12 has 20.10; Podman speaks 1.41."""
    with pytest.raises(EngineError, match=r"is 20\.10\.24 \(API 1\.41\); wanted is 25\.0"):
        check_versions(engine_of(version="20.10.24", api_version="1.41"), machine.runner)


def test_without_compose_the_hint_says_how_to_get_it(machine: Machine) -> None:
    """The plugin is a package of its own; docker may be missing altogether."""
    machine.runner.answer("compose version", stderr="unknown command", exit_code=1)
    with pytest.raises(EngineError, match="has no compose plugin"):
        check_versions(engine_of(), machine.runner)

    machine.runner.fail("compose version", no_program("docker"))
    with pytest.raises(EngineError, match="no program 'docker'"):
        check_versions(engine_of(), machine.runner)


@pytest.fixture
def started(machine: Machine) -> list[Path]:
    """Return the checkouts whose private engine was to be started, instead of doing it."""
    roots: list[Path] = []
    machine.patch.setattr(lifecycle, "start", lambda here: roots.append(here.root))
    return roots


def test_ensure_takes_what_runs(machine: Machine, started: list[Path]) -> None:
    """Nothing is started."""
    machine.found["unix:///mine.sock"] = VERSION
    environ = {"DOCKER_HOST": "unix:///mine.sock"}

    found = control.ensure(machine.checkout(environ))

    assert found == discovery.required(machine.checkout(environ))
    assert started == []


def test_ensure_brings_a_private_engine(machine: Machine, started: list[Path]) -> None:
    """When there is none, and says so."""
    start = lifecycle.start

    def starting(here: Checkout) -> None:
        start(here)
        machine.found[machine.at.endpoint] = VERSION

    machine.patch.setattr(lifecycle, "start", starting)
    said: list[str] = []

    assert control.ensure(machine.checkout({}, said.append)).private
    assert said == ["engine: none is running, bringing a private one"]
    assert started == [machine.root]


def test_an_engine_that_dies_at_once_is_an_error(machine: Machine, started: list[Path]) -> None:
    """It answered once, and then no more."""
    with pytest.raises(EngineError, match="is gone"):
        control.start(machine.checkout())
    assert started == [machine.root]


def test_where_none_can_be_brought_the_install_line_is_given(machine: Machine) -> None:
    """Exit code 3."""
    machine.is_a(MAC)

    with pytest.raises(EngineError, match="no engine is running; a private") as caught:
        control.ensure(machine.checkout())
    assert "brew install" in caught.value.next_step
    with pytest.raises(EngineError, match="no engine is running") as caught:
        discovery.required(machine.checkout())
    assert "brew install" in caught.value.next_step
    assert not system.packages_possible()


def test_a_user_who_is_not_root_can_build_from_packages(machine: Machine) -> None:
    """On an engine that is there; bringing one takes root."""
    machine.is_a(replace(DEBIAN, uid=1000))

    assert system.packages_possible()
    with pytest.raises(EngineError, match="needs root"):
        control.ensure(machine.checkout())


def test_where_one_can_be_brought_that_is_the_next_step(machine: Machine) -> None:
    """Of a command that only looks."""
    with pytest.raises(EngineError) as caught:
        discovery.required(machine.checkout())
    assert caught.value.next_step == "inv up, or: inv engine.start"


def test_the_shell_lines_survive_any_path() -> None:
    """They are for eval."""
    found = Engine(
        endpoint="unix:///x",
        env={"DOCKER_HOST": "unix:///x", "DOCKER_CONFIG": "/my folder"},
        private=True,
        version="",
        api_version="",
    )

    assert control.shell_env(found) == (
        "export DOCKER_CONFIG='/my folder'\nexport DOCKER_HOST=unix:///x"
    )


def test_volumes_are_read_from_the_engines_files(machine: Machine) -> None:
    """An anonymous volume is nothing to ask about."""
    assert control.kept_volumes(machine.root) == ()
    for name in ("b_data", "a_data", "0" * 64):
        (machine.root / ".engine/data/volumes" / name).mkdir(parents=True)
    (machine.root / ".engine/data/volumes/metadata.db").touch()

    assert control.kept_volumes(machine.root) == ("a_data", "b_data")


def test_volumes_that_only_root_may_read_are_said(machine: Machine) -> None:
    """Before anybody is asked whether they may be deleted."""

    def refuse(*_: object) -> None:
        raise PermissionError

    machine.patch.setattr(Path, "glob", refuse)

    with pytest.raises(EngineError, match="may not read") as caught:
        control.kept_volumes(machine.root)
    assert caught.value.next_step.startswith("sudo ")


def test_the_status_needs_no_proc(machine: Machine) -> None:
    """macOS has none."""
    machine.is_a(MAC)
    machine.patch.setattr(processes, "PROC", machine.root / "proc")
    machine.found["unix:///mine"] = VERSION

    found = control.status(machine.checkout({"DOCKER_HOST": "unix:///mine"}))

    assert (found.running, found.problems) == (False, ())


def test_the_status_tells_what_there_is(machine: Machine) -> None:
    """Sizes, process and uptime."""
    at = machine.at
    machine.found[at.endpoint] = VERSION
    at.tree.mkdir(parents=True)
    machine.runner.answer("du", f"4096\t{at.tree}\n")
    machine.patch.setattr(processes, "ours", lambda _: {7: "dockerd"})
    machine.patch.setattr(processes, "daemon", lambda _: 7)
    machine.patch.setattr(processes, "uptime", lambda _: 12.5)

    found = control.status(machine.checkout())

    assert (found.running, found.pid, found.uptime, found.problems) == (True, 7, 12.5, ())
    assert (found.size, found.data_size) == (4096, 0)
    assert found.found is not None


def test_the_status_of_a_broken_engine_names_the_problems(machine: Machine) -> None:
    """It raises nothing: it is there to look."""
    machine.at.tree.mkdir(parents=True)
    machine.runner.answer("du")
    machine.is_a(MAC)
    machine.patch.setattr(processes, "ours", lambda _: {8: "containerd-shim-runc-v2"})
    machine.patch.setattr(processes, "daemon", lambda _: None)

    found = control.status(machine.checkout({"DOCKER_HOST": "unix:///dead"}))

    assert [problem.split(";")[0] for problem in found.problems] == [
        "DOCKER_HOST=unix:///dead is set, but no engine answers there: no such file",
        "a private engine needs Debian or Ubuntu, this is darwin",
        "1 processes are left of a crash",
    ]
    assert (found.size, found.uptime) == (0, 0.0)

"""Which engine is used, and whether it is good enough."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.core.errors import EngineError
from scripts.core.inventory import Engine
from scripts.engine import discovery
from scripts.engine.discovery import check_versions, discover
from scripts.engine.places import places
from scripts.engine.private import control, lifecycle, processes
from scripts.engine.private.lifecycle import Life
from scripts.machine import system
from scripts.machine.system import System
from tests.kit.fakes import FakeRunner, checkout, no_program

VERSION = {"Version": "26.1.5", "ApiVersion": "1.45"}
DEBIAN = System(kernel="linux", machine="x86_64", uid=0, release={"ID": "debian"})
MAC = System(kernel="darwin", machine="arm64", uid=501)
TCP = "tcp://engine.test:2376"


class Sockets:
    """Engines behind sockets, by their address; an exception is why there is none."""

    def __init__(self) -> None:
        self.found: dict[str, Mapping[str, str] | Exception] = {}

    def __call__(self, endpoint: str) -> tuple[Mapping[str, str] | None, Exception | str]:
        answer = self.found.get(endpoint, FileNotFoundError("no such file"))
        return (None, answer) if isinstance(answer, Exception) else (answer, "")


@pytest.fixture
def sockets(monkeypatch: pytest.MonkeyPatch) -> Sockets:
    """Return sockets in place of the real ones."""
    fake = Sockets()
    monkeypatch.setattr(discovery, "_ask_socket", fake)
    return fake


@pytest.fixture(autouse=True)
def on_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the machine one that can have a private engine."""
    for module in (control, discovery, system):
        monkeypatch.setattr(module, "this_system", lambda: DEBIAN)


def context(name: str, folder: Path) -> dict[str, str]:
    """Return an environment whose docker configuration names a context."""
    (folder / "config.json").write_text(json.dumps({"currentContext": name}))
    return {"DOCKER_CONFIG": str(folder)}


def test_docker_host_comes_first(tmp_path: Path, sockets: Sockets, runner: FakeRunner) -> None:
    """Also before a context and a private engine."""
    sockets.found |= {"unix:///mine.sock": VERSION, places(tmp_path).endpoint: VERSION}

    found = discover(
        checkout(tmp_path, runner, {"DOCKER_HOST": "unix:///mine.sock", "DOCKER_CONTEXT": "x"})
    )

    assert found == Engine(
        endpoint="unix:///mine.sock",
        env={"DOCKER_HOST": "unix:///mine.sock"},
        private=False,
        version="26.1.5",
        api_version="1.45",
    )


def test_a_docker_host_that_is_dead_is_no_reason_to_take_another(
    tmp_path: Path, sockets: Sockets, runner: FakeRunner
) -> None:
    """It would put the containers somewhere else without a word."""
    sockets.found[places(tmp_path).endpoint] = VERSION

    with pytest.raises(EngineError, match=r"DOCKER_HOST=unix:///dead\.sock is set.*no such file"):
        discover(checkout(tmp_path, runner, {"DOCKER_HOST": "unix:///dead.sock"}))


def test_an_engine_over_tcp_is_asked_by_docker(tmp_path: Path, runner: FakeRunner) -> None:
    """It knows TLS and ssh."""
    runner.answer("docker version", json.dumps(VERSION))
    environ = {"DOCKER_HOST": TCP, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}

    found = discover(checkout(tmp_path, runner, environ))

    assert found is not None
    assert found.env == environ
    assert runner.calls[0].env == environ


@pytest.mark.parametrize(("stdout", "stderr"), [("", ""), ("null\n", "refused"), ("", "refused")])
def test_an_engine_over_tcp_that_is_silent_is_named(
    tmp_path: Path, runner: FakeRunner, stdout: str, stderr: str
) -> None:
    """docker prints null for a server that it cannot reach."""
    runner.answer("docker version", stdout, stderr=stderr, exit_code=1)

    with pytest.raises(EngineError, match=stderr or "no answer within 10 s"):
        discover(checkout(tmp_path, runner, {"DOCKER_HOST": TCP}))


@pytest.mark.parametrize("by", ["environment", "configuration"])
@pytest.mark.parametrize("verify", [True, False])
def test_a_context_is_resolved_to_its_address_and_keys(
    tmp_path: Path, runner: FakeRunner, by: str, *, verify: bool
) -> None:
    """So everything that follows needs DOCKER_HOST only."""
    environ = context("far", tmp_path) if by == "configuration" else {"DOCKER_CONTEXT": "far"}
    inspected = {
        "Endpoints": {"docker": {"Host": TCP, "SkipTLSVerify": not verify}},
        "TLSMaterial": {"docker": ["ca.pem"]},
        "Storage": {"TLSPath": "/home/me/.docker/contexts/tls/1"},
    }
    runner.answer("docker context inspect far", json.dumps(inspected))
    runner.answer("docker version", json.dumps(VERSION))

    found = discover(checkout(tmp_path, runner, environ))

    expected = {
        "DOCKER_HOST": TCP,
        "DOCKER_CERT_PATH": "/home/me/.docker/contexts/tls/1/docker",
        **({"DOCKER_TLS_VERIFY": "1"} if verify else {}),
    }
    assert found is not None
    assert found.env == expected


def test_a_context_of_a_socket_needs_no_keys(
    tmp_path: Path, sockets: Sockets, runner: FakeRunner
) -> None:
    """Rootless Docker is such a context."""
    sockets.found["unix:///run/user/1/docker.sock"] = VERSION
    endpoints = {"docker": {"Host": "unix:///run/user/1/docker.sock"}}
    runner.answer("docker context inspect", json.dumps({"Endpoints": endpoints}))

    found = discover(checkout(tmp_path, runner, {"DOCKER_CONTEXT": "rootless"}))

    assert found is not None
    assert found.env == {"DOCKER_HOST": "unix:///run/user/1/docker.sock"}


def test_an_unknown_context_is_named(tmp_path: Path, runner: FakeRunner) -> None:
    """Never the default instead."""
    runner.answer("docker context inspect", stderr="context not found", exit_code=1)

    with pytest.raises(EngineError, match="no docker context 'gone': context not found"):
        discover(checkout(tmp_path, runner, {"DOCKER_CONTEXT": "gone"}))


@pytest.mark.parametrize("name", ["", "default"])
def test_the_default_socket_comes_before_a_private_engine(
    tmp_path: Path, sockets: Sockets, runner: FakeRunner, name: str
) -> None:
    """The user's own always comes first."""
    sockets.found |= {"unix:///default.sock": VERSION, places(tmp_path).endpoint: VERSION}

    found = discover(
        checkout(tmp_path, runner, context(name, tmp_path)), default=Path("/default.sock")
    )

    assert found is not None
    assert not found.private


def test_a_private_engine_is_used_when_the_default_is_dead(
    tmp_path: Path, sockets: Sockets, runner: FakeRunner
) -> None:
    """A socket file outlives its engine."""
    at = places(tmp_path)
    sockets.found |= {"unix:///default.sock": ConnectionRefusedError(), at.endpoint: VERSION}

    found = discover(checkout(tmp_path, runner, {"PATH": "/bin"}), default=Path("/default.sock"))

    assert found is not None
    assert found.private
    assert found.env == {
        "DOCKER_HOST": at.endpoint,
        "DOCKER_CONFIG": str(at.home / "docker"),
        "PATH": f"{at.home}/bin:/bin",
    }


def test_no_engine_is_no_error(tmp_path: Path, sockets: Sockets, runner: FakeRunner) -> None:
    """One can be brought; and a name that `engine.env` has set is not another one's."""
    ours = {"DOCKER_HOST": places(tmp_path).endpoint}

    assert sockets.found == {}
    assert discover(checkout(tmp_path, runner), default=Path("/default.sock")) is None
    assert discover(checkout(tmp_path, runner, ours)) is None


def test_a_socket_that_is_not_for_this_user_is_said(
    tmp_path: Path, sockets: Sockets, runner: FakeRunner
) -> None:
    """There is an engine: it is not the time to bring another."""
    sockets.found["unix:///default.sock"] = PermissionError()

    with pytest.raises(EngineError, match="may not use the engine") as caught:
        discover(checkout(tmp_path, runner), default=Path("/default.sock"))
    assert "usermod" in caught.value.next_step


def engine_of(**words: str) -> Engine:
    """Return an engine of the user."""
    fields = {"version": "26.1.5", "api_version": "1.45", "endpoint": "unix:///x", **words}
    return Engine(env={}, private=False, **fields)


@pytest.mark.parametrize(
    "version",
    ["v2.24.4", "2.24.4", "2.26.1-4", "5.0.0", "2.40.3+ds1-0ubuntu1", "v2.24.10-desktop.1"],
)
def test_a_compose_that_is_new_enough_is_taken(runner: FakeRunner, version: str) -> None:
    """Distributions add their own words to a version."""
    runner.answer("compose version --short", f"{version}\n")

    check_versions(engine_of(), runner)


@pytest.mark.parametrize("version", ["v2.24.3", "2.3.3", "1.29.2", "dev"])
def test_a_compose_that_is_too_old_is_named(runner: FakeRunner, version: str) -> None:
    """With what is wanted."""
    runner.answer("compose version --short", version)

    with pytest.raises(EngineError, match=f"Compose is {version}; wanted is 2.24.4") as caught:
        check_versions(engine_of(), runner)
    assert caught.value.next_step


def test_an_engine_that_is_too_old_is_named(runner: FakeRunner) -> None:
    """Debian 12 has 20.10; Podman speaks 1.41."""
    with pytest.raises(EngineError, match=r"is 20\.10\.24 \(API 1\.41\); wanted is 25\.0"):
        check_versions(engine_of(version="20.10.24", api_version="1.41"), runner)


def test_without_compose_the_hint_says_how_to_get_it(runner: FakeRunner) -> None:
    """The plugin is a package of its own; docker may be missing altogether."""
    runner.answer("compose version", stderr="unknown command", exit_code=1)
    with pytest.raises(EngineError, match="has no compose plugin"):
        check_versions(engine_of(), runner)

    runner.fail("compose version", no_program("docker"))
    with pytest.raises(EngineError, match="no program 'docker'"):
        check_versions(engine_of(), runner)


@pytest.mark.parametrize(
    ("endpoint", "local"),
    [("unix:///run/docker.sock", True), ("tcp://127.0.0.1:2375", True), ("ssh://me@far", False)],
)
def test_an_engine_is_local_when_its_address_is(endpoint: str, *, local: bool) -> None:
    """Only then are the ports that it publishes on 127.0.0.1 those of this machine."""
    assert engine_of(endpoint=endpoint).local is local


@pytest.fixture
def lives(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Life]]:
    """Return what is asked of the private engine, instead of doing it."""
    done: list[tuple[str, Life]] = []
    for name in ("start", "stop", "remove"):
        monkeypatch.setattr(lifecycle, name, lambda life, name=name: done.append((name, life)))
    return done


def test_ensure_takes_what_runs(
    tmp_path: Path, sockets: Sockets, runner: FakeRunner, lives: list[tuple[str, Life]]
) -> None:
    """Nothing is started."""
    sockets.found["unix:///mine.sock"] = VERSION
    environ = {"DOCKER_HOST": "unix:///mine.sock"}

    found = control.ensure(checkout(tmp_path, runner, environ))

    assert found == discovery.required(checkout(tmp_path, runner, environ))
    assert lives == []


def test_ensure_brings_a_private_engine(
    tmp_path: Path,
    sockets: Sockets,
    runner: FakeRunner,
    lives: list[tuple[str, Life]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When there is none, and says so."""
    at = places(tmp_path)
    start = lifecycle.start

    def starting(life: Life) -> None:
        start(life)
        sockets.found[at.endpoint] = VERSION

    monkeypatch.setattr(lifecycle, "start", starting)
    said: list[str] = []

    assert control.ensure(checkout(tmp_path, runner, {}, said.append)).private
    assert said == ["engine: none is running, bringing a private one"]
    control.stop(checkout(tmp_path, runner, {}, said.append))
    control.remove(checkout(tmp_path, runner, {}, said.append))
    assert [(name, life.at) for name, life in lives] == [
        ("start", at),
        ("stop", at),
        ("remove", at),
    ]


def test_an_engine_that_dies_at_once_is_an_error(
    tmp_path: Path, sockets: Sockets, runner: FakeRunner, lives: list[tuple[str, Life]]
) -> None:
    """It answered once, and then no more."""
    with pytest.raises(EngineError, match="is gone"):
        control.start(checkout(tmp_path, runner))
    assert sockets.found == {}
    assert [name for name, _ in lives] == ["start"]


def test_where_none_can_be_brought_the_install_line_is_given(
    tmp_path: Path, sockets: Sockets, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 3."""
    for module in (control, discovery, system):
        monkeypatch.setattr(module, "this_system", lambda: MAC)

    with pytest.raises(EngineError, match="no engine is running; a private") as caught:
        control.ensure(checkout(tmp_path, runner))
    assert "brew install" in caught.value.next_step
    with pytest.raises(EngineError, match="no engine is running") as caught:
        discovery.required(checkout(tmp_path, runner))
    assert "brew install" in caught.value.next_step
    assert sockets.found == {}
    assert not system.packages_possible()


def test_where_one_can_be_brought_that_is_the_next_step(
    tmp_path: Path, sockets: Sockets, runner: FakeRunner
) -> None:
    """Of a command that only looks."""
    with pytest.raises(EngineError) as caught:
        discovery.required(checkout(tmp_path, runner))
    assert caught.value.next_step == "inv up, or: inv engine.start"
    assert sockets.found == {}


def test_the_shell_lines_survive_any_path(tmp_path: Path) -> None:
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
    assert tmp_path.exists()


def test_volumes_are_read_from_the_engines_files(tmp_path: Path) -> None:
    """An anonymous volume is nothing to ask about."""
    assert control.kept_volumes(tmp_path) == ()
    for name in ("b_data", "a_data", "0" * 64):
        (tmp_path / ".engine/data/volumes" / name).mkdir(parents=True)
    (tmp_path / ".engine/data/volumes/metadata.db").touch()

    assert control.kept_volumes(tmp_path) == ("a_data", "b_data")


def test_volumes_that_only_root_may_read_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anybody is asked whether they may be deleted."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "glob", refuse)

    with pytest.raises(EngineError, match="may not read") as caught:
        control.kept_volumes(tmp_path)
    assert caught.value.next_step.startswith("sudo ")


def test_the_status_needs_no_proc(
    tmp_path: Path, sockets: Sockets, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """macOS has none."""
    for module in (control, discovery, system):
        monkeypatch.setattr(module, "this_system", lambda: MAC)
    for name in ("ours", "daemon"):
        whole = getattr(processes, name)
        monkeypatch.setattr(
            processes, name, lambda at, _="", whole=whole: whole(at, tmp_path / "proc")
        )
    sockets.found["unix:///mine"] = VERSION

    found = control.status(checkout(tmp_path, runner, {"DOCKER_HOST": "unix:///mine"}))

    assert (found.running, found.problems) == (False, ())


def test_the_status_tells_what_there_is(
    tmp_path: Path, sockets: Sockets, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sizes, process and uptime."""
    at = places(tmp_path)
    sockets.found[at.endpoint] = VERSION
    at.tree.mkdir(parents=True)
    runner.answer("du", f"4096\t{at.tree}\n")
    monkeypatch.setattr(processes, "ours", lambda _: {7: "dockerd"})
    monkeypatch.setattr(processes, "daemon", lambda _: 7)
    monkeypatch.setattr(processes, "uptime", lambda _: 12.5)

    found = control.status(checkout(tmp_path, runner))

    assert (found.running, found.pid, found.uptime, found.problems) == (True, 7, 12.5, ())
    assert (found.size, found.data_size) == (4096, 0)
    assert found.found is not None


def test_the_status_of_a_broken_engine_names_the_problems(
    tmp_path: Path, sockets: Sockets, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It raises nothing: it is there to look."""
    places(tmp_path).tree.mkdir(parents=True)
    runner.answer("du")
    for module in (control, discovery, system):
        monkeypatch.setattr(module, "this_system", lambda: MAC)
    monkeypatch.setattr(processes, "ours", lambda _: {8: "containerd-shim-runc-v2"})
    monkeypatch.setattr(processes, "daemon", lambda _: None)

    found = control.status(checkout(tmp_path, runner, {"DOCKER_HOST": "unix:///dead"}))

    assert [problem.split(";")[0] for problem in found.problems] == [
        "DOCKER_HOST=unix:///dead is set, but no engine answers there: no such file",
        "a private engine needs Debian or Ubuntu, this is darwin",
        "1 processes are left of a crash",
    ]
    assert (found.size, found.uptime, sockets.found) == (0, 0.0, {})

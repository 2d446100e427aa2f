"""The engine's real edges: a socket that answers, a mirror that does not, the kernel's answers."""

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer

import pytest

from scripts.core import progress
from scripts.core.errors import EngineError, RefusedError
from scripts.core.process import run
from scripts.engine.api import Api
from scripts.engine.discovery import check_versions, discover
from scripts.engine.places import client_env, places
from scripts.engine.private import iptables, processes
from scripts.engine.private.lifecycle import _answers
from scripts.machine import apt
from scripts.machine.apt import PrivateApt, unpack
from tests.kit.fakes import checkout


class OldEngine(BaseHTTPRequestHandler):
    """An engine of long ago: it knows /version, and no API of today."""

    def do_GET(self) -> None:
        """Answer, or say that the client is too new."""
        known = self.path == "/version"
        body = b'{"Version": "20.10.24", "ApiVersion": "1.41"}' if known else b'{"message": "new"}'
        self.send_response(200 if known else 400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        """Return something: a client of a socket in a file has no address."""
        return "unix"

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def old_engine(tmp_path: Path) -> Iterator[str]:
    """Return the address of an old engine."""
    path = tmp_path / "old.sock"
    with ThreadingUnixStreamServer(str(path), OldEngine) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"unix://{path}"
        server.shutdown()


def test_an_engine_of_any_age_is_found_and_then_judged(tmp_path: Path, old_engine: str) -> None:
    """Discovery asks without a version in the path, so the message can name what was found."""
    found = discover(checkout(tmp_path, run, {"DOCKER_HOST": old_engine}))

    assert found is not None
    with pytest.raises(EngineError, match=r"is 20\.10\.24 \(API 1\.41\)"):
        check_versions(found, run)


def test_a_socket_without_an_engine_is_none(tmp_path: Path) -> None:
    """The file of a socket outlives its engine."""
    path = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    assert discover(checkout(tmp_path, run), default=path) is None
    with pytest.raises(EngineError, match="Connection refused"):
        discover(checkout(tmp_path, run, {"DOCKER_HOST": f"unix://{path}"}))


def test_an_engine_answers_or_does_not(
    tmp_path: Path, old_engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a start waits for; 400 is no answer either."""
    at = places(tmp_path / "checkout", run=tmp_path)
    assert not _answers(at)

    (tmp_path / at.run.name).symlink_to(tmp_path)
    at.socket.symlink_to(old_engine.removeprefix("unix://"))
    assert not _answers(at)
    monkeypatch.setattr(Api, "get", lambda *_: {})
    assert _answers(at)
    assert client_env(at, {})["DOCKER_HOST"] == at.endpoint


@pytest.fixture
def silent_mirror() -> Iterator[str]:
    """Return the address of a server that accepts and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connections = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connections.append(server.accept()[0])

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/debian"
        server.shutdown(socket.SHUT_RDWR)
        for connection in connections:
            connection.close()


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt-get is Debian's")
def test_a_mirror_that_says_nothing_is_given_up(
    tmp_path: Path, silent_mirror: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the clock of progress, not by apt's own, which counts for each file anew."""
    monkeypatch.setattr(apt, "PATIENCE", 1.0)
    monkeypatch.setattr(progress, "PACE", 0.2)
    said: list[str] = []
    private = PrivateApt(
        tmp_path,
        sources=f"deb [trusted=yes] {silent_mirror} trixie main\n",
        runner=run,
        say=said.append,
    )

    with pytest.raises(RefusedError, match="no progress for 1 s while fetching"):
        private.fetch("download", "runc")
    assert said[0] == "reading package lists, 0%"


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is Debian's")
def test_packages_are_unpacked_side_by_side(tmp_path: Path) -> None:
    """Into one folder, and a file that is no package is an error."""
    debs = []
    for name in ("one", "two"):
        control = tmp_path / name / "DEBIAN" / "control"
        control.parent.mkdir(parents=True)
        control.write_text(
            f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.test>\n"
            "Description: x\n"
        )
        (tmp_path / name / "usr").mkdir()
        (tmp_path / name / "usr" / name).touch()
        file = tmp_path / f"{name}.deb"
        run(["dpkg-deb", "--build", "--root-owner-group", str(tmp_path / name), str(file)])
        debs.append(file)
    said: list[str] = []

    unpack(tmp_path / "tree", debs, runner=run, say=said.append)

    assert sorted(path.name for path in (tmp_path / "tree" / "usr").iterdir()) == ["one", "two"]
    assert said == ["unpacking 2 packages"]
    (tmp_path / "two.deb").write_text("broken")
    with pytest.raises(RefusedError, match="unpacking into"):
        unpack(tmp_path / "tree", debs, runner=run, say=said.append)


def test_the_kernel_is_asked_without_a_program(tmp_path: Path) -> None:
    """A minimal machine has no iproute2; removing what is not there changes nothing."""
    iptables.delete_bridge("mdvnothere")
    assert iptables.our_bridges("mdvnothere", tmp_path).bridges == {"mdvnothere"}
    processes.unmount(str(tmp_path / "nothing"))

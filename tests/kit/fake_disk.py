"""Volumes of a fake engine: folders, and helper containers that really run their script in them.

A container's mount is a rename, so that the script sees folders and no links. Compose's `create` is
a file `created`, which a fake docker leaves: what was removed is there again.
"""

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.kit.servers import Answer

HELPER = "helper-"
PATIENCE = 20.0
"""Seconds for a helper that nobody listens to any more to end."""


@dataclass(slots=True)
class Run:
    """A helper container."""

    body: dict[str, Any]
    started: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    process: subprocess.Popen[bytes] | None = None
    code: int = 137


class Disk:
    """Folders for volumes below `folder`; `state` is the fake engine's."""

    def __init__(self, folder: Path, state: dict[str, Any]) -> None:
        """Make the folders of the volumes that the state names."""
        self.folder, self.state = folder, state
        self.runs: dict[str, Run] = {}
        self.removed: dict[str, Any] = {}
        (folder / "mounts").mkdir(parents=True, exist_ok=True)
        for name in state["volumes"]:
            (folder / name).mkdir(exist_ok=True)

    def create(self) -> None:
        """Bring back the containers that were removed, once Compose was asked to."""
        if (self.folder / "created").exists():
            (self.folder / "created").unlink()
            for one in self.removed.values():
                one["State"]["Status"] = "created"
                self.make(one.get("mounts", ()))
            self.state["containers"] |= self.removed
            self.removed = {}

    def make(self, names: Iterable[str]) -> None:
        """Make volumes that are not there."""
        for name in names:
            if name not in self.state["volumes"]:
                self.state["volumes"].append(name)
                (self.folder / name).mkdir()

    def respond(self, method: str, words: list[str], body: bytes) -> Answer:
        """Answer a request about volumes or helper containers."""
        match method, words:
            case "POST", ["create"]:
                return self._created(json.loads(body))
            case "DELETE", [name] if name in self.state["containers"]:
                self.removed[name] = self.state["containers"].pop(name)
                return 204, b""
            case "DELETE", [name] if name in self.runs:
                self._kill(self.runs[name])
                return 204, b""
            case "DELETE", [name] if name in self.state["volumes"]:
                return self._volume_removed(name)
            case "POST", [name, "attach"] if name in self.runs:
                return 101, self._attached(self.runs[name])
            case "POST", [name, "wait"] if name in self.runs:
                return 200, self._waited(self.runs[name])
            case "POST", [name, "start"] if name in self.runs:
                return self._started(name, self.runs[name])
            case _:
                return 404, {"message": f"no such thing: {words}"}

    def _created(self, body: dict[str, Any]) -> Answer:
        if "Image" not in body:
            self.make([body["Name"]])
            facts = {"Labels": body.get("Labels"), "CreatedAt": "2026-06-06T06:06:06Z"}
            self.state.setdefault("made", {})[body["Name"]] = facts
            return 201, {"Name": body["Name"]}
        name = f"{HELPER}{len(self.runs)}"
        self.runs[name] = Run(body)
        return 201, {"Id": name}

    def _volume_removed(self, name: str) -> Answer:
        users = [one for one in self.state["containers"].values() if name in one.get("mounts", ())]
        if users:
            return 409, {"message": "volume is in use"}
        self.state["volumes"].remove(name)
        self.state.get("made", {}).pop(name, None)
        subprocess.run(["rm", "-rf", str(self.folder / name)], check=True)
        return 204, b""

    def _started(self, name: str, run: Run) -> Answer:
        if refusal := self.state.get("unfit", {}).get(run.body["Image"]):
            run.ended.set()
            run.started.set()
            return 400, {"message": refusal}
        at = self.folder / "mounts" / name
        at.mkdir(exist_ok=True)  # of an engine that ended meanwhile
        for other in self.runs.values():
            if other.process is not None and not _sources(other).isdisjoint(_sources(run)):
                other.ended.wait(PATIENCE)  # whoever it was for has left it
        for mount in run.body["HostConfig"]["Mounts"]:
            (self.folder / mount["Source"]).rename(at / Path(mount["Target"]).name)
        run.process = subprocess.Popen(
            run.body["Entrypoint"],
            cwd=at,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        run.started.set()
        threading.Thread(target=self._end, args=(run, at), daemon=True).start()
        return 204, b""

    def _end(self, run: Run, at: Path) -> None:
        assert run.process is not None
        run.code = run.process.wait()
        for mount in run.body["HostConfig"]["Mounts"]:
            (at / Path(mount["Target"]).name).rename(self.folder / mount["Source"])
        run.ended.set()

    def _kill(self, run: Run) -> None:
        if run.process is not None and run.process.poll() is None:
            os.killpg(run.process.pid, signal.SIGKILL)
            run.ended.wait()

    def _waited(self, run: Run) -> Iterator[bytes]:
        run.ended.wait()
        yield json.dumps({"StatusCode": run.code}).encode()

    def _attached(self, run: Run) -> Callable[[socket.socket], None]:
        def attached(connection: socket.socket) -> None:
            run.started.wait()
            process = run.process
            if process is None:
                return
            threads = [
                threading.Thread(target=_copied_in, args=(connection, process), daemon=True),
                threading.Thread(target=_copied_out, args=(process.stderr, 2, connection)),
                threading.Thread(target=_copied_out, args=(process.stdout, 1, connection)),
            ]
            for thread in threads:
                thread.start()
            for thread in threads[1:]:
                thread.join()
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

        return attached


def _sources(run: Run) -> set[str]:
    return {mount["Source"] for mount in run.body["HostConfig"]["Mounts"]}


def _copied_in(connection: socket.socket, process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(OSError), process.stdin:
        while data := connection.recv(65536):
            process.stdin.write(data)


def _copied_out(stream: IO[bytes], number: int, connection: socket.socket) -> None:
    with suppress(OSError), stream:
        while data := os.read(stream.fileno(), 32768):
            connection.sendall(bytes([number, 0, 0, 0]) + len(data).to_bytes(4, "big") + data)

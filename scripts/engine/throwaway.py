"""Throw-away containers that read and write volumes, of an image that is there anyway.

So all works with an engine on another machine too.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from scripts.core.errors import RefusedError, StackError
from scripts.engine.api import Api, shaped
from scripts.engine.streams import Attached

LABEL = "dev.memos.helper"
"""Of helper containers; the value is the project."""
FOLDER = "/volumes"
WRITES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID"]
"""What restores owners and rights; neither devices nor capabilities of files: no store has any."""
READS = ["DAC_READ_SEARCH"]


MOST = 1 << 22
"""Bytes that a script prints at most: a line for each volume, or of /proc."""


@dataclass
class Helper:
    """Runs scripts over volumes, one container each time."""

    api: Api
    project: str
    image: str
    volumes: Mapping[str, str]
    """The folders that scripts see, and the names of their volumes on the engine."""
    patience: float | None = None
    """As in `Attached`."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Other images, by folders: not every machine has the same ones."""

    def apart(self) -> "Iterator[Helper]":
        """Yield a helper for each engine that has some of the volumes: mostly one."""
        for api, volumes in self.api.apart(self.volumes):
            image = next((self.images[key] for key in volumes if key in self.images), self.image)
            yield replace(self, api=api, image=image, volumes=volumes)

    def run(self, script: str, *, writable: bool = False) -> str:
        """Run a script, which may write where that is said; give what it printed.

        Raises RefusedError with what it complained of when it fails.
        """
        printed = b""
        for one in self.apart():
            with one.streams(script, writable=writable) as streams:
                streams.write_end()
                printed += b"".join(bounded(streams.read()))
                one.require(streams)
        return printed.decode(errors="replace")

    def require(self, streams: Attached) -> None:
        """Wait for the end of a script; RefusedError with what it complained of when it failed."""
        code = streams.exit_code()
        if code:
            # the first: tar ends with "Exiting with failure status due to previous errors"
            why = (streams.errors.splitlines() or [f"exit code {code}"])[0]
            refused = f"the volumes could not be worked on: {why}"
            raise RefusedError(refused, next_step="inv doctor", said=why)

    @contextmanager
    def streams(self, script: str, *, writable: bool) -> Iterator[Attached]:
        """Yield the streams of a script that runs; it is gone when the block ends, however.

        Of a helper for one engine: see `apart`.
        """
        made = self.api.post("/containers/create", self._body(script, writable=writable))
        with shaped("a new container"):
            name = str(made["Id"])
        try:
            streams = Attached(self.api, name, patience=self.patience)
            try:
                self.api.post(f"/containers/{name}/start")
                yield streams
            finally:
                streams.close()
        finally:
            with suppress(StackError):  # it removes itself when it ends
                self.api.delete(f"/containers/{name}", force=True, v=True)

    def _body(self, script: str, *, writable: bool) -> dict[str, object]:
        mounts = [
            {
                "Type": "volume",
                "Source": name,
                "Target": f"{FOLDER}/{key}",
                "ReadOnly": not writable,
                "VolumeOptions": {"NoCopy": True},
            }
            for key, name in self.volumes.items()
        ]
        return {
            "Image": self.image,
            "Entrypoint": ["sh", "-c", script],
            "Cmd": [],
            "User": "0:0",
            "WorkingDir": FOLDER,
            "Env": ["LC_ALL=C", "LD_PRELOAD="],  # that of Milvus' image makes all programs complain
            "Labels": {LABEL: self.project},
            "Healthcheck": {"Test": ["NONE"]},
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "OpenStdin": True,
            "StdinOnce": True,  # it sees the end of its input when we are gone
            "HostConfig": {
                "NetworkMode": "none",
                "AutoRemove": True,
                "ReadonlyRootfs": True,
                "CapDrop": ["ALL"],
                "CapAdd": WRITES if writable else READS,
                "SecurityOpt": ["no-new-privileges"],
                "LogConfig": {"Type": "none"},
                "Mounts": mounts,
            },
        }


def bounded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces on; RefusedError when they do not end."""
    left = MOST
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise RefusedError("a helper container prints without end", next_step="inv doctor")
        yield piece


@shaped("helper containers")
def clear(api: Api, project: str) -> None:
    """Remove helper containers that an interrupted command left behind."""
    wanted = {"label": [f"{LABEL}={project}"]}
    for one in api.get("/containers/json", all=True, filters=wanted) or ():
        with suppress(RefusedError):  # it ends by itself just now
            api.delete(f"/containers/{one['Id']}", force=True, v=True)

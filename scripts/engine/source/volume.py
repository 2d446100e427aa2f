"""A volume with sources on an engine: what is in it, and how it is changed.

A few files go straight into the container that has it, one call; whatever else through a helper
container, which can remove as well, and needs no other that runs.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from scripts.core.errors import RefusedError
from scripts.engine import throwaway
from scripts.engine.api import Api, shaped
from scripts.engine.source.parcel import listed
from scripts.engine.throwaway import Helper

KEY = "source"
LISTING = f"""\
set -eu
cd {KEY}
find . -type l -printf 'l%l\\0%p\\0' -o -type f -printf 'f%m\\0%p\\0'
printf '\\0'
find . -type f -exec sha256sum -z {{}} +
"""
STORING = f"""\
set -eu
cd {KEY}
read -r length
head -c "$length" | xargs -0 -r rm -rf --
find . -mindepth 1 -type d -empty -delete
tar --extract --file=- --no-same-owner --same-permissions
find . -mindepth 1 -type d -empty -delete
"""
"""Removes what the first bytes of its input name, then unpacks the rest.

A folder that is left empty would be a package to Python, and is in the way of a file of its name.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """One volume, the project that it is of, and an image for helpers."""

    api: Api
    name: str
    project: str
    image: str
    place: list[tuple[str, str]] = field(default_factory=list)
    """The container that took something last, and where: as long as it is there it has it."""

    def marks(self) -> dict[str, str]:
        """Return the marks of all that is in it, read now: nobody else is believed about it."""
        self.clear()
        with shaped("a volume of sources"):
            return listed(self._helper.run(LISTING))

    def put(self, pieces: Iterable[bytes]) -> bool:
        """Unpack a tar into the volume where a container has it; False where none does."""
        pieces = tuple(pieces)
        known = self.place.pop() if self.place else None
        if known is not None and self._put(*known, pieces):
            return True
        found = self._found()
        return found is not None and self._put(*found, pieces)

    def _put(self, container: str, folder: str, pieces: Iterable[bytes]) -> bool:
        try:
            for _ in self.api.put(f"/containers/{container}/archive", pieces, path=folder):
                pass  # it answers nothing
        except RefusedError:  # it has just gone; what else it may be a helper meets too, and tells
            return False
        self.place[:] = [(container, folder)]
        return True

    def store(self, gone: Iterable[str], pieces: Iterable[bytes]) -> None:
        """Remove files, then unpack a tar; RefusedError has the words of what failed."""
        names = "".join(f"{name}\0" for name in gone).encode()
        self.clear()
        helper = self._helper
        with helper.streams(STORING, writable=True) as streams:
            with suppress(BrokenPipeError, ConnectionResetError):  # it has ended, and says why
                streams.write(b"%d\n%s" % (len(names), names))
                for piece in pieces:
                    streams.write(piece)
            streams.write_end()
            for _ in streams.read():
                pass
            helper.require(streams)

    def clear(self) -> None:
        """Remove the helpers that a broken link has left; the volume could not be removed else."""
        throwaway.clear(self.api, self._mark)

    @property
    def _helper(self) -> Helper:
        return Helper(self.api, self._mark, self.image, {KEY: self.name}, patience=60.0)

    @property
    def _mark(self) -> str:
        # those of data commands are not ours to remove
        return f"{self.project}/{KEY}"

    @shaped("a container")
    def _found(self) -> tuple[str, str] | None:
        """Return a container that has the volume and may change it, and where."""
        rows = self.api.get("/containers/json", filters={"volume": [self.name]}) or ()
        for row in rows:
            for mount in row.get("Mounts") or ():
                if mount.get("Name") == self.name and mount["RW"]:
                    return str(row["Id"]), str(mount["Destination"])
        return None

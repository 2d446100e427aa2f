"""What a service wrote: the log of a container, or of the process in its place."""

from contextlib import suppress
from dataclasses import dataclass

from scripts.core.errors import RefusedError
from scripts.core.look import Container
from scripts.core.units import query
from scripts.engine.api import Api
from scripts.watch import on_host
from scripts.watch.log_lines import split


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines of a log are wanted: `since` and `until` in nanoseconds since 1970, 0 for any."""

    tail: int | None = None
    """How many at most, from the end."""
    since: int = 0
    until: int = 0
    follow: bool = False

    def options(self, *, moments: bool) -> dict[str, object]:
        """Return the same in the engine's words; with `moments` each line has its own before it."""
        words = {
            "timestamps": moments or None,
            "follow": self.follow or None,
            "tail": self.tail,
            "since": query(self.since) if self.since else None,
            "until": query(self.until) if self.until else None,
        }
        given = {name: value for name, value in words.items() if value is not None}
        return {"stdout": True, "stderr": True, **given}


def log(
    api: Api, container: Container, wanted: Wanted, *, moments: bool = False
) -> list[tuple[int, str]]:
    """Return lines of both streams in order, each with its moment, or 0 without `moments`.

    Nothing of a container that is just being removed.
    """
    if container.host is not None:
        return on_host.lines(
            container.host, tail=wanted.tail, since=wanted.since, until=wanted.until
        )
    if container.elsewhere:
        return []
    with suppress(RefusedError):
        path = f"/containers/{container.id}/logs"
        raw = api.raw(path, **wanted.options(moments=moments))
        return list(split([raw], moments=moments))
    return []

"""Pure: restarts since somebody came to look; what was before says nothing about now."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from scripts.core.look import Container


class Restarts:
    """Remembers how often each container had been restarted at the first look."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._before: dict[str, int] = {}
        self._looked = False

    def recent(self, seen: Iterable[Container]) -> Iterator[Container]:
        """Yield the containers of a look with only the restarts since the first one."""
        for one in seen:
            # the engine counts anew when a container is started by hand
            before = self._before.setdefault(one.id, 0 if self._looked else one.restarts)
            self._before[one.id] = min(before, one.restarts)
            yield replace(one, restarts=one.restarts - self._before[one.id])
        self._looked = True

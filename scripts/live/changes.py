"""One document that changes, numbered, for all who follow it: who was away gets what was missed."""

from collections import deque
from collections.abc import Mapping
from threading import Lock
from typing import Any

from scripts.live.patch import difference

KEPT = 100
"""Changes that are kept for who comes back."""

Event = tuple[int, str, dict[str, Any]]
"""A number, what it is ("state", "change", …), and that."""


class Changes:
    """The document and its last changes; any thread may ask, one changes it."""

    def __init__(self, kept: int = KEPT) -> None:
        """Begin with an empty document."""
        self.document: dict[str, Any] = {}
        self.number = 0
        self._kept: deque[tuple[int, dict[str, Any]]] = deque(maxlen=kept)
        self._lock = Lock()

    def become(self, document: Mapping[str, Any]) -> bool:
        """Take the document as it is now; say whether it is another one."""
        with self._lock:
            patch = difference(self.document, document)
            if patch:
                self.number += 1
                self.document = dict(document)
                self._kept.append((self.number, patch))
        return bool(patch)

    def since(self, number: int | None) -> list[Event]:
        """Return what changed after that number; the whole state where that is not known."""
        with self._lock:
            if number == self.number:
                return []
            first = self._kept[0][0] if self._kept else self.number + 1
            if number is None or not first - 1 <= number < self.number:
                return [(self.number, "state", self.document)]
            return [(one, "change", patch) for one, patch in self._kept if one > number]

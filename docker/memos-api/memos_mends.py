"""Known defects of MemOS' releases that break its job here, mended before the API is imported.

Only what the running version lacks is put in, and only in the versions that lack it: a checkout
that has a repair of its own runs as it is. `MEMOS_MENDS=no` leaves all defects as they are.
The table for people is docs/memos-versions.md.
"""

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

VARIABLE = "MEMOS_MENDS"
OFF = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """A defect of upstream and what is done about it."""

    what: str
    """What a user sees of the defect, as it stands in the log."""
    first: str
    """The release that brought it."""
    fixed: str
    """The release that is without it."""
    issue: str
    install: Callable[[], bool]
    """Mend it, unless it is mended; say whether anything was done."""

    def concerns(self, version: str) -> bool:
        """Say whether a release has the defect."""
        return numbers(self.first) <= numbers(version) < numbers(self.fixed)


def numbers(version: str) -> tuple[int, ...]:
    """Return the three numbers of a version, by which releases are in order."""
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def give(module: str, name: str, method: Callable[..., object]) -> bool:
    """Give a class of MemOS a method, unless it has one of that name; say whether it lacked it."""
    owner = getattr(importlib.import_module(module), name)
    if hasattr(owner, method.__name__):
        return False
    setattr(owner, method.__name__, method)
    return True


def search_by_fulltext(_store: object, *_words: object, **_limits: object) -> list[dict[str, Any]]:
    """Find nothing by its words, in a store without an index of words.

    Every search asks for that too, beside the search by meaning, and one that cannot be asked takes
    the results of all others with it. Later releases answer the same, and no longer ask by default.
    """
    return []


MENDS = (
    Mend(
        what="every search is empty, as the Neo4j store lacks search_by_fulltext",
        first="2.0.6",
        fixed="2.0.7",
        issue="https://github.com/MemTensor/MemOS/issues/1093",
        # the store for the community edition is a subclass
        install=lambda: give("memos.graph_dbs.neo4j", "Neo4jGraphDB", search_by_fulltext),
    ),
)


def apply(
    env: Mapping[str, str], say: Callable[[str], object], mends: tuple[Mend, ...] = MENDS
) -> None:
    """Mend the MemOS that this Python imports, and say in one line what is in force."""
    version = str(getattr(importlib.import_module("memos"), "__version__", ""))
    known = [mend for mend in mends if mend.concerns(version)]
    if env.get(VARIABLE) == OFF:
        say(line(version, f"{VARIABLE}={OFF} leaves as they are", known))
    else:
        say(line(version, "mended here", [mend for mend in known if mend.install()]))


def line(version: str, how: str, mends: list[Mend]) -> str:
    """Return what the log says about the defects that are mended, or left."""
    defects = "; ".join(f"{mend.what} ({mend.issue})" for mend in mends)
    return f"MemOS {version}, {how}: {defects}" if mends else f"MemOS {version}: nothing is mended"

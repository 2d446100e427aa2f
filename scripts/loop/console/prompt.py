"""Queries that somebody types, one after the other, with those of former times at hand."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from scripts.core import files
from scripts.core.texts import printable
from scripts.loop.console import statements

KEPT = 1000
"""Queries that are remembered."""
LOGIN = re.compile(r"password|secret|token|api_?key", re.IGNORECASE)
"""Words of queries that are not remembered: a login may stand in them."""
QUIT = frozenset({":quit", ":q", ":exit", "exit", "quit"})
WORD_ENDS = " \t\n\"'`(){}[],;=<>:/"
"""What stands before a word that Tab completes: names have colons and slashes before them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Reads from the terminal."""

    name: str
    """Stands before each query."""
    history: Path
    secrets: Sequence[str] = ()
    """Values that must not be remembered."""
    words: Callable[[], Sequence[str]] = tuple
    """What Tab completes; asked when it is first pressed."""

    def queries(self) -> Iterator[str]:
        """Yield what is typed, until Ctrl-D or :quit; Ctrl-C forgets a query that is not whole."""
        readline = _readline()
        if readline is not None:
            self._prepare(readline)
        while (typed := self._typed()) is not None:
            for query in statements.split(typed, lines=False):
                if query in QUIT:
                    return
                self._remember(readline, query)
                yield query

    def _typed(self) -> str | None:
        """Return one query, of several lines perhaps; empty for none, None for the end."""
        lines: list[str] = []
        try:
            while True:
                mark = f"{self.name}> " if not lines else f"{'...':>{len(self.name)}}> "
                lines.append(input(mark))
                text = "\n".join(lines)
                if not statements.unfinished(text):
                    return text.replace(statements.ON, "\n")
        except EOFError:
            sys.stdout.write("\n")
            return None
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            return ""

    def _prepare(self, readline: ModuleType) -> None:
        """Bring former queries, and have Tab complete names."""
        readline.set_auto_history(False)
        readline.clear_history()
        with suppress(OSError, ValueError):
            for line in self.history.read_text(encoding="utf-8").splitlines()[-KEPT:]:
                readline.add_history(line)
        known: list[str] = []

        def complete(text: str, state: int) -> str | None:
            if not known:
                known.extend([*self.words(), "help", "quit"])
            found = [word for word in known if word.startswith(text)]
            return found[state] if state < len(found) else None

        readline.set_completer_delims(WORD_ENDS)
        readline.set_completer(complete)
        readline.parse_and_bind("tab: complete")

    def _remember(self, readline: ModuleType | None, text: str) -> None:
        """Keep a query for the next time, for its user alone; one with a login is not kept."""
        secret = LOGIN.search(text) or any(one and one in text for one in self.secrets)
        if readline is None or secret or "//" in text:  # on one line a comment would be its end
            return
        readline.add_history(printable(text))
        count = readline.get_current_history_length()
        first = max(1, count - KEPT + 1)
        kept = [readline.get_history_item(at) for at in range(first, count + 1)]
        with suppress(OSError):  # a disk that nobody may write to
            files.write(self.history, "".join(f"{line}\n" for line in kept))


def _readline() -> ModuleType | None:
    """Return what edits lines; some Pythons are built without it."""
    try:
        import readline
    except ImportError:
        return None
    return readline

"""Every MemOS that people use, for real: `nox -s versions` writes the table of its page.

The releases of the seed, the one after it, one whose packages nobody has pinned, the newest that
is pinned, and the newest as a checkout.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.e2e.kit import releases
from tests.e2e.kit.checkout import checkout
from tests.e2e.kit.releases import Tried
from tests.kit.places import ROOT

PAGE = ROOT / "docs" / "memos-versions.md"
BEGIN, END = "<!-- begin: nox -s versions -->\n", "<!-- end: nox -s versions -->\n"
UNPINNED = "2.0.20"
HEAD = (
    "| MemOS | its packages | services started | API answers after | `inv smoke`"
    " | a memory after `down` and `up` |\n| --- | --- | --- | --- | --- | --- |\n"
)


def main(only: list[str]) -> int:
    """Try all, or those of `only`; write the table when all were tried. 1 for a failure."""
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, changes in wanted(Path(folder)):
            if only and name not in only:
                continue
            sys.stdout.write(f"{name}\n")
            stack = checkout(Path(folder), "memos-versions", changes=changes)
            try:
                rows[name] = releases.tried(stack)
            finally:
                stack.destroy()
            sys.stdout.write(row(name, rows[name]))
            sys.stdout.flush()
    if not only:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    return int(any(one.smoke or not one.kept for one in rows.values()))


def wanted(folder: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield what is tried, by name, with the settings that it takes."""
    *older, newest = releases.pinned()
    for version in (*older, UNPINNED, newest):
        yield version, {"MEMOS_VERSION": version}
    source = releases.source(folder, newest)
    yield f"{newest}, a checkout", {"MEMOS_SRC": str(source)}


def row(name: str, one: Tried) -> str:
    """Return a row of the table."""
    packages = "found at build" if "not pinned by us" in one.contains else "pinned"
    count = f"{len(one.services)}: {', '.join(one.services)}"
    kept = "there" if one.kept else "**gone**"
    cells = (name, packages, count, f"{one.seconds:.1f} s", one.smoke or "passes", kept)
    return f"| {' | '.join(cells)} |\n"


def written(page: str, rows: Mapping[str, Tried]) -> str:
    """Return the page with another table."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    table = HEAD + "".join(row(name, one) for name, one in rows.items())
    return f"{head}{BEGIN}{table}{END}{tail}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

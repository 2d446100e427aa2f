"""Rows of docs/official-images.md: what must hold on official images, each a test of tests/e2e.

`@row(IMAGE, PROMISE)` marks such a test. Some of them make sense on official images alone: those
are marked `registry` and left out, with a word, where images are built from packages. With
`--write-official` a run writes what it saw into the page; `python -m tests.e2e.kit.official FILE`
adds what a run elsewhere has seen, out of the official.json that it left.
"""

import argparse
import ast
import json
import os
import platform
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scripts.core.inventory import ImageSource
from tests.e2e.kit.checkout import Checkout
from tests.kit.places import ROOT

PAGE = ROOT / "docs" / "official-images.md"
SEEN = ROOT / "tests" / "data" / "official.json"
"""What was seen of each row on each kind of processor, by test and processor."""
BEGIN, END = "<!-- begin: nox -s official -->\n", "<!-- end: nox -s official -->\n"
HEAD = (
    "| image | what must hold | on | measured | date | digest |\n"
    "| --- | --- | --- | --- | --- | --- |\n"
)
NEVER = "not run yet"
BROKEN = "**does not hold**"
ALL = "all"
"""Stands for an image where a row is about several."""
PACKAGES = "IMAGE_SOURCE=packages: its promise is about official images"
LACKING = "could not be had"
"""In the words of `inv up` about an image: nothing was seen of what it holds."""
DIGITS = 12
"""Of a digest, as far as it is shown."""
Measured = Callable[[object], None]
MEASURED = pytest.StashKey[str]()
DIGEST = pytest.StashKey[str]()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row before anybody ran it."""

    test: str
    image: str
    promise: str


def row(image: str, promise: str) -> pytest.MarkDecorator:
    """Mark a test as a row of the page: about this service's image, with these words."""
    return pytest.mark.row(image, promise)


def rows(folder: Path = ROOT / "tests" / "e2e") -> list[Row]:
    """Return all rows that are written, without running anything: by file, as they stand there."""
    found = []
    for file in sorted(folder.glob("test_*.py")):
        for one in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(one, ast.FunctionDef):
                found += [Row(test=one.name, image=i, promise=p) for i, p in _marks(one)]
    return sorted(found, key=lambda one: one.image != ALL)


def _marks(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    for mark in function.decorator_list:
        if isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "row":
            image, promise = map(ast.literal_eval, mark.args)
            yield image, promise


def table(seen: Mapping[str, Any], known: Sequence[Row]) -> str:
    """Return the page's table: each row as often as there are processors that it ran on."""
    lines = []
    for one in known:
        found = {key: value for key, value in seen.items() if key.partition("@")[0] == one.test}
        for key, value in sorted(found.items()):
            cells = (one.image, one.promise, key.partition("@")[2], *_cells(value))
            lines.append(f"| {' | '.join(cells)} |\n")
        if not found:
            lines.append(f"| {one.image} | {one.promise} | | {NEVER} | | |\n")
    return HEAD + "".join(lines)


def _cells(value: Mapping[str, str]) -> tuple[str, str, str]:
    return value["measured"], value["date"], short(value["digest"])


def short(digest: str) -> str:
    """Return a digest as the page shows it; nothing for none."""
    return f"`{digest.removeprefix('sha256:')[:DIGITS]}`" if digest else ""


def written(page: str, seen: Mapping[str, Any], known: Sequence[Row]) -> str:
    """Return the page with another table."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{table(seen, known)}{END}{tail}"


def keep(new: Mapping[str, Any]) -> None:
    """Add what was seen to what former runs saw, and write the page."""
    known = rows()
    tests = {one.test for one in known}
    old = json.loads(SEEN.read_text(encoding="utf-8")) if SEEN.exists() else {}
    seen = {key: one for key, one in {**old, **new}.items() if key.partition("@")[0] in tests}
    SEEN.write_text(json.dumps(seen, indent=1, sort_keys=True, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), seen, known), encoding="utf-8")


class Rows:
    """Knows of one run which rows it saw; a plugin of pytest."""

    def __init__(self, *, write: bool) -> None:
        """Nothing ran yet."""
        self.write = write
        self.left_out = 0
        self.lacking = 0
        self.seen: dict[str, Any] = {}

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave out what says nothing about package-built images."""
        if os.environ.get("IMAGE_SOURCE") == ImageSource.PACKAGES:
            out = [item for item in items if item.get_closest_marker("registry")]
            self.left_out = len(out)
            items[:] = [item for item in items if item not in out]
            config.hook.pytest_deselected(items=out)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note a row that was run to its end, or broke before."""
        report = yield
        ran = (call.when == "call" or report.failed) and not report.skipped
        if report.failed and call.excinfo and LACKING in str(call.excinfo.value):
            self.lacking += item.get_closest_marker("row") is not None
            return report
        if item.get_closest_marker("row") and ran and _official(item):
            key = f"{item.name.partition('[')[0]}@{platform.machine()}"
            broken = report.failed or self.seen.get(key, {}).get("measured") == BROKEN
            self.seen[key] = {
                "measured": BROKEN if broken else item.stash.get(MEASURED, "holds"),
                "date": datetime.now(UTC).date().isoformat(),
                "digest": item.stash.get(DIGEST, ""),
            }
        return report

    def pytest_sessionfinish(self) -> None:
        """Write the page, where that was asked for and anything was seen."""
        if self.write and self.seen:
            keep(self.seen)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was left out, before or once it was known where images come from."""
        skipped = terminalreporter.stats.get("skipped", [])
        count = self.left_out + sum(PACKAGES in one.longreprtext for one in skipped)
        if count:
            line = f"NOT RUN: {count} rows of docs/official-images.md: {PACKAGES}"
            terminalreporter.write_line(line)
        if self.lacking:
            line = f"NOT RUN: {self.lacking} tests of official images: one {LACKING}"
            terminalreporter.write_line(line)


def _official(item: pytest.Item) -> bool:
    """Say whether a test had official images: by the environment, which beats a stack's file."""
    if source := os.environ.get("IMAGE_SOURCE"):
        return source == ImageSource.REGISTRY
    given = getattr(item, "funcargs", {}).values()
    stacks = (getattr(one, "stack", one) for one in given)
    found = [one.values()["IMAGE_SOURCE"] for one in stacks if isinstance(one, Checkout)]
    return ImageSource.REGISTRY in found


def need_registry(stack: Checkout) -> None:
    """Skip a test whose stack, as it turned out at its first start, has package-built images."""
    if stack.values()["IMAGE_SOURCE"] == ImageSource.PACKAGES:
        pytest.skip(PACKAGES)


def digest(stack: Checkout, service: str) -> str:
    """Return by which digest the registry knows a service's image; its own id after a load."""
    container = stack.container(service)
    image = stack.docker("inspect", "--format={{.Image}}", container).stdout.strip()
    found = stack.docker("image", "inspect", image).document[0]
    return str([*(found["RepoDigests"] or ()), found["Id"]][0]).rpartition("@")[2]


def main() -> None:
    """Add what runs elsewhere have seen."""
    parser = argparse.ArgumentParser(description="Add to the page what runs elsewhere have seen.")
    parser.add_argument("files", nargs="+", type=argparse.FileType(encoding="utf-8"))
    for file in parser.parse_args().files:
        keep(json.load(file))


if __name__ == "__main__":
    main()

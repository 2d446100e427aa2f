"""Fill a stack with more and more memories, measure it at each step, and write docs/scale.md.

`nox -s scale` takes half an hour; `-- --up-to 10000` five minutes. A run that is stopped keeps its
data below .cache/scale: `-- --go-on` goes on with it, `-- --clean` removes it.
"""

import argparse
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.measure import machine, today
from tests.bench.scale import measuring, preferences, tables
from tests.bench.scale.filling import BLOCK, Contents, Pattern, fill, remove
from tests.bench.scale.measuring import UP, Held
from tests.e2e.kit.checkout import Checkout, checkout
from tests.kit.places import ROOT

STEPS = (10_000, 100_000, 1_000_000)
NODES = 100_000
PROJECT = "memos-scale"
FOLDER = ROOT / ".cache" / "scale"
STATE = FOLDER / "state.json"
WRITTEN = ROOT / "docs" / "scale.md"
EACH = 8_000
"""Bytes of disk for a memory: both stores, a snapshot of them, and what a restore keeps."""
SPARE = 5 * 10**9
"""Bytes of disk that are left to others."""


class StoppedError(Exception):
    """The run ends early; the text says why."""


def arguments() -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(prog="nox -s scale --", description=__doc__)
    parser.add_argument("--up-to", type=int, default=STEPS[-1], help="vectors of the last step")
    parser.add_argument("--nodes", type=int, default=NODES, help="memories that have a node too")
    parser.add_argument("--minutes", type=float, default=120.0, help="then it stops")
    parser.add_argument("--qdrant-memory", default="3g", help="QDRANT_MEMORY of the stack")
    parser.add_argument("--go-on", action="store_true", help="with what a stopped run has filled")
    parser.add_argument("--clean", action="store_true", help="only remove what was kept")
    parser.add_argument("--no-preferences", action="store_true", help="leave those out")
    parser.add_argument("--dry", action="store_true", help="print the tables, write nothing")
    flags = parser.parse_args()
    flags.up_to = -(-max(1, flags.up_to) // BLOCK) * BLOCK
    return flags


def main() -> int:
    """Fill, measure, write, tell; 1 when a search missed what is there, 3 when time is over."""
    flags = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if flags.clean:
        clean()
        return 0
    run = Run.opened(flags)
    try:
        run.all()
    except StoppedError as error:
        run.stopped(str(error))
        return 3
    except KeyboardInterrupt:
        run.stopped("interrupted")
        return 130
    except BaseException as error:
        run.stopped(type(error).__name__)
        raise
    text = tables.page(WRITTEN.read_text(encoding="utf-8"), run.state)
    if not flags.dry:
        WRITTEN.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    clean()
    return 0 if tables.all_found(run.state) else 1


def clean() -> None:
    """Remove the stack with its data, and what is kept of it."""
    if (file := FOLDER / f"{PROJECT}.env").exists():
        Checkout(root=ROOT, env_file=file, project=PROJECT).destroy()
    shutil.rmtree(FOLDER, ignore_errors=True)


@dataclass(kw_only=True)
class Run:
    """A run, which may be the rest of one that was stopped."""

    flags: argparse.Namespace
    stack: Checkout
    state: dict[str, Any]
    """Kept in a file after each part: how many memories are there, and what was measured."""
    until: float
    """When it has to end, by the monotonic clock."""

    @classmethod
    def opened(cls, flags: argparse.Namespace) -> "Run":
        """Begin, or take up what is kept; StoppedError where it is not said which."""
        until = time.monotonic() + 60 * flags.minutes
        if STATE.exists() != flags.go_on:
            sys.exit(
                "there is no stopped run to go on with"
                if flags.go_on
                else "a stopped run is kept: -- --go-on goes on with it, -- --clean removes it"
            )
        if flags.go_on:
            stack = Checkout(root=ROOT, env_file=FOLDER / f"{PROJECT}.env", project=PROJECT)
            return cls(flags=flags, stack=stack, state=json.loads(STATE.read_text()), until=until)
        FOLDER.mkdir(parents=True)
        changes = {"IMAGE_SOURCE": "packages", "WITH_MILVUS": "no"}
        changes |= {"QDRANT_MEMORY": flags.qdrant_memory}
        stack = checkout(FOLDER, PROJECT, changes=changes)
        state = {"measured": today(), "nodes": flags.nodes, "vectors": 0, "steps": {}}
        run = cls(flags=flags, stack=stack, state=state, until=until)
        run.keep()
        return run

    def all(self) -> None:
        """Take every step that is wanted and not measured yet."""
        if not self.flags.no_preferences and "preferences" not in self.state:
            self.state["preferences"] = preferences.measured(FOLDER, self.note)
            self.keep()
        self.note("up")
        self.stack.inv(*UP)
        self.state["machine"] = machine(self.stack)
        contents = Contents.of(self.stack, self.state["nodes"])
        pattern = Pattern.of(self.stack)
        for step in [*(one for one in STEPS if one < self.flags.up_to), self.flags.up_to]:
            self.fill(contents, pattern, step)
            held = Held(stack=self.stack, contents=contents, pattern=pattern, vectors=step)
            self.step(held)

    def fill(self, contents: Contents, pattern: Pattern, step: int) -> None:
        """Write memories until there are so many."""
        wanted = step - self.state["vectors"]
        if wanted <= 0:
            return
        self.room(wanted * EACH)
        first = self.state["vectors"] // BLOCK
        remove(self.stack, range(first * BLOCK, (first + 1) * BLOCK))
        for block in range(first, step // BLOCK):
            spent = fill(self.stack, contents, pattern, block)
            self.state["vectors"] += BLOCK
            for store, seconds in spent.items():
                of = self.state.setdefault("filling", {}).setdefault(str(step), {})
                of[store] = round(of.get(store, 0.0) + seconds, 3)
            self.keep()
            if block % 20 == 19:
                self.note(f"{self.state['vectors']:,} memories {spent}")
            self.check()

    def step(self, held: Held) -> None:
        """Measure what was not measured yet with so many."""
        found = self.state["steps"].setdefault(str(held.vectors), {"nodes": held.nodes})
        parts: dict[str, Callable[[], Any]] = {
            "calls": lambda: {name: one.document() for name, one in measuring.calls(held)},
            "memory": lambda: measuring.memory(held.stack),
            "disk": lambda: measuring.disk(held.stack),
            "commands": lambda: measuring.commands(held),
            "start": lambda: measuring.start(held),
            "snapshot": lambda: measuring.snapshot(held),
        }
        for name, part in parts.items():
            if name not in found:
                self.note(f"{held.vectors:,}: {name}")
                found[name] = part()
                self.note(json.dumps(found[name]))
                self.keep()
            self.check()

    def stopped(self, why: str) -> None:
        """Remove the containers, keep the data, and tell how to go on."""
        self.stack.inv("down")
        self.note(
            f"stopped: {why}; the data of {self.state['vectors']:,} memories is kept\n"
            "next: nox -s scale -- --go-on, or to remove it: -- --clean"
        )

    def room(self, wanted: int) -> None:
        """Raise StoppedError where the disk has no room for so many bytes."""
        folder = Path(self.stack.docker("info", "--format", "{{.DockerRootDir}}").stdout.strip())
        free = shutil.disk_usage(folder if folder.exists() else ROOT).free
        if free < wanted + SPARE:
            raise StoppedError(
                f"{free / 10**9:.0f} GB of disk are free, {(wanted + SPARE) / 10**9:.0f} are wanted"
            )

    def check(self) -> None:
        """Raise StoppedError when the time is over."""
        if time.monotonic() > self.until:
            raise StoppedError(f"{self.flags.minutes:g} minutes are over")

    def keep(self) -> None:
        """Write the state."""
        STATE.write_text(json.dumps(self.state, indent=1), encoding="utf-8")

    def note(self, what: str) -> None:
        """Tell how far it is."""
        sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {what}\n")


if __name__ == "__main__":
    sys.exit(main())

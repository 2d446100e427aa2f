"""What is measured of the stack that runs: commands, resets, and doing nothing."""

import shutil
import time
from collections.abc import Iterator, Mapping

from tests.bench import meters
from tests.bench.starts import Bench, clean, inv

RUNS, SLOW_RUNS = 5, 3
"""Of each small command, and of each that takes seconds."""
COMMANDS = {
    "inv ps": ("ps",),
    "inv --list": ("--list",),
    "inv --complete": ("--complete", "--", "inv", "up", "--"),
    "inv doctor": ("doctor",),
    "inv up": ("up",),
}
COUNTED = ("inv --list", "inv --complete")
"""Over too soon for a clock."""
RESETS = {
    "inv reset --service milvus": ("reset", "--service", "milvus", "--yes"),
    "inv reset --service milvus --no-snapshot": (
        *("reset", "--service", "milvus", "--yes", "--no-snapshot"),
    ),
}
SETTLE = 60.0
"""Seconds from the beginning of a start until a stack is idle."""


def commands(bench: Bench) -> dict[str, list[float]]:
    """Return the seconds of each command, run by run; at the end the stack is down."""
    found = turns(bench, COMMANDS, RUNS) | turns(bench, RESETS, SLOW_RUNS)
    return {**found, "inv down": list(downs(bench))}


def turns(
    bench: Bench, commands: Mapping[str, tuple[str, ...]], count: int
) -> dict[str, list[float]]:
    """Return the seconds of commands on the running stack, run by run, all in turn."""
    env = clean(bench.stack.environ)
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(count):
        for name, words in commands.items():
            found[name].append(meters.run(inv(*words), cwd=bench.stack.root, env=env).seconds)
    return found


def downs(bench: Bench) -> Iterator[float]:
    """Yield the seconds of `inv down` on the running stack; at the end it is down."""
    for _ in range(SLOW_RUNS):
        bench.stack.inv("up")
        yield bench.down(volumes=False).seconds


def instructions(bench: Bench) -> dict[str, int]:
    """Count the instructions of the smallest commands, in millions; none without valgrind."""
    env = clean(bench.stack.environ)
    return {
        name: meters.instructions(inv(*COMMANDS[name]), cwd=bench.stack.root, env=env)
        for name in COUNTED
        if shutil.which("valgrind")
    }


def idle(bench: Bench, seconds: float) -> Iterator[dict[str, float]]:
    """Yield the percent of a core of the idle stack, with its health checks and without.

    In two rounds, the second the other way round.
    """
    files = {
        "checks": bench.files(bench.stack),
        "no_checks": bench.changed(bench.stack, "no-checks", {"disable": True}),
    }
    for names in (list(files), list(reversed(files))):
        found = {}
        for name in names:
            bench.down(volumes=False)
            start = bench.compose(bench.stack, files[name])
            time.sleep(max(0.0, SETTLE - start.seconds))
            found[name] = meters.idle(seconds)
        yield found
    bench.down(volumes=False)

"""What is measured of the stack that runs: commands, resets, and doing nothing."""

import shutil
import time
from collections.abc import Iterator, Mapping

from tests.bench import meters
from tests.bench.goals import PYTHON
from tests.bench.meters import Cost
from tests.bench.starts import Bench, clean, inv
from tests.kit.places import ROOT

VENV = ROOT / ".venv" / "bin"
"""Where `dev` puts the programs that it runs."""
RUNS, SLOW_RUNS = 9, 3
"""Of each small command, and of each that takes seconds."""
COMMANDS = {
    "inv ps": inv("ps"),
    "inv --list": inv("--list"),
    "inv --complete": inv("--complete", "--", "inv", "up", "--"),
    "inv doctor": inv("doctor"),
    "inv up": inv("up"),
    PYTHON: [str(VENV / "python"), "-c", ""],
}
COUNTED = ("inv --list", "inv --complete")
"""Over too soon for a clock."""
RESETS = {
    "inv reset --service milvus": inv("reset", "--service", "milvus", "--yes"),
    "inv reset --service milvus --no-snapshot": inv(
        *("reset", "--service", "milvus", "--yes", "--no-snapshot")
    ),
}
SETTLE = 60.0
"""Seconds from the beginning of a start until a stack is idle."""


def commands(bench: Bench) -> dict[str, list[Cost]]:
    """Return what each command costs, run by run; at the end the stack is down."""
    found = turns(bench, COMMANDS, RUNS) | turns(bench, RESETS, SLOW_RUNS)
    return {**found, "inv down": list(downs(bench))}


def turns(bench: Bench, commands: Mapping[str, list[str]], count: int) -> dict[str, list[Cost]]:
    """Return what commands cost on the running stack, run by run, all in turn."""
    env = clean(bench.stack.environ)
    found: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(count):
        for name, argv in commands.items():
            found[name].append(meters.run(argv, cwd=bench.stack.root, env=env))
    return found


def downs(bench: Bench) -> Iterator[Cost]:
    """Yield what `inv down` costs on the running stack; at the end it is down."""
    for _ in range(SLOW_RUNS):
        bench.stack.inv("up")
        yield bench.down(volumes=False)


def instructions(bench: Bench) -> dict[str, int]:
    """Count the instructions of the smallest commands, in millions; none without valgrind."""
    env = clean(bench.stack.environ)
    return {
        # valgrind follows no shell into what it starts
        name: meters.instructions(
            [str(VENV / "python"), str(VENV / "inv"), *COMMANDS[name][2:]],
            cwd=bench.stack.root,
            env=env,
        )
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

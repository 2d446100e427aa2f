"""What a start costs with ever more services: the real scheduler, without an engine or a service.

CPU is that of the scheduler and of the notes for `inv timeline`; probes and the engine's API, which
are asked for real in a start, cost each service the same.
"""

import sys
import tempfile
import time
from pathlib import Path

from scripts.core.stack import Stack
from scripts.start.history.recorder import Recorder
from scripts.start.scheduler import start
from tests.kit.simulated import SHAPES, TIMEOUT, World

COUNTS = (3, 7, 25, 50, 100, 200)


def main() -> int:
    """Print a table."""
    heads = ("shape", "services", "seconds", "looks", "CPU ms", "a service", "a look and service")
    rows = [heads, *(row(shape, count) for shape in SHAPES for count in COUNTS)]
    for one in rows:
        sys.stdout.write(f"| {' | '.join(one)} |\n")
        if one is heads:
            sys.stdout.write("| --- " * len(heads) + "|\n")
    return 0


def row(shape: str, count: int) -> tuple[str, ...]:
    """Start so many services in this shape; return what it took."""
    world = World(SHAPES[shape](count))
    spent = 1000 * cpu(world.stack, world)
    each = spent / count
    numbers = (spent, each, each / world.looks)
    told = (f"{number:.{places}f}" for number, places in zip(numbers, (0, 1, 4), strict=True))
    return (shape, str(count), f"{world.now:.0f}", str(world.looks), *told)


def cpu(of: Stack, world: World) -> float:
    """Run a start; return the seconds of CPU that it took."""
    with tempfile.TemporaryDirectory() as folder:
        recorder, names = Recorder(time.time()), of.names()
        recorder.of(Path(folder), of, names)
        began = time.process_time()
        for _ in recorder.noted(start(of, names, world, timeout=TIMEOUT, clock=world.clock)):
            pass
        return time.process_time() - began

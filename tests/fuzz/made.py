"""Inputs that hypothesis makes, for one target: `python -m tests.fuzz.made TARGET SEED SECONDS`."""

import resource
import sys
import time

import hypothesis
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.fuzz.mutations import inputs
from tests.fuzz.places import FOLDER, MEMORY, SLOW
from tests.fuzz.targets import TARGETS


def main(name: str, seed: int, seconds: float) -> None:
    """Try until time is up; what gets through is raised, as small as it can be made."""
    target, count, ends = TARGETS[name], 0, time.monotonic() + seconds
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY << 20, MEMORY << 20))
    options = hypothesis.settings(
        max_examples=200,
        deadline=None,
        database=DirectoryBasedExampleDatabase(FOLDER / "examples" / name),
        suppress_health_check=list(hypothesis.HealthCheck),
    )

    def once(data: bytes) -> None:
        nonlocal count
        began, count = time.monotonic(), count + 1
        target.read(data)
        if (took := time.monotonic() - began) > SLOW:
            raise TimeoutError(f"{len(data)} bytes took {took:.0f} s")

    while time.monotonic() < ends:
        seed += 1
        sys.stdout.write(f"hypothesis.seed({seed})\n")
        hypothesis.seed(seed)(options(hypothesis.given(inputs(target))(once)))()
    sys.stdout.write(f"{count} inputs\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))

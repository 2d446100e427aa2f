"""Measures a stack on a machine behind 50 ms of cable against the same stack here: `nox -s remote`.

Each figure is checked against what is promised; the stack is MemOS without Milvus.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.core.polling import poll
from tests.e2e.kit.checkout import Checkout, made
from tests.e2e.machines.far_machine import Far, far_machine
from tests.e2e.machines.trial import Trial
from tests.kit.places import ROOT

SOURCE = {"IMAGE_SOURCE": "packages", "WITH_MILVUS": "no"}
MORE = 3.0
"""Seconds that a start there may take longer than here."""
LOOK = 1.0
"""Seconds of `inv ps`."""
IN_A_ROW = 20
OUT, BACK = 10.0, 5.0
"""Seconds without a cable, and until all answers again."""
MEANWHILE = 2.5
"""Seconds after which a restore is at its data."""
PROCESSES = 2
"""Of ssh."""
REFUSED = ("drop connection", "MaxStartups", "refused")
"""What sshd would write of a connection that is one too many."""


class Measured:
    """One run: the stack here, then the same there."""

    def __init__(self, trial: Trial, rounds: int, delay: float) -> None:
        """Measure each start `rounds` times; `delay` in milliseconds, there and back."""
        self.trial, self.rounds, self.delay = trial, rounds, delay

    def everything(self, folder: Path) -> None:
        """Measure all of it."""
        with made(folder, "memos-remote-here", changes=SOURCE) as here:
            here.inv("images.build")
            images = _images(here)
            engine = here.engine_env()
            cold, warm, look = self._starts(here), self._warm(here), self._looks(here)
        self.trial.say(f"here: up {cold:.2f} s, up again {warm:.2f} s, ps {look:.2f} s")
        with far_machine(folder, "memos-remote-there", changes=SOURCE, delay=self.delay) as far:
            with self.trial.check("images are carried there"):
                far.load(engine, images)
            try:
                self._there(far, cold, warm)
            finally:
                with self.trial.check("nothing is left there, and no ssh here"):
                    far.stack.inv("snapshot.delete", "there", "--yes", check=False)
                    far.stack.inv("down", "--volumes", "--yes")
                    assert far.ssh() == []
                    assert far.docker("ps", "--all", "--quiet") == ""

    def _there(self, far: Far, cold: float, warm: float) -> None:
        stack = far.stack
        self._check("up after down", lambda: self._starts(stack), cold + MORE)
        self._check("up again", lambda: self._warm(stack), warm + MORE)
        self._check("ps", lambda: self._looks(stack), LOOK)
        with self.trial.check(f"{IN_A_ROW} times up, {PROCESSES} processes of ssh at most"):
            most = 0
            for _ in range(IN_A_ROW):
                stack.inv("up")
                most = max(most, len(far.ssh()))
            assert most <= PROCESSES, most
            log = Path(far.log).read_text(encoding="utf-8", errors="replace")
            assert not [line for line in log.splitlines() if any(one in line for one in REFUSED)]
        with self.trial.check("smoke"):
            stack.inv("smoke")
        with self.trial.check("snapshot.save, snapshot.restore"):
            stack.inv("snapshot.save", "--name", "there")
            stack.inv("snapshot.restore", "there", "--yes")
        with self.trial.check("a cable that is out in mid-restore leaves the data whole"):
            self._torn(far)
            stack.inv("up")
            stack.inv("smoke")
        self._check(f"back after {OUT:.0f} s without a cable", lambda: self._break(far), BACK)
        with self.trial.check("which is told"):
            assert "was broken for" in stack.inv("ps").stderr

    def _check(self, name: str, measure: Callable[[], float], most: float) -> None:
        with self.trial.check(name):
            value = measure()
            self.trial.say(f"   {name}: {value:.2f} s, promised {most:.2f} s")
            assert value <= most, f"{value:.2f} s, promised {most:.2f} s"

    def _starts(self, stack: Checkout) -> float:
        """Return how long `up` takes, the containers made anew and the data kept."""
        stack.inv("up")
        return statistics.median(self._start(stack) for _ in range(self.rounds))

    def _start(self, stack: Checkout) -> float:
        stack.inv("down")
        with _timed() as took:
            stack.inv("up")
        return took[0]

    def _warm(self, stack: Checkout) -> float:
        return statistics.median(_time(stack, "up") for _ in range(3 * self.rounds))

    def _looks(self, stack: Checkout) -> float:
        return statistics.median(_time(stack, "ps") for _ in range(3 * self.rounds))

    def _torn(self, far: Far) -> None:
        """Take the cable out while a snapshot is restored, for longer than TCP is patient."""
        with far.stack.started("snapshot.restore", "there", "--yes") as restoring:
            time.sleep(MEANWHILE)
            with far.desk.unplugged():
                time.sleep(OUT)
            self.trial.say(f"   it ended with {restoring.wait(60)}")

    def _break(self, far: Far) -> float:
        """Return after how many seconds the API answers here once the cable is in again."""
        with far.desk.unplugged():
            time.sleep(OUT)
        began = time.monotonic()
        for answers in poll(lambda: far.answers("MEMOS_PORT", "/docs"), timeout=60, interval=0.1):
            if answers:
                break
        return time.monotonic() - began


@contextmanager
def _timed() -> Iterator[list[float]]:
    took: list[float] = []
    began = time.monotonic()
    yield took
    took.append(time.monotonic() - began)


def _time(stack: Checkout, *words: str) -> float:
    with _timed() as took:
        stack.inv(*words)
    return took[0]


def _images(stack: Checkout) -> list[str]:
    """Return the images of a stack."""
    rows = stack.inv("ps", "--format", "json").document["services"]
    return sorted({row["image"] for row in rows})


def main() -> int:
    """Measure, tell, and give the exit code."""
    parser = argparse.ArgumentParser(prog="nox -s remote --")
    parser.add_argument("--rounds", type=int, default=3, help="of each start")
    parser.add_argument("--delay", type=float, default=50.0, help="milliseconds, there and back")
    given = parser.parse_args()
    trial = Trial(ports={})
    return trial.within(
        ROOT / ".cache", "remote-", Measured(trial, given.rounds, given.delay).everything
    )


if __name__ == "__main__":
    sys.exit(main())

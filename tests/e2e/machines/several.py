"""All of the stack on three machines that are one Swarm: what it promises there, in figures.

For the nox session `swarm`, as root on Debian or its kin, with iproute2. Exit code 0 when every
promise was kept, 1 when one was not, 130 on Ctrl-C.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.core.polling import until_none
from tests.e2e.kit import memories
from tests.e2e.kit.checkout import Checkout, made
from tests.e2e.machines import offline
from tests.e2e.machines.swarm_lab import PASSWORDS, Inside, Lab, swarm
from tests.e2e.machines.trial import Trial

PROJECT = "memos-swarm"
API = 8000
READY, TOLD, BACK = 30.0, 15.0, 90.0
"""Seconds that are wanted at most: from nothing deployed to all ready, until a machine that died is
told, and until all is ready after it was started again."""
GONE = frozenset({"node-silent", "node-down"})
"""What is told of one that cannot be asked any more, and of one that the manager has given up."""
CUBE, TEXT = "kept", "The lighthouse keeper plays the accordion."


class Figures:
    """What was measured, and what is wanted."""

    def __init__(self, trial: Trial) -> None:
        """Tell them in the rows of a trial."""
        self._trial = trial
        self._late: list[str] = []

    def hold(self, name: str, seconds: float, wanted: float) -> None:
        """Take in a figure; what comes after it is tried all the same where it is too large."""
        told = f"{name}: {seconds:.1f} s, wanted {wanted:.0f} at most"
        self._trial.say(f"   {told}")
        self._late += [told] if seconds > wanted else []

    def check(self) -> None:
        """Raise AssertionError where one is larger than it should be."""
        with self._trial.check("all of it as fast as it should be"):
            assert not self._late, "; ".join(self._late)


@contextmanager
def timed(tell: Callable[[float], object]) -> Iterator[None]:
    """Tell how many seconds the block took."""
    began = time.monotonic()
    yield
    tell(time.monotonic() - began)


def remember(stack: Inside) -> None:
    """Put one memory in."""
    body = {
        "user_id": CUBE,
        "writable_cube_ids": [CUBE],
        "async_mode": "sync",
        "mode": "fast",
        "messages": [{"role": "user", "content": TEXT}],
    }
    answer = json.loads(stack.call("memos", API, "/product/add", body))
    assert answer["data"], answer


def recall(stack: Inside) -> str:
    """Return what is known of the cube."""
    body = {"user_id": CUBE, "mem_cube_ids": [CUBE], "memory_type": "text_mem"}
    return stack.call("memos", API, "/product/get_all", body)


def try_out(trial: Trial, lab: Lab, stack: Inside, here: Checkout) -> None:
    """Use the stack on three machines, lose one, carry the data to and fro, leave nothing."""
    figures = Figures(trial)
    with trial.check("inv up: images go to their nodes, all is ready"):
        stack.inv("up")
        rows = stack.services()
        assert all(row["ready"] for row in rows.values()), rows
        placed = {name: row["node"] for name, row in rows.items()}
        trial.say(f"   {placed}")
        assert len(set(placed.values())) > 1
    with trial.check("from nothing deployed, without data, to all ready"):
        stack.inv("down", "--volumes", "--yes")
        with timed(lambda seconds: figures.hold("inv up", seconds, READY)):
            stack.inv("up")
    with trial.check("inv smoke passes, over ports that are published nowhere"):
        stack.inv("smoke")
        open_ = {"BIND_ADDRESS": "0.0.0.0", "ALLOW_WITHOUT_LOGIN": "yes"}
        wide = stack.varied(stack.env_file.with_name("wide.env"), **open_)
    with trial.check("and over those that are, with BIND_ADDRESS=0.0.0.0"):
        wide.inv("up")
        wide.inv("smoke")
        stack.inv("up")
    with trial.check("a machine dies: told, its data kept, all back with it"):
        remember(stack)
        _lose(figures, lab, stack)
    with trial.check("a snapshot from here is restored on one engine"):
        stack.inv("snapshot.save", "--name", "from-swarm")
        stack.inv("down")  # two stacks at once would take each other's processors
        here.inv("up")
        here.inv("snapshot.restore", str(_file(stack, "from-swarm")), "--yes")
        assert TEXT in memories.recall(here, CUBE)
    with trial.check("a snapshot from one engine is restored here"):
        here.inv("snapshot.save", "--name", "from-one")
        here.inv("down")
        stack.inv("down", "--volumes", "--yes")
        stack.inv("up")
        assert TEXT not in recall(stack)
        stack.inv("snapshot.restore", str(_file(here, "from-one")), "--yes")
        assert TEXT in recall(stack)
    with trial.check("inv down leaves nothing on any node"):
        stack.inv("down", "--volumes", "--yes")
        assert lab.left() == []
    figures.check()


def _lose(figures: Figures, lab: Lab, stack: Inside) -> None:
    """Kill the machine that has the graph, and start it again."""
    node = stack.services()["neo4j"]["node"]
    assert node != lab.machines[0].node.name, "the manager is to live on"
    with timed(lambda seconds: figures.hold("told", seconds, TOLD)):
        lab.machine(node).kill()
        until_none(lambda: _codes(stack).isdisjoint(GONE), timeout=2 * TOLD, interval=0.2)
    with timed(lambda seconds: figures.hold("all ready again", seconds, BACK)):
        lab.start(node)
        stack.inv("wait", "--timeout", f"{2 * BACK:.0f}")
    assert TEXT in recall(stack)


def _codes(stack: Inside) -> set[str]:
    rows = stack.services().values()
    return {finding["code"] for row in rows for finding in row["findings"]}


def _file(stack: Checkout, name: str) -> Path:
    return stack.root / "snapshots" / stack.project / f"{name}.tar.zst"


def everything(trial: Trial, folder: Path) -> None:
    """Bring machines and images, and try all."""
    changes = {"IMAGE_SOURCE": "packages", **PASSWORDS}
    with (
        offline.engine(trial, folder) as source,
        made(folder, f"{PROJECT}-here", changes=changes) as here,
    ):
        del source
        with swarm() as lab:
            stack = lab.checkout(PROJECT)
            with trial.check("the manager has the images"):
                lab.bring(here, stack)
            if not trial.failed:
                try_out(trial, lab, stack, here)


def main() -> int:
    """Try everything; give the exit code."""
    trial = Trial(ports={})
    return trial.within(Path("/var/tmp"), "memos-swarm-", lambda folder: everything(trial, folder))


if __name__ == "__main__":
    sys.exit(main())

"""What nothing helps: the first build, and the README's way to a first memory.

Both on the bare Debian of `nox -s fresh`, which brings an engine of its own: it knows no image,
cache or download of this machine, and leaves none. Only where `possible`.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from scripts.core.polling import poll
from scripts.machine.system import obstacle, this_system
from tests.bench import meters
from tests.bench.meters import Cost
from tests.e2e.kit.checkout import LONGEST, PORT, free_ports
from tests.e2e.machines import bare_files, fresh
from tests.e2e.machines.bare_machine import Machine, entered
from tests.e2e.machines.trial import Trial, delete
from tests.kit.places import ROOT

CUBE = "first"
MEMORY = "Maria keeps her bicycle in the cellar of the house."
QUESTION = "Where does Maria put her bike?"


def possible() -> bool:
    """Say whether this machine can have such a one inside: as root on Debian or its kin, x86-64."""
    return not obstacle(this_system())


def build() -> Iterator[Cost]:
    """Measure the build of all images, the base and all downloads too; the engine is there."""
    with bare({"IMAGE_SOURCE": "packages"}) as machine:
        _run(machine, "exec ./dev inv engine.start")
        yield _run(machine, "exec ./dev inv images.build")


def memory(rounds: int = 3) -> Iterator[Cost]:
    """Measure the way from a checkout to the first memory that a search finds, each time anew."""
    names = PORT.findall((ROOT / ".env.example").read_text(encoding="utf-8"))
    for _ in range(rounds):
        ports = dict(zip(names, map(str, free_ports(len(names))), strict=True))
        with bare(ports) as machine:
            before, began = meters.machine(), time.monotonic()
            _succeed(machine, "exec ./dev inv up")
            _find(f"http://127.0.0.1:{ports['MEMOS_PORT']}")
            yield _cost(before, began)


@contextmanager
def bare(environ: Mapping[str, str]) -> Iterator[Machine]:
    """Yield a Debian with Python, and this checkout in it; engine and files are removed after."""
    release = this_system().codename
    folder = Path(tempfile.mkdtemp(prefix="memos-dev-bench-", dir=fresh.DISK))
    try:
        bare_files.make(folder, release, lambda _: None)
        with entered(folder / "root", environ) as machine:
            bare_files.furnish(machine, release, "")
            with fresh.removed(Trial(ports={}), machine):
                yield machine
                _run(machine, "exec ./dev inv engine.remove --yes")
    finally:
        delete(folder)


def _run(machine: Machine, script: str) -> Cost:
    before, began = meters.machine(), time.monotonic()
    _succeed(machine, script)
    return _cost(before, began)


def _cost(before: float, began: float) -> Cost:
    spent, seconds = meters.machine() - before, time.monotonic() - began
    return Cost(seconds=round(seconds, 1), machine=round(spent, 1))


def _succeed(machine: Machine, script: str) -> None:
    ran = machine.run(script, limit=LONGEST)
    told = "\n".join(line for _, line in ran.lines)
    assert ran.exit_code == 0, f"{script}: {ran.exit_code}\n{ran.stdout}\n{told}"


def _find(api: str) -> None:
    """Add a memory with the API's defaults; return when a search in other words finds it."""
    cube = {"user_id": CUBE, "writable_cube_ids": [CUBE], "readable_cube_ids": [CUBE]}
    message = {"role": "user", "content": MEMORY}
    requests.post(f"{api}/product/add", json={**cube, "messages": [message]}, timeout=60)

    def found() -> bool:
        question = {**cube, "query": QUESTION}
        return MEMORY in requests.post(f"{api}/product/search", json=question, timeout=60).text

    looks = poll(found, timeout=60.0, interval=0.2)
    assert any(looks), f"the search for {QUESTION!r} does not find {MEMORY!r}"

"""How fast an edit of MemOS answers, what that costs, and how soon a debugger stops.

Each figure can be measured alone: `nox -s bench -- --reload memory watcher --dry`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from scripts.config import release
from scripts.core.process import run
from scripts.loop import made_environment, requirements
from scripts.loop.made_environment import Packages
from tests.bench import meters
from tests.bench.edits import BETWEEN, PATIENCE, ROUTES, Subject, side_by_side
from tests.e2e.kit import releases
from tests.e2e.kit.checkout import Checkout, free_ports, made
from tests.kit.dap import Editor, Session
from tests.kit.fakes import checkout as workspace
from tests.kit.places import ROOT
from tests.kit.reloading import ERRORS, HABITS

API = Path("memos", "api", "server_api.py")
STATE = "/app/reload.json"
LAST = 2000
"""Characters of the log of uvicorn, where it does not answer."""
FIRST = 1000
"""The number of the first edit after those that are counted elsewhere."""
FILES = 3000
"""In the folder that is watched while nothing changes."""
POLLING = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from memos_reload import watch
watcher = watch.Watcher(Path(sys.argv[2]), "polling", print)
watcher.first()
watcher.start()
before = time.process_time()
time.sleep(float(sys.argv[3]))
print(100 * (time.process_time() - before) / float(sys.argv[3]))
"""
"""Where file events come, nobody looks from time to time: so it is measured beside the stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured."""

    edits: int = 50
    rarely: int = 5
    """After so many edits of ours comes one of uvicorn's, which takes seconds."""
    rounds: int = 3
    """Of what takes ten seconds."""
    idle: float = 30.0
    """Seconds for the watcher."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A stack whose API runs a checkout of MemOS, which has an environment of its own."""

    stack: Checkout
    subject: Subject
    folder: Path
    sizes: Sizes

    @property
    def python(self) -> Path:
        """The Python of the environment."""
        return self.subject.source.parent / made_environment.PLACE / "bin" / "python"


@contextmanager
def bench(folder: Path, version: str, sizes: Sizes) -> Iterator[Bench]:
    """Start the API of a release's source, with routes that tell of edits."""
    folder.mkdir()
    source = releases.source(folder, version)
    with (source / API).open("a", encoding="utf-8") as file:
        file.write(ROUTES)
    environment(source)
    changes = {"IMAGE_SOURCE": "packages", "MEMOS_SRC": str(source), "WITH_MILVUS": "no"}
    with made(folder, "memos-bench-reload", changes=changes) as stack:
        stack.inv("up", "--service", "memos")
        subject = Subject(url=stack.url("MEMOS_PORT", ""), source=source)
        yield Bench(stack=stack, subject=subject, folder=folder, sizes=sizes)


def environment(source: Path) -> None:
    """Give a checkout the environment that `inv api.host` and uvicorn run in."""
    locks = ROOT / release.LOCKS
    found = release.checkout(source, release.extras(locks))
    pins = release.pins(locks, found.version)
    wanted = (*found.requirements, "debugpy")
    packages = Packages(wanted=wanted, pinned=requirements.pinned(wanted, pins))
    made_environment.made(source.parent, packages, workspace(ROOT, run, os.environ))


# ---- the figures ----------------------------------------------------------------------------


def edits(bench: Bench) -> Mapping[str, Any]:
    """Edit files all over the package, with `uvicorn --reload` on this machine beside it."""
    copy = bench.folder / "uvicorn"
    shutil.copytree(bench.subject.source, copy / "src")
    with uvicorn(bench, copy / "src") as theirs:
        return side_by_side(bench.subject, theirs, bench.sizes.edits, bench.sizes.rarely)


@contextmanager
def uvicorn(bench: Bench, source: Path) -> Iterator[Subject]:
    """Run an API by `uvicorn --reload`, with the stack's variables."""
    (port,) = free_ports(1)
    variables = bench.stack.inv("env", "--host").stdout
    words = ["-m", "uvicorn", "memos.api.server_api:app", "--port", str(port)]
    words += ["--reload", "--reload-dir", str(source)]
    said = bench.folder / "uvicorn.log"
    with (
        said.open("w") as log,
        subprocess.Popen(
            ["sh", "-c", f'{variables}\nexec "$@"', "sh", str(bench.python), *words],
            cwd=source.parent,
            env={**bench.stack.environ, "PYTHONPATH": str(source)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        subject = Subject(url=f"http://127.0.0.1:{port}", source=source)
        try:
            subject.until("/bench", 0)
            yield subject
        except AssertionError as error:
            raise AssertionError(f"{error}\n{said.read_text()[-LAST:]}") from error
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # asked politely it may wait for ever


def memory(bench: Bench) -> Mapping[str, Any]:
    """Return the MB of supervisor and template beside one version, shared pages counted once.

    What the template shares with its version counts as the template's; nothing of it is left out.
    """
    bench.stack.inv("reload")  # the first version is no fork
    time.sleep(BETWEEN)
    supervisor, template = processes(bench)
    return {"supervisor": held(supervisor, "Pss"), "template": held(template, "Rss")}


def watcher(bench: Bench) -> Mapping[str, Any]:
    """Return the percent of a core that watching takes while nothing changes."""
    folder = bench.subject.source / "bench_files"
    folder.mkdir()
    there = len(list(bench.subject.source.rglob("*.py")))
    for number in range(FILES - there):
        (folder / f"file_{number}.py").touch()
    bench.stack.inv("reload")
    time.sleep(10)  # what the last version was has ended
    supervisor, _ = processes(bench)
    before = meters.usage(supervisor)
    time.sleep(bench.sizes.idle)
    after = meters.usage(supervisor)
    events = 100 * (after.cpu - before.cpu) / (after.moment - before.moment)
    code = str(ROOT / "docker" / "memos-api")
    words = [sys.executable, "-c", POLLING, code, str(bench.subject.source), str(bench.sizes.idle)]
    polling = float(bench.stack.run(words).stdout)
    shutil.rmtree(folder)
    bench.stack.inv("reload")
    return {"events": round(events, 3), "polling": round(polling, 3)}


def hangs(bench: Bench) -> Mapping[str, Any]:
    """Return the seconds until what follows a habit that hangs others answers, or an error is told.

    A save of ours mends both; each is told right, or the figure is none.
    """
    file, numbers = bench.subject.source / API, count(FIRST)
    text = file.read_text(encoding="utf-8")
    found: dict[str, list[float]] = {name: [] for name in HABITS}
    for name, (more, call) in list(HABITS.items()) * bench.sizes.rounds:
        bench.subject.edited(file, next(numbers), text + more)
        with begun(f"{bench.subject.url}{call}") if call else nullcontext():
            time.sleep(BETWEEN)
            found[name].append(bench.subject.edited(file, next(numbers), text))
        time.sleep(BETWEEN)
    for (name, more), error in list(ERRORS.items()) * bench.sizes.rounds:
        kind = error.partition(":")[0]
        found.setdefault(kind, []).append(told(bench, bench.subject.source / name, more, error))
        bench.subject.edited(file, next(numbers), text)
        time.sleep(BETWEEN)
    file.write_text(text, encoding="utf-8")
    bench.stack.inv("reload")
    return found


def told(bench: Bench, file: Path, more: str, error: str) -> float:
    """Save a file with an error; give the seconds until `inv reload` has told its place."""
    text = file.read_text(encoding="utf-8")
    began = time.monotonic()
    file.write_text(text + more, encoding="utf-8")
    line = len(file.read_text(encoding="utf-8").splitlines())
    said = bench.stack.inv("reload", check=False).stdout
    took = round(time.monotonic() - began, 3)
    file.write_text(text, encoding="utf-8")
    assert said.startswith(f"{file}:{line}: {error}"), said
    return took


@contextmanager
def begun(url: str) -> Iterator[None]:
    """Make a call that does not end, while the block runs."""
    words = ["curl", "--silent", "--output", "/dev/null", url]
    with subprocess.Popen(words) as calling:
        yield
        calling.kill()


def host(bench: Bench) -> Mapping[str, Any]:
    """Return the seconds until the API answers on this machine, and until it does in Docker.

    The first time of all is left out: Python then compiles what the environment holds.
    """
    found: dict[str, list[float]] = {"to_host": [], "to_container": []}
    for _ in range(1 + bench.sizes.rounds):
        began = time.monotonic()
        with bench.stack.started("api.host"):
            there = bench.subject.until("/bench/python", str(bench.python))
            found["to_host"].append(round(there - began, 3))
            began = time.monotonic()
            bench.stack.inv("api.container")
            found["to_container"].append(round(time.monotonic() - began, 3))
        settled(bench)
    return {name: seconds[1:] for name, seconds in found.items()}


def debug(bench: Bench) -> Mapping[str, Any]:
    """Return the seconds from nothing running to a breakpoint, and from an edit to it again.

    The edit comes when the packages are loaded, and the stop that counts is one of its own version.
    """
    found: dict[str, list[float]] = {"first": [], "after_edit": []}
    file = bench.subject.source / API
    line = file.read_text(encoding="utf-8").splitlines().index(ROUTES.split("\n")[8]) + 1
    port = int(bench.stack.values()["MEMOS_DEBUG_PORT"])
    for number in range(1, bench.sizes.rounds + 1):
        bench.stack.inv("down")
        editor = Editor(port=port, mappings={bench.subject.source: "/app/src"})
        editor.break_at(file, line)
        began = time.monotonic()
        bench.stack.inv("up", "--debug", "--service", "memos")
        editor.attach()
        found["first"].append(round(stopped(bench, editor, editor.next_process()) - began, 3))
        settled(bench)
        began = time.monotonic()
        with file.open("a", encoding="utf-8") as opened:
            opened.write(f"# {number}\n")
        found["after_edit"].append(round(stopped(bench, editor, editor.next_process()) - began, 3))
        editor.close()
    bench.stack.inv("up", "--service", "memos")
    return found


FIGURES: Mapping[str, Callable[[Bench], Mapping[str, Any]]] = {
    "edits": edits,
    "memory": memory,
    "watcher": watcher,
    "hangs": hangs,
    "host": host,
    "debug": debug,
}
"""By name; the first is measured of the newest release too, the others of the oldest."""


def measured(folder: Path, names: Sequence[str], sizes: Sizes) -> Iterator[tuple[str, Any]]:
    """Yield each figure of these names, or of all."""
    oldest, *_, newest = releases.pinned()
    wanted = [name for name in FIGURES if name in names or not names]
    for version in (oldest, newest):
        here = [name for name in wanted if version == oldest or name == "edits"]
        if here:
            with bench(folder / version, version, sizes) as found:
                for name in here:
                    key = f"{name} {version}" if name == "edits" else name
                    yield key, FIGURES[name](found)


# ---- how they are asked -----------------------------------------------------------------------


def stopped(bench: Bench, editor: Editor, process: Session) -> float:
    """Ask until the debugger stops in this process, let it go on; give the moment of the stop."""
    while True:
        asking = subprocess.Popen(
            ["curl", "--silent", "--output", "/dev/null", f"{bench.subject.url}/bench"]
        )
        stop = editor.stopped()
        moment = time.monotonic()
        editor.go_on(stop)
        assert asking.wait(60) == 0
        if stop.session is process:
            return moment


def settled(bench: Bench) -> None:
    """Wait until the template has loaded what versions need: before, each is a full start."""
    deadline = time.monotonic() + PATIENCE
    while not state(bench)["template"]["ready"]:
        assert time.monotonic() < deadline, state(bench)
        time.sleep(BETWEEN)
    time.sleep(BETWEEN)


def state(bench: Bench) -> dict[str, Any]:
    """Return what the supervisor tells."""
    name = f"{bench.stack.project}-memos-api-docker"
    found: dict[str, Any] = json.loads(bench.stack.docker("exec", name, "cat", STATE).stdout)
    return found


def processes(bench: Bench) -> tuple[int, int]:
    """Return the numbers on this machine of the supervisor and of its template."""
    name = f"{bench.stack.project}-memos-api-docker"
    rows = bench.stack.docker("top", name, "-eo", "pid,ppid,args").stdout.splitlines()[1:]
    parents = {int(row.split()[0]): int(row.split()[1]) for row in rows}
    inner = str(state(bench)["pid"])
    supervisor = next(pid for pid in parents if inner_number(pid) == inner)
    below = (pid for pid, parent in parents.items() if parent == supervisor)
    template = next(pid for pid in below if pid in parents.values())  # versions are its forks
    return supervisor, template


def inner_number(pid: int) -> str:
    """Return the number that a process has in its container."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return status.partition("NSpid:")[2].partition("\n")[0].split()[-1]


def held(pid: int, kind: str) -> float:
    """Return the MB of a process: Rss with all that it shares, Pss with its part of that."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return round(int(rollup.partition(f"\n{kind}:")[2].split()[0]) * 1024 / 10**6, 1)

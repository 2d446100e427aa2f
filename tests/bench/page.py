"""How fast and how light the live page is, seen by a real browser beside a real stack.

Each figure can be measured alone: `nox -s bench -- --page paint screen --dry`.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.engine.places import places
from scripts.engine.private import processes
from tests.bench import meters
from tests.e2e.kit import browser
from tests.e2e.kit.browser import Browser, Tab
from tests.e2e.kit.checkout import Checkout, made
from tests.e2e.kit.live_page import LIVE, Served, kind, served
from tests.kit.places import ROOT

FILES = ROOT / "scripts" / "serve" / "page" / "files"
SUBJECT = "qdrant"
"""The service that is killed: it is there again in a second."""
WRITER = "neo4j"
"""The service that writes lines: it writes few of its own."""
ROUNDS = {"paint": 5, "screen": 10, "again": 3}
IDLE = 60.0
"""Seconds for each figure of the server's processor time."""
SETTLE = 5.0
"""Seconds until nothing of what was before goes on."""
RATE, SECONDS = 10_000, 10
MARK = "memos-bench line "
PAINT = """
new PerformanceObserver((list) => {
  for (const one of list.getEntries())
    if (one.name === "first-contentful-paint") window.painted = one.startTime;
}).observe({type: "paint", buffered: true});
"""
WATCH = """
window.seen = [];
new MutationObserver(() => requestAnimationFrame(() => {
  const now = performance.timeOrigin + performance.now();
  const row = document.querySelector('[data-service="%s"]');
  const state = row && row.dataset.kind + row.querySelector("time")?.dateTime;
  if (state && state !== window.seen.at(-1)?.[1]) window.seen.push([now, state]);
})).observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
"""
"""Notes how a service is, and since when, in the frame that shows it; ms since 1970."""
LINES = """
window.got = 0;
window.told = 0;
window.longest = 0;
const parse = JSON.parse;
JSON.parse = (text, reviver) => {
  const found = parse(text, reviver);
  if (Array.isArray(found?.lines) && Array.isArray(found.lines[0] ?? [])) {
    window.got += found.lines.filter((one) => String(one[4]).startsWith("%s")).length;
    window.told += found.lost?.%s ?? 0;
  }
  return found;
};
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration);
}).observe({type: "longtask", buffered: true});
"""
"""Counts the lines that arrive and those that are told to lack; keeps the longest task, in ms."""
WRITE = (
    f"for n in $(seq 0 {SECONDS * 10 - 1}); do"
    f" seq -f '{MARK}%.0f of a test that writes as fast as a person can never read'"
    f" $((n * {RATE // 10})) $(((n + 1) * {RATE // 10} - 1)) > /proc/1/fd/1; sleep 0.08; done"
)
"""To the output of the container's first process, a tenth of a second after the other."""
POINTS = (
    "[...document.querySelectorAll('[data-use=cpu] path')]"
    ".reduce((sum, one) => sum + one.getAttribute('d').split(/[ML]/).length - 1, 0)"
)
SHOWN = "[...document.querySelectorAll('.line .said')].map((one) => one.textContent)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A stack with the API, and a browser."""

    stack: Checkout
    chromium: Browser


def files(_: Bench) -> Mapping[str, Any]:
    """Return the bytes of each file."""
    return {file.name: file.stat().st_size for file in sorted(FILES.iterdir())}


def paint(bench: Bench) -> Mapping[str, Any]:
    """Return the ms until a browser that knows nothing of the page has drawn something."""
    found = []
    with served(bench.stack) as server:
        for _ in range(ROUNDS["paint"]):
            with bench.chromium.tab() as tab:
                tab.before(PAINT)
                tab.open(server.url)
                found.append(round(tab.until("window.painted"), 1))
                tab.until(LIVE)
    return {"first": found}


def screen(bench: Bench) -> Mapping[str, Any]:
    """Return the ms from events of the engine to the frames that show them."""
    name = bench.stack.container(SUBJECT)
    found: dict[str, list[float]] = {"die": [], "start": []}
    with opened(bench) as (_, tab), events(bench, name) as told:
        for _ in range(ROUNDS["screen"]):
            for word, event in (("kill", "die"), ("start", "start")):
                bench.stack.docker(word, name)
                at = next(one["timeNano"] for one in told if one["Action"] == event) / 10**6
                shown = tab.until(f"window.seen.find(([at]) => at >= {at})")
                found[event].append(round(shown[0] - at, 1))
            tab.until(kind(SUBJECT, "good"))
            time.sleep(1)
    return found


@contextmanager
def opened(bench: Bench, *words: str) -> Iterator[tuple[Served, Tab]]:
    """Show the page of a server, and note each change of the subject."""
    bench.stack.inv("up", "--service", "memos")
    with served(bench.stack, *words) as server, bench.chromium.tab() as tab:
        tab.before(WATCH % SUBJECT)
        tab.open(server.url)
        tab.until(f"{LIVE} && {kind(SUBJECT, 'good')}")
        yield server, tab


@contextmanager
def events(bench: Bench, name: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Follow what the engine tells of a container."""
    words = ["docker", "events", "--filter", f"container={name}", "--format", "{{json .}}"]
    env = {**bench.stack.environ, **bench.stack.engine_env()}
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield (json.loads(line) for line in process.stdout or ())
        finally:
            process.kill()


def server(bench: Bench) -> Mapping[str, Any]:
    """Return what the server's process takes of memory, and of a core."""
    with served(bench.stack) as running:
        with bench.chromium.tab() as tab:
            tab.open(running.url)
            tab.until(LIVE)
            time.sleep(SETTLE)
            viewer = spent(running.pid)
        time.sleep(SETTLE)
        nobody = spent(running.pid)
        memory = meters.usage(running.pid).memory
    return {"memory_mb": round(memory, 1), "viewer": viewer, "nobody": nobody}


def spent(pid: int) -> float:
    """Return the percent of a core that a process takes in a minute."""
    before = meters.usage(pid)
    time.sleep(IDLE)
    after = meters.usage(pid)
    return round(100 * (after.cpu - before.cpu) / (after.moment - before.moment), 2)


def lines(bench: Bench) -> Mapping[str, Any]:
    """Write lines, and count those that the page got and those that it said it lacks."""
    name, written = bench.stack.container(WRITER), RATE * SECONDS
    with served(bench.stack) as running, bench.chromium.tab() as tab:
        tab.before(LINES % (MARK, WRITER))
        tab.open(running.url)
        tab.until(LIVE)
        tab.ask("location.hash = '#/logs'")
        tab.until(f"{SHOWN}.length")
        tab.ask("window.longest = 0")
        began = time.monotonic()
        bench.stack.docker("exec", "--user", "root", name, "bash", "-c", WRITE)
        took = time.monotonic() - began
        tab.until(f"{SHOWN}.some((one) => one.startsWith('{MARK}{written - 1} '))")
        time.sleep(1)
        got, told, longest = tab.ask("[window.got, window.told, window.longest]")
    return {
        "written": [written],
        "got": [got],
        "told": [told],
        "silent": [written - got - told],
        "seconds": [round(took, 2)],
        "longest_task": [longest],
    }


def again(bench: Bench) -> Mapping[str, Any]:
    """Return the seconds until the page is right again after each kind of kill."""
    found: dict[str, list[float]] = {"service": [], "server": [], "engine": [], "lost": []}
    for _ in range(ROUNDS["again"]):
        found["service"].append(service_killed(bench))
        seconds, lost = server_killed(bench)
        found["server"].append(seconds)
        found["lost"].append(lost)
        if (pid := processes.daemon(places(ROOT))) is not None:  # an engine of ours, no other
            seconds, lost = engine_killed(bench, pid)
            found["engine"].append(seconds)
            found["lost"].append(lost)
    return found


def service_killed(bench: Bench) -> float:
    """Kill the first process of a container, which the engine starts again."""
    name = bench.stack.container(SUBJECT)
    with opened(bench) as (_, tab):
        pid = int(bench.stack.docker("inspect", "--format", "{{.State.Pid}}", name).stdout)
        at = 1000 * time.time()
        os.kill(pid, signal.SIGKILL)
        shown: float = tab.until(f"window.seen.find(([at]) => at >= {at})?.[0]")
        tab.until(kind(SUBJECT, "good"))
    return round((shown - at) / 1000, 3)


def server_killed(bench: Bench) -> tuple[float, int]:
    """Kill the server, start it again, and wait for the page that is open."""
    with opened(bench) as (running, tab):
        before = seen(tab)
        os.killpg(running.pid, signal.SIGKILL)
        tab.until(f"!({LIVE})")
        port = str(running.visitor().port)
        began = time.monotonic()
        with served(bench.stack, "--port", port):
            tab.until(f"{LIVE} && {kind(SUBJECT, 'good')}")
            took = time.monotonic() - began
            return round(took, 3), gone(tab, before)


def engine_killed(bench: Bench, pid: int) -> tuple[float, int]:
    """Kill the engine; the page says so, and shows all again when the engine answers again."""
    with opened(bench) as (_, tab):
        before = seen(tab)
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        tab.until("document.querySelector('[data-finding=engine]')")
        told = time.monotonic() - began
        bench.stack.inv("engine.start")
        began = time.monotonic()
        tab.until("!document.querySelector('[data-finding=engine]')")
        back = time.monotonic() - began
        bench.stack.inv("up", "--service", "memos")
        tab.until(kind(SUBJECT, "good"))
        return round(max(told, back), 3), gone(tab, before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a page has shown."""

    lines: Sequence[str]
    """Of the log."""
    points: int
    """Of the lines of processor time."""
    past: int
    """What has happened."""


def seen(tab: Tab) -> Seen:
    """Return what a page shows, and go back to the services."""
    points = tab.ask(POINTS)
    tab.ask("location.hash = '#/past'")
    past = tab.until("document.querySelectorAll('[data-past]').length + 1") - 1
    tab.ask("location.hash = '#/logs'")
    tab.until(f"{SHOWN}.length")
    found: list[str] = tab.ask(SHOWN)
    tab.ask("location.hash = '#/services'")
    tab.until(POINTS)
    return Seen(lines=found, points=points, past=past)


def gone(tab: Tab, before: Seen) -> int:
    """Count what was shown and can be found no more."""
    now = seen(tab)
    lost = max(0, before.points - now.points) + max(0, before.past - now.past)
    for line in before.lines:
        tab.ask(f"location.hash = '#/logs?text=' + encodeURIComponent({json.dumps(line)})")
        time.sleep(0.2)
        lost += line not in tab.ask(SHOWN)
    return lost


FIGURES: Mapping[str, Callable[[Bench], Mapping[str, Any]]] = {
    "files": files,
    "paint": paint,
    "screen": screen,
    "server": server,
    "lines": lines,
    "again": again,
}


def measured(folder: Path, names: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield each figure of these names, or of all."""
    path = browser.program()
    assert path is not None, browser.NO_BROWSER
    changes = {"IMAGE_SOURCE": "packages", "WITH_MILVUS": "no"}
    with made(folder, "memos-bench-page", changes=changes) as stack, browser.browser(path) as found:
        stack.inv("up", "--service", "memos")
        bench = Bench(stack=stack, chromium=found)
        for name, figure in FIGURES.items():
            if name in names or not names:
                yield name, figure(bench)

"""Look at the pages in a real browser, use the live one, attack it, and keep screenshots.

`nox -s pages`: the page of `inv timeline` and `inv graph` with a recorded start in which one
service is sick, and that of `inv page` on a stack of its own: every view in both languages, light
and dark, as wide as a desktop and as a telephone, looked over by axe-core; every action; the attack
list. The pictures are below .cache/pages; that of the README is made anew.
"""

import itertools
import sys
import tempfile
from pathlib import Path

from scripts.core.progress import Outcome
from scripts.start.events import Ending
from scripts.start.history import timeline
from scripts.tell import page
from tests.e2e.kit import attacks, browser
from tests.e2e.kit.attacks import SCRIPT
from tests.e2e.kit.browser import Browser, Tab
from tests.e2e.kit.checkout import Checkout, made
from tests.e2e.kit.live_page import (
    QUESTION,
    Served,
    act,
    agree,
    opened,
    refused,
    remember,
    served,
    view,
)
from tests.e2e.machines import looking
from tests.e2e.machines.looking import LANGUAGES, TARGET, THEMES, WIDTHS, Look
from tests.e2e.machines.trial import Trial
from tests.kit.builders import service, stack
from tests.kit.places import ROOT

PICTURE = ROOT / "docs" / "page.png"
SIZE = (1120, 620)
"""Pixels of the picture."""
NAMED = """
const parse = JSON.parse;
JSON.parse = (said, reviver) => {
  const found = parse(said, reviver);
  return found?.project ? {...found, project: "memos-dev"} : found;
};
"""
VIEWS = {
    "services": "/services",
    "service": "/services/memos",
    "start": "/start",
    "logs": "/logs",
    "memories": "/memories",
    "actions": "/actions",
    "past": "/past",
}
"""Each with the part of its address behind the #."""
ACTIONS: tuple[tuple[str, dict[str, str]], ...] = (
    ("restart", {"service": "qdrant"}),
    ("down", {"service": "qdrant"}),
    ("up", {"service": "qdrant"}),
    ("doctor", {}),
    ("smoke", {}),
    ("snapshot.save", {"name": "by-page"}),
    ("snapshot.list", {}),
    ("snapshot.restore", {"name": "by-page"}),
    ("reset", {"service": "qdrant"}),
)
"""In an order in which each can be done."""
HELD = """(() => {
    const [real, held] = [fetch, (window.held = [])];
    window.fetch = (url, ...more) =>
        url === "/plan" ? new Promise((answer) => held.push(answer)) : real(url, ...more);
})()"""
"""In the page: plans are answered by who tests."""
BEFORE = 14.0
"""Seconds of a first start that lie before the moments below."""
NOTED = (
    ("engine", "download", 0.9, 3.1),
    ("engine", "unpack", 3.1, 5.2),
    ("engine", "start", 5.2, 6.6),
    ("base", "packages", 0.9, 4.0),
    ("base", "base", 7.1, 8.8),
    ("build", "memos", 8.9, 13.0),
    ("build", "neo4j", 8.9, 11.2),
    ("create", "", 13.1, 14.7),
)
"""Phases: name, what, began, ended."""
MOMENTS = {
    # needs, created, started, answered, ready
    "etcd": ((), 0.6, 0.8, 2.1, 2.1),
    "minio": ((), 0.6, 0.8, 2.3, 2.3),
    "milvus": (("etcd", "minio"), 0.6, 0.8, 3.1, 4.3),
    "attu": (("milvus",), 0.6, 4.3, 4.9, 4.9),
    "neo4j": ((), 0.6, 0.8, 6.3, 6.3),
    "qdrant": ((), 0.6, 0.8, 2.2, 2.2),
    "models": ((), 0.6, 0.8, 1.9, None),
    "memos": (("neo4j", "qdrant", "milvus", "models"), 0.6, 0.8, 6.9, 6.9),
}


def main() -> int:
    """Look at everything, and say what was seen; 1 when something is wrong."""
    path = browser.program()
    if path is None:
        sys.stderr.write(
            f"error: {browser.NO_BROWSER}: nobody looked at the pages\n"
            "next: install chromium, then: ./dev nox -s pages\n"
        )
        return 1
    TARGET.mkdir(parents=True, exist_ok=True)
    trial = Trial(ports={})

    def everything(folder: Path) -> None:
        changes = {"WITH_MILVUS": "no"}
        with browser.browser(path) as chromium:
            with trial.check("the page of inv timeline"):
                still(chromium, folder / "stack.html")
            with made(folder, "memos-pages", changes=changes) as stack:
                with trial.check("inv up"):
                    stack.inv("up")
                with served(stack) as server:
                    live(trial, chromium, stack, server)
            with trial.check("no page has thrown, or asked for what it may not"):
                assert not chromium.problems, "\n".join(chromium.problems)

    return trial.within(Path(tempfile.gettempdir()), "memos-dev-pages-", everything)


# ---- the page that stands still ---------------------------------------------------------------


def sample() -> str:
    """Return the page of a recorded start."""
    bars = tuple(
        timeline.Bar(
            service=name,
            needs=needs,
            early=name in {"memos", "milvus"},
            created=BEFORE + created,
            started=BEFORE + started,
            answered=BEFORE + answered,
            ready=ready and BEFORE + ready,
            held_by={"milvus": "minio", "attu": "milvus", "memos": "neo4j"}.get(name, ""),
            critical=name in {"neo4j", "memos"},
            state="ready" if ready else "503: the model is not loaded",
        )
        for name, (needs, created, started, answered, ready) in MOMENTS.items()
    )
    noted = [
        timeline.Phase(name=name, what=what, began=began, ended=ended, outcome=Outcome.DONE)
        for name, what, began, ended in NOTED
    ]
    run = timeline.Run(
        began="2026-01-31T12:00:00.000Z",
        seconds=BEFORE + 7,
        verdict=Ending.READY,
        bars=bars,
        phases=timeline.phases(noted, BEFORE + 0.8, "checks"),
    )
    services = (service(name, *needs) for name, (needs, *_) in MOMENTS.items())
    states = {bar.service: "ready" if bar.ready else "not ready" for bar in bars}
    return page.page(stack(*services), [run] * 3, states, "2026-01-31T12:00:09.000Z")


def still(chromium: Browser, file: Path) -> None:
    """Look at it as wide as both, light and dark."""
    file.write_text(sample(), encoding="utf-8")
    with chromium.tab() as tab:
        for width, theme in itertools.product(WIDTHS, THEMES):
            tab.look(width=WIDTHS[width], dark=THEMES[theme])
            tab.open(file.as_uri())
            looking.kept(tab, f"timeline-{width}-{theme}", width)


# ---- the live page ----------------------------------------------------------------------------


def live(trial: Trial, chromium: Browser, stack: Checkout, server: Served) -> None:
    """Use the page in every way, and attack it."""
    axe = ""
    with trial.check("npm has the rules of accessibility"):
        axe = looking.rules()
    with (
        trial.check("a memory with a script in it"),
        opened(chromium, server) as tab,
    ):
        assert "cello" in remember(tab, f"Emma plays the cello. {SCRIPT}", "an instrument")
        looking.harmless(tab)
    for look in looking.looks():
        with trial.check(f"every view, {look.name}"):
            views(chromium, server, look, axe)
    with trial.check("by keys alone"), opened(chromium, server) as tab:
        for path in VIEWS.values():
            view(tab, path)
            looking.by_keys(tab)
    for task, fields in ACTIONS:
        with trial.check(f"action {task}"), opened(chromium, server) as tab:
            act(tab, task, fields)
    with trial.check("there is no code to reload"), opened(chromium, server) as tab:
        assert "MEMOS_SRC" in act(tab, "reload", {}, ends="bad")
    with trial.check("there is nothing to undo"), opened(chromium, server) as tab:
        assert "there is no unfinished restore" in refused(tab, "snapshot.undo")
    with trial.check("a service that is paused, and the question before a change"):
        trouble(chromium, server, stack, axe)
    with trial.check("a plan that is late replaces no question"), opened(chromium, server) as tab:
        late(tab)
    with trial.check("a script in every text is text"):
        scripts(chromium, server)
    with trial.check("the picture"):
        picture(chromium, server)
    visitor = server.visitor()
    visitor.enter()
    for name, wrong in attacks.refused(visitor):
        with trial.check(f"refused: {name}"):
            assert not wrong, wrong


def views(chromium: Browser, server: Served, look: Look, axe: str) -> None:
    """Look at every view in one way; all that is wrong is told together."""
    wrong = []
    with opened(
        chromium,
        server,
        width=WIDTHS[look.width],
        dark=THEMES[look.theme],
        language=LANGUAGES[look.language],
    ) as tab:
        for name, path in VIEWS.items():
            view(tab, path)
            try:
                looking.kept(tab, f"{name}-{look.name}", look.width)
                looking.accessible(tab, axe)
            except AssertionError as error:
                wrong.append(f"{name}: {error}")
    assert not wrong, "\n".join(wrong)


def picture(chromium: Browser, server: Served) -> None:
    """Make the picture of the README, with the name that a stack has by itself."""
    with opened(chromium, server, width=SIZE[0], before=NAMED) as tab:
        tab.until("!document.querySelector('[data-service]:not([data-kind=good])')")
        tab.shot(PICTURE, height=SIZE[1])


def trouble(chromium: Browser, server: Served, stack: Checkout, axe: str) -> None:
    """Pause a service: the page says so, with a way out, and asks before it takes one."""
    name = stack.container("qdrant")
    stack.docker("pause", name)
    try:
        with opened(chromium, server) as tab:
            tab.until("document.querySelector('[data-finding=paused]')")
            looking.kept(tab, "trouble", "desktop")
            looking.accessible(tab, axe)
            view(tab, "/services/qdrant")
            tab.click('[data-do=plan][data-task="restart"]')
            tab.until(QUESTION)
            looking.kept(tab, "question", "desktop")
            looking.accessible(tab, axe)
            tab.press("Escape")
            tab.until("!document.querySelector('#ask').open")
            assert not agree(tab)
    finally:
        stack.docker("unpause", name)


def late(tab: Tab) -> None:
    """Ask for two plans and have the second one answered first: it stays."""
    view(tab, "/actions")
    tab.ask(HELD)
    for n, task in enumerate(("reset", "restart"), start=1):
        tab.click(f'form[data-task="{task}"] button')
        tab.until(f"held.length === {n}")
        if n == 1:
            tab.press("Escape")
            tab.until("!document.querySelector('#ask').open")
    for n, task in ((1, "restart"), (0, "reset")):
        tab.ask(f"held[{n}](Response.json({{id: '', plan: [], question: '{task}?'}}))")
        tab.until(QUESTION)
    tab.ask("new Promise((done) => setTimeout(done, 200))")
    assert "restart?" in str(tab.ask("document.querySelector('#ask').innerText"))


def scripts(chromium: Browser, server: Served) -> None:
    """Show every view with a script in every text that the page is given."""
    with opened(chromium, server, before=looking.POISON) as tab:
        for path in VIEWS.values():
            view(tab, path)
            if path == "/logs":
                tab.until("document.querySelector('.line')")
            looking.harmless(tab)


if __name__ == "__main__":
    sys.exit(main())

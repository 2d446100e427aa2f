"""Look at the page of `inv timeline` and `inv graph` in a real browser, and keep screenshots.

`nox -s pages`: light and dark, as wide as a desktop and as a telephone. No stack is needed; the
start that is shown is a recorded one, in which one service is sick.
"""

import shutil
import subprocess
import sys
import tempfile

from scripts.core.progress import Outcome
from scripts.start.events import Ending
from scripts.start.history import timeline
from scripts.tell import page
from tests.kit.builders import service, stack
from tests.kit.places import ROOT

TARGET = ROOT / ".cache" / "pages"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--allow-file-access-from-files", "--virtual-time-budget=2000"),
)
THEMES = {"dark": "0", "light": "1"}
"""Values of Chromium's preferredColorScheme."""
WIDTHS = {"desktop": 1280, "phone": 360}
HEIGHT = 1600
READABLE = 12
"""Pixels of the smallest letters."""
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
FRAME = """<!DOCTYPE html><title>x</title><style>body {{ margin: 0 }}</style>
<iframe src="stack.html" style="border: 0" width="{width}" height="{height}"></iframe>
<script>onload = () => {{
  const page = document.querySelector("iframe").contentDocument;
  const small = [...page.querySelectorAll("text, p, td, li")].map(
    (one) => parseFloat(page.defaultView.getComputedStyle(one).fontSize));
  document.title = page.documentElement.scrollWidth + " " + Math.min(...small);
}};</script>"""


def main() -> int:
    """Write the page, look at it, and say what was seen; 1 when something is wrong."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.stderr.write(
            f"error: there is no browser ({', '.join(BROWSERS)}): nobody looked at the page\n"
            "next: apt-get install chromium, then: ./dev nox -s pages\n"
        )
        return 1
    TARGET.mkdir(parents=True, exist_ok=True)
    (TARGET / "stack.html").write_text(sample(), encoding="utf-8")
    return max(look(browser, name, theme) for name in WIDTHS for theme in THEMES)


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


def look(browser: str, name: str, theme: str) -> int:
    """Take one screenshot; 1 when the page is wider than its window, or letters are too small."""
    width = WIDTHS[name]
    frame = TARGET / f"{name}.html"
    # the window itself cannot be as narrow as a telephone
    frame.write_text(FRAME.format(width=width, height=HEIGHT), encoding="utf-8")
    shot = TARGET / f"{name}-{theme}.png"
    size = f"--window-size={max(width, 500)},{HEIGHT}"
    colours = f"--blink-settings=preferredColorScheme={THEMES[theme]}"
    run(browser, size, colours, f"--screenshot={shot}", frame.as_uri())
    shown = run(browser, size, colours, "--dump-dom", frame.as_uri())
    wide, letters = shown.partition("<title>")[2].partition("</title>")[0].split()
    good = int(wide) <= width and float(letters) >= READABLE
    sys.stdout.write(
        f"{'ok ' if good else 'BAD'} {name} {theme}: {wide} of {width} pixels wide, letters of"
        f" {letters} pixels or more: {shot.relative_to(ROOT)}\n"
    )
    return 0 if good else 1


def run(browser: str, *words: str) -> str:
    """Run the browser with a profile of its own; give what it printed."""
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [browser, *QUIET, f"--user-data-dir={profile}", *words],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())

"""A headless Chromium, driven over a pipe in its own protocol.

Chosen before Playwright and Selenium: it needs no package, no second program between and no open
port, and what a page is asked here (a click, a picture, a number) is a few calls of that protocol:
https://chromedevtools.github.io/devtools-protocol/.
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.core.files import Json

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-wqy-microhei")
"""Debian's; without the second one, Chinese is boxes."""
NO_BROWSER = f"there is no browser ({', '.join(PROGRAMS)}), and apt-get cannot bring one"
ELSEWHERE = "elsewhere.test"
"""A name of this machine that no page of ours has: how another site reaches into a network."""
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-quic", "--disable-dev-shm-usage", "--no-default-browser-check"),
    *("--remote-debugging-pipe", f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1"),
)
PIPE = 'exec "$@" 3<&0 4>&1 </dev/null >&2'
"""The browser reads calls from descriptor 3 and writes answers to 4, each ended by a zero byte."""
PATIENCE = 60.0
"""Seconds for an answer, and for what a page is to show."""
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27}
"""The keys that are pressed, with the codes that Windows gave them."""


def program() -> str | None:
    """Return a browser; as root on Debian it is installed where there is none."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found or os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        return found
    install = ("apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES)
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (("apt-get", "update"), install):
        subprocess.run(words, env=environ, stdout=subprocess.DEVNULL, check=False)
    return shutil.which(PROGRAMS[0])


@dataclass(slots=True)
class Browser:
    """A browser that runs."""

    process: "subprocess.Popen[bytes]"
    problems: list[str] = field(default_factory=list)
    """What pages have thrown, and what was kept from them, since somebody looked."""
    _said: bytearray = field(default_factory=bytearray)
    _calls: int = 0

    def call(self, method: str, session: str = "", **params: object) -> Json:
        """Call a method of the protocol, and return its result."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": params}
        message |= {"sessionId": session} if session else {}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\0")
        self.process.stdin.flush()
        while True:
            answer = self._next()
            if answer.get("id") == self._calls:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def _next(self) -> Json:
        assert self.process.stdout is not None
        while b"\0" not in self._said:
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            more = os.read(self.process.stdout.fileno(), 1 << 20) if ready else b""
            assert more, "the browser has ended" if ready else "the browser does not answer"
            self._said += more
        text, _, self._said = self._said.partition(b"\0")
        return json.loads(text)

    def _note(self, event: Mapping[str, Any]) -> None:
        """Keep what is a problem."""
        params = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(details.get("exception", details).get("description", details))
        entry = params.get("entry", {})
        if event.get("method") == "Log.entryAdded" and entry.get("source") == "security":
            self.problems.append(entry["text"])

    @contextmanager
    def tab(
        self, *, width: int = 1280, dark: bool = False, language: str = "en-US"
    ) -> Iterator["Tab"]:
        """Open a tab with cookies of its own, as a person has it, while the block runs."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)[
            "sessionId"
        ]
        tab = Tab(browser=self, session=session)
        for domain in ("Page", "Runtime", "Log"):
            tab.call(f"{domain}.enable")
        agent = self.call("Browser.getVersion")["userAgent"]
        tab.call("Emulation.setUserAgentOverride", userAgent=agent, acceptLanguage=language)
        tab.look(width=width, dark=dark)
        try:
            yield tab
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """A page, as somebody sees and uses it."""

    browser: Browser
    session: str

    def call(self, method: str, **params: object) -> Json:
        """Call a method of the protocol for this page."""
        return self.browser.call(method, self.session, **params)

    def look(self, *, width: int, dark: bool, height: int = 900) -> None:
        """Give the window this many pixels, and the person this taste."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def before(self, script: str) -> None:
        """Run a script before those of every page that is opened."""
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def open(self, url: str) -> None:
        """Go to an address, until its document is read."""
        error = self.call("Page.navigate", url=url).get("errorText", "")
        assert not error, f"{url}: {error}"
        self.until("document.readyState === 'complete'")

    def ask(self, script: str) -> Json:
        """Return what an expression is, or what its promise is at last."""
        words = {"expression": script, "awaitPromise": True, "returnByValue": True}
        answer = self.call("Runtime.evaluate", **words)
        thrown = answer.get("exceptionDetails", {})
        assert not thrown, f"{script}: {thrown.get('exception', thrown).get('description', thrown)}"
        return answer["result"].get("value")

    def until(self, script: str, patience: float = PATIENCE) -> Json:
        """Wait until an expression is true, and return what it is then; True for an element."""
        deadline = time.monotonic() + patience
        while not (found := self.ask(f"((it) => it instanceof Node || it)({script})")):
            assert time.monotonic() < deadline, f"never: {script}\n{self.text()}"
            time.sleep(0.05)
        return found

    def text(self) -> str:
        """Return what can be read."""
        return str(self.ask("document.body ? document.body.innerText : ''"))

    def click(self, selector: str) -> None:
        """Wait for an element, and click where it is: what covers it takes the click."""
        place = self.until(f"""(() => {{
            const one = document.querySelector({json.dumps(selector)});
            if (!one || one.disabled) return null;
            one.scrollIntoView({{block: "center", behavior: "instant"}});
            const box = one.getBoundingClientRect();
            return box.width ? [box.x + box.width / 2, box.y + box.height / 2] : null;
        }})()""")
        where = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **where)

    def type(self, selector: str, text: str) -> None:
        """Put text where an element takes it."""
        self.click(selector)
        self.ask(f"document.querySelector({json.dumps(selector)}).select()")
        self.call("Input.insertText", text=text)

    def press(self, key: str) -> None:
        """Press a key."""
        code = {"key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **code)

    def shot(self, file: Path, *, height: int = 0) -> None:
        """Keep a picture of the whole page, or of this many pixels of its top."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"]}
        picture = self.call(
            "Page.captureScreenshot", captureBeyondViewport=True, clip={**clip, "scale": 1}
        )
        file.write_bytes(base64.b64decode(picture["data"]))


@contextmanager
def browser(path: str) -> Iterator[Browser]:
    """Run a browser with a profile of its own while the block runs; nothing of it is left."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        subprocess.Popen(
            ["sh", "-c", PIPE, "sh", path, *FLAGS, f"--user-data-dir={profile}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Browser(process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)

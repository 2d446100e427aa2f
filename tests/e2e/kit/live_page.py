"""The live page of a stack: its server, a program that asks it, and where it shows what."""

import http.client
import json
import re
import signal
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from scripts.core.files import Json
from tests.e2e.kit.browser import Browser, Tab
from tests.e2e.kit.checkout import Checkout

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)")
LIVE = "document.querySelector('[data-link=live]')"
"""In the page: it hears its server."""
LAST = "(document.querySelector('[data-action]')?.innerText.split('\\n').slice(0, 3).join() ?? '')"
"""What is told of the last action, without its lines."""
RESULT = "document.querySelector('[data-action] h2 .dot:not(.work)')?.className.split(' ')[1]"
"""How it ended, good or bad."""
LONGEST = 300.0
"""Seconds for an action."""
TIMEOUT = 30.0
"""Seconds for one answer."""


def kind(service: str, wanted: str = "") -> str:
    """Return what asks a page for the state of a service, or whether it is this one."""
    found = f"""document.querySelector('[data-service="{service}"]')?.dataset.kind"""
    return f"{found} === {json.dumps(wanted)}" if wanted else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Json:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(slots=True, kw_only=True)
class Visitor:
    """A program that asks the server, with the cookie and the token that it was given."""

    port: int
    token: str
    """Of the address, for the first call."""
    headers: dict[str, str] = field(default_factory=dict)
    """What a page of ours sends with each change."""

    def enter(self) -> Answer:
        """Show the token of the address, and keep what is given for it."""
        first = self.ask(f"/?token={urllib.parse.quote(self.token)}")
        cookie = first.headers.get("set-cookie", "").partition(";")[0]
        self.headers = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{self.port}"}
        self.headers["X-Token"] = self.ask("/session", headers=self.headers).document["token"]
        return first

    def ask(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Ask with just these headers, and return the answer; of a stream only its beginning."""
        given = {"Host": f"127.0.0.1:{self.port}", **(headers or {})}
        given |= {"Content-Length": str(len(body))} if body else {}
        talk = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            talk.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                talk.putheader(name, value)
            talk.endheaders(body)
            said = talk.getresponse()
            endless = "event-stream" in said.headers.get("content-type", "")
            text = said.read1() if endless else said.read()
            found = {name.lower(): value for name, value in said.headers.items()}
            return Answer(status=said.status, headers=found, body=text)
        finally:
            talk.close()

    def post(self, path: str, body: Json) -> Answer:
        """Send JSON as a page of ours does."""
        headers = {**self.headers, "Content-Type": "application/json"}
        return self.ask(path, "POST", headers, json.dumps(body).encode())

    def state(self) -> dict[str, Any]:
        """Return the whole document as it is now."""
        talk = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            talk.request("GET", "/stream", headers=self.headers)
            for line in talk.getresponse():
                if line.startswith(b"data:"):
                    found: dict[str, Any] = json.loads(line.removeprefix(b"data:"))
                    return found
        finally:
            talk.close()
        raise AssertionError("the stream ended before it told anything")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server of the page that runs."""

    pid: int
    url: str
    """With its token."""

    def visitor(self) -> Visitor:
        """Return a program that knows the address, and has asked nothing yet."""
        found = ADDRESS.match(self.url)
        assert found is not None, self.url
        return Visitor(port=int(found[1]), token=found[2])


@contextmanager
def served(stack: Checkout, *words: str) -> Iterator[Served]:
    """Run `inv page` while the block runs."""
    with stack.started("page", *words) as process:
        said = []
        for line in process.stdout or ():
            said.append(line)
            if found := ADDRESS.search(line):
                yield Served(pid=process.pid, url=found[0])
                break
        else:
            raise AssertionError(f"inv page told no address:\n{''.join(said)}")
        process.send_signal(signal.SIGINT)
        process.wait(TIMEOUT)


# ---- as a person uses it ----------------------------------------------------------------------


@contextmanager
def opened(
    chromium: Browser,
    server: Served,
    *,
    width: int = 1280,
    dark: bool = False,
    language: str = "en-US",
    before: str = "",
) -> Iterator[Tab]:
    """Open the page in a browser of its own, once it has heard how all is."""
    with chromium.tab(width=width, dark=dark, language=language) as tab:
        tab.before(before)
        tab.open(server.url)
        tab.until(f"{LIVE} && document.querySelector('[data-service]')")
        yield tab


def view(tab: Tab, path: str) -> None:
    """Go to a view, by the part of its address behind the #."""
    tab.ask(f"location.hash = {json.dumps('#' + path)}")
    tab.until("document.querySelector('main h1')")


QUESTION = "document.querySelector('#ask[open] [data-do=act]')"
"""In the page: what agrees to the plan; before it is made the dialog only says so."""


def agree(tab: Tab) -> str:
    """Read the plan that is asked about, and agree; return it, "" where nothing is asked."""
    if not tab.ask(f"Boolean({QUESTION})"):
        return ""
    plan = str(tab.ask("document.querySelector('#ask').innerText"))
    tab.click("[data-do=act]")
    return plan


def act(tab: Tab, task: str, fields: Mapping[str, str], ends: str = "good") -> str:
    """Do an action to its end, its plan agreed to, and return what it printed.

    It must end so: `good`, or `bad` where the task refuses.
    """
    view(tab, "/actions")
    before = tab.ask(LAST)
    form = f'form[data-task="{task}"]'
    for name, value in fields.items():
        tab.ask(f"document.querySelector('{form} [name={name}]').value = {json.dumps(value)}")
    tab.click(f"{form} button")
    return done(tab, before, ends)


def refused(tab: Tab, task: str) -> str:
    """Ask for an action that cannot be done; return why, as the page says it."""
    view(tab, "/actions")
    tab.click(f'form[data-task="{task}"] button')
    tab.until("document.querySelector('#ask[open] .finding')")
    assert not tab.ask("Boolean(document.querySelector('[data-do=act]'))")
    return str(tab.ask("document.querySelector('#ask').innerText"))


def done(tab: Tab, before: str, ends: str = "good") -> str:
    """Agree to what is asked, and wait for the action after this one; it must end so."""
    begun = f"{LAST} !== {json.dumps(before)}"
    tab.until(f"{QUESTION} || {begun}")
    agree(tab)
    tab.until(f"{begun} && {RESULT}", LONGEST)
    said = str(tab.ask("document.querySelector('[data-action]').innerText"))
    assert tab.ask(RESULT) == ends, said
    return said


def remember(tab: Tab, text: str, words: str) -> str:
    """Add a memory and search for it; return what is found."""
    view(tab, "/memories")
    for form, said in (("add", text), ("search", words)):
        tab.type(f"[data-form={form}] input", said)
        tab.click(f"[data-form={form}] button")
        tab.until(f"document.querySelector('[data-form={form}] button').disabled")
        tab.until(f"!document.querySelector('[data-form={form}] button').disabled", LONGEST)
    return str(tab.ask("document.querySelector('#tried').innerText"))

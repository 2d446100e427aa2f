"""The live page on a real stack, in a real browser: it shows, it acts, and it lets nobody else."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.kit import attacks, browser
from tests.e2e.kit.attacks import SCRIPT
from tests.e2e.kit.browser import Browser
from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.live_page import act, kind, opened, remember, served, view

pytestmark = pytest.mark.docker

SUBJECT = "attu"
"""Nothing needs it."""
NOBODY = 65534
REQUEST = r"""exec 3<>/dev/tcp/127.0.0.1/$1
printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nConnection: close\r\n\r\n' "$2" "$1" >&3
head -n 1 <&3"""


@pytest.fixture(scope="module")
def chromium(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """A browser; where there is none, CI fails, as root: only root can bring one."""
    path = browser.program()
    if path is None:
        required = request.config.getoption("--require-docker") and os.geteuid() == 0
        (pytest.fail if required else pytest.skip)(browser.NO_BROWSER)
    with browser.browser(path) as found:
        yield found


def test_a_service_is_started_seen_dying_and_restarted_from_the_page(
    running: Checkout, chromium: Browser
) -> None:
    """Each change is on the page by itself; nothing is changed before its plan was agreed to."""
    name = running.container(SUBJECT)
    running.docker("stop", name)
    with served(running) as server, opened(chromium, server) as tab:
        tab.until(f"!({kind(SUBJECT, 'good')})")
        act(tab, "up", {"service": SUBJECT})
        view(tab, "/services")
        tab.until(kind(SUBJECT, "good"))

        running.docker("kill", name)
        tab.until(f"!({kind(SUBJECT, 'good')})")
        running.docker("start", name)
        tab.until(kind(SUBJECT, "good"))

        before = running.docker("inspect", "--format", "{{.State.StartedAt}}", name).stdout
        assert SUBJECT in act(tab, "restart", {"service": SUBJECT})
        assert before != running.docker("inspect", "--format", "{{.State.StartedAt}}", name).stdout
        view(tab, "/services")
        tab.until(kind(SUBJECT, "good"))
    assert chromium.problems == []


def test_what_others_send_is_refused_and_what_they_wrote_is_text(
    running: Checkout, chromium: Browser
) -> None:
    """The attack list, another user of this machine, and scripts in a log line and a memory."""
    name = running.container(SUBJECT)
    with served(running) as server:
        earlier = server.visitor()
        earlier.enter()
    with served(running) as server:
        visitor = server.visitor()
        visitor.enter()
        assert not attacks.outdated(earlier, visitor)
        before = visitor.state().get("action")
        assert {one: wrong for one, wrong in attacks.refused(visitor) if wrong} == {}
        assert visitor.state().get("action") == before
        if os.geteuid() == 0:
            assert {said_to_another_user(visitor.port, path) for path in ("/", "/stream")} == {401}
        with opened(chromium, server) as tab:
            write = 'printf "%s\\n" "$1" > /proc/1/fd/1'
            running.docker("exec", name, "sh", "-c", write, "sh", SCRIPT)
            view(tab, f"/logs?service={SUBJECT}")
            tab.until("document.querySelector('#lines').innerText.includes('onerror')")
            assert SCRIPT in tab.text()
            assert SCRIPT in remember(tab, f"Emma plays the cello. {SCRIPT}", "the cello")
            assert not tab.ask("'taken' in window || document.querySelector('main img')")
    assert chromium.problems == []


def said_to_another_user(port: int, path: str) -> int:
    """Return the status that somebody else of this machine gets, who knows the port."""
    words = ["bash", "-c", REQUEST, "bash", str(port), path]
    done = subprocess.run(
        words,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.split()[1])

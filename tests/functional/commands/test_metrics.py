"""`inv metrics`: what is asked in the containers, told to people, programs and a Prometheus."""

import pytest

from tests.kit import servers
from tests.kit.checkout import Checkout
from tests.kit.on_host import noted
from tests.kit.places import TESTS_DATA

API = (TESTS_DATA / "metrics" / "api.txt").read_text(encoding="utf-8")
REFUSED = "curl: (7) Failed to connect to 127.0.0.1 port 9464"


@pytest.fixture
def telling(at: Checkout) -> Checkout:
    """A stack whose API tells of itself."""
    at.config["services"]["memos"]["x-metrics"] = 9464
    at.state["checks"] = {"id-memos": [0, API]}
    return at


def test_people_are_told_calls_tasks_and_mends(telling: Checkout) -> None:
    """In the words of the question; it is asked from inside, as no port is published."""
    assert telling.inv("metrics") == 0

    shown = telling.shown().out
    assert "MemOS 2.0.6, counted since it started " in shown
    assert "  add     12 calls, p50 0.20 s, p95 0.38 s, 1 error (500: 1)\n" in shown
    assert "  chat    0 calls, 1 going on\n" in shown
    assert "  mem_read  4 tasks, 2 runs done, 1 failed, 1 waiting, mean 0.25 s\n" in shown
    assert "  mended here: #1093\n" in shown


def test_programs_are_told_the_same(telling: Checkout) -> None:
    """One document, with its schema."""
    assert telling.inv("metrics", "--format", "json") == 0

    document = telling.document("metrics")
    assert document["project"] == "memos-test"
    assert document["api"]["calls"][0]["count"] == 12
    assert document["silent"] == []


def test_a_prometheus_is_told_what_is_served(telling: Checkout) -> None:
    """As it is, line for line."""
    assert telling.inv("metrics", "--format", "prometheus") == 0

    assert telling.shown().out.strip() == API.strip()


@pytest.mark.parametrize(
    ("answer", "error", "step"),
    [
        ([7, REFUSED], "nobody listens on its port 9464", "inv up --service memos"),
        ([22, "memos: reload: version 2 failed: no"], "version 2 failed", "inv logs"),
        ([28, ""], "curl ended with 28", "inv logs --service memos"),
        ([0, "<html>"], "what it tells cannot be read: line 1 has no name", "inv logs"),
        (None, "is not running", ""),
    ],
)
def test_who_does_not_tell_is_told_with_the_reason_and_the_next_step(
    telling: Checkout, answer: object, error: str, step: str
) -> None:
    """A service that is sick is no error of the command."""
    telling.state["checks"] = {"id-memos": answer}

    assert telling.inv("metrics") == 0
    shown = telling.shown().out
    assert shown.startswith("memos: ")
    assert error in shown
    assert f"next: {step}" in shown
    assert telling.inv("metrics", "--format", "prometheus") == 0
    said = telling.shown()
    assert (said.out, error in said.err) == ("", True)


def test_what_does_not_run_is_not_asked(telling: Checkout) -> None:
    """The next step starts it."""
    telling.state["containers"]["id-memos"]["State"]["Status"] = "exited"

    assert telling.inv("metrics") == 0
    assert "memos: it does not run\n  next: inv up --service memos\n" in telling.shown().out


def test_the_api_on_this_machine_is_asked_on_its_loopback(telling: Checkout) -> None:
    """Where it has been told to tell; one of an older command has no such place."""
    cache = telling.root / ".cache" / "memos-test"
    with servers.http(lambda request: (200 if request.path == "/metrics" else 404, API)) as port:
        noted(cache, metrics_port=port)
        assert telling.inv("metrics") == 0
        assert "12 calls, p50 0.20 s" in telling.shown().out
    assert telling.inv("metrics") == 0
    assert "memos: no answer: connection refused\n" in telling.shown().out

    noted(cache)
    assert telling.inv("metrics") == 0
    assert "started by an inv api.host that tells nothing" in telling.shown().out


def test_another_format_is_refused_with_those_there_are(telling: Checkout) -> None:
    """Exit code 2."""
    assert telling.inv("metrics", "--format", "xml") == 2

    assert "--format is 'xml', wanted text or json or prometheus" in telling.shown().err

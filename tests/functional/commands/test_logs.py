"""`inv logs`: the logs of all services in the order of time."""

import base64

import pytest

from scripts.tell.report import Report
from tests.kit.checkout import Checkout
from tests.kit.fake_engine import framed
from tests.kit.fakes import raising


def wrote(at: Checkout, name: str, *lines: str) -> None:
    """Let a service have written these lines, a second each."""
    moments = (f"2026-11-23T02:00:{second:02}.000000000Z" for second in range(len(lines)))
    raw = framed(*(f"{moment} {line}" for moment, line in zip(moments, lines, strict=True)))
    at.state["logs"][f"id-{name}"] = base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", ["etcd", "neo4j", "neo4j"]),
        ("--service neo4j", ["neo4j", "neo4j"]),
        ("--service neo4j-docker --level error", ["neo4j"]),
        ("--level warning", ["neo4j"]),
        ("--grep SERVING", ["etcd"]),
        ("--tail 5 --since 10m --level info", ["etcd", "neo4j", "neo4j"]),
    ],
)
def test_logs_are_shown_in_order_of_time(at: Checkout, words: str, expected: list[str]) -> None:
    """Behind the names of their services; without --follow it ends."""
    wrote(at, "neo4j", "2026-11-23 02:00:00.1+0000 INFO  Starting...", "  ERROR no")
    wrote(at, "etcd", '{"level":"info","msg":"serving"}')

    assert at.inv("logs", *words.split()) == 0

    lines = at.shown().out.splitlines()
    assert sorted(line.split()[0] for line in lines) == expected
    assert all(line[6:].startswith(" | ") for line in lines)
    assert not any(call.startswith("logs") for call in at.calls())


@pytest.mark.parametrize(("words", "code"), [("logs --follow", 0), ("logs", 130), ("ps", 130)])
def test_ctrl_c_is_how_following_a_log_ends(at: Checkout, words: str, code: int) -> None:
    """Otherwise it is an interruption."""
    for name in ("logs", "status"):
        at.patch.setattr(Report, name, raising(KeyboardInterrupt()))

    assert at.inv(*words.split()) == code

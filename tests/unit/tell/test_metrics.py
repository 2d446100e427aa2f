"""How the numbers of the API and the models are drawn."""

from typing import Any

import pytest

from scripts.tell.numbers.metrics import metrics
from scripts.watch.metrics import Told, document
from tests.kit.places import TESTS_DATA

STARTED = 1795392000


def drawn(*told: Told, after: float = 240) -> list[str]:
    """Return the lines of what services told, so many seconds after they started."""
    found: dict[str, Any] = document("memos-test", told, STARTED + after)
    return list(map(str, metrics(found)))


def recorded(name: str) -> Told:
    """Return what a service told once."""
    text = (TESTS_DATA / "metrics" / f"{name}.txt").read_text(encoding="utf-8")
    return Told(service=name, text=text)


def test_the_models_are_told_with_what_they_refused() -> None:
    """Numbers by model, then what takes another one."""
    assert drawn(recorded("models")) == [
        "local models, counted since they started 4 min ago",
        "  e5  5 calls, 9 texts, 120 tokens, 0.50 s, 1 error",
        "  fine search: refused 2 times, as it takes a chat model",
    ]


def test_what_nobody_has_asked_yet_is_said() -> None:
    """And no word is left without its noun."""
    text = "memos_api_start_time_seconds 1795392000\n"
    assert drawn(Told(service="memos", text=text)) == [
        "MemOS, counted since it started 4 min ago",
        "  no calls yet",
        "  no task of its scheduler yet",
    ]


@pytest.mark.parametrize(
    ("seconds", "ago"),
    [(-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (7300, "2 h"), (200_000, "2 d")],
)
def test_since_when_is_told_in_one_unit(seconds: float, ago: str) -> None:
    """Also by a clock that is behind."""
    assert drawn(recorded("models"), after=seconds)[0].endswith(f" {ago} ago")


def test_no_terminal_obeys_what_a_service_says() -> None:
    """Its words are its own."""
    text = 'memos_api_start_time_seconds 1795392000\nmemos_api_info{version="\x1b[2J"} 1\n'
    lines = drawn(Told(service="memos", text=text), Told(service="x", error="\x1b[2J", next="inv"))

    assert "\x1b" not in "".join(lines)
    assert lines[0].startswith("MemOS \\x1b[2J, ")

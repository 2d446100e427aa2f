"""What is told of a start beside its events."""

import base64
from pathlib import Path

import pytest

from scripts.engine.api import Api
from scripts.engine.containers import containers
from scripts.start.events import Event, EventKind
from scripts.start.starter import with_news
from tests.kit.builders import container, service, stack
from tests.kit.fake_engine import FakeEngine, framed, made
from tests.kit.servers import unix

SAID = '{"memos": "2.0.6", "mended": ["1093"], "left": []}'
LINE = "MemOS 2.0.6, mended: #1093 (docs/memos-versions.md)"
STACK = stack(service("db"), service("memos", "db"))
STARTED, READY, LOST = EventKind.STARTED, EventKind.READY, EventKind.LOST


def told(folder: Path, said: str | None, *events: tuple[EventKind, str]) -> list[str]:
    """Return what is mended as it is told among these events, and where."""
    one = made("memos", "running", folder="/x/docker", project="test")
    files = {} if said is None else {"id-memos": said}
    engine = FakeEngine({"containers": {"id-memos": one}, "files": files})
    given = [Event(kind=kind, seconds=1.0, service=service) for kind, service in events]
    socket = folder / "engine.sock"
    with unix(engine.respond, socket):
        api = Api(f"unix://{socket}")
        all_ = list(with_news(given, api, STACK, lambda: containers(api, "test")))
    assert [event for event in all_ if event.kind is not EventKind.MENDED] == given
    return [f"{at}: {one.detail}" for at, one in enumerate(all_) if one.kind is EventKind.MENDED]


def test_what_is_mended_comes_once_the_api_that_was_started_is_ready(tmp_path: Path) -> None:
    """Not again when it was lost and is back."""
    events = ((STARTED, "memos"), (READY, "db"), (READY, "memos"), (LOST, "memos"))

    assert told(tmp_path, SAID, *events, (READY, "memos")) == [f"3: {LINE}"]


@pytest.mark.parametrize(
    ("said", "first"), [(SAID, READY), (None, STARTED), (SAID.replace('"1093"', ""), STARTED)]
)
def test_nothing_is_told_where_nothing_is_to_tell(
    tmp_path: Path, said: str | None, first: EventKind
) -> None:
    """It ran already, its image says nothing of mends, or nothing is mended."""
    assert told(tmp_path, said, (first, "memos"), (READY, "memos")) == []


def test_an_engine_that_does_not_say_fails_no_start(tmp_path: Path) -> None:
    """The start is what was asked for."""
    events = [Event(kind=kind, seconds=1.0, service="memos") for kind in (STARTED, READY)]

    api = Api(f"unix://{tmp_path}/none.sock")
    made = container("memos")
    assert list(with_news(events, api, STACK, lambda: (made,))) == events


def test_errors_of_the_first_seconds_are_an_advice_once_it_is_ready(tmp_path: Path) -> None:
    """It answers, and something is amiss: a host that nobody has, for instance."""
    one = made("memos", "running", folder="/x/docker", project="test")
    lines = ("INFO: started", "2026-01-31 - redis - ERROR - no such host: redis.example")
    logs = {"id-memos": base64.b64encode(framed(*lines)).decode()}
    engine = FakeEngine({"containers": {"id-memos": one}, "logs": logs})
    given = [Event(kind=kind, seconds=1.0, service="memos") for kind in (STARTED, READY)]
    with unix(engine.respond, tmp_path / "engine.sock") as endpoint:
        api = Api(endpoint)
        *before, last = with_news(given, api, STACK, lambda: containers(api, "test"))

    assert before == given
    assert last.finding is not None
    assert (last.finding.code, last.finding.fatal) == ("api-errors", False)
    assert "no such host: redis.example" in last.finding.evidence
    assert last.finding.next_step == "inv logs --service memos --level error"
    asked = next(call for call in engine.calls if "/logs" in call)
    assert "since=" in asked
    assert "until=" in asked

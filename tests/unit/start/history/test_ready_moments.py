"""What `up` remembers of who became ready when."""

from pathlib import Path

import pytest

from scripts.core.look import Look
from scripts.start.events import Event, EventKind
from scripts.start.history.ready_moments import FILE, ReadyMoments, added
from tests.kit.builders import container

STARTED = "2026-11-23T01:55:09.201591587Z"
READY = "1970-01-01T00:01:40.000Z"
DB = container("db", started_at=STARTED)
WEB = container("web", started_at=STARTED)


def noted(*events: str) -> ReadyMoments:
    """Return what is noted of a run with these events, written `KIND SERVICE`, at second 100."""
    moments = ReadyMoments(clock=lambda: 100.0)
    given = [
        Event(kind=EventKind(kind), seconds=0.0, service=name)
        for kind, name in map(str.split, events)
    ]
    assert list(moments.noted(given)) == given
    return moments


def known(folder: Path, *found: object) -> dict[str, str]:
    """Return the moments that `ps` shows of these containers."""
    return dict(added(folder, Look(containers=found)).ready_since)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("events", "services"),
    [
        (["started db", "waiting db", "ready db"], {"db"}),
        (["ready db"], set()),
        (["waiting db", "ready db"], set()),
        (["ready db", "lost db", "ready db"], {"db"}),
        (["started db", "ready db", "lost db"], set()),
        (["started db", "started web", "ready web", "ready db"], {"db", "web"}),
    ],
)
def test_the_moment_is_known_only_of_who_became_ready_before_our_eyes(
    tmp_path: Path, events: list[str], services: set[str]
) -> None:
    """Who was ready when it began has been so since a moment that nobody knows."""
    noted(*events).keep(tmp_path, [DB, WEB])

    assert known(tmp_path, DB, WEB) == dict.fromkeys(services, READY)


def test_what_an_earlier_start_saw_is_kept(tmp_path: Path) -> None:
    """As long as its container is there."""
    noted("started db", "ready db").keep(tmp_path, [DB])
    noted("started web", "ready web").keep(tmp_path, [DB, WEB])
    assert known(tmp_path, DB, WEB) == {"db": READY, "web": READY}

    noted().keep(tmp_path, [WEB])
    assert known(tmp_path, DB, WEB) == {"web": READY}

    noted("lost web").keep(tmp_path, [WEB])
    assert known(tmp_path, WEB) == {}


@pytest.mark.parametrize(
    "now",
    [
        container("db", started_at="2026-11-23T02:00:00Z"),
        container("db", "exited", started_at=STARTED),
    ],
)
def test_a_container_that_was_started_again_or_ended_is_not_known(
    tmp_path: Path, now: object
) -> None:
    """Nobody of ours saw it become ready since."""
    noted("started db", "ready db").keep(tmp_path, [DB])

    assert known(tmp_path, now) == {}


@pytest.mark.parametrize("text", [None, "", "[]", '{"id-db": 1}', "{"])
def test_a_file_that_is_not_there_or_not_ours_is_nothing_known(
    tmp_path: Path, text: str | None
) -> None:
    """It can be made again."""
    if text is not None:
        (tmp_path / FILE).write_text(text)

    assert known(tmp_path, DB) == {}

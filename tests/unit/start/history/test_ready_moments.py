"""What `up` remembers of who became ready when."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.core.look import Container, Look
from scripts.start.events import Event, EventKind
from scripts.start.history import ready_moments
from scripts.start.history.ready_moments import FILE, added
from tests.kit.builders import container

STARTED = "2026-11-23T01:55:09.201591587Z"
READY = "1970-01-01T00:01:40.000Z"
DB = container("db", started_at=STARTED)
WEB = container("web", started_at=STARTED)


def keep(folder: Path, events: Sequence[str], *containers: Container) -> None:
    """Keep what is known after these events, written `KIND SERVICE`, at second 100."""
    given = [
        Event(kind=EventKind(kind), seconds=1.5, service=name)
        for kind, name in map(str.split, events)
    ]
    ready_moments.keep(folder, containers, given, 98.5)


def known(folder: Path, *containers: Container) -> dict[str, str]:
    """Return the moments that `ps` shows of these containers."""
    return dict(added(folder, Look(containers=containers)).ready_since)


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
    keep(tmp_path, events, DB, WEB)

    assert known(tmp_path, DB, WEB) == dict.fromkeys(services, READY)


def test_what_an_earlier_start_saw_is_kept(tmp_path: Path) -> None:
    """As long as its container is there."""
    keep(tmp_path, ["started db", "ready db"], DB)
    keep(tmp_path, ["started web", "ready web"], DB, WEB)
    assert known(tmp_path, DB, WEB) == {"db": READY, "web": READY}

    keep(tmp_path, [], WEB)
    assert known(tmp_path, DB, WEB) == {"web": READY}

    keep(tmp_path, ["lost web"], WEB)
    assert known(tmp_path, WEB) == {}


@pytest.mark.parametrize(
    "now",
    [
        container("db", started_at="2026-11-23T02:00:00Z"),
        container("db", "exited", started_at=STARTED),
    ],
)
def test_a_container_that_was_started_again_or_ended_is_not_known(
    tmp_path: Path, now: Container
) -> None:
    """Nobody of ours saw it become ready since."""
    keep(tmp_path, ["started db", "ready db"], DB)

    assert known(tmp_path, now) == {}


@pytest.mark.parametrize("text", [None, "", "[]", '{"id-db": 1}', "{"])
def test_a_file_that_is_not_there_or_not_ours_is_nothing_known(
    tmp_path: Path, text: str | None
) -> None:
    """It can be made again."""
    if text is not None:
        (tmp_path / FILE).write_text(text)

    assert known(tmp_path, DB) == {}

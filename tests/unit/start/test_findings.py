"""What is wrong while services start: decided anew when something has changed, and only then."""

from dataclasses import replace

import pytest

from scripts.core.finding import Finding
from scripts.core.look import Container, Look, Reading
from scripts.core.stack import Stack
from scripts.diagnosis.rules import diagnose
from scripts.start import findings
from scripts.start.findings import Findings
from tests.kit.builders import container, reading, service, stack

DB, WEB = service("db"), service("web", "db")
BOTH = (DB.name, WEB.name)
SEEN = Look(
    containers=(container("db"), container("web")),
    readings=(reading("db", "refused", ok=False), reading("web", "refused", ok=False)),
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Look]:
    """Return the looks that were diagnosed."""
    looks: list[Look] = []

    def noted(of: Stack, names: tuple[str, ...], seen: Look) -> tuple[Finding, ...]:
        looks.append(seen)
        return diagnose(of, names, seen)

    monkeypatch.setattr(findings, "diagnose", noted)
    return looks


def test_a_look_like_the_one_before_is_not_diagnosed_again(asked: list[Look]) -> None:
    """Also when the same answers took another time."""
    found = Findings(stack(DB, WEB), BOTH)
    slower = tuple(replace(one, seconds=2.5) for one in SEEN.readings)

    assert found.of(BOTH, SEEN) == found.of(BOTH, replace(SEEN, readings=slower)) == ()
    assert len(asked) == 1


CRASHED: Container = container("db", "exited", exit_code=3)
CHANGES: tuple[dict[str, object], ...] = (
    {"containers": (CRASHED, container("web"))},
    {"readings": (reading("db", "refused", ok=False),)},
    {"logs": {"db": ("panic: no space",)}},
    {"steady": frozenset({"db"})},
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_whatever_changes_is_diagnosed(asked: list[Look], change: dict[str, object]) -> None:
    """A container, an answer, a log, how long a neighbour has been well."""
    found = Findings(stack(DB, WEB), BOTH)
    found.of(BOTH, SEEN)
    found.of(BOTH, replace(SEEN, **change))  # type: ignore[arg-type] # a field each

    assert len(asked) == 2


def test_who_is_started_meanwhile_is_diagnosed(asked: list[Look]) -> None:
    """What has yet to start is no finding."""
    found = Findings(stack(DB, WEB), BOTH)
    seen = replace(SEEN, containers=(CRASHED, container("web")))

    assert found.of(("web",), seen) == ()
    assert [one.code for one in found.of(BOTH, seen)] == ["ended"]
    assert len(asked) == 2


def test_a_container_that_was_removed_is_told() -> None:
    """Nobody will make it again while this start goes on."""
    found = Findings(stack(DB, WEB), BOTH).of(("db",), replace(SEEN, containers=(container("db"),)))

    assert [(one.code, one.service) for one in found] == [("container-gone", "web")]


def test_how_long_an_answer_took_does_not_make_it_another_one() -> None:
    """The times of two calls are never the same."""
    first, second = (Reading(service="db", ok=True, detail="200", seconds=s) for s in (0.1, 0.2))

    assert first == second

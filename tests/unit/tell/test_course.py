"""How far a start has come, by what was told of it."""

from scripts.core.finding import Finding, Verdict
from scripts.start.events import Event, EventKind
from scripts.tell.course import Course


def course(*events: Event) -> Course:
    """Return the course of three services after these events."""
    found = Course(("db", "queue", "web"))
    for event in events:
        found.note(event)
    return found


def event(kind: EventKind, service: str, detail: str = "") -> Event:
    """Return something that happened."""
    return Event(kind=kind, seconds=1.0, service=service, detail=detail)


def test_at_first_nothing_is_started() -> None:
    """All are waited for, and time is not up."""
    found = course()

    assert found.summary() == "not started: db, queue, web"
    assert found.waits() == "db: not started; queue: not started; web: not started"
    assert found.verdict is Verdict.STARTING


def test_services_are_told_by_what_has_become_of_them() -> None:
    """Waiting for another one starts nothing; who is ready waits for nothing."""
    found = course(
        event(EventKind.STARTED, "db"),
        event(EventKind.STARTED, "queue"),
        event(EventKind.WAITING, "web", "waits for db"),
        event(EventKind.READY, "db", "200"),
    )

    assert found.summary() == "ready: db; started, not ready yet: queue; not started: web"
    assert found.waits() == "queue: started; web: waits for db"


def test_who_was_ready_and_fell_over_is_waited_for_again() -> None:
    """With what it answers now."""
    found = course(event(EventKind.READY, "db", "200"), event(EventKind.LOST, "db", "refused"))

    assert found.summary() == "started, not ready yet: db; not started: queue, web"
    assert found.waits().startswith("db: refused; ")


def test_findings_and_the_verdict_are_kept() -> None:
    """They are told at the end."""
    finding = Finding(code="ended", cause="it ended", next_step="inv logs", service="db")
    found = course(
        Event(kind=EventKind.FINDING, seconds=1.0, service="db", finding=finding),
        Event(kind=EventKind.RESULT, seconds=1.0, verdict=Verdict.BROKEN),
    )

    assert found.findings == [finding]
    assert found.verdict is Verdict.BROKEN

"""Since when things are so is what was seen, or what a start has noted; nothing is made up."""

from scripts.core.finding import fatal
from scripts.core.look import Look
from scripts.live.looking.moments import Moments
from tests.kit.builders import container, reading, service, stack

WEB = service("web")
STACK = stack(WEB)


def look(*, ok: bool, started: str = "1", noted: str = "") -> Look:
    """Return a look at a service that answers well or not."""
    return Look(
        containers=(container("web", started_at=started),),
        readings=(reading("web", ok=ok),),
        ready_since={"web": noted} if noted else {},
    )


def ready(moments: Moments, seen: Look, now: str) -> str | None:
    """Return since when the service is ready."""
    return moments.of_ready(STACK, seen, now).ready_since.get("web")


def test_who_becomes_ready_before_our_eyes_is_so_since_then() -> None:
    """However often it is looked at afterwards, until it falls."""
    moments = Moments()

    assert ready(moments, look(ok=False), "1") is None
    assert [ready(moments, look(ok=True), now) for now in "23"] == ["2", "2"]
    assert ready(moments, look(ok=False), "4") is None
    assert ready(moments, look(ok=True), "5") == "5"


def test_who_was_ready_before_is_so_since_nobody_knows() -> None:
    """A guess would be wrong for days."""
    assert ready(Moments(), look(ok=True), "1") is None


def test_what_a_start_has_noted_counts() -> None:
    """It saw it sooner than we."""
    moments = Moments()
    ready(moments, look(ok=False), "2")

    assert ready(moments, look(ok=True, noted="1"), "3") == "1"


def test_another_run_of_a_container_begins_anew() -> None:
    """Started by hand while nobody looked, it was ready at once: that is not known."""
    moments = Moments()
    ready(moments, look(ok=False), "1")
    ready(moments, look(ok=True), "2")

    assert ready(moments, look(ok=True, started="2"), "3") is None


def test_a_finding_stands_since_it_was_first_made() -> None:
    """One that went and came back is a new one."""
    moments, found = Moments(), fatal("ended", "it ended", "inv up", service="web")

    since = [moments.of_findings(some, now) for some, now in (((found,), "1"), ((found,), "2"))]
    assert since == [{("web", "ended"): "1"}] * 2

    assert moments.of_findings((), "3") == {}
    assert moments.of_findings((found,), "4") == {("web", "ended"): "4"}

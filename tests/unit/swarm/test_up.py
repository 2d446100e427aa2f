"""What is seen of a stack while a Swarm starts it."""

from collections.abc import Sequence

from scripts.core.look import Container, Look
from scripts.start.events import EventKind
from scripts.swarm.up import Deployed
from tests.kit.builders import container, service, stack


class World:
    """Sees nothing by itself, and starts nothing."""

    def look(self, probed: set[str], /, *, patience: float) -> Look:
        """Return a look at nothing."""
        del probed, patience
        return Look(containers=(), readings=())

    def nap(self, seconds: float, /) -> object:
        """Wait for nothing."""

    def launch(self, container: Container, /) -> None:
        """Start nothing."""

    def launched(self) -> dict[str, str]:
        """Return nobody."""
        return {}

    def with_logs(self, look: Look, names: tuple[str, ...], /) -> Look:
        """Return the same look."""
        del names
        return look


def started(seen: Deployed, *containers: Container) -> Sequence[str]:
    """Return who is told to be started in a look."""
    events = list(seen.launches(Look(containers=containers, readings=())))
    assert {event.kind for event in events} <= {EventKind.STARTED}
    return [event.service for event in events]


def test_who_runs_anew_is_told_once() -> None:
    """Not who ran before, nor who is of no interest; a task shows before it has a container."""
    services = stack(service("web"), service("db"), service("old"))
    seen = Deployed(services, ("web", "old"), World(), {"id-old"})
    waiting = container("web", "created", id="task-1")

    assert started(seen, waiting, container("old"), container("db")) == []
    assert started(seen, container("web", id="task-1"), container("old")) == ["web"]
    assert started(seen, container("web", id="id-2")) == []


def test_who_has_no_place_is_told_though_he_waited_from_the_first_look_on() -> None:
    """Swarm would let him wait for ever; how one of before ended says nothing of now."""
    services = stack(service("web", probed=False), service("old", probed=False))
    seen = Deployed(services, ("web", "old"), World(), {"id-old"})
    error = "no suitable node (scheduling constraints not satisfied on 1 node)"
    waiting = container("web", "created", id="task-1", error=error)
    look = Look(containers=(waiting, container("old", "exited")), readings=())

    for _ in range(2):
        assert [(one.code, one.service) for one in seen.findings(look)] == [("no-node", "web")]

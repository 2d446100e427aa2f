"""One stack, watched calmly: the engine's events say when to look, a clock says the rest."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from scripts.config.workspace import Workspace
from scripts.core.finding import Finding
from scripts.core.inventory import ImageStatus
from scripts.core.look import Container, Look, Usage
from scripts.core.stack import Service
from scripts.core.units import written
from scripts.diagnosis.readiness import answers
from scripts.diagnosis.rules import diagnose, troubled
from scripts.images import availability
from scripts.live import state
from scripts.live.looking.moments import Moments
from scripts.live.looking.paces import Clock, Paces
from scripts.live.looking.reloads import Reloads
from scripts.live.state import Seen
from scripts.start.history import ready_moments
from scripts.watch import early, measuring, mends
from scripts.watch.observer import Observer
from scripts.watch.on_host import SERVICE

CALM = 10.0
"""Seconds between two looks at everything, and between two probes of who answers."""
KEEN = 1.0
"""Seconds between two probes of who does not answer yet, and the longest nap."""
FINAL = 30.0
"""Seconds between two probes of who rejects the login: Neo4j locks out who tries it again."""
SLOW = 60.0
"""Seconds between two readings of what hardly ever changes."""
PATIENCE = 0.05
"""Seconds that a look waits for answers; those that come later are news."""
FIRST_PATIENCE = 1.0
"""The same of the first look: what is not known yet looks like what does not answer."""
ENGINE_PATIENCE = 5.0
"""Seconds for an answer of the engine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A part of the document that is asked beside the look, in its own time."""

    name: str
    seconds: float
    """Between two times that it is asked."""
    ask: Callable[[Workspace, Look], Any]
    """Gives JSON, None for nothing to say; in a thread of its own, so it may take its time. After
    an error there is none."""


class Scene:
    """What is seen of one stack from one moment on, as long as its settings stay as they are."""

    def __init__(
        self,
        space: Workspace,
        clock: Clock = time.monotonic,
        moments: Moments | None = None,
    ) -> None:
        """Watch the stack of a workspace; `moments` remembers what was seen before."""
        self.space = space
        self.look = Look()
        self._api = space.api.within(ENGINE_PATIENCE)
        self._paces = Paces(clock)
        self._moments = moments or Moments()
        self._reloads = Reloads(space, self._paces)
        self._observer = Observer(self._api, space.stack, live=True, cache=space.cache, full=CALM)
        self._seen: tuple[object, ...] = ()
        self._images: tuple[ImageStatus, ...] = ()
        self._images_of: object = None
        self._logs: dict[str, tuple[str, ...]] = {}
        self._read: dict[str, Container] = {}
        """By service the container, as it was when its log was read."""
        self._api_run: object = None
        self._mended: dict[str, str] = {}
        self._advice: tuple[Finding, ...] = ()

    def close(self) -> None:
        """Watch no longer."""
        self._observer.close()

    def wake(self) -> None:
        """End a nap, from any thread."""
        self._observer.wake()

    def nap(self) -> None:
        """Wait until something happens, or may be due."""
        self._observer.nap(KEEN)

    def parts(self) -> dict[str, Any]:
        """Look; give the parts of the document that may be others by that.

        Raises EngineError where the engine does not answer.
        """
        patience = PATIENCE if self._seen else FIRST_PATIENCE
        look = self._observer.look(self._due(), patience=patience)
        look = ready_moments.added(self.space.cache, look)
        look = self._moments.of_ready(self.space.stack, look, _now())
        look = self._with_logs(self._reloads.added(self._with_api(look)))
        self._ask_images(look)
        seen = (look, tuple(one.healths for one in look.containers), self._images)
        self.look, before, self._seen = look, self._seen, seen
        return {} if seen == before else self._services(look) | {"reloads": self._reloads.runs}

    def is_due(self, what: str, seconds: float) -> bool:
        """Say whether that was done so many seconds ago, or never, and note that it is done now."""
        return self._paces.due(what, seconds)

    def used(self) -> dict[str, Usage]:
        """Return what services use, by name; errors as in `parts`."""
        names = tuple(image.service for image in self._images)
        return dict(measuring.measured(self._api, self.look, names).usage)

    def _services(self, look: Look) -> dict[str, Any]:
        shown = tuple(image.service for image in self._images)
        findings = (*diagnose(self.space.stack, shown, look), *look.advice)
        seen = Seen(
            stack=self.space.stack,
            look=look,
            images=self._images,
            findings=findings,
            since=self._moments.of_findings(findings, _now()),
        )
        return state.services(seen, datetime.now(UTC))

    def _due(self) -> set[str]:
        """Return whose probes are to be put now."""
        probed = (service for service in self.space.stack.services if service.probes)
        return {one.name for one in probed if self._paces.due(("probe", one.name), self._pace(one))}

    def _pace(self, service: Service) -> float:
        reading = self.look.reading(service.name)
        if reading is not None and reading.final:
            return FINAL
        return CALM if answers(service, self.look) else KEEN

    def _with_api(self, look: Look) -> Look:
        """Add what the API said when it started: what is mended in it, and what went wrong."""
        container = look.container(SERVICE)
        if container is None or SERVICE not in self.space.stack.names():
            return look
        ready = answers(self.space.stack.service(SERVICE), look)
        run = (container.id, container.started_at, ready)
        if self._paces.due("api", SLOW) or run != self._api_run:
            self._api_run = run
            self._mended = dict(mends.added(self._api, look).mended)
            self._advice = early.found(self._api, self.space.stack, look)
        return replace(look, mended=self._mended, advice=self._advice)

    def _with_logs(self, look: Look) -> Look:
        """Add the logs of those in trouble: when their containers change, then now and then."""
        names = [one.name for one in self.space.stack.services if troubled(one, look)]
        for name in names:
            container = look.container(name)
            due = self._paces.due(("log", name), CALM)
            if container is not None and (due or self._read.get(name) != container):
                self._read[name] = container
                self._logs |= self._observer.with_logs(look, (name,)).logs
        return replace(look, logs={name: self._logs[name] for name in names if name in self._logs})

    def _ask_images(self, look: Look) -> None:
        there = {one.service: one.id for one in look.containers}
        if self._paces.due("images", SLOW) or there != self._images_of:
            self._images_of = there
            self._images = tuple(
                availability.status(self._api, one)
                for one in self.space.stack.services
                if one.wanted or one.name in there
            )


def _now() -> str:
    return written(time.time())

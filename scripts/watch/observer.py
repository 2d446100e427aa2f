"""Asks the engine and the services: one look gives one Look."""

import math
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar

from scripts.core.errors import EngineError, StackError
from scripts.core.look import Container, Health, Look, Reading, State
from scripts.core.stack import Service, Stack
from scripts.core.units import nanoseconds
from scripts.engine.api import Api
from scripts.engine.containers import container, containers, labels
from scripts.engine.events import Events
from scripts.watch import inside, on_host, probes
from scripts.watch.calls import elsewhere, health_check
from scripts.watch.inside import Wanted

LOG_LINES = 400
"""How much of a guilty container's log is read."""
FULL_LOOK = 1.0
"""Seconds after which all containers are asked for again, whatever the events say.

A health check that goes on failing is no event, but its output may change.
"""

T = TypeVar("T")


class Observer:
    """Looks at the containers of a project and puts its probes, several at once.

    A probe that hangs holds up nothing: a look takes what has been answered and goes on. With
    `live` it follows the engine's events, and asks again only about what they name.
    """

    def __init__(
        self,
        api: Api,
        stack: Stack,
        *,
        live: bool = False,
        cache: Path | None = None,
        full: float = FULL_LOOK,
    ) -> None:
        """Watch the containers of `stack` on the engine behind `api`.

        With the stack's `cache` also what `on_host` finds noted there, in their place. `full` is
        after how many seconds all are asked for again.
        """
        self.api = api
        self.stack = stack
        self._cache = cache
        self._began = time.time_ns()
        self._news = Event()
        self._events = (
            Events(api, labels(stack.project), self._began, self._news.set) if live else None
        )
        self._seen: dict[str, Container] = {}
        self._full = full
        self._looked = -full
        self.outage = 0.0
        """Seconds for which an engine that has answered before may be silent: so long all is
        believed to be as it was."""
        self._heard = -math.inf
        self._pending: dict[str, Future[Reading]] = {}
        self._starting: dict[str, tuple[str, Future[Any]]] = {}
        """The container that each service is started in, and the call that does it."""
        self._stale: set[str] = set()
        """Ids of containers that must be looked at again, whatever the events say."""
        self._known: tuple[Container, ...] | None = None
        """What was seen and not yet looked at."""
        self._readings: dict[str, Reading] = {}
        self._healths: dict[str, Health | None] = {}
        """What the engine said of each service at the last look."""

    def close(self) -> None:
        """Follow no longer, and forget what has not been answered."""
        if self._events is not None:
            self._events.close()

    def look(self, probed: Collection[str] | None = None, *, patience: float = 5.0) -> Look:
        """Return containers now, and the readings of `probed` services (all that run by default).

        Waits `patience` seconds at most for answers; what is still open keeps its last reading.
        """
        present, self._known = self.glance().containers, None
        running = {one.service: one for one in present if one.state is State.RUNNING}
        for service in self.stack.services:
            if self._has_changed(service, running.get(service.name)):
                self._readings.pop(service.name, None)
            if service.name not in running:
                continue
            if service.name not in self._pending and (probed is None or service.name in probed):
                self._probe(service, running[service.name])
        wait(self._pending.values(), timeout=patience)
        for name in [name for name, future in self._pending.items() if future.done()]:
            reading = self._pending.pop(name).result()
            if name in running:
                self._readings[name] = reading
        return Look(containers=present, readings=tuple(self._readings.values()))

    def glance(self) -> Look:
        """Return the containers alone; the next look is at them."""
        if self._known is None:
            self._known = self._containers()
        return Look(containers=self._known)

    @property
    def seen(self) -> tuple[Container, ...]:
        """The containers as the engine has told of them so far; nothing is asked."""
        return tuple(self._seen.values())

    def present(self) -> frozenset[str]:
        """Return the services that have a container, as `glance` sees them."""
        return frozenset(one.service for one in self.glance().containers)

    def wake(self) -> None:
        """End a nap, from any thread."""
        self._news.set()

    def nap(self, seconds: float) -> bool:
        """Wait for news: an event, an answer that is another one, a start; `seconds` at most.

        False when there was none.
        """
        news = self._news.wait(seconds)
        self._news.clear()
        return news

    def _has_changed(self, service: Service, container: Container | None) -> bool:
        """Say whether what was answered before says nothing now.

        A check that we ran is one more result beside the engine's: its next one counts again.
        """
        before = self._healths.get(service.name)
        self._healths[service.name] = health = container.health if container is not None else None
        if container is None:
            return True
        return not service.at(container.address).probes and health is not before

    def _containers(self) -> tuple[Container, ...]:
        before = dict(self._seen)
        try:
            self._ask()
            self._heard = time.monotonic()
        except EngineError:
            if time.monotonic() - self._heard > self.outage:
                raise
            self._seen, self._looked = before, -math.inf
        found = on_host.seen(self._cache, tuple(map(self._with_end, self._seen.values())))
        return elsewhere.seen(self.stack, found)

    def _ask(self) -> None:
        """Ask for what may be another than it was."""
        touched = self._events.touched() if self._events is not None else None
        if touched is None or time.monotonic() - self._looked >= self._full:
            self._looked = time.monotonic()
            found = containers(self.api, self.stack.project, known=self._seen)
            self._seen = {one.id: one for one in found}
        else:
            for name in touched | self._stale:
                self._look_again(name)
        self._stale.clear()

    def _look_again(self, name: str) -> None:
        """Ask for the container of this id, which may be new or gone."""
        known = self._seen.pop(name, None)
        if (document := self.api.get(f"/containers/{name}/json")) is not None:
            # a new one comes first, as in the engine's own list
            order = (self._seen, {name: container(document)})
            first, last = order if known is not None else reversed(order)
            self._seen = {**first, **last}

    def _with_end(self, container: Container) -> Container:
        """A container that runs again with how its last run ended, which it has forgotten."""
        end = self._events.end(container.id) if self._events is not None else None
        if end is None or not container.restarts:
            return container
        oom_killed = container.oom_killed or end.oom_killed
        return replace(
            container, exit_code=container.exit_code or end.exit_code, oom_killed=oom_killed
        )

    def _probe(self, service: Service, container: Container) -> None:
        """Put the probes of a service; where it has none, run the check that the engine trusts.

        Of one that is out of reach, as on a node that nobody can ask, that check is believed.
        """
        reached = service.at(container.address)
        if reached.probes:
            call = partial(probes.read, reached, at_once=self.api.remote != "")
        elif service.probes and not container.check:
            if (health := container.health) in {Health.HEALTHY, Health.UNHEALTHY}:
                self._readings[service.name] = Reading(
                    service=service.name, ok=health is Health.HEALTHY, detail=health
                )
            return
        elif container.check and container.health in {Health.HEALTHY, Health.UNHEALTHY}:
            call = partial(health_check.read, self.api, container)
        else:
            return
        known = self._readings.get(service.name)
        self._pending[service.name] = self._aside(call, known=known)

    def _aside(self, call: Callable[[], T], *, known: T | None = None) -> "Future[T]":
        """Make a call in a thread that nobody has to wait for, not even at the end of Python.

        Its result is news, unless it is `known` already.
        """
        future: Future[T] = Future()

        def tell(done: "Future[T]") -> None:
            if known is None or done.exception() is not None or done.result() != known:
                self._news.set()

        future.add_done_callback(tell)

        def work() -> None:
            try:
                future.set_result(call())
            except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
                future.set_exception(error)

        Thread(target=work, daemon=True).start()
        return future

    def launch(self, container: Container) -> None:
        """Ask the engine to start a container, without waiting for it."""
        verb = "restart" if container.state is State.RESTARTING else "start"
        path = f"/containers/{container.id}/{verb}"
        future = self._aside(partial(self.api.post, path))
        self._starting[container.service] = (container.id, future)

    def launched(self) -> dict[str, str]:
        """Return the services whose start has ended since the last call, with the error if any."""
        done = [name for name, (_, future) in self._starting.items() if future.done()]
        ended = {name: self._starting.pop(name) for name in done}
        # its event may be on its way still: what was seen before the start says nothing now
        self._stale |= {container for container, _ in ended.values()}
        return {name: _refusal(future) for name, (_, future) in ended.items()}

    def with_logs(self, look: Look, names: Collection[str]) -> Look:
        """Return the look with the last log lines of these services, both streams in order.

        Only lines since this observer began, or since the start of a container that ran before:
        what was mended meanwhile must not be told again.
        """
        logs = {}
        for present in filter(None, map(look.container, names)):
            since = min(self._began, nanoseconds(present.started_at) or self._began)
            found = inside.log(self.api, present, Wanted(tail=LOG_LINES, since=since))
            logs[present.service] = tuple(text for _, text in found)
        return replace(look, logs=logs)


def _refusal(start: "Future[Any]") -> str:
    """Return what the engine said against a start that has ended; empty for nothing."""
    try:
        start.result()
    except StackError as error:
        return str(error)
    return ""

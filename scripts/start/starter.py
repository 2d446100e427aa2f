"""Starts services of one stack, follows them until they answer, and remembers how it went."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from scripts.config.settings import Settings
from scripts.config.workspace import Workspace
from scripts.core.errors import ExitCode, StackError
from scripts.core.finding import Finding
from scripts.core.inventory import ImageStatus
from scripts.core.look import Container, Look, Reading
from scripts.core.progress import phase
from scripts.core.stack import Stack
from scripts.data import context, recovery, snapshots, volumes
from scripts.data.context import DataContext
from scripts.engine.api import Api
from scripts.engine.containers import containers
from scripts.engine.memory import remembered
from scripts.engine.places import places
from scripts.images import availability
from scripts.start import guards, scheduler, sources
from scripts.start.events import Event, EventKind
from scripts.start.history import created, parts
from scripts.start.history.recorder import Recorder
from scripts.watch import early, mends
from scripts.watch.observer import Observer
from scripts.watch.on_host import SERVICE

AS_IT_IS = ("--no-build", "--pull", "never")
"""Images are there when Compose is asked; it neither builds nor pulls."""


OUTAGE = 30.0
"""Seconds for which an engine far away may be silent in the middle of a start."""
Seen = Callable[[], tuple[Container, ...]]


class Reporter(context.Reporter, Protocol):
    """Who is told, and what."""

    def follow(
        self, names: Sequence[str], events: Iterable[Event], *, last: bool = True, late: str = ""
    ) -> ExitCode: ...

    def preflight(self, findings: Sequence[Finding]) -> ExitCode: ...

    def ready(self, stack: Stack, names: Sequence[str], settings: Settings) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """Starts services of one stack, and tells how far they are."""

    space: Workspace
    tell: Reporter
    recorder: Recorder
    timeout: float = 300.0
    """Seconds from the first start until all must be ready."""

    def statuses(self, names: Sequence[str]) -> list[ImageStatus]:
        """Return the images that these services want, as the engine has them."""
        wanted = [self.space.stack.service(name) for name in names]
        return availability.statuses(self.space.api, wanted)

    def create(self, names: Sequence[str]) -> None:
        """Have Compose make the containers."""
        self._make(names)

    def preflight(self, findings: Sequence[Finding]) -> ExitCode:
        """Tell what was found before any container is touched; BROKEN when it cannot go on."""
        if code := self.tell.preflight(findings):
            self.recorder.refused(findings)
        return code

    def _make(self, names: Sequence[str], *how: str) -> None:
        """Have Compose make containers and networks; volumes get a label that says whose they are.

        The networks of a private engine are kept from other hosts.
        """
        space, root, names = self.space, self.space.settings.root, self.space.stack.here(names)
        if not names or space.settings.swarm:  # Compose takes none for all, a Swarm makes its own
            return
        mounted = {name for one in names for name in space.stack.service(one).volumes}
        wanted = [volume for volume in space.stack.volumes if volume.name in mounted]
        with phase(self.recorder.note, "create"):
            if space.engine.remote:
                volumes.note(root)
            volumes.create(space.api, space.stack.project, wanted, volumes.own(root))
            sources.supply(space, names, self.tell.say, anew=True)
            space.compose.change("create", *AS_IT_IS, *how, *names)
            self._leave()
        if space.engine.private:
            from scripts.engine.private import network

            network.guard(places(root), space.compose.runner, self.tell.say)

    def _leave(self) -> None:
        """Remove containers of what runs elsewhere by now; their volumes stay."""
        space = self.space
        away = {one.name for one in space.stack.services if one.elsewhere}
        for one in containers(space.api, space.stack.project) if away else ():
            if one.service in away:
                self.tell.say(
                    f"{one.name} is removed: {one.service} runs elsewhere; its data stays"
                )
                space.api.within(context.STOPPING).post(f"/containers/{one.id}/stop")
                space.api.delete(f"/containers/{one.id}")

    def start(self, statuses: Sequence[ImageStatus], *, whole: Sequence[str] = ()) -> ExitCode:
        """Start the services of these images; what is ready then need not be made again.

        Where the data of the `whole` services lies is remembered then, too.
        """
        names = tuple(status.service for status in statuses)
        code = self.follow(names)
        if code is ExitCode.OK:
            api = self.space.api
            with remembered(*[partial(volumes.made, api)] if whole and api.remote else ()):
                created.keep(self.space, statuses)
                if whole:
                    parts.keep(self.space, whole)
            self.tell.ready(self.space.stack, names, self.space.settings)
        return code

    def follow(self, names: Sequence[str], *, last: bool = True) -> ExitCode:
        """Start services and wait until they answer, one is broken or time is up.

        With `last` false another start comes after this one.
        """
        space, wanted = self.space, tuple(names)
        observer, recorder = Observer(space.api, space.stack, live=True), self.recorder
        if space.engine.remote:  # its link is back in a moment, and what starts there goes on
            observer.outage = OUTAGE
        recorder.of(space.cache, space.stack, wanted)
        try:
            events = scheduler.start(space.stack, wanted, observer, timeout=self.timeout)
            noted = recorder.noted(events)
            told = with_news(noted, space.api, space.stack, lambda: observer.seen)
            if space.settings.reloads:
                told = with_edits(told, space, lambda: observer.seen)
            return self.tell.follow(wanted, told, last=last)
        finally:
            observer.close()
            with suppress(StackError, OSError):  # what `ps` will not know then is no fault
                # none before the first look
                made = observer.seen or containers(space.api, space.stack.project)
                recorder.keep(space.cache, space.stack, wanted, made)

    def data_context(self, *, anew: bool = False) -> DataContext:
        """Return where data commands work; they start again what they stopped, and nothing else.

        With `anew` the containers are made as `.env` says now, and a start comes after theirs.
        """

        def bring_back(names: tuple[str, ...]) -> ExitCode:
            if self.space.settings.swarm:  # what is deployed only afterwards needs nobody yet
                absent = guards.uncreated(self.space, names)
                names = tuple(name for name in names if name not in absent)
            if not names:
                return ExitCode.OK
            needed = self.space.stack.closure(names)
            if code := self.preflight(tuple(parts.incomplete(self.space, needed))):
                return code
            if anew:
                self.create(names)
            elif guards.uncreated(self.space, names):
                # what is there stays as it is, also when `.env` says otherwise by now
                self._make(names, "--no-recreate")
            only = replace(self.space, stack=self.space.stack.only(names))
            return replace(self, space=only).follow(names, last=not anew)

        space = self.space
        return DataContext(
            api=space.api,
            stack=space.stack,
            root=space.settings.root,
            folder=snapshots.folder_of(space.settings.root, space.stack.project),
            tell=self.tell,
            bring_back=bring_back,
        )

    def finish_interrupted(self, *, anew: bool = False) -> ExitCode:
        """Finish what an interrupted data command left; OK when there is nothing."""
        return recovery.settle(self.data_context(anew=anew))


def with_news(events: Iterable[Event], api: Api, stack: Stack, seen: Seen) -> Iterator[Event]:
    """Yield the events, and once the API that was started is ready, what is special about it.

    That is what is mended in it, and the errors that it has written so far. `seen` gives the
    containers as they are then.
    """
    started = False
    for event in events:
        yield event
        started |= event.service == SERVICE and event.kind is EventKind.STARTED
        if started and event.service == SERVICE and event.kind is EventKind.READY:
            started = False
            with suppress(StackError):  # that is worth no failed start
                look = Look(
                    containers=seen(),
                    readings=(Reading(service=SERVICE, ok=True, detail=event.detail),),
                )
                ahead = [partial(early.found, api, stack, look)] if api.remote else ()
                findings: Sequence[Finding] = ()
                with remembered(*ahead):
                    line = mends.told(api, look)
                    with suppress(StackError):  # what is mended is told all the same
                        findings = early.found(api, stack, look)
                if line:
                    yield replace(event, kind=EventKind.MENDED, detail=line)
                for finding in findings:
                    yield replace(event, kind=EventKind.FINDING, detail="", finding=finding)


def with_edits(events: Iterable[Event], space: Workspace, seen: Seen) -> Iterator[Event]:
    """Yield the events, and once the API is ready, how it takes edits while it runs.

    `seen` as of `with_news`.
    """
    from scripts.watch.reload import asking

    told = False
    for event in events:
        yield event
        if event.service == SERVICE and event.kind is EventKind.READY and not told:
            told = True
            with suppress(StackError):  # that is worth no failed start
                if line := asking.line(space, Look(containers=seen())):
                    yield replace(event, kind=EventKind.RELOAD, detail=line)

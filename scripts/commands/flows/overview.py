"""How the stack is, with what is remembered of its start and left of an interrupted command."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scripts.config import selection, workspace
from scripts.config.workspace import Workspace
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError
from scripts.core.look import Look
from scripts.core.polling import poll
from scripts.data import journal, snapshots
from scripts.images import availability
from scripts.start.history import ready_moments
from scripts.tell.report import Report
from scripts.watch import early, measuring, mends, status
from scripts.watch.observer import Observer
from scripts.watch.on_host import SERVICE

if TYPE_CHECKING:
    from scripts.live.feed import Judged

WATCHED = 2.0
"""Seconds between two pictures of `inv ps --watch`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Which lines of the logs are wanted."""

    tail: int
    """Lines of each service at most, from the end."""
    since: int = 0
    """Nanoseconds since 1970."""
    level: str = ""
    text: str = ""
    follow: bool = False


def ps(space: Workspace, services: Sequence[str], tell: Report, *, watch: bool) -> None:
    """Tell how these services are: once, or with `watch` again and again until Ctrl-C."""
    observer = Observer(space.api, space.stack, cache=space.cache)
    names = workspace.present(space, services, observer.present)
    wanted = [space.stack.service(name) for name in names]
    settings = space.settings
    about = {"image_source": settings.get("IMAGE_SOURCE"), "memos": settings.memos.described}
    folder = snapshots.folder_of(space.settings.root, space.stack.project)
    if unfinished := journal.pending(folder):
        tell.say(unfinished)

    def look() -> Look:
        there = observer.glance()
        usage = pool.submit(measuring.measured, space.api, there, names)
        # what is wrong with a service depends on those that it needs
        looked = pool.submit(observer.look, space.stack.closure(names))
        if SERVICE not in names:
            seen = looked.result()
        else:
            mended = pool.submit(mends.added, space.api, there)
            if settings.reloads:
                from scripts.watch.reload import asking

                there = asking.added(space, there)
            seen = looked.result()
            advice = (*early.found(space.api, space.stack, seen), *there.advice)
            told = mended.result().mended
            seen = replace(seen, mended=told, reload=there.reload, advice=advice)
        return ready_moments.added(space.cache, replace(seen, usage=usage.result().usage))

    with (
        # each answer of an engine far away takes its time
        ThreadPoolExecutor() as pool,
        closing(observer),
    ):
        images = pool.submit(availability.statuses, space.api, wanted)
        if watch:
            looks = poll(look, timeout=float("inf"), interval=WATCHED)
            with suppress(KeyboardInterrupt):  # the way to end it
                tell.watch(status.frames(space.stack, looks, images.result(), about))
        else:
            tell.status(status.document(space.stack, look(), images.result(), about))


def follow(checkout: Checkout, tell: Report, judged: "Judged") -> None:
    """Tell programs how the stack is, then what changes, an event a line until Ctrl-C."""
    if tell.form != "json":
        raise ConfigError(
            "--follow writes events for programs, and --format json was not given",
            next_step="inv ps --follow --format json; for people: inv ps --watch",
        )
    from scripts.live.feed import Feed

    with suppress(KeyboardInterrupt):  # the way to end it
        for number, event, data in Feed(checkout, judged=judged).follow(lambda: tell.out.unheard):
            tell.json_line({"event": event, "number": number, "data": data})


def every_stack(checkout: Checkout, tell: Report) -> None:
    """Tell every stack of this kind on the engine."""
    from scripts.engine import stacks
    from scripts.engine.api import Api

    project = workspace.look_project(checkout)
    members = stacks.seen(Api.of(workspace.looked_engine(checkout)))
    tell.stacks(stacks.document(members, checkout.root, project))


def logs(space: Workspace, services: Sequence[str], wanted: Lines, tell: Report) -> None:
    """Tell what these services wrote, in order of time; with `follow` until Ctrl-C."""
    from scripts.watch import log_lines
    from scripts.watch.inside import Wanted
    from scripts.watch.logs import LogReader

    for named in selection.services(space.stack, services) if services else ():
        selection.require_here(space.stack.service(named))
    names = space.stack.here(workspace.present(space, services))
    reader = LogReader(
        space.api,
        space.stack.project,
        names,
        Wanted(tail=wanted.tail, since=wanted.since),
        cache=space.cache,
    )
    ends = suppress(KeyboardInterrupt) if wanted.follow else nullcontext()  # the way to end it
    with closing(reader), ends:
        lines = reader.lines(follow=wanted.follow)
        chosen = log_lines.chosen(lines, at_least=wanted.level, text=wanted.text)
        tell.logs(space.stack.names(), chosen)

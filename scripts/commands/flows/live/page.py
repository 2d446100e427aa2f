"""`inv page`: the live page of this stack, one server for all who look at it."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.config import workspace
from scripts.config.workspace import Workspace
from scripts.core import files, process
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError, RefusedError, StackError, unexpected
from scripts.core.polling import poll
from scripts.live import feed, tasks
from scripts.live.actions import Actions, going_on
from scripts.live.feed import Feed, Judged
from scripts.live.history import History
from scripts.live.lines import Book, Source
from scripts.live.looking.asked import sources
from scripts.machine import groups, processes
from scripts.serve.page import place
from scripts.serve.page.access import Access
from scripts.serve.page.place import Note
from scripts.tell.report import Report

if TYPE_CHECKING:
    from scripts.serve.page.streams import Part

PATIENCE = 15.0
"""Seconds for a server to begin."""
LONGEST = 3600.0
"""Seconds that an action of the page is waited for."""
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
"""One is set where a browser of its own window is to be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How the page is to be served, as it was typed."""

    port: int = 0
    """0 for a free one."""
    read_only: bool = False
    open: bool = False


def page(here: Checkout, wanted: Wanted, tell: Report, judged: Judged) -> None:
    """Serve the page until Ctrl-C, or tell where it is served already.

    Raises ConfigError where that is in another way; errors as `server.listening` has them.
    """
    cache = _cache(here)
    found = place.running(cache)
    if found is None:
        _serve(here, wanted, tell, judged)
    elif (wanted.port and wanted.port != found.port) or wanted.read_only > found.read_only:
        how = f"on port {found.port}{', read-only' if found.read_only else ', with its actions'}"
        raise ConfigError(
            f"the page of this stack is served already, {how}",
            next_step="inv page --stop, then the same again",
        )
    else:
        _tell(found, cache, wanted, tell)


def stop(here: Checkout, tell: Report) -> None:
    """End the server of this stack, if one runs."""
    cache = _cache(here)
    if (found := place.running(cache)) is None:
        tell.say("no page of this stack is served")
        return
    goes_on = going_on(History(cache, writes=False))
    if goes_on:
        tell.say(f"waiting until {goes_on} has ended, which the page has begun")
    processes.stop(found.pid, grace=LONGEST if goes_on else processes.GRACE)
    tell.say("the page is served no more")


def beside(here: Checkout, tell: Report) -> None:
    """Serve the page in a process that outlives this one, and tell where.

    What fails is told and no more: the stack is what was asked for.
    """
    with _all_the_same("no page", tell):
        cache = _cache(here)
        if place.running(cache) is None:
            _start(here, cache, tell)
        looks = poll(lambda: place.running(cache), timeout=PATIENCE, interval=0.1)
        if (found := next(filter(None, looks), None)) is None:
            step = f"read {_log(cache)}, or: inv page"
            raise RefusedError("its server did not begin", next_step=step)
        tell.say(f"the page: {found.url}")


@contextmanager
def _all_the_same(what: str, tell: Report) -> Iterator[None]:
    """Go on where the block fails, and tell why."""
    try:
        yield
    except (StackError, OSError) as error:
        told = unexpected(error)
        tell.say(f"{what}: {told}; next: {told.next_step}")


def _start(here: Checkout, cache: Path, tell: Report) -> None:
    """Have `inv page` run in a session of its own; what it tells is its owner's alone."""
    groups.need("page", here, tell.say)
    log = _log(cache)
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.begun(log).close()
    named = here.environ.get("ENV_FILE")
    env = {"ENV_FILE": str(files.absolute(named, Path.cwd()))} if named else {}
    process.detach([*tasks.PROGRAM, "page"], log=log, env=env)


def _serve(here: Checkout, wanted: Wanted, tell: Report, judged: Judged) -> None:
    groups.need("page", here, tell.say)
    from scripts.serve.page.server import Server, listening

    read_only = wanted.read_only
    stack = Feed(here, sources=sources(), read_only=read_only, keep=True, judged=judged)
    cache, doing = stack.cache, _doing(here, stack, read_only=read_only)
    with files.held(place.folder(cache), "page"):
        before = place.read(cache)
        secret = before.secret if before is not None else place.new_secret()
        again = before.port if before is not None else 0
        with (
            closing(listening(wanted.port, again)) as listens,
            process.ended_by(signal.SIGTERM),
        ):
            with suppress(KeyboardInterrupt):  # the way to end it
                port = listens.getsockname()[1]
                access = Access(port, secret)
                parts = _parts(here, stack, doing, read_only=read_only)
                server = Server(stack, access, parts, read_only=read_only, judged=judged)
                noted = place.server(os.getpid(), port, secret, read_only=read_only)
                with _all_the_same("inv page --stop will not find it", tell):
                    place.note(cache, noted)
                _tell(noted, cache, wanted, tell)
                tell.say("Ctrl-C ends it")
                server.run([listens])
            place.forget(cache)
            doing.finish(tell.say)


def _doing(here: Checkout, stack: Feed, *, read_only: bool) -> Actions:
    """Return what runs tasks for viewers, and tells of it in the document."""

    def changed() -> None:
        stack.put(**doing.document(), past=stack.history.past())

    doing = Actions(here, stack.history, stack.masked, changed, read_only=read_only)
    doing.allowed = stack.still
    changed()
    return doing


def _parts(here: Checkout, stack: Feed, doing: Actions, *, read_only: bool) -> "list[Part]":
    """Return what the page does beside telling the document."""
    from scripts.serve.page import actions, logs, trying

    quiet = replace(here, runner=process.run_beside, say=lambda _: None)

    def look() -> Workspace:
        space = workspace.look(quiet)
        stack.knows(space)
        return space

    stamp = partial(feed.inputs, here)
    book = Book(lambda: Source.of(look(), stack.masked, stamp), stack.judged)
    changes = [] if read_only else [partial(trying.routes, look, stack.masked)]
    return [partial(logs.routes, book), partial(actions.routes, doing), *changes]


def _tell(found: Note, cache: Path, wanted: Wanted, tell: Report) -> None:
    tell.text(found.url)
    with _all_the_same("open the address by hand", tell):
        if wanted.open and not _open(cache, found.url):
            tell.say("no browser is known here: open the address by hand")


def _open(cache: Path, url: str) -> bool:
    """Open a browser, and say whether there is one."""
    import webbrowser

    shown = sys.platform == "darwin" or any(map(os.environ.get, DISPLAYS))
    return shown and webbrowser.open(place.opener(cache, url).as_uri())


def _log(cache: Path) -> Path:
    return place.folder(cache) / place.LOG


def _cache(here: Checkout) -> Path:
    return workspace.cache(here.root, feed.loosely(here).get("COMPOSE_PROJECT_NAME"))

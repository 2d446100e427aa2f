"""Tasks that look at what runs."""

import time

from scripts.commands import flags
from scripts.commands.command import as_set, checkout, command, judged, look, report, starter
from scripts.core.errors import ExitCode


@command(
    watch="look again every 2 s until Ctrl-C, with the CPU in percent",
    all="every stack of this kind on the engine, of other checkouts too",
    follow="with --format json: how all is, then a line for each change until Ctrl-C",
)
def ps(
    *,
    service: list[str],
    watch: bool = False,
    all: bool = False,
    format: str = "text",
    follow: bool = False,
) -> None:
    """Show each service: state, since when it is ready, its answer, what it uses, its image."""
    from scripts.commands.flows import overview

    tell = report(format)
    if follow:
        flags.alone("follow", service=service, watch=watch, all=all)
        overview.follow(checkout(tell), tell, judged)
    elif all:
        flags.alone("all", service=service, watch=watch)
        overview.every_stack(checkout(tell), tell)
    else:
        if watch:
            tell.require_terminal("watch")
        overview.ps(look(tell), service, tell, watch=watch)


@command(
    follow="go on until Ctrl-C, through restarts too",
    tail="lines of each service, from the end",
    since="only what is younger: 10m, 2h, or a time such as 2026-01-31T12:00:00",
    level="only error, warning (and error), or info (and both)",
    grep="only lines with this text, in small or capital letters",
)
def logs(
    *,
    service: list[str],
    follow: bool = False,
    tail: str = "200",
    since: str = "",
    level: str = "",
    grep: str = "",
) -> None:
    """Show what the services wrote, in order of time; without --follow it ends."""
    from scripts.commands.flows import overview

    wanted = overview.Lines(
        tail=flags.count("tail", tail),
        level=flags.level(level),
        since=flags.since(since, time.time()),
        text=grep,
        follow=follow,
    )
    tell = report()
    overview.logs(look(tell), service, wanted, tell)


@command(
    run="1 is the last start, 2 the one before, up to 20 (1)",
    reload="of the last edits of MEMOS_SRC that the API took instead: 1 is the last, up to 20",
)
def timeline(*, run: str = "", reload: str = "", format: str = "text") -> None:
    """Show what came before a start's first container, and when each service was ready, and why.

    The last start, or the one that goes on; of one that failed how far it came.
    """
    number, tell = flags.count("run", run or "1"), report(format)
    if reload:
        from scripts.commands.flows import reload as versions

        flags.alone("reload", run=run)
        versions.timeline(look(tell), flags.count("reload", reload), tell)
    else:
        from scripts.commands.flows import drawings

        drawings.timeline(checkout(tell), number, tell)


@command()
def graph(*, service: list[str]) -> None:
    """Draw which service needs which, and how each is now."""
    from scripts.commands.flows import drawings

    tell = report()
    drawings.graph(look(tell), service, tell)


@command(
    cube="list what is in this one: what lacks a half first, then the newest",
    limit="with --cube: how many at most (50)",
    repair="after a snapshot, remove vectors without a memory and make missing ones",
)
def memories(
    *,
    cube: str = "",
    limit: str = "",
    repair: bool = False,
    yes: bool = False,
    format: str = "text",
) -> ExitCode:
    """Show what MemOS keeps, cube by cube, and what lacks its node or its vector."""
    from scripts.commands.flows import memories

    number, tell = flags.count("limit", limit or "50"), report(format)
    if not cube:
        flags.only_with("cube", limit=limit)
    if repair:
        flags.alone("repair", cube=cube, format=tell.form != "text")
        return memories.repair(starter(tell), tell, yes=yes)
    flags.only_with("repair", yes=yes)
    memories.show(look(tell), cube, number, tell)
    return ExitCode.OK


@command()
def smoke(*, format: str = "text") -> ExitCode:
    """Put memories in, find them by their meaning and in every store, and remove them again."""
    from scripts.commands.flows import smoke

    tell = report(format)
    return smoke.smoke(as_set(tell), tell)


@command()
def doctor(*, format: str = "text") -> ExitCode:
    """Look for all that can be known to be wrong, also when nothing runs; repairs nothing."""
    from scripts.doctor import areas, ask

    tell = report(format)
    document = areas.document(ask.ask(checkout(tell)))
    tell.doctor(document)
    return ExitCode(document["exit_code"])

"""Tasks that start and stop services."""

from dataclasses import replace
from typing import Any

from scripts.commands import flags
from scripts.commands.command import BEGAN, as_set, checkout, command, report, result_line
from scripts.core.errors import ExitCode


@command(
    build="build the images again (quick where nothing changed)",
    yes="take over without asking what this checkout left where it was before",
    page="serve the live page beside it, until inv page --stop",
    debug="let an editor attach a debugger to the API; MEMOS_DEBUG=yes in .env does it always",
)
def up(
    *,
    service: list[str],
    timeout: str = "300",
    build: bool = False,
    yes: bool = False,
    debug: bool = False,
    page: bool = False,
    format: str = "text",
) -> ExitCode:
    """Start what is named and all that it needs; return when every one of them answers."""
    from scripts.start import up

    tell = report(format)
    with result_line(tell):
        limit = flags.seconds("timeout", timeout)
        wanted = up.Wanted(services=service, timeout=limit, rebuild=build, yes=yes, began=BEGAN)
        here = checkout(tell)
        if page:
            from scripts.commands.flows.live import page as pages

            pages.beside(here, tell)
        if debug:
            environ = {**here.environ, "MEMOS_DEBUG": "yes"}
            here = replace(here, environ=environ, by_flag=frozenset({"MEMOS_DEBUG"}))
        return up.up(here, wanted, tell, _in_swarm)


def _in_swarm(*words: Any) -> ExitCode:
    from scripts.swarm import up

    return up.up(*words)


@command()
def restart(*, service: list[str], timeout: str = "300", format: str = "text") -> ExitCode:
    """Stop and start what is named, then wait until it answers."""
    from scripts.start import up

    tell = report(format)
    with result_line(tell):
        limit = flags.seconds("timeout", timeout)
        wanted = up.Wanted(services=service, timeout=limit, began=BEGAN)
        return up.restart(as_set(tell), wanted, tell)

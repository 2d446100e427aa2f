"""Tasks that say what is going on, to people who look and to programs that follow."""

from scripts.commands import flags
from scripts.commands.command import checkout, command, judged, look, report, result_line
from scripts.core.errors import ConfigError, ExitCode


@command(
    open="open it in a browser",
    port="the port of this machine that it is served on; a free one where none is named",
    read_only="without the actions: who looks changes nothing",
    stop="end the one that is served for this stack",
)
def page(
    *, open: bool = False, port: str = "", read_only: bool = False, stop: bool = False
) -> None:
    """Serve the live page of this stack on this machine until Ctrl-C, and tell its address."""
    from scripts.commands.flows.live import page

    tell = report()
    if stop:
        flags.alone("stop", open=open, port=port, read_only=read_only)
        page.stop(checkout(tell), tell)
    else:
        number = flags.count("port", port or "0")
        wanted = page.Wanted(port=number, read_only=read_only, open=open)
        page.page(checkout(tell), wanted, tell, judged)


@command(timeout="seconds until all must answer")
def wait(*, service: list[str], timeout: str = "300", format: str = "text") -> ExitCode:
    """Wait until what is named and all that it needs answers; start nothing.

    0 as soon as it does, 5 when waiting cannot help, 6 when time is up, 3 without an engine.
    """
    from scripts.start import up

    tell = report(format)
    with result_line(tell):
        wanted = up.Wanted(services=service, timeout=flags.seconds("timeout", timeout))
        return up.wait(look(tell), wanted, tell)


@command(write="offer what changes something too: restart, reload, snapshot_save, smoke")
def mcp(*, write: bool = False) -> None:
    """Answer a client of the Model Context Protocol over stdin and stdout, until it leaves.

    A client starts it by itself: docs/programs.md says how two of them are told to.
    """
    import sys

    from scripts.machine import groups

    tell = report()
    here = checkout(tell)
    if sys.stdin.isatty():
        raise ConfigError(
            "inv mcp speaks with a program over stdin and stdout, and stdin is a terminal",
            next_step=f"have a client run it (docs/programs.md): {here.root}/dev inv mcp",
        )
    groups.need("mcp", here, tell.say)
    from scripts.serve.mcp import server

    server.serve(here, write=write)


@command(
    "report",
    file="the file to write; its name ends in .html or .json",
    yes="replace the file, if it is there",
)
def handed_over(file: str, *, yes: bool = False) -> None:
    """Write all that is known of the stack into FILE.html or FILE.json, to hand it over.

    Secrets are masked; it works with no engine and with a broken .env too.
    """
    from scripts.commands.flows.live import handover

    tell = report()
    handover.write(checkout(tell), file, tell, yes=yes)


@command(format="text for people, json for programs, prometheus as it is served")
def metrics(*, format: str = "text") -> None:
    """Show what the API and the models tell of themselves: calls, how long they took, tasks."""
    from scripts.commands.flows.live import metrics

    form = flags.form(format, metrics.FORMATS)
    tell = report(form if form in flags.FORMATS else "text")
    metrics.show(look(tell), tell, raw=form == metrics.RAW)

"""Tasks that say what is going on, to people who look and to programs that follow."""

from scripts.commands import flags
from scripts.commands.command import checkout, command, judged, look, report, result_line
from scripts.core.errors import ExitCode


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

"""Tasks of the private engine, and of the link to one on another machine."""

import signal
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from scripts.commands import flags
from scripts.commands.command import checkout, command, report

if TYPE_CHECKING:
    from scripts.core.checkout import Checkout
    from scripts.tell.report import Report


@command(
    close="end every link of this checkout; the next command that needs the engine opens it again",
    keep="hold the link to this address until Ctrl-C, as inv up has it done beside itself",
)
def remote(*, close: bool = False, keep: str = "", format: str = "text") -> None:
    """Show the links to engines on other machines: since when, ports, how often each broke."""
    from scripts.config import workspace
    from scripts.engine import discovery
    from scripts.engine.remote import address, link, state

    tell = report(format)
    here = checkout(tell)
    if keep:
        flags.alone("keep", close=close, format=tell.form != "text")
        return _keep(here, keep, tell)
    if not close:
        written = discovery.ssh_address(here, workspace.remote_of(here))
        main = link.seen(here.root, written) if written else None
        # of a Swarm's nodes, and what the settings name no longer
        others = [
            one for one in link.every(here.root) if main is None or one.address != main.address
        ]
        tell.remote({**state.document(main), "others": [*map(state.document, others)]})
        return None
    flags.alone("close", format=tell.form != "text")
    links = [*link.every(here.root)]
    for one in links:  # also what the settings name no longer
        link.close(here.root, address.noted(one.address))
        tell.say(f"the link to {one.address} is closed")
    if not links:
        tell.say("no link was open")
    return None


def _keep(here: "Checkout", written: str, tell: "Report") -> None:
    """Hold a link until Ctrl-C or SIGTERM, or until nobody needs it."""
    from scripts.core import files, process
    from scripts.engine.remote import address as addresses
    from scripts.engine.remote import link, state
    from scripts.engine.remote.keeper import Keeper
    from scripts.engine.source.attend import attend
    from scripts.machine import groups

    own = written.startswith(addresses.HERE)
    address = addresses.noted(written) if own else link.parsed(written, "--keep")
    with (
        files.held(state.folder(here.root, address), "remote"),
        process.ended_by(signal.SIGTERM),
        suppress(KeyboardInterrupt),  # the way to end it
    ):
        beside = replace(here, runner=process.run_beside)  # it is called in a thread
        need = partial(groups.need, "remote", beside, tell.say)
        duties = () if own else (partial(attend, here.root, need=need),)
        Keeper(here.root, address, here.environ, tell.say, duties).run()


@command("start")
def engine_start() -> None:
    """Bring the private engine up; only where it can run."""
    from scripts.engine.private import control

    tell = report()
    engine = control.start(checkout(tell))
    tell.text(f"the private engine {engine.version} runs at {engine.endpoint}")


@command("stop")
def engine_stop() -> None:
    """Stop the private engine and the containers on it; the data stays."""
    from scripts.engine.private import lifecycle

    lifecycle.stop(checkout(report()))


@command("status")
def engine_status() -> None:
    """Show which engine is used, and the private one's files, process, socket and log."""
    from scripts.config import workspace
    from scripts.engine.private import control

    tell = report()
    here = checkout(tell)
    tell.engine(control.status(here, workspace.remote_of(here)))


@command("env")
def engine_env() -> None:
    """Print the shell lines that point a plain docker at the engine: eval "$(inv engine.env)"."""
    from scripts.config import workspace
    from scripts.engine.private import control

    tell = report()
    tell.text(control.shell_env(workspace.looked_engine(checkout(tell))))


@command("remove")
def engine_remove(*, yes: bool = False) -> None:
    """Remove the private engine with everything on it, after listing the volumes and asking."""
    from scripts.engine.private import control, lifecycle

    tell = report()
    here = checkout(tell)
    question = "Remove the private engine with all its images and these volumes?"
    tell.confirm(question, control.kept_volumes(here.root), yes=yes)
    lifecycle.remove(here)

"""Tasks of the private engine."""

from scripts.commands.command import checkout, command, report


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
    from scripts.engine.private import control

    tell = report()
    tell.engine(control.status(checkout(tell)))


@command("env")
def engine_env() -> None:
    """Print the shell lines that point a plain docker at the engine: eval "$(inv engine.env)"."""
    from scripts.engine import discovery
    from scripts.engine.private import control

    tell = report()
    tell.text(control.shell_env(discovery.required(checkout(tell))))


@command("remove")
def engine_remove(*, yes: bool = False) -> None:
    """Remove the private engine with everything on it, after listing the volumes and asking."""
    from scripts.engine.private import control, lifecycle

    tell = report()
    here = checkout(tell)
    question = "Remove the private engine with all its images and these volumes?"
    tell.confirm(question, control.kept_volumes(here.root), yes=yes)
    lifecycle.remove(here)

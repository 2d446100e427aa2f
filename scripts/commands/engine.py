"""Tasks of the private engine."""

from invoke.tasks import task

from scripts.commands.command import YES, checkout, command, report
from scripts.core.errors import ExitCode


@task(name="start")
@command
def engine_start() -> ExitCode:
    """Bring the private engine up; only where it can run."""
    from scripts.engine.private import control

    tell = report()
    engine = control.start(checkout(tell))
    tell.text(f"the private engine {engine.version} runs at {engine.endpoint}")
    return ExitCode.OK


@task(name="stop")
@command
def engine_stop() -> ExitCode:
    """Stop the private engine and the containers on it; the data stays."""
    from scripts.engine.private import control

    control.stop(checkout(report()))
    return ExitCode.OK


@task(name="status")
@command
def engine_status() -> ExitCode:
    """Show which engine is used, and the private one's files, process, socket and log."""
    from scripts.engine.private import control

    tell = report()
    tell.engine(control.status(checkout(tell)))
    return ExitCode.OK


@task(name="env")
@command
def engine_env() -> ExitCode:
    """Print the shell lines that point a plain docker at the engine: eval "$(inv engine.env)"."""
    from scripts.engine import discovery
    from scripts.engine.private import control

    tell = report()
    tell.text(control.shell_env(discovery.required(checkout(tell))))
    return ExitCode.OK


@task(name="remove", help={"yes": YES})
@command
def engine_remove(*, yes: bool = False) -> ExitCode:
    """Remove the private engine with everything on it, after listing the volumes and asking."""
    from scripts.engine.private import control

    tell = report()
    here = checkout(tell)
    question = "Remove the private engine with all its images and these volumes?"
    tell.confirm(question, control.kept_volumes(here.root), yes=yes)
    control.remove(here)
    return ExitCode.OK

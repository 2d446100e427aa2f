"""The task that looks for all that can be known to be wrong."""

from scripts.commands.command import checkout, command, report
from scripts.core.errors import ExitCode


@command()
def doctor(*, format: str = "text") -> ExitCode:
    """Look for all that can be known to be wrong, also when nothing runs; repairs nothing."""
    from scripts.doctor import areas, ask

    tell = report(format)
    document = areas.document(ask.ask(checkout(tell)))
    tell.doctor(document)
    return ExitCode(document["exit_code"])

"""Tasks that show what is configured."""

from pathlib import Path

from scripts.commands import flags
from scripts.commands.command import checkout, command, look, report


@command()
def config() -> None:
    """Print the resolved compose file, with the secrets masked."""
    from scripts.core.texts import masked

    tell = report()
    space = look(tell)
    tell.text(masked(space.resolved, space.settings.secrets()))


@command(
    offset="with --write: how far the ports of a second stack are from these",
    write="make this settings file for a second stack, with ports and names of its own",
)
def env(*, offset: str = "", write: str = "") -> None:
    """Print every variable, its value (secrets masked) and where the value comes from."""
    from scripts.config import second_stack, settings, workspace

    tell = report()
    here = checkout(tell)
    if offset or write:
        flags.together(offset=offset, write=write)
        file = Path(write).expanduser().absolute()
        second = second_stack.create(here, flags.offset(offset), file)
        tell.second_env(file, *second)
    else:
        present = workspace.read_settings(here)
        tell.table(("variable", "value", "from"), settings.rows(present, here.environ))

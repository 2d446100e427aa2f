"""Tasks that show what is configured."""

from scripts.commands import flags
from scripts.commands.command import as_set, checkout, command, report


@command()
def config() -> None:
    """Print the resolved compose file as YAML, with the secrets masked."""
    from scripts.config import compose

    tell = report()
    space = as_set(tell)
    document = compose.document(space.resolved)
    if space.settings.swarm:
        from scripts.swarm import deploy

        stack = deploy.of_document(document, {})
        document = stack.document
        for line in stack.dropped:
            tell.say(line)
    tell.text(compose.masked(document, space.settings.secrets()))


@command(
    offset="with --write: how far the ports of a second stack are from these",
    write="make this settings file for a second stack, with ports and names of its own",
    host='print the shell lines that give a process the API\'s variables: eval "$(inv env --host)"',
    github="in a workflow of GitHub: give them to the steps that follow, the secrets masked",
)
def env(*, offset: str = "", write: str = "", host: bool = False, github: bool = False) -> None:
    """Print every variable, its value (secrets masked), its origin, and what runs with another."""
    tell = report()
    here = checkout(tell)
    if host:
        from scripts.loop import host_env, host_variables

        flags.alone("host", offset=offset, write=write, github=github)
        space = as_set(tell)
        given = host_variables.variables(space, here.environ)
        tell.text(host_env.shell_lines(host_variables.write(space, given, here.runner)))
        return
    if github:
        from scripts.loop import host_variables, workflow

        flags.alone("github", offset=offset, write=write)
        target = workflow.file(here.environ)
        space = as_set(tell)
        given = host_variables.variables(space, here.environ)
        host_variables.write(space, given, here.runner)
        tell.text(workflow.masks(given, space.settings.secrets()))
        workflow.export({**given, **workflow.address(space.stack)}, target)
        return
    if offset or write:
        from scripts.config import second_stack
        from scripts.core import files

        flags.together(offset=offset, write=write)
        file = files.expanded(write).absolute()
        second = second_stack.create(here, flags.offset(offset), file)
        tell.second_env(file, *second)
    else:
        from scripts.commands.flows import settings

        settings.show(here, tell)

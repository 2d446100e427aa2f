"""Tasks of a contributor's inner loop."""

from scripts.commands import flags
from scripts.commands.command import checkout, command, look, report
from scripts.core.errors import ExitCode


@command(timeout="seconds until the new version must answer")
def reload(*, timeout: str = "60", format: str = "text") -> ExitCode:
    """Have the API take the code of MEMOS_SRC as it is now; wait until it answers, or why not."""
    from scripts.commands.flows import reload

    seconds, tell = flags.seconds("timeout", timeout), report(format)
    return reload.reload(look(tell), seconds, tell)


@command("test")
def memos_test(*, words: tuple[str, ...]) -> int:
    """Run MemOS' own tests of MEMOS_SRC, words after -- for pytest; gives pytest's exit code.

    That is 0 when all pass, 1 for failed tests, 2 when it was stopped, 4 for wrong words, 5 when
    none was found; and 2 also where there is nothing to run: no MEMOS_SRC, or none with tests.

        inv memos.test
        inv memos.test -- tests/api -k "search and not chat" -x
    """
    from scripts.commands.flows import memos_test

    tell = report()
    return memos_test.run(checkout(tell), words)


@command(dry_run="show what would change, and write nothing")
def editor(*, dry_run: bool = False, format: str = "text") -> ExitCode:
    """Write tasks and ways to debug for VS Code and PyCharm, into MEMOS_SRC and this checkout."""
    from scripts.commands.flows import editor as flow

    tell = report(format)
    return flow.run(checkout(tell), tell, dry_run=dry_run)

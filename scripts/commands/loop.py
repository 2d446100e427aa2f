"""Tasks of a contributor's inner loop."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scripts.commands import flags
from scripts.commands.command import as_set, checkout, command, look, report, starter
from scripts.core.errors import ExitCode

if TYPE_CHECKING:
    from scripts.commands.flows.console import Asked

QUERY = "the query; its name may be left out. None: a prompt, or in a pipe one query a line"
WRITE = "allow what changes data; without it the console only reads"
LIMIT = "rows of an answer that are shown at most (100; with --format json all)"


@command(timeout="seconds until the new version must answer")
def reload(*, timeout: str = "60", format: str = "text") -> ExitCode:
    """Have the API take the code of MEMOS_SRC as it is now; wait until it answers, or why not."""
    from scripts.commands.flows import reload

    seconds, tell = flags.seconds("timeout", timeout), report(format)
    return reload.reload(as_set(tell), seconds, tell)


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


@command(
    service="the service, by its name or its container's",
    root="as root, not as the user of the service",
)
def shell(*, service: list[str], root: bool = False, words: tuple[str, ...] = ()) -> int:
    """Open a shell in the container of a service, or run there what follows --.

    Without a terminal pipes are handed on: echo ls | inv shell --service memos. The exit code is
    that of the shell or the command; ours alone are 2, 3 and 4 with an error: and a next: line.
    """
    from scripts.commands.flows import shell

    return shell.shell(look(report()), service, words, root=root)


@command("neo4j", query=QUERY, write=WRITE, limit=LIMIT)
def console_neo4j(
    *, query: str | None = None, write: bool = False, limit: str = "", format: str = "text"
) -> int:
    """Ask Neo4j in Cypher: inv console.neo4j 'MATCH (n:Memory) RETURN n LIMIT 3'."""
    from scripts.commands.flows import console

    tell = report(format)
    return console.console(look(tell), console.NEO4J, _asked(query, limit, write=write), tell)


@command("qdrant", query=QUERY, write=WRITE, limit=LIMIT)
def console_qdrant(
    *, query: str | None = None, write: bool = False, limit: str = "", format: str = "text"
) -> int:
    """Ask Qdrant over REST: inv console.qdrant 'collections/NAME/points/scroll {"limit": 3}'."""
    from scripts.commands.flows import console

    tell = report(format)
    return console.console(look(tell), console.QDRANT, _asked(query, limit, write=write), tell)


@command(
    "milvus",
    query=QUERY,
    write=WRITE,
    limit=LIMIT,
    service="milvus, or preferences where that stands in for it; none means the first that runs",
)
def console_milvus(
    *,
    service: list[str],
    query: str | None = None,
    write: bool = False,
    limit: str = "",
    format: str = "text",
) -> int:
    """Ask Milvus over REST: inv console.milvus 'entities/query {"collectionName": "NAME"}'."""
    from scripts.commands.flows import console

    tell, asked = report(format), _asked(query, limit, service, write=write)
    return console.console(look(tell), console.MILVUSES, asked, tell)


def _asked(query: str | None, limit: str, service: Sequence[str] = (), *, write: bool) -> "Asked":
    from scripts.commands.flows.console import Asked

    count = flags.count("limit", limit) if limit else None
    return Asked(query=query, service=service, write=write, limit=count)


@command("host", debug="let a debugger attach to the API, at MEMOS_DEBUG_PORT of this machine")
def api_host(*, words: tuple[str, ...], debug: bool = False) -> int:
    """Run the API of MEMOS_SRC on this machine instead of its container, until Ctrl-C.

    Each save is a reload, as in the container. Words after -- are run instead, in the checkout,
    with its environment and the API's variables; their exit code is that of this command.

        inv api.host
        inv api.host -- python -m memos.api.server_api
    """
    from scripts.loop import api_host

    tell = report()
    wanted = api_host.Wanted(words=words, debug=debug)
    return api_host.host(starter(tell), checkout(tell), wanted, tell)


@command("container")
def api_container(*, timeout: str = "300") -> ExitCode:
    """End the API on this machine, start its container again and wait until it answers."""
    from dataclasses import replace

    from scripts.loop import api_host

    limit = flags.seconds("timeout", timeout)
    return api_host.container(replace(starter(report()), timeout=limit))

"""One query, those that come in a pipe, or a prompt: asked of one store, each answer told."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from scripts.config import selection
from scripts.config.workspace import Workspace
from scripts.core.errors import ConfigError, ExitCode, StackError
from scripts.core.look import State
from scripts.core.stack import Stack
from scripts.core.units import size
from scripts.engine.containers import containers
from scripts.loop.console import statements
from scripts.loop.console.cypher import Cypher
from scripts.loop.console.door import Console, Door
from scripts.loop.console.milvus import Milvus
from scripts.loop.console.prompt import Prompt
from scripts.loop.console.qdrant import Qdrant
from scripts.start import guards
from scripts.tell.report import Report
from scripts.watch.published import CYPHER, MILVUS, VECTORS, published, running, serving

MOST = 4 << 20
"""Characters of queries that come in a pipe, told as bytes."""
SHOWN = 100
"""Rows that are shown where nobody says how many."""
PROMPT_HELP = """\
A line goes on while a bracket or a quote is open, or after a \\ at its end; Tab completes names,
Ctrl-C ends a query, :quit or Ctrl-D the prompt."""
LITE = 19531
"""Container port of what stands in for Milvus 2.5, while preferences are kept there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A console: its name, the container ports of the stores that it speaks to, and their words."""

    name: str
    ports: tuple[int, ...]
    made: Callable[[Door], Console]
    names: str
    """The query whose rows are the names that Tab completes."""


NEO4J = Kind(name="neo4j", ports=(CYPHER,), made=Cypher, names="CALL db.labels()")
QDRANT = Kind(name="qdrant", ports=(VECTORS,), made=Qdrant, names="GET /collections")
MILVUSES = Kind(name="milvus", ports=(MILVUS, LITE), made=Milvus, names="collections/list")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked, and how much of the answers is told."""

    query: str | None
    """None for those that are typed, or come in a pipe."""
    service: Sequence[str] = ()
    write: bool = False
    limit: int | None = None
    """Rows of each answer; None for `SHOWN` of them, or in JSON all."""


def console(space: Workspace, kind: Kind, asked: Asked, tell: Report) -> int:
    """Ask what was asked and tell the answers; errors as `Console.ask` raises them.

    ConfigError where a store is to be written to that is another checkout's.
    """
    if asked.write:
        guards.require_own(space)
    if asked.query is None and sys.stdin.isatty():
        if not sys.stdout.isatty():
            raise ConfigError(
                "no query is given, and there is no prompt where stdout is no terminal",
                next_step=f"inv console.{kind.name} {kind.names!r}",
            )
        return _typed(space, kind, asked, tell)
    queries = _given(kind, asked.query)
    store = opened(space, kind, asked)
    for number, query in enumerate(queries, start=1):
        try:
            _ask(store, query, asked, tell)
        except StackError as error:
            raise (error if len(queries) == 1 else _numbered(error, number, len(queries))) from None
    return ExitCode.OK


def opened(space: Workspace, kind: Kind, asked: Asked) -> Console:
    """Return the console of the store that was asked for.

    Raises ConfigError for a service that is none of its kind, BrokenError where it does not run, or
    is paused: it would never answer.
    """
    there = containers(space.api, space.stack.project)
    alive = running(space.stack, [one for one in there if one.state is State.RUNNING])
    port = _port(alive, kind, asked.service)
    return kind.made(Door.to(alive, port, f"console.{kind.name}", write=asked.write))


def _port(alive: Stack, kind: Kind, named: Sequence[str]) -> int:
    """Return the container port of the named store, or of the first of its kind that runs."""
    known = {one.name: port for port in kind.ports if (one := serving(alive, port))}
    chosen = selection.services(alive, named) if named else tuple(known)
    if not known.keys() >= {*chosen} or (named and len(chosen) > 1):
        raise ConfigError(
            f"console.{kind.name} does not speak to {' and '.join(chosen)}",
            next_step=f"--service {' or '.join(known)}",
        )
    ports = [known[name] for name in chosen] or [*kind.ports]
    return next((port for port in ports if published(alive, port)), ports[0])


def _given(kind: Kind, query: str | None) -> Sequence[str]:
    """Return the queries of the argument or of stdin; ConfigError where there are none."""
    if query is not None:
        queries = statements.split(query, lines=False)
    else:
        text = sys.stdin.read(MOST + 1)
        if len(text) > MOST:
            raise ConfigError(
                f"what comes in is longer than {size(MOST)}",
                next_step="give it in several parts",
            )
        queries = statements.split(text)
    if not queries:
        raise ConfigError("the query is empty", next_step=f"inv console.{kind.name} {kind.names!r}")
    return queries


def _typed(space: Workspace, kind: Kind, asked: Asked, tell: Report) -> int:
    """Ask what somebody types, until he leaves; a wrong query ends nothing."""
    store = opened(space, kind, asked)
    how = "writes are allowed" if asked.write else "read-only, --write allows changes"
    tell.say(f"{store.door.name}: {how}; :help, :quit or Ctrl-D")
    prompt = Prompt(
        name=f"{store.door.name}{' (write)' if asked.write else ''}",
        history=space.cache / f"console.{kind.name}.history",
        secrets=space.settings.secrets(),
        words=lambda: _names(space, kind, asked),
    )
    for query in prompt.queries():
        if query == ":help":
            tell.text(f"{store.help}\n{PROMPT_HELP}")
            continue
        try:
            _ask(store, query, asked, tell)
        except StackError as error:
            tell.error(error)
        except KeyboardInterrupt:
            tell.say("stopped")
    return ExitCode.OK


def _names(space: Workspace, kind: Kind, asked: Asked) -> list[str]:
    """Return the names that Tab completes; none where the store does not say."""
    try:
        answer = opened(space, kind, replace(asked, write=False)).ask(kind.names)
    except StackError:
        return []
    return [str(row[0]) for row in answer.rows]


def _ask(store: Console, query: str, asked: Asked, tell: Report) -> None:
    began = time.monotonic()
    answer = store.ask(query)
    limit = SHOWN if asked.limit is None and tell.form == "text" else asked.limit
    seconds = time.monotonic() - began
    name = store.door.name
    tell.console(answer.document(name, limit, write=asked.write, seconds=seconds))


def _numbered(error: StackError, number: int, count: int) -> StackError:
    """Return an error with the number of the query; those before it are done."""
    told = f"query {number} of {count}: {error}"
    return type(error)(told, next_step=error.next_step, code=error.code, said=error.said)

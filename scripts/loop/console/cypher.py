"""Neo4j over HTTP: one query in a transaction that the server itself keeps from writing.

https://neo4j.com/docs/http-api/5/ and its Jolt, which says what is a node, a date, a path.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from scripts.core.errors import BrokenError, StackError
from scripts.core.foreign import documents
from scripts.core.foreign.documents import Json
from scripts.loop.console.answer import Answer
from scripts.loop.console.door import FIRST_ERROR, Door
from scripts.watch.probes import NO_ANSWER, reason, way
from scripts.watch.published import shaped

BEGIN = "/db/neo4j/tx"
"""The only database of the community edition."""
JOLT = "application/vnd.neo4j.jolt-v2"
WRITES = "Neo.ClientError.Statement.AccessMode"
"""The server's code for a query that writes in a transaction that only reads."""
LOGIN = "Neo.ClientError.Security."
OURS = "Neo.ClientError."
"""Codes of what the query is wrong in; others are the server's fault."""
OWN_TRANSACTIONS = re.compile(r"\bIN\s+(\S+\s+CONCURRENT\s+)?TRANSACTIONS\b", re.IGNORECASE)
"""What Neo4j runs in no transaction that somebody else has begun."""
NUMBER = re.compile(r"/tx/(\d+)(?:/|\Z)")
HURRY = 5.0
"""Seconds for the begin and the end of a transaction."""
HELP = """\
One query of Cypher, such as:
  MATCH (n:Memory) RETURN n.user_name, count(*)
  MATCH (n:Memory) WHERE n.memory CONTAINS 'cello' RETURN n LIMIT 3
  CALL db.schema.visualization()"""


@dataclass(frozen=True, slots=True)
class Cypher:
    """The console of Neo4j."""

    door: Door
    help: str = HELP

    def ask(self, query: str) -> Answer:
        """Run a query to its end; Ctrl-C ends it in the server too. Errors as `Console.ask`."""
        if self.door.probe.kind == "bolt":
            return self._over_bolt(query)
        body = {"statements": [{"statement": query, "includeStats": True}]}
        if self.door.write and OWN_TRANSACTIONS.search(query):
            return self._told(self._call("POST", f"{BEGIN}/commit", body))
        number = self._begin()
        try:
            return self._told(self._call("POST", f"{BEGIN}/{number}/commit", body))
        except KeyboardInterrupt:
            with suppress(StackError):  # it has ended by itself
                self._end(number)
            raise

    def _over_bolt(self, query: str) -> Answer:
        """Run a query where Neo4j runs elsewhere; to hang up ends it in the server too."""
        from scripts.watch.calls import bolt

        reached = way(self.door.probe, None, documents.MOST)
        try:
            table = bolt.run(reached, query, {}, write=self.door.write)
        except bolt.RefusalError as error:
            raise self._wrong(error.code, error.words) from error
        except NO_ANSWER as error:
            raise self.door.silent(reason(error)) from error
        stats = {name: one for name, one in table.stats.items() if one and one is not True}
        return Answer(columns=table.columns, rows=table.rows, rest=stats)

    def _begin(self) -> str:
        """Begin a transaction; give its number."""
        events = self._call("POST", BEGIN, {"statements": []}, timeout=HURRY)
        with shaped(self.door.name):
            (info,) = (event["info"] for event in events if "info" in event)
            found = NUMBER.search(info["commit"])
            if found is not None:
                return found[1]
        raise BrokenError(
            f"{self.door.name} begins no transaction",
            next_step=f"inv logs --service {self.door.name}",
        )

    def _end(self, number: str) -> None:
        self._call("DELETE", f"{BEGIN}/{number}", None, timeout=HURRY)

    def _call(
        self, method: str, path: str, body: Json, timeout: float | None = None
    ) -> list[dict[str, Any]]:
        """Return the events of an answer, among which no error is."""
        mode = {"access-mode": "WRITE" if self.door.write else "READ", "Accept": JOLT}
        text = "" if body is None else json.dumps(body)
        status, answer = self.door.call(method, path, text, mode, timeout)
        events: list[dict[str, Any]] = []
        with shaped(self.door.name):
            events += _events(answer)
            errors = [one for event in events for one in _errors(event)]
        if errors:
            raise self._wrong(str(errors[0]["code"]), str(errors[0]["message"]))
        if status >= FIRST_ERROR:
            raise self.door.judged(status, f"it answered {status}")
        return events

    def _wrong(self, code: str, message: str) -> StackError:
        if code == WRITES:
            return self.door.read_only("the query")
        if code.startswith(LOGIN):
            return BrokenError(f"{self.door.name}: {message} ({code})", next_step="inv doctor")
        said = f"{message} ({code})"
        return self.door.wrong(said) if code.startswith(OURS) else self.door.cannot(said)

    def _told(self, events: list[dict[str, Any]]) -> Answer:
        columns: list[str] = []
        rows: list[tuple[Json, ...]] = []
        rest: dict[str, Json] = {}
        with shaped(self.door.name):
            (header,) = (event["header"] for event in events if "header" in event)
            columns += map(str, header["fields"])
            for event in events:
                if "data" in event:
                    rows.append(tuple(map(plain, event["data"])))
                elif "summary" in event:
                    stats = event["summary"].get("stats") or {}
                    rest |= {name: one for name, one in stats.items() if one and one is not True}
        return Answer(columns=tuple(columns), rows=tuple(rows), rest=rest)


def _events(answer: Json) -> Iterator[dict[str, Any]]:
    """Yield the events of Jolt, a line each; an answer of one line was read as one document."""
    for event in (
        map(documents.parsed, answer.splitlines()) if isinstance(answer, str) else [answer]
    ):
        yield dict(event)


def _errors(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the errors of an event, or of an answer that is no Jolt."""
    found = event.get("error") or event
    return list(found.get("errors") or ())


def plain(value: Json) -> Json:
    """Return a value of Jolt as JSON: a node by its labels, a moment as text."""
    if isinstance(value, list):
        return [plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    ((sign, held),) = value.items()
    return SIGNS.get(sign, str)(held)


def _node(parts: list[Json]) -> Json:
    number, labels, kept = parts
    return {"id": number, "labels": labels, "properties": _map(kept)}


def _relation(parts: list[Json]) -> Json:
    number, start, kind, end, kept = parts
    ends = {"type": kind, "start": start, "end": end}
    return {"id": number, **ends, "properties": _map(kept)}


def _backward(parts: list[Json]) -> Json:
    number, end, kind, start, kept = parts
    return _relation([number, start, kind, end, kept])


def _path(parts: list[Json]) -> Json:
    return {"path": plain(parts)}


def _map(kept: dict[str, Json]) -> Json:
    return {name: plain(one) for name, one in kept.items()}


def _octets(text: str) -> Json:
    return {"bytes": text.replace(" ", "")}


def _float(text: str) -> Json:
    """Return a number; what JSON has none for stays a text."""
    return text if text.lstrip("+-") in {"NaN", "Infinity"} else float(text)


SIGNS: Mapping[str, Callable[[Any], Json]] = {
    "()": _node,
    "->": _relation,
    "<-": _backward,
    "..": _path,
    "{}": _map,
    "[]": plain,
    "Z": int,
    "R": _float,
    "#": _octets,
    "?": lambda word: word in {True, "true"},
}
"""What is made of a value by the sign that Jolt puts before it; all others are texts."""

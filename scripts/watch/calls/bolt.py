"""Bolt, as much of it as a login and a statement take: https://neo4j.com/docs/bolt/current/.

What a statement is told in, and answered with, is the JSON that Neo4j has over HTTP, so that who
asks need not know over which of the two it goes.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol

from scripts.core.foreign.documents import DEPTH, Json

OFFER = bytes.fromhex("6060b017") + bytes.fromhex("00020405") + bytes(12)
"""Bolt's magic and one offer, versions 5.2 to 5.4; three empty ones."""
CHOICE = 4
"""Bytes: two empty, the minor version, the major one."""
MAJOR = 5
"""What was offered; another program's answer, such as HTTP, has something else there."""
HELLO, LOGON, GOODBYE, RUN, PULL = 0x01, 0x6A, 0x02, 0x10, 0x3F
SUCCESS, RECORD, FAILURE = 0x70, 0x71, 0x7F
AGENT = "memos-dev/1"
LONGEST_CHUNK = 0xFFFF
UNAUTHORIZED = 401
OK = 200
LOGIN = "Neo.ClientError.Security."
"""How the codes begin of what is wrong with a login."""


class Connection(Protocol):
    """What Bolt is spoken over."""

    def sendall(self, data: bytes, /) -> None: ...

    def recv(self, bufsize: int, /) -> bytes: ...

    def close(self) -> None: ...


class WrongVersionError(ValueError):
    """No version of Bolt was agreed on."""


class RefusalError(Exception):
    """What the server said no to: its code and its words."""

    def __init__(self, code: str, words: str) -> None:
        """Keep both apart."""
        super().__init__(f"{code}: {words}")
        self.code, self.words = code, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a server is reached, and as whom; `routed` for addresses such as neo4j://."""

    connect: Callable[[], Connection]
    user: str
    password: str = field(repr=False)
    address: str = ""
    database: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What a statement gave, and how the server calls itself."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Json, ...], ...]
    stats: Mapping[str, Json] = field(default_factory=dict)
    server: str = ""


def shake(connection: Connection) -> str:
    """Agree on a version and return it; WrongVersionError where none is."""
    connection.sendall(OFFER)
    chosen = exactly(connection, CHOICE, short=True)
    if len(chosen) < CHOICE or chosen[3] != MAJOR:
        raise WrongVersionError("Bolt: no version agreed")
    return f"Bolt {chosen[3]}.{chosen[2]}"


def run(way: Way, statement: str, parameters: Mapping[str, Json], *, write: bool = True) -> Table:
    """Log in, run a statement to its end and return what it gave.

    Raises RefusalError for a no, WrongVersionError, and OSError and ValueError as a socket and an
    answer of another shape do.
    """
    with closing(way.connect()) as connection:
        shake(connection)
        hello = {"user_agent": AGENT, "bolt_agent": {"product": AGENT}}
        known = _asked(connection, HELLO, {**hello, "routing": {"address": way.address}})
        login = {"scheme": "basic", "principal": way.user, "credentials": way.password}
        _asked(connection, LOGON, login)
        extra = {"mode": "w" if write else "r"} | ({"db": way.database} if way.database else {})
        header = _asked(connection, RUN, statement, dict(parameters), extra)
        connection.sendall(message(PULL, {"n": -1}))
        rows: list[tuple[Json, ...]] = []
        while (answer := received(connection))[0] == RECORD:
            rows.append(tuple(answer[1]))
        summary = _good(answer)
        connection.sendall(message(GOODBYE))
    return Table(
        columns=tuple(map(str, header.get("fields") or ())),
        rows=tuple(rows),
        stats=summary.get("stats") or {},
        server=str(known.get("server", "")),
    )


def committed(way: Way, body: Mapping[str, Json]) -> tuple[int, Json]:
    """Run the statement of a body that Neo4j would take over HTTP; return status and answer of it.

    Errors of the connection as in `run`.
    """
    (asked,) = body["statements"]
    try:
        table = run(way, asked["statement"], asked.get("parameters") or {})
    except RefusalError as error:
        answer = {"results": [], "errors": [{"code": error.code, "message": error.words}]}
        return (UNAUTHORIZED if error.code.startswith(LOGIN) else OK), answer
    data = [{"row": list(row)} for row in table.rows]
    return OK, {"results": [{"columns": list(table.columns), "data": data}], "errors": []}


def _asked(connection: Connection, kind: int, *fields: Json) -> dict[str, Json]:
    connection.sendall(message(kind, *fields))
    return _good(received(connection))


def _good(answer: tuple[int, Json]) -> dict[str, Json]:
    kind, told = answer
    if not isinstance(told, dict) or kind not in {SUCCESS, FAILURE}:
        raise ValueError("Bolt: an answer of another kind than it should be")
    if kind == FAILURE:
        raise RefusalError(str(told.get("code", "")), str(told.get("message", "")))
    return told


def received(connection: Connection) -> tuple[int, Json]:
    """Read one message: its kind, and its only field."""
    whole = b""
    while not whole:  # an empty one keeps the connection alive
        while size := int.from_bytes(exactly(connection, 2)):
            whole += exactly(connection, size)
    reader = Reader(whole)
    _, kind = reader.take(1), reader.take(1)[0]
    try:
        return kind, reader.value() if whole[0] & 0x0F else None
    except (LookupError, TypeError, ArithmeticError, AttributeError) as error:
        raise ValueError("Bolt: a value of another shape than it should have") from error


def exactly(connection: Connection, size: int, *, short: bool = False) -> bytes:
    """Read so many bytes, or with `short` what there is; ConnectionResetError where it ends."""
    found = b""
    while len(found) < size:
        more = connection.recv(size - len(found))
        if not more:
            if short:
                break
            raise ConnectionResetError("the answer broke off")
        found += more
    return found


def message(kind: int, *fields: Json) -> bytes:
    """Return a message in chunks, as it is sent."""
    whole = bytes([0xB0 | len(fields), kind]) + b"".join(map(packed, fields))
    chunks = (whole[at : at + LONGEST_CHUNK] for at in range(0, len(whole), LONGEST_CHUNK))
    return b"".join(len(one).to_bytes(2) + one for one in chunks) + bytes(2)


def packed(value: Json) -> bytes:
    """Return a value of JSON as PackStream has it."""
    return PACKED[type(value)](value)


def _text(value: str) -> bytes:
    raw = value.encode(errors="replace")
    return b"\xd2" + len(raw).to_bytes(4) + raw


def _listed(value: Sequence[Json]) -> bytes:
    return b"\xd6" + len(value).to_bytes(4) + b"".join(map(packed, value))


def _mapped(value: Mapping[str, Json]) -> bytes:
    pairs = b"".join(packed(key) + packed(one) for key, one in value.items())
    return b"\xda" + len(value).to_bytes(4) + pairs


PACKED: Mapping[type, Callable[[Json], bytes]] = {
    type(None): lambda _: b"\xc0",
    bool: lambda value: b"\xc3" if value else b"\xc2",
    int: lambda value: b"\xcb" + value.to_bytes(8, signed=True),
    float: lambda value: b"\xc1" + struct.pack(">d", value),
    str: _text,
    list: _listed,
    tuple: _listed,
    dict: _mapped,
}
"""How a value of each kind is written, the numbers in their longest form."""


class Reader:
    """Reads values of PackStream, as JSON has them."""

    def __init__(self, whole: bytes) -> None:
        """Begin at the beginning."""
        self._whole, self._at, self._deep = whole, 0, 0

    def take(self, size: int) -> bytes:
        """Return the next bytes; ValueError where there are fewer."""
        found = self._whole[self._at : self._at + size]
        if len(found) < size:
            raise ValueError("Bolt: a value broke off")
        self._at += size
        return found

    def value(self) -> Json:
        """Return the next value; ValueError for what is none."""
        mark = self.take(1)[0]
        if mark in PLAIN:
            return PLAIN[mark]
        if mark in NUMBERS:
            size, read = NUMBERS[mark]
            return read(self.take(size))
        if mark & 0xF0 in SMALL:
            return self._many(SMALL[mark & 0xF0], mark & 0x0F)
        kind, width = SIZED[mark]
        return self._many(kind, int.from_bytes(self.take(width)))

    def _many(self, kind: str, count: int) -> Json:
        if kind == "text":
            return self.take(count).decode(errors="replace")
        if kind == "bytes":
            return {"bytes": self.take(count).hex()}
        self._deep += 1
        if self._deep > DEPTH:
            raise ValueError("Bolt: a value is too deep")
        try:
            if kind == "map":
                return {str(self.value()): self.value() for _ in range(count)}
            if kind == "list":
                return [self.value() for _ in range(count)]
            sign = self.take(1)[0]
            return STRUCTURES.get(sign, _other)([self.value() for _ in range(count)])
        finally:
            self._deep -= 1


SMALL: Mapping[int, str] = {0x80: "text", 0x90: "list", 0xA0: "map", 0xB0: "structure"}
PLAIN: Mapping[int, Json] = {
    **{mark: mark for mark in range(0x80)},
    **{mark: mark - 0x100 for mark in range(0xF0, 0x100)},
    0xC0: None,
    0xC2: False,
    0xC3: True,
}
"""Marks that are values."""
NUMBERS: Mapping[int, tuple[int, Callable[[bytes], Json]]] = {
    **{0xC8 + at: (1 << at, lambda raw: int.from_bytes(raw, signed=True)) for at in range(4)},
    0xC1: (8, lambda raw: struct.unpack(">d", raw)[0]),
}
"""Marks before a number, how many bytes it has, and how they are read."""
SIZED: Mapping[int, tuple[str, int]] = {
    **{0xD0 + at: ("text", width) for at, width in enumerate((1, 2, 4))},
    **{0xD4 + at: ("list", width) for at, width in enumerate((1, 2, 4))},
    **{0xD8 + at: ("map", width) for at, width in enumerate((1, 2, 4))},
    **{0xCC + at: ("bytes", width) for at, width in enumerate((1, 2, 4))},
}
"""Marks of what says how long it is, in so many bytes."""


def _other(parts: list[Json]) -> Json:
    """Return a structure that JSON has no word for, such as a duration or a point, as text."""
    return " ".join(map(str, parts))


def _node(parts: list[Json]) -> Json:
    return {"id": str(parts[-1]), "labels": parts[1], "properties": parts[2]}


def _relation(parts: list[Json]) -> Json:
    _, _, _, kind, kept, number, start, end = parts
    return {"id": number, "type": kind, "start": start, "end": end, "properties": kept}


def _unbound(parts: list[Json]) -> Json:
    return {"id": parts[-1], "type": parts[1], "properties": parts[2]}


def _path(parts: list[Json]) -> Json:
    """Return nodes and relationships in turn, as they stand in the path."""
    nodes, relations, steps = parts
    way = [nodes[0]]
    for which, node in zip(steps[::2], steps[1::2], strict=True):
        way += [relations[abs(which) - 1], nodes[node]]
    return {"path": way}


def _moment(seconds: int, nanos: int, zone: timezone | None) -> str:
    began = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    text = (began.astimezone(zone) if zone else began).replace(tzinfo=None).isoformat()
    text += f".{nanos:09d}".rstrip("0") if nanos else ""
    return text


def _zoned(parts: list[Json]) -> Json:
    seconds, nanos, offset = parts
    if isinstance(offset, str):  # the name of a zone
        return f"{_moment(seconds, nanos, None)}Z[{offset}]"
    zone = timezone(timedelta(seconds=offset))
    words = datetime(1970, 1, 1, tzinfo=zone).isoformat()[-len("+00:00") :] if offset else "Z"
    return _moment(seconds, nanos, zone) + words


def _local(parts: list[Json]) -> Json:
    return _moment(parts[0], parts[1], None)


def _day(parts: list[Json]) -> Json:
    return (date(1970, 1, 1) + timedelta(days=parts[0])).isoformat()


STRUCTURES: Mapping[int, Callable[[list[Json]], Json]] = {
    0x4E: _node,
    0x52: _relation,
    0x72: _unbound,
    0x50: _path,
    0x49: _zoned,
    0x69: _zoned,
    0x64: _local,
    0x44: _day,
}
"""What is made of a structure, by its sign."""

"""A Neo4j that is spoken to over Bolt, as far as ours does: a login, and one statement after it."""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from scripts.core.files import Json
from scripts.watch.calls import bolt
from scripts.watch.calls.bolt import exactly, message
from tests.kit.places import TESTS_DATA

Rows = list[list[Json]]
CERTIFICATE, KEY = TESTS_DATA / "tls" / "cert.pem", TESTS_DATA / "tls" / "key.pem"
"""Of localhost and 127.0.0.1, signed by nobody else; until 2126."""
UNKNOWN = {"code": "Neo.ClientError.Security.Unauthorized", "message": "wrong"}
BEYOND = {"code": "Neo.ClientError.Statement.AccessMode", "message": "Writing in read access mode"}


@dataclass(slots=True)
class FakeBolt:
    """Answers each statement with the rows that a function has for it."""

    rows: Callable[[str, Json], Rows] = lambda *_: [[1]]
    login: tuple[str, str] = ("neo4j", "12345678")
    server: str = "Neo4j/5.26.4"
    encrypted: bool = False
    asked: list[tuple[str, Json]] = field(default_factory=list)
    """Statements, and what was said beside each: its mode and its database."""

    def behave(self, connection: socket.socket) -> None:
        """Serve one connection."""
        with suppress(OSError, ValueError):  # the other side has given up
            if self.encrypted:
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                context.load_cert_chain(CERTIFICATE, KEY)
                with context.wrap_socket(connection, server_side=True) as inner:
                    self._serve(inner)
            else:
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        if exactly(connection, len(bolt.OFFER)) != bolt.OFFER:
            return
        connection.sendall(bytes([0, 0, 4, 5]))
        rows: Rows = []
        while True:
            kind, fields = _message(connection)
            match kind:
                case bolt.GOODBYE:
                    return
                case bolt.LOGON if (fields[0]["principal"], fields[0]["credentials"]) != self.login:
                    answers = [message(bolt.FAILURE, UNKNOWN)]
                case bolt.RUN:
                    statement, given, extra = fields
                    self.asked.append((statement, extra))
                    beyond = extra["mode"] == "r" and "CREATE" in statement
                    rows = [] if beyond else self.rows(statement, given)
                    told = message(bolt.SUCCESS, {"fields": ["x"] * len((rows or [[]])[0])})
                    answers = [message(bolt.FAILURE, BEYOND) if beyond else told]
                case bolt.PULL:
                    answers = [message(bolt.RECORD, row) for row in rows]
                    answers.append(message(bolt.SUCCESS, {"type": "r"}))
                case _:
                    answers = [message(bolt.SUCCESS, {"server": self.server})]
            connection.sendall(bytes(2) + b"".join(answers))  # what keeps it alive comes first


def _message(connection: socket.socket) -> tuple[int, list[Json]]:
    """Read a message with all of its fields."""
    whole = b""
    while size := int.from_bytes(exactly(connection, 2)):
        whole += exactly(connection, size)
    reader = bolt.Reader(whole)
    (mark,), (kind,) = reader.take(1), reader.take(1)
    return kind, [reader.value() for _ in range(mark & 0x0F)]

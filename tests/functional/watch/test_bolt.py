"""Bolt against a server that speaks it: logins, statements, values, and what is none of these."""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from scripts.core.files import Json
from scripts.core.foreign.tls import trusting
from scripts.core.stack import Auth, Probe
from scripts.watch import probes
from scripts.watch.calls import elsewhere
from scripts.watch.calls.bolt import Reader, packed
from tests.kit.builders import service
from tests.kit.fake_bolt import CERTIFICATE, FakeBolt
from tests.kit.servers import Behave, closing, saying, tcp

LOGIN = Auth(kind="basic", user="neo4j", password="12345678")
PROBE = Probe(kind="bolt", port=0, auth=LOGIN, database="neo4j")


@pytest.fixture
def server() -> FakeBolt:
    """Return a server that takes the default login."""
    return FakeBolt()


@pytest.fixture
def probe(server: FakeBolt) -> Iterator[Probe]:
    """Serve it; give the probe."""
    with tcp(server.behave) as port:
        yield replace(PROBE, port=port)


def read(probe: Probe) -> tuple[bool, str, bool]:
    """Return what a probe is told."""
    reading = probes.read(replace(service("neo4j"), probes=(probe,)), timeout=2.0)
    return reading.ok, reading.detail, reading.final


def test_a_bolt_probe_with_a_login_has_a_statement_run(server: FakeBolt, probe: Probe) -> None:
    """In the database that MemOS uses; who it is comes with the answer."""
    assert read(probe) == (True, "Neo4j/5.26.4, logged in as neo4j", False)
    assert server.asked == [("RETURN 1", {"mode": "w", "db": "neo4j"})]


def test_a_wrong_password_is_final(server: FakeBolt, probe: Probe) -> None:
    """Neo4j locks out who tries it again and again."""
    server.login = ("neo4j", "another")

    ok, detail, final = read(probe)

    assert (ok, final) == (False, True)
    assert detail.endswith("it rejects the login of neo4j")


def test_what_is_asked_over_http_goes_over_bolt(server: FakeBolt, probe: Probe) -> None:
    """In the same words, so that smoke and memories know nothing of it."""
    server.rows = lambda _, given: [[given["cube"], 2.5, None, True]]
    asked = {"statements": [{"statement": "RETURN $cube", "parameters": {"cube": "a"}}]}

    status, answer = probes.call(replace(probe, body=json.dumps(asked)), timeout=2.0)

    assert status == 200
    assert answer["errors"] == []
    assert answer["results"][0]["data"] == [{"row": ["a", 2.5, None, True]}]


def test_a_refusal_is_the_answer_that_http_would_have_given(server: FakeBolt, probe: Probe) -> None:
    """401 for a login."""
    server.login = ("neo4j", "another")
    body = json.dumps({"statements": [{"statement": "RETURN 1"}]})

    status, answer = probes.call(replace(probe, body=body), timeout=2.0)

    assert status == 401
    assert answer["errors"][0]["code"] == "Neo.ClientError.Security.Unauthorized"


@pytest.mark.parametrize(("tls", "ok"), [("tls", True), ("unverified", True), ("", False)])
def test_an_encrypted_server_is_spoken_to_encrypted(
    server: FakeBolt, probe: Probe, monkeypatch: pytest.MonkeyPatch, tls: str, *, ok: bool
) -> None:
    """And in plain words it does not answer."""
    server.encrypted = True
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    trusting.cache_clear()

    assert read(replace(probe, tls=tls))[0] is ok


def test_a_certificate_that_nobody_trusts_is_told(server: FakeBolt, probe: Probe) -> None:
    """Unless whose it is was not to be asked."""
    server.encrypted = True
    trusting.cache_clear()

    assert read(replace(probe, tls="tls")) == (
        False,
        "its certificate is not trusted on this machine",
        False,
    )
    assert read(replace(probe, tls="unverified"))[0]


@pytest.mark.parametrize(
    ("encrypted", "tls", "told"),
    [
        (False, "tls", "what answers there is not encrypted: https or +s is not wanted"),
        (True, "", "what answers there is encrypted: https or +s is wanted"),
    ],
)
def test_the_other_kind_of_connection_is_told_where_only_that_works(
    server: FakeBolt, probe: Probe, tls: str, told: str, *, encrypted: bool
) -> None:
    """And it is tried without the login."""
    server.encrypted = encrypted
    away = replace(service("neo4j"), probes=(replace(probe, tls=tls),))

    reading = elsewhere.read(away)

    assert not reading.ok
    assert reading.detail.endswith(told)
    assert server.asked == []


GOOD = bytes([0, 0, 4, 5])
HOSTILE: Mapping[str, bytes] = {
    "no message": GOOD,
    "a message of nothing": GOOD + bytes.fromhex("0001b0 0000"),
    "another kind": GOOD + bytes.fromhex("0002b07e 0000"),
    "a mark of nothing": GOOD + bytes.fromhex("0003b170c7 0000"),
    "a value that broke off": GOOD + bytes.fromhex("0003b17088 0000"),
    "a list without end": GOOD + bytes.fromhex("0007b170d6ffffffff 0000"),
    "a node of nothing": GOOD + bytes.fromhex("0004b170b04e 0000"),
    "a moment beyond time": GOOD
    + bytes.fromhex("000fb170 b364cb7fffffffffffffff 0000 0000").replace(b" ", b""),
    "too deep": GOOD + bytes.fromhex("0066b170") + b"\x91" * 100 + bytes(2),
}


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_whatever_is_said_is_a_reading(said: bytes) -> None:
    """Never an exception."""
    with tcp(saying(said)) as port:
        assert not read(replace(PROBE, port=port))[0]


@pytest.mark.parametrize("behave", [closing, saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")])
def test_who_speaks_no_bolt_agrees_on_no_version(behave: Behave) -> None:
    """As a web server at that port."""
    with tcp(behave) as port:
        assert read(replace(PROBE, port=port)) == (False, "Bolt: no version agreed", False)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        [1, -1, 127, -17, 2**40, -(2**40)],
        {"a": [1.5, "ü" * 300, {}], "b": []},
        ["x" * 70_000],
    ],
)
def test_values_come_back_as_they_went(value: Json) -> None:
    """All that JSON has."""
    assert Reader(packed(value)).value() == value


def structure(sign: int, *parts: Json) -> bytes:
    """Return a structure as a server writes it."""
    return bytes([0xB0 | len(parts), sign]) + b"".join(map(packed, parts))


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"\x05", 5),
        (b"\xf0", -16),
        (b"\xc8\x80", -128),
        (b"\xc9" + struct.pack(">h", -300), -300),
        (b"\x83abc", "abc"),
        (b"\xd0\x03abc", "abc"),
        (b"\xa1\x81a\x01", {"a": 1}),
        (b"\xcc\x02\x01\xff", {"bytes": "01ff"}),
        (structure(0x44, 20_000), "2024-10-04"),
        (structure(0x64, 0, 5_000_000), "1970-01-01T00:00:00.005"),
        (structure(0x49, 3600, 0, 0), "1970-01-01T01:00:00Z"),
        (structure(0x49, 0, 0, 7200), "1970-01-01T02:00:00+02:00"),
        (structure(0x69, 0, 0, "Asia/Shanghai"), "1970-01-01T00:00:00Z[Asia/Shanghai]"),
        (structure(0x45, 1, 2, 3, 4), "1 2 3 4"),
        (
            structure(0x4E, 7, ["Memory"], {"a": 1}, "4:x:7"),
            {"id": "4:x:7", "labels": ["Memory"], "properties": {"a": 1}},
        ),
        (
            structure(0x52, 1, 2, 3, "KNOWS", {}, "5:x:1", "4:x:2", "4:x:3"),
            {"id": "5:x:1", "type": "KNOWS", "start": "4:x:2", "end": "4:x:3", "properties": {}},
        ),
        (
            structure(0x72, 1, "KNOWS", {}, "5:x:1"),
            {"id": "5:x:1", "type": "KNOWS", "properties": {}},
        ),
        (structure(0x50, ["a", "b"], ["r"], [-1, 1]), {"path": ["a", "r", "b"]}),
    ],
)
def test_what_a_server_writes_is_read_as_json(raw: bytes, value: Json) -> None:
    """Each kind in its shortest form; moments as Neo4j has them over HTTP."""
    assert Reader(raw).value() == value

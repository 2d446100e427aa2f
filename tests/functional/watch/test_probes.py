"""Probes against real servers that are well, early, wrong, silent or gone."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from scripts.core.look import Reading
from scripts.core.stack import Auth, Probe, Service
from scripts.watch import probes
from scripts.watch.calls.bolt import OFFER
from scripts.watch.calls.s3_signing import s3_headers
from scripts.watch.probes import call, read
from tests.kit.servers import (
    OK,
    Answer,
    Behave,
    Request,
    Respond,
    closed_port,
    closing,
    endless,
    http,
    resetting,
    saying,
    silent,
    tcp,
)

TIME = 20.0
PATIENCE = 0.3
"""Seconds for one probe here."""
SECRET = "pass-word-1"
EURO = "schlüssel€"


def asked(port: int, **facts: Any) -> Reading:
    """Put one probe to a port."""
    probe = Probe(**{"kind": "http", "port": port, **facts})
    service = Service(name="db", container="db", image="i:1", probes=(probe,))
    return read(service, timeout=PATIENCE)


def noting(requests: list[Request], answer: Respond = lambda _: (200, "")) -> Respond:
    """Answer, and note what was asked."""

    def respond(request: Request) -> Answer:
        requests.append(request)
        return answer(request)

    return respond


def told(port: int, **facts: Any) -> tuple[bool, str, bool]:
    """Put one probe to a port, and give whether it is good enough, what it said, if it is final."""
    found = asked(port, **facts)
    return found.ok, found.detail, found.final


@pytest.mark.parametrize(
    ("status", "body", "expect", "answer"),
    [
        (200, "<html>", "", (True, "200 GET /", False)),
        (200, {"code": 200}, '"code":200', (True, "200 GET /", False)),
        (200, "OK", '"code":0', (False, '200 without "code":0: OK', False)),
        (200, "", "<html", (False, "200 without <html: ", False)),
        (503, "Service\n  Unavailable", "", (False, "503: Service Unavailable", False)),
        (404, "x" * 500, "", (False, f"404: {'x' * 119}…", False)),
        (401, "{}", "", (False, "401: it rejects the login of nobody", True)),
        (403, "{}", "", (False, "403: it rejects the login of nobody", True)),
        # no word about the login, and a clock can be set
        (
            403,
            "<Error><Code>RequestTimeTooSkewed</Code></Error>",
            "",
            (False, "403: RequestTimeTooSkewed, the clocks are too far apart", False),
        ),
    ],
)
def test_a_status_and_an_expected_text_make_an_answer(
    status: int, body: object, expect: str, answer: tuple[bool, str, bool]
) -> None:
    """A 200 without the text is one that came too early; a rejected login stays one."""
    with http(lambda _: (status, body)) as port:
        assert told(port, expect=expect) == answer


@pytest.mark.parametrize(
    ("behave", "detail"),
    [
        (silent, "no answer in time"),
        (closing, "the port is open, nobody answers behind it"),
        (resetting, "the port is open, nobody answers behind it"),
    ],
)
@pytest.mark.parametrize("kind", ["http", "vectors"])
def test_a_port_that_only_accepts_proves_nothing(behave: Behave, detail: str, kind: str) -> None:
    """The engine's port proxy accepts while nothing listens in the container."""
    with tcp(behave) as port:
        assert told(port, kind=kind) == (False, detail, False)


@pytest.mark.parametrize(
    ("behave", "detail"),
    [
        (endless(b"x" * 65536), "its answer is longer than any should be"),
        (endless(b"x", pause=0.01), "no answer in time"),
        (endless(b"a: b\r\n", OK, pause=0.01), "no answer in time"),
        (saying(OK + b"Content-Length: 99999999999999999999\r\n\r\n"), "the answer broke off"),
        (saying(OK + b"\r\n" + b"[" * 100_000), "no JSON in the answer"),
        (saying(OK + b'\r\n{"result": NaN}'), "no JSON in the answer"),
        (saying(OK + b"\r\n[[[1]]]"), "the answer has another shape than it should"),
    ],
    ids=["endless", "drips", "drips headers", "promises", "deep", "NaN", "another shape"],
)
def test_an_answer_that_does_not_end_is_none(behave: Behave, detail: str) -> None:
    """Neither time nor memory is its server's to take: 3 s are promised for all of it."""
    began = time.monotonic()
    with tcp(behave) as port:
        found = asked(port, kind="vectors")
        probe = Probe(kind="http", port=port)
        status, _ = call(probe, timeout=PATIENCE)

    assert detail in found.detail
    assert not found.ok
    assert status in {0, 200}
    assert time.monotonic() - began < 20 * PATIENCE


@pytest.mark.parametrize("behave", [closing, resetting])
def test_a_port_that_nobody_answers_behind_has_one_name(behave: Behave) -> None:
    """Whether the refusal comes while we speak or listen is chance, and no change worth telling."""
    with tcp(behave) as port:
        found = {told(port, method="POST", body="x" * size)[1] for size in (2, 2_000_000) * 5}

    assert found == {"the port is open, nobody answers behind it"}


@pytest.mark.parametrize("kind", ["http", "vectors", "bolt"])
def test_a_service_that_is_down_is_a_reading_and_no_exception(kind: str) -> None:
    """Nobody listens: waiting may help."""
    assert told(closed_port(), kind=kind) == (False, "connection refused", False)


@pytest.mark.parametrize(
    ("behave", "answer"),
    [
        (saying(bytes.fromhex("00000405")), (True, "Bolt 5.4", False)),
        (saying(bytes.fromhex("00000205")), (True, "Bolt 5.2", False)),
        (saying(bytes(4)), (False, "Bolt: no version agreed", False)),
        (saying(b"\0\0"), (False, "Bolt: no version agreed", False)),
        (saying(b"HTTP/1.1 400 Bad Request"), (False, "Bolt: no version agreed", False)),
        (closing, (False, "Bolt: no version agreed", False)),
        (silent, (False, "no answer in time", False)),
    ],
)
def test_bolt_is_ready_when_a_version_was_agreed(
    behave: Behave, answer: tuple[bool, str, bool]
) -> None:
    """Four bytes: two empty, minor and major version."""
    with tcp(behave) as port:
        assert told(port, kind="bolt") == answer


def test_the_bolt_hello_is_the_published_one() -> None:
    """Magic, then four offers: https://neo4j.com/docs/bolt/current/bolt/handshake/."""
    assert OFFER.hex(" ", 4) == "6060b017 00020405 00000000 00000000 00000000"


def collection(size: object) -> object:
    """Return what Qdrant says of a collection, cut down to what matters."""
    return {"result": {"config": {"params": {"vectors": {"size": size}}}}, "status": "ok"}


OTHER = "collection memories holds vectors of 768 numbers, wanted 384 (EMBEDDING_DIMENSION)"
OTHER_MODEL = "collection memories holds vectors of the model bge, wanted e5 (MOS_EMBEDDER_MODEL)"
HELD = "ready; memories holds vectors of 384 numbers"
SHAPE = "the answer has another shape than it should"


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (200, collection(384), (True, "ready; memories holds vectors of 384 numbers", False)),
        (200, collection(768), (False, OTHER, True)),
        (
            404,
            {"status": {"error": "Not found"}},
            (True, "ready; no collection memories yet", False),
        ),
        (500, {"status": {"error": "x"}}, (False, '500: {"status": {"error": "x"}}', False)),
        (200, {"result": None}, (False, SHAPE, False)),
        (200, {"result": {"config": {"params": {"vectors": {}}}}}, (False, SHAPE, False)),
        (200, "<html>", (False, "no JSON in the answer", False)),
    ],
)
def test_vectors_of_another_size_are_final(
    status: int, body: object, answer: tuple[bool, str, bool]
) -> None:
    """MemOS would lose them without a word; a collection that is not there yet is well."""

    def respond(request: Request) -> Answer:
        assert request.path == "/collections/memories"
        return status, body

    with http(respond) as port:
        assert told(port, kind="vectors", collection="memories", size=384) == answer


def remembering(model: object, *, points: int) -> Callable[[Request], Answer]:
    """Return a Qdrant that holds so many vectors, and remembers what made them."""
    answers: dict[str, Answer] = {
        "/collections/memories": (200, collection(384)),
        "/collections/marker/points": (200, {"result": model}),
        "/collections/memories/points/scroll": (200, {"result": {"points": [{}] * points}}),
    }
    return lambda request: answers[request.path]


@pytest.mark.parametrize(
    ("remembered", "points", "answer"),
    [
        ([{"payload": {"model": "e5"}}], 1, (True, f"{HELD}, made by e5", False)),
        ([{"payload": {"model": "e5-old"}}], 1, (True, f"{HELD}, made by e5-old", False)),
        ([{"payload": {"model": "bge"}}], 0, (True, f"{HELD}, made by bge", False)),
        ([{"payload": {"model": "bge"}}], 1, (False, OTHER_MODEL, True)),
        ([], 1, (True, HELD, False)),
        ([{"payload": None}], 1, (True, HELD, False)),
        ("?", 1, (True, HELD, False)),
    ],
)
def test_vectors_of_another_model_are_final(
    remembered: object, points: int, answer: tuple[bool, str, bool]
) -> None:
    """They fit, and a search would find anything; what remembers nothing is the API's matter."""
    with http(remembering(remembered, points=points)) as port:
        told_of = told(
            port,
            kind="vectors",
            collection="memories",
            size=384,
            marker="marker",
            models=("e5", "e5-old"),
        )

    assert told_of == answer


def test_a_mistake_of_ours_is_no_answer_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is raised, so that it is told as a bug."""

    def mistaken(*_: object) -> None:
        raise TypeError("ours")

    monkeypatch.setitem(probes.KINDS, "http", mistaken)
    with http(lambda _: (200, "")) as port, pytest.raises(TypeError, match="ours"):
        asked(port)


def basic(request: Request) -> bool:
    """Check a basic login as RFC 7617 says."""
    pair = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
    return pair == f"neo4j:{SECRET}"


def bearer(request: Request) -> bool:
    """Check a bearer token as Milvus does."""
    return request.headers["authorization"] == f"Bearer neo4j:{SECRET}"


def aws4(secret: str, stamp: str, canonical: str) -> str:
    """Sign a canonical request step by step as AWS documents it, for us-east-1 and s3."""
    day = stamp[:8]
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, f"{day}/us-east-1/s3/aws4_request", hashed])
    key = ("AWS4" + secret).encode()
    for part in [day, "us-east-1", "s3", "aws4_request"]:
        key = hmac.new(key, part.encode(), "sha256").digest()
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def canonical_get(path: str, query: str, host: str, stamp: str) -> str:
    """Write out the canonical request of a bodiless GET."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    headers = [f"host:{host}", f"x-amz-content-sha256:{empty}", f"x-amz-date:{stamp}"]
    names = "host;x-amz-content-sha256;x-amz-date"
    return "\n".join(["GET", path, query, *headers, "", names, empty])


def s3(request: Request) -> bool:
    """Check a signature as an S3 server does."""
    sent, stamp = request.headers["authorization"], request.headers["x-amz-date"]
    canonical = canonical_get(request.path, "", request.headers["host"], stamp)
    head = f"AWS4-HMAC-SHA256 Credential=neo4j/{stamp[:8]}/us-east-1/s3/aws4_request, "
    return sent.startswith(head) and sent.endswith(f"Signature={aws4(SECRET, stamp, canonical)}")


@pytest.mark.parametrize(("kind", "check"), [("basic", basic), ("bearer", bearer), ("s3", s3)])
def test_each_login_is_sent_as_its_server_wants_it(
    kind: str, check: Callable[[Request], bool]
) -> None:
    """The right password is let in, another is refused for good, and neither is ever shown."""
    with http(lambda request: (200 if check(request) else 401, "")) as port:
        right = Auth(kind=kind, user="neo4j", password=SECRET)
        wrong = Auth(kind=kind, user="neo4j", password="no-" + SECRET)

        assert told(port, auth=right) == (True, "200 GET /, logged in as neo4j", False)
        assert told(port, auth=wrong) == (False, "401: it rejects the login of neo4j", True)


def test_our_check_of_signatures_agrees_with_the_published_example() -> None:
    """`GET Bucket Lifecycle` of AWS' own documentation of Signature Version 4.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """
    secret, stamp = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524T000000Z"
    canonical = canonical_get("/", "lifecycle=", "examplebucket.s3.amazonaws.com", stamp)

    assert (
        aws4(secret, stamp, canonical)
        == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    )


def test_the_signature_is_made_for_one_moment_host_and_path() -> None:
    """What a replayed or redirected request could change is signed."""
    auth = Auth(kind="s3", user="minio", password=SECRET)
    now, later = (datetime(2026, 11, 23, 1, minute, tzinfo=UTC) for minute in (55, 56))

    signed = {
        s3_headers(auth, host, path, moment)["Authorization"]
        for host, path, moment in [
            ("127.0.0.1:9000", "/", now),
            ("127.0.0.1:9000", "/", later),
            ("127.0.0.1:9000", "/bucket", now),
            ("127.0.0.1:9001", "/", now),
        ]
    }

    assert len(signed) == 4
    stamp, canonical = "20261123T015500Z", ("/", "", "127.0.0.1:9000")
    expected = aws4(SECRET, stamp, canonical_get(*canonical, stamp))
    assert any(one.endswith(f"Signature={expected}") for one in signed)


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_password_may_hold_letters_of_any_language(kind: str) -> None:
    """Sent as UTF-8; HTTP's own Latin-1 has no sign for the euro."""
    requests: list[Request] = []
    with http(noting(requests)) as port:
        assert asked(port, auth=Auth(kind=kind, user="root", password=EURO)).ok

    raw = requests[0].headers["authorization"].partition(" ")[2].encode("latin-1")
    sent = base64.b64decode(raw) if kind == "basic" else raw
    assert sent.decode() == f"root:{EURO}"


def test_a_password_that_cannot_be_sent_is_not_shown() -> None:
    """A line break would be another header; the error that refuses it quotes it."""
    bad = asked(closed_port(), auth=Auth(kind="bearer", user="root", password=SECRET + "\nx: y"))

    assert not bad.ok
    assert SECRET not in bad.detail


def test_a_call_carries_its_method_path_and_json() -> None:
    """And says that it is JSON."""
    requests: list[Request] = []
    with http(noting(requests)) as port:
        found = asked(port, method="POST", path="/tx?x=1", body='{"a": 1}')

    (one,) = requests
    assert (one.method, one.path, json.loads(one.body)) == ("POST", "/tx?x=1", {"a": 1})
    assert one.headers["content-type"] == "application/json"
    assert found.detail == "200 POST /tx?x=1"


def test_a_proxy_never_stands_between_us_and_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many users have one in their environment."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    with http(lambda _: (200, "")) as port:
        assert asked(port).ok


def test_a_redirect_is_not_followed() -> None:
    """Where it leads is another service."""
    requests: list[Request] = []
    with http(noting(requests, lambda _: (302, "moved"))) as port:
        assert not asked(port, expect="<html").ok

    assert [request.path for request in requests] == ["/"]


def test_the_first_probe_that_fails_speaks_for_the_service() -> None:
    """The others are not put; when all are well the last one speaks."""
    requests: list[Request] = []
    answers = noting(requests, lambda request: (500 if request.path == "/b" else 200, ""))

    with http(answers) as port:
        probes = tuple(Probe(kind="http", port=port, path=path) for path in ("/a", "/b", "/c"))
        sick = read(Service(name="db", container="db", image="i", probes=probes))
        well = read(Service(name="db", container="db", image="i", probes=probes[::2]))

    assert (sick.ok, sick.detail) == (False, "500: ")
    assert (well.ok, well.detail) == (True, "200 GET /c")
    assert [request.path for request in requests] == ["/a", "/b", "/a", "/c"]


def test_what_does_not_wait_for_each_other_is_asked_at_once_of_a_service_far_away() -> None:
    """Each answers only when all are asked; the first that fails speaks all the same."""
    together = threading.Barrier(3)

    def respond(request: Request) -> Answer:
        if not request.path.endswith("/scroll"):
            together.wait(TIME)
        if request.path == "/readyz":
            return 200, ""
        return remembering([{"payload": {"model": "e5"}}], points=1)(request)

    with http(respond) as port:
        vectors = Probe(
            kind="vectors",
            port=port,
            collection="memories",
            size=384,
            marker="marker",
            models=("e5",),
        )
        probes = (Probe(kind="http", port=port, path="/readyz"), vectors)
        qdrant = Service(name="qdrant", container="q", image="i", probes=probes)
        found = read(qdrant, timeout=TIME, at_once=True)

    assert (found.ok, found.detail) == (True, f"{HELD}, made by e5")


def test_a_service_without_probes_says_so() -> None:
    """It is judged by its health check elsewhere."""
    found = read(Service(name="etcd", container="etcd", image="i"))

    assert (found.service, found.ok, found.detail) == ("etcd", True, "no probe")


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [(200, {"code": 0}, (200, {"code": 0})), (500, "no", (500, "no")), (200, b"\xff", None)],
)
def test_a_bare_call_gives_status_and_json_or_text(
    status: int, body: object, answer: tuple[int, object] | None
) -> None:
    """Whatever the bytes are."""
    with http(lambda _: (status, body)) as port:
        found = call(Probe(kind="http", port=port), timeout=PATIENCE)

    assert found == answer if answer else found[0] == status


def test_a_bare_call_without_an_answer_gives_the_reason() -> None:
    """Status 0 is no status of HTTP."""
    found = call(Probe(kind="http", port=closed_port()), timeout=PATIENCE)

    assert found == (0, "connection refused")

"""How the API's entry point asks its databases over HTTP, against real servers."""

from urllib.request import Request

import pytest
from memos_start import ask_http, databases

from tests.kit import servers


def asked(status: int, body: object, *, field: str = "") -> str:
    """Ask a server that answers so; give why that is not enough."""
    with servers.http(lambda _: (status, body)) as port:
        return ask_http(Request(f"http://127.0.0.1:{port}/readyz"), field=field)


@pytest.mark.parametrize("status", [200, 401, 403])
def test_an_answer_is_enough_also_a_rejected_login(status: int) -> None:
    """MemOS itself says what is wrong with the login."""
    assert asked(status, "all shards are ready") == ""


def test_a_server_that_is_not_ready_says_why() -> None:
    """Qdrant answers 503 while it loads."""
    assert asked(503, "loading") == "HTTP 503"


def test_a_field_of_the_answer_must_be_zero() -> None:
    """Milvus answers 200 also while its parts start."""
    assert asked(200, {"code": 0, "data": []}, field="code") == ""
    assert "not ready" in asked(200, {"code": 65535, "message": "not ready"}, field="code")
    assert asked(200, "no JSON", field="code") != ""
    assert asked(200, [], field="code") != ""


def test_a_password_may_hold_any_letter() -> None:
    """A header goes as Latin-1, which has no Chinese; servers read UTF-8."""
    given: list[str] = []

    def respond(request: servers.Request) -> servers.Answer:
        given.append(request.headers["authorization"].encode("latin-1").decode())
        return 200, {"code": 0}

    with servers.http(respond) as port:
        env = {"MILVUS_URI": f"http://127.0.0.1:{port}", "MILVUS_PASSWORD": "sécret密码"}
        preferring = {**env, "ENABLE_PREFERENCE_MEMORY": "true", "QDRANT_PATH": "/data"}
        (milvus,) = databases(preferring, "2.0.6")
        assert milvus.ask() == ""

    assert given == ["Bearer root:sécret密码"]


def test_nobody_there_is_told_in_the_systems_words() -> None:
    """The port was open a moment ago."""
    with servers.http(lambda _: (200, "")) as port:
        pass
    assert "refused" in ask_http(Request(f"http://127.0.0.1:{port}/"))

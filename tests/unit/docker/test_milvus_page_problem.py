"""Addresses are read strictly, and errors of pymilvus become plain words."""

from http import HTTPStatus

import pytest
from milvus_problem import Address, Problem, explain, parse_address

HERE = Address(host="milvus-standalone", port=19530)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("milvus-standalone:19530", "milvus-standalone:19530"),
        ("http://milvus-standalone:19530", "milvus-standalone:19530"),
        (" http://milvus-standalone:19530/ ", "milvus-standalone:19530"),
        ("milvus_standalone", "milvus_standalone:19530"),
        ("https://10.0.0.7:443", "https://10.0.0.7:443"),
    ],
)
def test_an_address_is_read_with_or_without_scheme(text: str, shown: str) -> None:
    """Both forms of MILVUS_URL that Attu takes are taken."""
    assert str(parse_address(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ftp://x:1",
        "x:0",
        "x:65536",
        "x:port",
        "a b:1",
        "user:pw@x:1",
        "x:1/db",
        "./milvus.db/x",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    """The value and the expected form are both named."""
    with pytest.raises(Problem) as refused:
        parse_address(text)
    assert refused.value.status is HTTPStatus.BAD_REQUEST
    assert f"“{text}”" in refused.value.title
    assert "milvus-standalone:19530" in refused.value.advice


def chained(text: str, cause: str = "") -> Exception:
    """Build an error as pymilvus raises it: the reason may be in its cause."""
    error = RuntimeError(text)
    error.__cause__ = RuntimeError(cause) if cause else error
    return error


CONNECT = "(code=2, message=Fail connecting to server on x:1, illegal params or server unavailable)"


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (chained(CONNECT, "status = StatusCode.UNAUTHENTICATED"), 401, "MILVUS_PASSWORD"),
        (
            chained(CONNECT, "StatusCode.UNAVAILABLE: Connection refused"),
            504,
            "Nothing listens there",
        ),
        (
            chained(CONNECT, "errors resolving x:19530: Domain name not found"),
            504,
            "Nothing has this name here",
        ),
        (chained(CONNECT, "StatusCode.DEADLINE_EXCEEDED"), 504, "within 5 seconds"),
        (
            chained("(code=100, message=can't find collection collection not found[collection=x])"),
            404,
            "list of collections",
        ),
        (chained("(code=65535, message=PrivilegeQuery: permission deny)"), 403, "root"),
        (chained("(code=1, message=segment lost)"), 502, "segment lost"),
    ],
)
def test_an_error_says_what_is_wrong_and_what_to_do(
    error: Exception, status: int, words: str
) -> None:
    """The texts are those recorded from pymilvus 2.6.17 with Milvus 2.3.5."""
    problem = explain(error, HERE)
    assert problem.status == status
    assert words in problem.advice


def test_localhost_is_explained_where_it_fails() -> None:
    """People type localhost, which is this page's own container."""
    problem = explain(chained(CONNECT, "Connection refused"), Address(host="localhost", port=19530))
    assert "is the page itself" in problem.advice
    assert "milvus-standalone" in problem.advice

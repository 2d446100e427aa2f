"""The form of a query to a REST interface, and which of them change nothing."""

import pytest

from scripts.core.errors import ConfigError
from scripts.loop.console import milvus, qdrant
from scripts.loop.console.rest import Request, request

POINTS = "/collections/some/points"


@pytest.mark.parametrize(
    ("text", "method", "path", "body"),
    [
        ("GET /collections", "GET", "collections", ""),
        ("collections", "GET", "collections", ""),
        ("get collections/", "GET", "collections", ""),
        ('collections/a/points/scroll {"limit": 1}', "POST", "collections/a/points/scroll", None),
        ('POST /a{"limit": 1}', "POST", "a", '{"limit": 1}'),
        ('PUT /a\n{"b":\n1}', "PUT", "a", '{"b":\n1}'),
        ("DELETE /collections/%E4%BD%A0", "DELETE", "collections/%E4%BD%A0", ""),
    ],
)
def test_a_query_is_a_method_a_path_and_json(
    text: str, method: str, path: str, body: str | None
) -> None:
    """The method may be left out, and so may the first slash."""
    found = request(text, "console.x")

    assert (found.method, found.path) == (method, path)
    assert found.body == ('{"limit": 1}' if body is None else body)


def test_what_follows_a_question_mark_is_kept() -> None:
    """It is no part of the path that is judged."""
    found = request("PUT /collections/a/points?wait=true {}", "console.x")

    assert (found.path, found.query) == ("collections/a/points", "wait=true")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "wanted [METHOD] path [JSON]"),
        ("FETCH /collections", "'FETCH /collections'"),
        ("POST /a {", "no JSON"),
        ("POST /a {'b': 1}", "no JSON"),
        ("POST /a [1]", "no object"),
        ("POST /a {} {}", "no JSON"),
        ("GET /你", "%-escapes"),
        ("GET /a\x1b[2J", r"\x1b"),
        ("POST /a " + '{"a":' * 100 + "1" + "}" * 100, "deeper"),
    ],
)
def test_another_form_is_told(text: str, told: str) -> None:
    """What is wrong, and where the form is explained; no terminal obeys it."""
    with pytest.raises(ConfigError) as refused:
        request(text, "console.x")

    assert told in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert refused.value.next_step == "inv console.x --help"


@pytest.mark.parametrize(
    "text",
    [
        *("GET /", "GET /collections", "GET /telemetry", f"GET {POINTS}/7", "GET /metrics"),
        *(
            f"POST {POINTS}{more} {{}}"
            for more in (
                *("", "/scroll", "/count", "/query", "/query/batch", "/query/groups", "/search"),
                *("/search/batch", "/search/groups", "/search/matrix/pairs", "/recommend"),
                *("/recommend/batch", "/recommend/groups", "/discover", "/discover/batch"),
            )
        ),
        "POST /collections/some/facet {}",
        f"POST {POINTS}/scroll?timeout=1 {{}}",
    ],
)
def test_what_only_reads_in_qdrant_is_let_through(text: str) -> None:
    """Every GET, and the POSTs that ask."""
    assert qdrant.reads(request(text, "t"))


@pytest.mark.parametrize(
    "text",
    [
        *(f"PUT {POINTS} {{}}", "DELETE /collections/some", "PATCH /collections/some {}"),
        *(
            f"POST {POINTS}{more} {{}}"
            for more in (
                *("/delete", "/payload", "/payload/clear", "/payload/delete", "/vectors/delete"),
                *("/batch", "/scroll/../delete", "//scroll", "/scroll/", "/scrolled"),
            )
            if more != "/scroll/"
        ),
        *("POST /collections/aliases {}", "POST /snapshots", "POST /locks {}"),
        *("POST /collections/a/b/points/scroll {}", "POST /collections//points/scroll {}"),
        "POST /collections/a?b/points/scroll {}",
    ],
)
def test_all_else_in_qdrant_is_a_change(text: str) -> None:
    """What is not known to read is taken for a write."""
    assert not qdrant.reads(request(text, "t"))


@pytest.mark.parametrize(
    ("words", "only_reads"),
    [
        *((f"collections/{one}", True) for one in ("list", "describe", "has", "get_stats")),
        *((f"entities/{one}", True) for one in ("query", "get", "search", "hybrid_search")),
        *((one, True) for one in ("users/describe", "jobs/import/get_progress", "indexes/list")),
        *((f"collections/{one}", False) for one in ("create", "drop", "load", "release", "rename")),
        *((f"entities/{one}", False) for one in ("insert", "upsert", "delete")),
        *((one, False) for one in ("users/update_password", "list/../drop", "get/create", "")),
    ],
)
def test_milvus_is_judged_by_the_last_word_of_the_path(words: str, only_reads: bool) -> None:
    """Version 2 says there what it does."""
    assert milvus.reads(words) is only_reads


def test_a_request_is_named_without_its_body() -> None:
    """A login may stand in that."""
    assert Request(method="PUT", path="a", body='{"password": "x"}').named == "PUT a"

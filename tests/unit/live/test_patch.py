"""A patch makes the new document of the old one, whatever they hold."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.live.patch import difference, merged, without_nulls

LEAVES = st.booleans() | st.integers() | st.text(max_size=3) | st.none()
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3).map(without_nulls)


@given(DOCUMENTS, DOCUMENTS)
def test_the_difference_brings_the_old_document_to_the_new(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    """So whoever has followed has what the whole state would give."""
    assert merged(old, difference(old, new)) == new


@given(DOCUMENTS)
def test_of_the_same_document_nothing_is_sent(document: dict[str, Any]) -> None:
    """Most looks are like the one before."""
    assert difference(document, document) == {}


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_patch_means_what_its_standard_says(
    document: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]
) -> None:
    """The examples of RFC 7396, appendix A, that are about objects."""
    assert merged(document, patch) == result


def test_only_what_changed_is_in_a_patch() -> None:
    """A service that goes down sends its state, not all that is known of it."""
    old = {"services": {"memos": {"state": "running", "image": "x"}, "etcd": {"state": "running"}}}
    new = {"services": {"memos": {"state": "exited", "image": "x"}, "etcd": {"state": "running"}}}

    assert difference(old, new) == {"services": {"memos": {"state": "exited"}}}


def test_nothing_is_null_in_a_document() -> None:
    """In a patch null means that a field is gone."""
    assert without_nulls({"a": None, "b": [{"c": None, "d": 1}, None], "e": {"f": None}}) == {
        "b": [{"d": 1}, None],
        "e": {},
    }

"""Who was away gets what was missed, or all of it."""

from collections.abc import Mapping

from scripts.live.changes import Changes


def changed(*documents: Mapping[str, object], kept: int = 100) -> Changes:
    """Return what has become each of these documents."""
    changes = Changes(kept)
    for document in documents:
        changes.become(document)
    return changes


def test_who_comes_first_gets_the_state() -> None:
    """With the number from which on changes count."""
    assert changed({"a": 1}, {"a": 2}).since(None) == [(2, "state", {"a": 2})]


def test_who_was_away_gets_the_changes_alone() -> None:
    """In their order, and nothing twice."""
    changes = changed({"a": 1}, {"a": 2}, {"b": 1})

    assert changes.since(1) == [(2, "change", {"a": 2}), (3, "change", {"a": None, "b": 1})]
    assert changes.since(3) == []


def test_the_same_document_is_no_change() -> None:
    """Whoever waits is not woken for it."""
    changes = changed({"a": 1})

    assert not changes.become({"a": 1})
    assert changes.number == 1


def test_who_was_away_too_long_gets_the_state() -> None:
    """Of more changes than are kept the first ones are gone."""
    changes = changed(*({"a": number} for number in range(9)), kept=3)

    assert [kind for _, kind, _ in changes.since(6)] == ["change"] * 3
    assert changes.since(5) == [(9, "state", {"a": 8})]


def test_a_number_that_never_was_gets_the_state() -> None:
    """As of a server that was another one."""
    assert changed({"a": 1}).since(7) == [(1, "state", {"a": 1})]


def test_a_document_that_was_sent_stays_as_it_is() -> None:
    """Whoever sends it may take its time."""
    changes = changed({"a": {"b": 1}})
    (_, _, sent), *_ = changes.since(None)

    changes.become({"a": {"b": 2}})

    assert sent == {"a": {"b": 1}}

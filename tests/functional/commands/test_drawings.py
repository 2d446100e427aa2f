"""`inv timeline` and `inv graph`: how a start went, and how all is now."""

import pytest

from tests.kit.checkout import Checkout


def test_a_start_is_drawn_as_text_and_as_a_page(at: Checkout) -> None:
    """`timeline` says how it went, `graph` how all is now; both write the same page."""
    at.state["containers"]["id-etcd"] = at.container("etcd", "created")
    assert at.inv("up", "--timeout", "20") == 0
    at.shown()

    assert at.inv("timeline") == 0
    assert "* etcd" in at.shown().out
    assert at.inv("timeline", "--format", "json") == 0
    found = at.document("timeline")
    assert [row["service"] for row in found["services"] if row["critical"]] == ["etcd"]

    assert at.inv("graph", "--service", "qdrant") == 0
    assert at.shown().out == "✓ qdrant  ready\n"
    assert "</html>" in (at.root / ".cache" / "memos-test" / "stack.html").read_text()


@pytest.mark.parametrize(
    ("number", "told"), [("1", "no start has been kept"), ("x", "--run is 'x'")]
)
def test_a_start_that_is_not_kept_is_told(at: Checkout, number: str, told: str) -> None:
    """With what to type instead."""
    assert at.inv("timeline", "--run", number) == 2
    assert told in at.shown().err

"""`inv doctor`: what would stop `inv up`, and what could be better."""

import pytest

from tests.kit.changes import (
    Change,
    breach,
    broken_env,
    foreign,
    no_yaml,
    old_engine,
    put,
    stranger,
)
from tests.kit.checkout import Checkout


def test_doctor_is_0_where_nothing_would_stop_up(at: Checkout) -> None:
    """Advice does not change it; what is fine has a line of its own."""
    assert at.inv("doctor") == 0

    shown = at.shown().out
    assert "! Compose 2.26.1 has known bugs" in shown
    assert "ok  services  5 of 5 are ready" in shown
    assert "✗" not in shown
    version = "compose version --short"
    assert at.calls() == [version, version, "config"]  # it changes nothing


def test_doctor_is_5_where_something_would_stop_up(at: Checkout) -> None:
    """Fatal findings first; JSON keeps its schema."""
    stranger(at)
    put("NEO4J_HTTP_PORT", "http")(at)

    assert at.inv("doctor", "--format", "json") == 5

    document = at.document("doctor")
    fatal = [one["code"] for one in document["findings"] if one["fatal"]]
    assert fatal == ["env-value", "name-taken"]
    assert [one["fatal"] for one in document["findings"]][:2] == [True, True]


@pytest.mark.parametrize("prepare", [broken_env, no_yaml, breach, foreign, old_engine])
def test_doctor_goes_on_where_others_refuse(at: Checkout, prepare: Change) -> None:
    """What they would raise is one of its findings."""
    prepare(at)

    assert at.inv("doctor") == 5

    shown = at.shown()
    assert "\n  next: " in shown.out
    assert shown.err == ""

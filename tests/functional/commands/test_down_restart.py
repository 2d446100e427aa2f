"""`inv down` and `inv restart`."""

import pytest

from tests.kit.checkout import Checkout


def test_restart_stops_what_is_named_and_waits_for_it(at: Checkout) -> None:
    """With all it needs."""
    assert at.inv("restart", "--service", "etcd") == 0

    assert at.calls()[-2:] == [
        "--progress plain stop etcd",
        "--progress plain create --no-build --pull never etcd",
    ]


@pytest.mark.parametrize(
    ("words", "call", "told"),
    [
        ("down", "down --remove-orphans", "the data is kept"),
        ("down --volumes --yes", "down --remove-orphans", "the data was deleted"),
    ],
)
def test_down_deletes_data_only_when_told_so(
    at: Checkout, words: str, call: str, told: str
) -> None:
    """And lists whose, without what belongs to others."""
    assert at.inv(*words.split()) == 0

    assert at.calls()[-1].endswith(f"--project-name memos-test --file - --progress plain {call}")
    shown = at.shown().err
    assert told in shown
    assert ("memos-test_etcd_data" in shown) is ("--volumes" in words)
    assert "somebody_elses" not in shown


def test_down_reads_no_file(at: Checkout) -> None:
    """Compose is told what is there; by files it leaves what only a profile starts."""
    assert at.inv("down") == 0

    assert at.calls()[-1].count("--file") == 1
    assert "--file - " in at.calls()[-1]

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


def test_one_service_is_stopped_alone(at: Checkout) -> None:
    """Its container stays; what needs it goes on, and is named."""
    needs = {"qdrant": {"condition": "service_healthy"}}
    at.config["services"]["memos"]["depends_on"] = needs

    assert at.inv("down", "--service", "qdrant", "--service", "etcd-docker") == 0

    assert at.shown().err == (
        "qdrant is stopped; memos needs it, and goes on without; inv up --service qdrant starts it"
        "\netcd is stopped; inv up --service etcd starts it\n"
    )
    assert not any("down" in call for call in at.calls())
    assert at.inv("ps", "--format", "json") == 0
    found = {row["service"]: row["state"] for row in at.document("ps")["services"]}
    assert {name for name in found if found[name] == "exited"} == {"qdrant", "etcd"}


def test_one_service_is_no_reason_to_delete_data(at: Checkout) -> None:
    """A reset does that, with a plan; and a wrong name is told before anything stops."""
    assert at.inv("down", "--service", "etcd", "--volumes", "--yes") == 2
    assert at.inv("down", "--service", "etdc") == 2

    assert "did you mean etcd?" in at.shown().err
    assert all("stop" not in call for call in at.calls())


def test_down_reads_no_file(at: Checkout) -> None:
    """Compose is told what is there; by files it leaves what only a profile starts."""
    assert at.inv("down") == 0

    assert at.calls()[-1].count("--file") == 1
    assert "--file - " in at.calls()[-1]

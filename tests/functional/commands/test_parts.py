"""Data that lies in several volumes: where one of them is gone or new, nothing is started."""

import json
import shutil
from pathlib import Path

import pytest

from tests.kit.checkout import DataCheckout

ETCD, MILVUS = "memos-test_etcd_data", "memos-test_milvus_data"
BEGAN = "2026-01-01T08:00:00+01:00"
SAME = "2026-01-01T07:00:00Z"
"""The same moment, after the engine's machine has moved to another zone."""


class PartsCheckout(DataCheckout):
    """A checkout with a group of two stores, both with a volume."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        """Give Milvus one beside etcd's."""
        super().__init__(folder, ports)
        mount = {"type": "volume", "source": "milvus_data", "target": "/data"}
        self.config["services"]["milvus"]["volumes"] = [mount]
        self.config["volumes"]["milvus_data"] = {"name": MILVUS}
        self.state["volumes"].append(MILVUS)
        self.state["containers"]["id-milvus"]["mounts"] = [MILVUS]
        self.state["made"] = {name: {"CreatedAt": BEGAN} for name in self.state["volumes"]}
        self.put("milvus_data", "old")

    def lose(self, name: str, service: str) -> None:
        """Remove a volume and its container beside us."""
        self.close()
        self.state["volumes"].remove(name)
        self.state["containers"].pop(f"id-{service}", None)
        shutil.rmtree(self.disk / name)

    def made_again(self, name: str, moment: str) -> None:
        """Let a volume be as old as that."""
        self.close()
        self.state["made"][name] = {"CreatedAt": moment}
        self.state["containers"].pop("id-attu", None)
        with (self.root / "docker" / "docker-compose.yml").open("a") as file:
            file.write("# changed\n")


@pytest.fixture
def kind() -> type[DataCheckout]:
    """Work on data in parts."""
    return PartsCheckout


def test_a_part_that_is_gone_stops_the_start_and_names_the_snapshot_that_has_it(
    at: PartsCheckout,
) -> None:
    """5, nothing is made, and the data that is left is as it was; restored, it starts again."""
    assert at.inv("up") == 0
    at.save("whole")
    at.save("half", "--service", "qdrant")
    at.lose(ETCD, "etcd")
    before = len(at.calls())

    assert at.inv("up") == 5

    told = at.shown().err
    assert f"the data of milvus is not whole: {ETCD} is gone, and {MILVUS} stayed" in told
    assert "next: inv snapshot.restore whole (it has all of them)" in told
    assert not any(" create " in call for call in at.calls()[before:])
    assert (at.disk / MILVUS / "sub" / "file").read_text() == "old"

    assert at.inv("snapshot.restore", "whole", "--yes") == 0
    at.answer(" create ", "true")
    assert at.inv("up") != 5 or "not whole" not in at.shown().err


def test_a_part_that_is_gone_stops_what_was_interrupted_too(at: PartsCheckout) -> None:
    """What ran is not brought back on it."""
    assert at.inv("up") == 0
    at.interrupted("save", "stopped")
    at.lose(ETCD, "etcd")
    before = len(at.calls())

    assert at.inv("up") == 5

    assert f"{ETCD} is gone, and {MILVUS} stayed" in at.shown().err
    assert not any(" create " in call for call in at.calls()[before:])


def test_a_record_that_is_odd_is_none(at: PartsCheckout) -> None:
    """Nothing can be told by it."""
    assert at.inv("up") == 0
    (at.kept / "parts.json").write_text(json.dumps({ETCD: "yesterday", MILVUS: 3}))
    at.lose(ETCD, "etcd")
    at.answer(" create ", "true")

    at.inv("up")

    assert "not whole" not in at.shown().err


def test_without_a_snapshot_what_is_left_is_saved_before_it_starts_over(at: PartsCheckout) -> None:
    """Nothing is deleted on a guess."""
    assert at.inv("up") == 0
    at.lose(ETCD, "etcd")

    assert at.inv("up") == 5

    step = "inv snapshot.save --service milvus; inv reset --service milvus"
    assert step in at.shown().err


def test_what_a_reset_gave_up_is_not_what_brings_a_part_back(at: PartsCheckout) -> None:
    """It may have been damaged: that is what resets are for."""
    assert at.inv("reset", "--service", "milvus", "--yes") == 0
    for name in (ETCD, MILVUS):
        at.made_again(name, "2099-01-01T00:00:00Z")
    assert at.inv("up") == 0
    at.lose(ETCD, "etcd")

    assert at.inv("up") == 5

    told = at.shown().err
    assert "before-reset-milvus" not in told.partition("is not whole")[2]
    assert "inv snapshot.save --service milvus; inv reset --service milvus" in told


@pytest.mark.parametrize(
    ("moment", "labels", "told"),
    [
        ("2020-01-01T00:00:00Z", {}, True),  # all that is in it is younger: it was made again
        ("2099-01-01T00:00:00Z", {}, False),  # what is in it is older: only its folder changed
        ("2020-01-01T00:00:00Z", {"dev.memos.restored": "then"}, False),  # a restore filled it
        (SAME, {}, False),
        ("", {}, False),  # a driver that does not say
    ],
)
def test_a_part_that_was_made_anew_is_told_and_nothing_else_is_taken_for_one(
    at: PartsCheckout, moment: str, labels: dict[str, str], *, told: bool
) -> None:
    """No false alarm after a restore, a move of the machine, or a chmod."""
    assert at.inv("up") == 0
    at.made_again(ETCD, moment)
    at.state["made"][ETCD]["Labels"] = labels

    assert at.inv("up") == (5 if told else 0)

    assert (f"{ETCD} was made anew, and {MILVUS} stayed" in at.shown().err) is told


def test_data_that_was_reset_or_never_ready_together_is_no_alarm(at: PartsCheckout) -> None:
    """All parts new, or a service that is started alone first: that is how data begins."""
    at.lose(MILVUS, "milvus")
    at.answer(" create ", f"touch {at.disk}/created")
    assert at.inv("up", "--service", "etcd") == 0
    assert not (at.kept / "parts.json").exists()

    at.close()
    at.state["volumes"].append(MILVUS)
    at.state["containers"]["id-milvus"] = at.container("milvus") | {"mounts": [MILVUS]}
    at.state["made"] |= {name: {"CreatedAt": BEGAN} for name in (ETCD, MILVUS)}
    at.put("milvus_data", "old")
    assert at.inv("up") == 0
    assert json.loads((at.kept / "parts.json").read_text()).keys() == {ETCD, MILVUS}

    assert at.inv("reset", "--service", "milvus", "--yes") == 0
    assert at.inv("up") == 0

"""What another checkout made, or this one at another place, is known, and asked about apart."""

import os
import shutil
from pathlib import Path

import pytest

from scripts.engine.api import Api
from scripts.engine.containers import volume_labels
from tests.kit.checkout import Checkout, DataCheckout
from tests.kit.fake_engine import made
from tests.kit.reloads import edited, run, state


@pytest.fixture
def kind() -> type[Checkout]:
    """A checkout whose stack keeps data."""
    return DataCheckout


def by(at: Checkout, folder: Path) -> None:
    """Let a container be made by the checkout in a folder."""
    at.state["containers"]["id-etcd"] = made(
        "etcd", "running", folder=str(folder / "docker"), project="memos-test"
    )


def label(at: Checkout, checkout: Path | str, machine: str = os.uname().nodename) -> None:
    """Let the volumes be made by a checkout."""
    labels = {"dev.memos.checkout": str(checkout), "dev.memos.machine": machine}
    at.state["made"] = {name: {"Labels": labels} for name in at.state["volumes"]}


@pytest.fixture
def other(at: Checkout) -> Path:
    """Another checkout that is there."""
    folder = at.folder / "other"
    (folder / "docker").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("words", ["up --yes", "down --yes", "restart --service etcd"])
def test_another_checkout_that_is_there_is_never_taken_over(
    at: Checkout, other: Path, words: str
) -> None:
    """Not even with --yes: exit code 2, and how to run side by side."""
    by(at, other)

    assert at.inv(*words.split()) == 2

    assert f"belongs to the checkout at {other}\n" in at.shown().err


@pytest.mark.parametrize(
    "words", ["api.host -- true", "reload", "console.neo4j RETURN --write", "api.container"]
)
def test_the_loop_of_another_checkout_is_left_alone(at: Checkout, other: Path, words: str) -> None:
    """Its API goes on as it runs, and nothing is written to its stores."""
    edited(at, state(run(7)), state(run(7), run(8, asked=1), asked=1))
    by(at, other)

    assert at.inv(*words.split()) == 2

    assert f"belongs to the checkout at {other}\n" in at.shown().err
    assert at.inv("ps", "--format", "json") == 0
    rows = {row["service"]: row for row in at.document("ps")["services"]}
    assert rows["memos"]["state"] == "running"
    assert rows["memos"]["reload"]["version"] == 7


def test_containers_that_were_made_through_a_link_are_our_own(at: Checkout) -> None:
    """As by plain Compose in a folder that is reached by another name."""
    (at.folder / "link").symlink_to(at.root)
    by(at, at.folder / "link")

    assert at.inv("down") == 0


def test_a_checkout_that_is_gone_is_no_hindrance_to_the_doctor(at: Checkout) -> None:
    """It is advice, and the next step is the one that mends it."""
    by(at, Path("/no/such/place"))

    at.inv("doctor", "--format", "json")

    (finding,) = (one for one in at.document("doctor")["findings"] if one["code"] == "moved")
    assert finding["fatal"] is False
    assert "inv up" in finding["next_step"]


def test_on_an_engine_elsewhere_nobody_is_taken_for_gone(
    at: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paths of that machine are not to be seen here."""
    by(at, Path("/no/such/place"))
    monkeypatch.setattr("scripts.core.inventory.Engine.local", property(lambda _: False))

    assert at.inv("up", "--yes") == 2
    assert at.inv("down", "--yes") == 2

    assert "belongs to the checkout at /no/such/place" in at.shown().err


DELETING = ("down --volumes --yes", "reset --all --yes")


@pytest.mark.parametrize("words", DELETING)
def test_data_of_another_checkout_is_asked_about_apart(
    at: DataCheckout, other: Path, words: str
) -> None:
    """--yes is not enough: nothing is deleted, and both checkouts are named."""
    label(at, other)

    assert at.inv(*words.split()) == 7

    told = at.shown().err
    assert f"memos-test_neo4j_data: made by the checkout at {other}" in told
    assert "It is data of another checkout. Nobody is there to answer" in told
    assert "--yes" not in told.partition("next: ")[2]
    assert at.held() == dict.fromkeys(("etcd_data", "neo4j_data", "qdrant_data"), "old")


def test_a_restore_over_data_of_another_checkout_is_asked_about_apart(
    at: DataCheckout, other: Path
) -> None:
    """It would replace that data."""
    label(at, other)
    at.save("mine")

    assert at.inv("snapshot.restore", "mine", "--yes") == 7
    assert "data of another checkout" in at.shown().err


def test_data_of_a_host_that_is_not_this_one_is_another_checkouts(at: DataCheckout) -> None:
    """As in a container that has the host's engine: the path is not to be seen there."""
    label(at, "/no/such/place", machine="another-host")

    assert at.inv("down", "--volumes", "--yes") == 7


def test_the_data_of_a_stack_that_somebody_left_behind_is_asked_about(at: DataCheckout) -> None:
    """--yes takes over its containers, and not what they keep: it may be another machine's."""
    by(at, Path("/no/such/place"))
    before = at.held()

    assert at.inv("down", "--volumes", "--yes") == 7
    assert at.held() == before
    assert at.inv("down", "--yes") == 0


@pytest.mark.parametrize("whose", ["own", "moved", "nobody's"])
def test_our_own_data_goes_after_the_one_question(at: DataCheckout, whose: str) -> None:
    """Also that of this checkout before it was moved, and what has no label."""
    if whose != "nobody's":
        label(at, at.root if whose == "own" else "/no/such/place")

    assert at.inv("down", "--volumes", "--yes") == 0
    assert at.held() == {}


def test_volumes_that_are_made_know_their_checkout(at: DataCheckout) -> None:
    """Compose finds them with its own labels."""
    at.state["volumes"].remove("memos-test_neo4j_data")
    shutil.rmtree(at.disk / "memos-test_neo4j_data")
    assert at.inv("up", "--build") == 0

    labels = volume_labels(Api(f"unix://{at.socket}"))["memos-test_neo4j_data"]
    assert labels["dev.memos.checkout"] == str(at.root)
    assert labels["com.docker.compose.project"] == "memos-test"
    assert labels["com.docker.compose.volume"] == "neo4j_data"

"""Data commands whose engine is elsewhere, over a way that breaks in the middle of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.start import guards
from tests.kit import relay
from tests.kit.checkout import VOLUMES
from tests.kit.checkout import DataCheckout as Checkout
from tests.kit.relay import Way

OLD, NEW = (dict.fromkeys(VOLUMES.values(), text) for text in ("old", "new"))


@pytest.fixture
def kind() -> type[Checkout]:
    """Its stack keeps data."""
    return Checkout


@pytest.fixture
def way(at: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    """Return the way to the engine, with a snapshot of the old data made over it."""
    monkeypatch.setattr(relay, "PIECE", 256)
    # the services of this test hold the ports of what was stopped
    monkeypatch.setattr(guards, "holders", lambda *_: {})
    with relay.relay(tmp_path / "way.sock", str(at.socket)) as found:
        at.patch.setenv("DOCKER_HOST", f"unix://{tmp_path}/way.sock")
        at.save("one")
        at.put_all("new")
        yield found


@pytest.mark.parametrize("size", [1, 2000, 9000])
def test_a_restore_whose_way_breaks_is_finished_or_was_never_begun(
    at: Checkout, way: Way, size: int
) -> None:
    """3, since the engine does not answer; the next start says so, and no data is a mixture."""
    way.break_after(size, said=b"/attach")

    assert at.inv("snapshot.restore", "one", "--yes") == 3
    assert way.broken
    shown = at.shown().err
    assert "does not answer" in shown
    assert "next: " in shown

    way.mend()
    assert at.inv("up") == 0
    assert at.held() in (OLD, NEW)
    assert not (at.kept / "journal.json").exists()


@pytest.mark.parametrize("size", [1, 2000, 9000])
def test_a_save_whose_way_breaks_leaves_no_snapshot(at: Checkout, way: Way, size: int) -> None:
    """And the data as it was; what was stopped for it runs again with the next start."""
    way.break_after(size, said=b"/attach")

    assert at.inv("snapshot.save", "--name", "two") == 3
    assert way.broken

    way.mend()
    assert at.inv("up") == 0
    assert at.held() == NEW
    assert at.names() == ["one"]
    assert not list(at.kept.glob("*.partial"))


@pytest.mark.parametrize("size", [1, 2000])
def test_a_reset_whose_way_breaks_has_deleted_nothing_without_a_snapshot(
    at: Checkout, way: Way, size: int
) -> None:
    """It breaks while that is saved: nothing was deleted."""
    way.break_after(size, said=b"/attach")

    assert at.inv("reset", "--all", "--yes") == 3

    way.mend()
    assert at.inv("up") == 0
    assert at.held() == NEW

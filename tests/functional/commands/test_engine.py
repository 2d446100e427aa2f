"""`inv engine.*`: the engine that is used, and the private one."""

from scripts.core.inventory import Engine
from scripts.engine.private import control
from tests.kit.checkout import Checkout


def test_engine_commands_show_the_one_that_is_used(at: Checkout) -> None:
    """Its address for people, and as shell lines for a plain docker."""
    assert (at.inv("engine.status"), at.inv("engine.env")) == (0, 0)

    shown = at.shown().out
    assert f"26.1.5+dfsg1 at unix://{at.folder}/engine.sock (yours)" in shown
    assert f"export DOCKER_HOST=unix://{at.folder}/engine.sock\n" in shown


def test_a_private_engine_that_is_not_there_can_be_stopped_and_removed(at: Checkout) -> None:
    """Both leave nothing, and nothing is what is there."""
    assert (at.inv("engine.stop"), at.inv("engine.remove", "--yes")) == (0, 0)

    assert not (at.root / ".engine").exists()


def test_engine_start_says_where_it_runs(at: Checkout) -> None:
    """The start itself is tried with a real one, in e2e."""
    found = Engine(endpoint="unix:///e", env={}, private=True, version="26", api_version="1.45")
    at.patch.setattr(control, "start", lambda *_: found)

    assert at.inv("engine.start") == 0

    assert at.shown().out == "the private engine 26 runs at unix:///e\n"

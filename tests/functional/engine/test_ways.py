"""The way to the engine of a node over ssh."""

from pathlib import Path

import pytest

from scripts.core.errors import ConfigError, EngineError
from scripts.engine.remote import link
from scripts.engine.remote.state import Phase, State
from scripts.engine.swarm import ways

TWO = "ssh://me@two.example"


def test_a_node_is_reached_by_a_link_of_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an engine of REMOTE is."""
    monkeypatch.setattr(link, "forwarded", lambda here, written: f"{here.root} {written}")

    assert ways.forwarded(tmp_path, TWO) == f"{tmp_path} {TWO}"


def test_a_broken_link_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All others can be asked meanwhile."""
    broken = State(address=TWO, phase=Phase.BROKEN, since=1)
    monkeypatch.setattr(link, "seen", lambda *_: broken)

    with pytest.raises(EngineError, match="has been broken for") as error:
        ways.forwarded(tmp_path, TWO)
    assert error.value.next_step == "inv remote"


def test_what_ssh_refuses_is_told_of_that_node_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are seen all the same."""

    def refuse(*_: object) -> str:
        raise ConfigError("the host key is not known", next_step="ssh two")

    monkeypatch.setattr(link, "forwarded", refuse)
    with pytest.raises(EngineError, match="host key") as error:
        ways.forwarded(tmp_path, TWO)
    assert error.value.next_step == "ssh two"

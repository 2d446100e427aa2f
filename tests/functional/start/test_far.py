"""What an engine far away is asked before a start: each question is a way there and back."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.config.workspace import Workspace
from scripts.engine import api as engine_api
from scripts.engine.memory import remembered
from scripts.start import guards
from tests.kit.builders import ENGINE, service, stack, workspace
from tests.kit.fake_engine import FakeEngine, made
from tests.kit.servers import unix


def checked(space: Workspace) -> None:
    """Do as `inv up` before it touches a container."""
    with remembered():
        guards.require_machine(space)
        guards.left_by(space)
        guards.findings(space, ("db",))


@pytest.mark.parametrize("remote", ["", "ssh://me@far"])
def test_before_a_start_no_question_is_put_twice(
    engine: FakeEngine, tmp_path: Path, remote: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever checks put it, and whether it was asked ahead."""
    monkeypatch.setattr(engine_api, "IDLE", {})
    engine.state["containers"] = {
        "id-db": made("db", "running", folder="/checkout/docker", project="test")
    }
    space = workspace(stack(service("db")), tmp_path)
    with unix(engine.respond, tmp_path / "engine.sock") as endpoint:
        checked(replace(space, engine=replace(ENGINE, endpoint=endpoint, remote=remote)))

    questions = Counter(engine.calls)
    assert questions
    assert set(questions.values()) == {1}

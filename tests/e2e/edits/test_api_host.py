"""The API of a checkout on this machine, with its databases in containers."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.edited import Edited
from tests.e2e.kit.memories import recall, remember
from tests.e2e.kit.on_host import Running, environment

pytestmark = pytest.mark.docker

TEXT = "The ferryman keeps a barometer beside the wheel."
WRONG = "NEO4J_URI=bolt://127.0.0.1:1\nQDRANT_PORT=1\nOPENAI_API_KEY=of-the-checkout\n"
"""A settings file as upstream has people write one in their checkout."""
ROUTE = '\n\n@app.get("/edited")\ndef edited():\n    return "here"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class OnHost:
    """A stack whose API runs on this machine."""

    stack: Checkout
    source: Path
    running: Running


@pytest.fixture(scope="module")
def host(edited: Edited, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnHost]:
    """Bring the stack up with the source of a release, then its API to this machine."""
    stack, source = edited.stack, edited.source
    (source.parent / ".env").write_text(WRONG)
    environment(tmp_path_factory.mktemp("environment"), source)
    stack.inv("up", "--service", "memos")
    with stack.started("api.host") as started:
        running = Running(started)
        running.until("memos: reload: version 1 answers")
        yield OnHost(stack=stack, source=source, running=running)
    edited.file.write_text(edited.text)


def test_its_process_is_shown_as_the_service(host: OnHost) -> None:
    """Ready by the same call; its container is stopped, and nothing is wrong with that."""
    rows = host.stack.inv("ps", "--format", "json").document["services"]
    memos = next(row for row in rows if row["service"] == "memos")

    assert (memos["state"], memos["ready"]) == ("running", True)
    assert memos["host_pid"] != host.running.process.pid
    assert memos["memory_bytes"] > 50 << 20
    assert memos["mended"].startswith("mended: #")
    assert memos["reload"]["version"] == 1
    assert [one for one in memos["findings"] if one["fatal"]] == []
    name = f"{host.stack.values()['CONTAINER_PREFIX']}memos-api-docker"
    state = host.stack.docker("inspect", "--format", "{{.State.Status}}", name).stdout
    assert state.strip() == "exited"
    log = host.stack.inv("logs", "--service", "memos").stdout
    assert "memos: reload: version 1 answers" in log


def test_the_env_file_of_the_checkout_does_not_count(host: OnHost) -> None:
    """MemOS would read it over what it was given, and find no database."""
    assert (host.source.parent / ".env").read_text() == WRONG
    assert "waiting for neo4j at bolt://127.0.0.1:1" not in host.running.text


def test_a_memory_that_goes_in_through_it_is_kept_and_the_job_is_done(host: OnHost) -> None:
    """Its databases are those of the containers, and so are the models."""
    remember(host.stack, "host", TEXT)

    assert TEXT in recall(host.stack, "host")
    smoke = host.stack.inv("smoke", check=False)
    assert smoke.exit_code == 0, smoke.stdout + smoke.stderr


def test_an_edit_answers(host: OnHost) -> None:
    """As in the container."""
    file = host.source / "memos" / "api" / "server_api.py"
    file.write_text(file.read_text() + ROUTE)

    host.stack.inv("reload")

    answer = requests.get(host.stack.url("MEMOS_PORT", "/edited"), timeout=5)
    assert answer.json() == "here"
    assert host.stack.inv("ps", "--format", "json").document["services"]


def test_up_starts_no_second_one(host: OnHost) -> None:
    """It says where the API runs; nobody takes its port away."""
    assert "memos runs on this machine" in host.stack.inv("up").stderr

    again = host.stack.inv("api.host", check=False)
    assert again.exit_code == 4
    assert "runs on this machine already" in again.stderr


def test_the_container_comes_back_with_what_was_put_in(host: OnHost) -> None:
    """The process ends cleanly, and says what it was."""
    host.stack.inv("api.container")

    assert TEXT in recall(host.stack, "host")
    assert host.running.process.wait(10) == 0
    assert "memos has ended on this machine" in host.running.text
    rows = host.stack.inv("ps", "--format", "json").document["services"]
    assert {row["host_pid"] for row in rows} == {None}

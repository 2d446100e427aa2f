"""What one can see of a running stack."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from scripts.config.rules import schema
from scripts.core.texts import is_secret
from scripts.live.patch import merged
from tests.e2e.kit.checkout import Checkout

pytestmark = pytest.mark.docker


def test_ps_keeps_its_schema(running: Checkout) -> None:
    """`ps --format json` prints one document, as schemas/ps.schema.json promises."""
    document = running.inv("ps", "--format", "json").document
    assert schema.validate(document, "ps") == ()
    assert [row["service"] for row in document["services"] if not row["ready"]] == []


def test_ps_says_what_is_a_stand_in(running: Checkout) -> None:
    """With package-built images three services are not the real thing, and `ps` shows it."""
    rows = running.inv("ps", "--format", "json").document["services"]
    stand_ins = {row["service"] for row in rows if row["contains"] == "stand-in"}
    packages = running.values()["IMAGE_SOURCE"] == "packages"
    assert stand_ins == ({"minio", "qdrant", "attu"} if packages else set())


@pytest.mark.usefixtures("limited")
def test_ps_is_0_when_something_is_sick(running: Checkout) -> None:
    """A paused service is data: `ps` shows it, with the command that mends it."""
    name = running.values()["CONTAINER_PREFIX"] + "milvus-attu"
    running.docker("pause", name)
    try:
        shown = running.inv("ps", "--format", "json")
    finally:
        running.docker("unpause", name)
    row = next(row for row in shown.document["services"] if row["service"] == "attu")
    assert (row["ready"], row["state"]) == (False, "paused")
    assert [finding["code"] for finding in row["findings"]] == ["paused"]


def test_a_report_holds_all_that_runs_and_no_secret(running: Checkout, tmp_path: Path) -> None:
    """What is handed over says how each service is and what it wrote; no password is in it."""
    page, data = tmp_path / "stack.html", tmp_path / "stack.json"
    for file in (page, data):
        running.inv("report", str(file))
    found = json.loads(data.read_text(encoding="utf-8"))
    assert schema.validate(found, "report") == ()
    assert found["unknown"] == {}
    assert [row["service"] for row in found["services"] if not row["ready"]] == []
    assert {"memos", "neo4j"} <= {log["service"] for log in found["logs"] if log["lines"]}
    values = running.values()
    hidden = [values[name] for name in values if is_secret(name) and values[name]]
    texts = page.read_text(encoding="utf-8") + data.read_text(encoding="utf-8")
    assert len(hidden) > 2
    assert [one for one in hidden if one in texts and one != "EMPTY"] == []


def test_logs_end_without_follow(running: Checkout) -> None:
    """What a service wrote is printed, and the command ends."""
    shown = running.inv("logs", "--service", "neo4j", "--tail", "50", timeout=60)
    assert "Started" in shown.stdout
    assert "qdrant" not in shown.stdout


def test_logs_follow_until_ctrl_c(running: Checkout) -> None:
    """New lines appear while it follows; Ctrl-C ends it without noise."""
    with running.started("logs", "--service", "memos", "--follow", "--tail", "1") as process:
        assert process.stdout is not None
        process.stdout.readline()
        running.inv("ps")  # its probe is a request that the API logs
        assert "exist_mem_cube_id" in next(line for line in process.stdout if "POST" in line)
        os.killpg(process.pid, signal.SIGINT)
        assert "Traceback" not in process.stdout.read()


def test_config_and_env_hide_every_secret(running: Checkout) -> None:
    """Neither prints a password or a key, whatever it is."""
    secrets = {
        "NEO4J_PASSWORD": "neo-4711-neo",
        "MILVUS_PASSWORD": "mil-4712-mil",
        "MINIO_ROOT_PASSWORD": "min-4713-min",
        "OPENAI_API_KEY": "sk-4714-chat",
        "MEMRADER_API_KEY": "sk-4715-reader",
    }
    bases = dict.fromkeys(("OPENAI_API_BASE", "MEMRADER_API_BASE"), "http://m.example/v1")
    shown = ""
    for word in ("config", "env"):
        ran = running.run(
            [sys.executable, "-m", "scripts.commands.program", word], env={**secrets, **bases}
        )
        shown += ran.stdout + ran.stderr
    assert [name for name in secrets if name not in shown] == []
    assert [name for name, secret in secrets.items() if secret in shown] == []


def test_a_reader_that_has_seen_enough_is_no_error(running: Checkout) -> None:
    """`inv config | head -1` ends without noise."""
    words = f"{sys.executable} -m scripts.commands.program config | head -1"
    shown = running.run(["bash", "-o", "pipefail", "-c", words])
    assert shown.stdout.count("\n") == 1
    assert "Broken" not in shown.stderr


@pytest.mark.usefixtures("limited")
def test_ps_says_since_when_a_service_is_ready_and_what_it_uses(stack: Checkout) -> None:
    """A fresh start notes the moment; memory and processor time come from the engine."""
    stack.inv("up")
    stack.inv("restart", "--service", "neo4j")
    rows = stack.inv("ps", "--service", "neo4j", "--format", "json").document["services"]
    assert [row["service"] for row in rows] == ["neo4j"]
    assert rows[0]["ready_since"] is not None
    assert rows[0]["memory_bytes"] > 50 * 2**20
    assert rows[0]["cpu_seconds"] > 0


def test_logs_follow_through_a_restart(running: Checkout) -> None:
    """The restart is marked, and the lines of the new run follow."""
    name = running.values()["CONTAINER_PREFIX"] + "milvus-etcd"
    with running.started("logs", "--service", "etcd", "--follow", "--tail", "1") as process:
        assert process.stdout is not None
        process.stdout.readline()
        running.docker("restart", name)
        assert "etcd" in next(line for line in process.stdout if "restarted" in line)
        assert "etcd" in process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        assert "Traceback" not in process.stdout.read()


@pytest.mark.usefixtures("limited")
def test_programs_follow_what_happens_and_wait_for_what_is_to_come(running: Checkout) -> None:
    """A pause is a change a moment later; waiting cannot help then, and afterwards all answers."""
    name = running.values()["CONTAINER_PREFIX"] + "milvus-attu"
    with running.started("ps", "--follow", "--format", "json") as process:
        assert process.stdout is not None
        events = map(json.loads, process.stdout)
        document = next(events)["data"]
        assert {one["state"] for one in document["services"].values()} == {"running"}
        running.docker("pause", name)
        try:
            while document["services"]["attu"]["state"] != "paused":
                event = next(events)
                if event["event"] == "change":
                    document = merged(document, event["data"])
            waited = running.inv("wait", "--service", "attu", check=False)
        finally:
            running.docker("unpause", name)
        assert waited.exit_code == 5
        assert "attu: it is paused" in waited.stderr
        running.inv("wait", "--service", "attu")
        os.killpg(process.pid, signal.SIGINT)
        assert "Traceback" not in process.stdout.read()
    assert process.returncode == 0


def spoken(running: Checkout, calls: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """Return what the tools of `inv mcp` give to these calls of a client."""
    words = ["-m", "scripts.commands.program", "mcp"]
    server = StdioServerParameters(
        command=sys.executable, args=words, cwd=running.root, env=running.environ
    )

    async def speak() -> dict[str, Any]:
        async with Client(stdio_client(server)) as client:
            return {
                name: (await client.call_tool(name, given)).structured_content
                for name, given in calls
            }

    return asyncio.run(speak())


def test_an_assistant_is_told_what_a_person_is(running: Checkout) -> None:
    """The client holds each document against its schema; none of them is an error."""
    found = spoken(
        running,
        [
            ("status", {}),
            ("findings", {}),
            ("logs", {"service": ["neo4j"], "tail": 50}),
            ("timeline", {}),
            ("memories", {}),
            ("metrics", {}),
        ],
    )

    assert [one["service"] for one in found["status"]["services"] if not one["ready"]] == []
    assert found["findings"]["exit_code"] == 0
    assert any("Started" in line for line in found["logs"]["lines"])
    assert found["timeline"]["verdict"] == "ready"
    assert found["metrics"]["project"] == running.project
    assert found["memories"].keys() >= {"nodes", "vectors", "cubes"}

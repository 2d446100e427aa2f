"""What `inv up` promises, on real containers."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.config.rules import schema
from scripts.core.polling import poll
from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.official import row

pytestmark = pytest.mark.docker

NEEDS = {
    "milvus": {"etcd", "minio"},
    "attu": {"milvus"},
    "memos": {"neo4j", "qdrant", "milvus", "models"},
}
ITSELF = {"memos": {"neo4j", "qdrant"}}
"""What the API connects to while it starts; it uses Milvus for preference memory alone."""
SLACK = 0.2
"""Seconds that may pass until two who became ready together are both seen to be."""
ESTABLISHED = "01"
"""The state of a connection in /proc/net/tcp."""
ALL = {"etcd", "minio", "milvus", "attu", "neo4j", "qdrant", "memos", "models"}


def moments(events: list[dict[str, Any]], kind: str) -> dict[str, float]:
    """Return when something of this kind happened to each service."""
    return {one["service"]: one["seconds"] for one in events if one["event"] == kind}


def states(stack: Checkout) -> dict[str, dict[str, Any]]:
    """Return what `inv ps` says of each service."""
    rows = stack.inv("ps", "--format", "json").document["services"]
    return {row["service"]: row for row in rows}


def looks(ask: Callable[[], str]) -> Iterator[str]:
    """Ask again and again, for a minute at most."""
    return poll(ask, timeout=60, interval=0.5)


@row("all", "all are ready after one `inv up`")
def test_a_cold_start_brings_everything_up(cold: list[dict[str, Any]]) -> None:
    """Seven services and the local embedder are ready, and the result says so."""
    assert set(moments(cold, "ready")) == ALL
    assert cold[-1]["event"] == "result"
    assert (cold[-1]["verdict"], cold[-1]["exit_code"]) == ("ready", 0)


def test_every_line_of_json_keeps_its_schema(cold: list[dict[str, Any]]) -> None:
    """What `up --format json` prints is what schemas/event.schema.json promises."""
    assert [schema.validate(event, "event") for event in cold] == [()] * len(cold)


def test_nothing_starts_before_what_it_needs_is_ready(
    stack: Checkout, cold: list[dict[str, Any]]
) -> None:
    """But for what waits by itself: that is not ready before it (which is seen 0.1 s late)."""
    services = yaml.safe_load(stack.resolved())["services"]
    early = {name for name, one in services.items() if one.get("x-start") == "early"}
    started, ready = moments(cold, "started"), moments(cold, "ready")
    assert early
    too_soon = [
        (name, need)
        for name, needs in (NEEDS | ITSELF).items()
        for need in needs
        if (ready[name] + SLACK if name in early else started[name]) < ready[need]
    ]
    assert too_soon == []


def test_the_api_connects_to_nothing_before_its_databases_answer(running: Checkout) -> None:
    """One that is down is waited for as long as it takes; the log says so, and nothing restarts."""
    api, neo4j = (f"{running.project}-{name}" for name in ("memos-api-docker", "neo4j-docker"))
    running.docker("stop", neo4j)
    running.docker("restart", api)

    def log() -> str:
        started = running.docker("inspect", "--format={{.State.StartedAt}}", api).stdout.strip()
        return running.docker("logs", "--since", started, api).stderr

    assert any("waiting for neo4j" in text and "4 s so far" in text for text in looks(log))
    assert "Uvicorn" not in log()
    sockets = running.docker("exec", api, "cat", "/proc/net/tcp").stdout.splitlines()[1:]
    assert [line for line in sockets if line.split()[3] == ESTABLISHED] == []
    assert [name for name, row in states(running).items() if row["findings"]] == ["neo4j"]

    running.docker("start", neo4j)
    assert any(states(running)["memos"]["ready"] for _ in looks(log))
    assert log().index("the databases answer") < log().index("Application startup complete")
    assert states(running)["memos"]["restarts"] == 0


def test_the_image_source_is_settled_at_the_first_start(
    stack: Checkout, cold: list[dict[str, Any]]
) -> None:
    """It stands in the settings afterwards, so that it never changes silently."""
    del cold
    assert stack.values()["IMAGE_SOURCE"] in {"packages", "registry"}


def test_the_engine_finds_all_healthy_too(running: Checkout) -> None:
    """The health checks in the compose file agree with the probes, shortly after."""

    def health() -> set[str]:
        return {row["health"] for row in states(running).values()}

    assert {"healthy"} in poll(health, timeout=30, interval=0.5)


@row(
    "all",
    "they run with few capabilities, limited processes, 65,536 open files, and no nameless volume",
)
def test_containers_are_limited_and_keep_nothing_without_a_name(running: Checkout) -> None:
    """Processes, capabilities, open files; an image's own volume is covered by a mount."""
    label = f"label=com.docker.compose.project={running.project}"
    ids = running.docker("ps", "--quiet", "--filter", label).stdout.split()
    found = running.docker("inspect", *ids).document

    assert len(found) == len(ALL)
    assert all(1 <= one["HostConfig"]["PidsLimit"] <= 8192 for one in found)
    dropped = [" ".join(one["HostConfig"]["CapDrop"]) for one in found]  # Engine 28: CAP_NET_RAW
    assert [one for one in dropped if not re.search(r"\b(ALL|(CAP_)?NET_RAW)\b", one)] == []
    mounts = [mount for one in found for mount in one["Mounts"] if mount["Type"] == "volume"]
    assert mounts
    assert [one["Name"] for one in mounts if not one["Name"].startswith(running.project)] == []
    name = f"{running.project}-qdrant-docker"
    limits = running.docker("exec", name, "cat", "/proc/1/limits").stdout
    soft, hard = next(one.split()[3:5] for one in limits.splitlines() if "open files" in one)
    assert int(soft) == min(65536, int(hard))


@row("all", "a proxy of the user's Docker stands between no two; plain Compose starts them too")
def test_plain_compose_starts_the_same_files_also_with_a_proxy_of_the_users(
    other: Checkout, tmp_path: Path
) -> None:
    """`docker compose up -d --wait` with the files named brings up healthy containers.

    Docker hands its proxy to every container; nobody listens there, and it stands between no two.
    """
    env = other.engine_env()
    mine = Path(env.get("DOCKER_CONFIG") or Path.home() / ".docker")
    shutil.copytree(mine, tmp_path / "docker")  # its plugins are links from there
    nobody = dict.fromkeys(("httpProxy", "httpsProxy"), "http://127.0.0.1:9")
    config = json.dumps({"proxies": {"default": nobody}})
    (tmp_path / "docker" / "config.json").write_text(config)
    proxied = replace(other, engine={**env, "DOCKER_CONFIG": str(tmp_path / "docker")})

    other.inv("up", "--service", "etcd")  # settles the image source
    names = ["docker-compose.yml"]
    if other.values()["IMAGE_SOURCE"] == "packages":
        names.append("docker-compose.packages.yml")
    files = [word for name in names for word in ("--file", f"docker/{name}")]
    compose = ["compose", "--env-file", str(other.env_file), *files]
    proxied.docker(*compose, "up", "--detach", "--wait", "--no-build")
    found = states(other)
    assert {name for name, row in found.items() if row["health"] == "healthy"} == ALL - {"models"}
    up = ("up", "--detach", "--wait", "--no-build", "models")
    proxied.docker(*compose, "--profile", "models", *up)

    name = f"{other.project}-memos-api-docker"
    assert "127.0.0.1:9" in proxied.docker("exec", name, "printenv", "HTTP_PROXY").stdout
    assert {row["health"] for row in states(other).values()} == {"healthy"}


def test_neo4j_starts_without_a_name_server(running: Checkout) -> None:
    """What it wants to know before Bolt listens, the name of 0.0.0.0, is in its own hosts file."""
    told = running.docker("exec", running.container("neo4j"), "getent", "hosts", "0.0.0.0")
    assert told.stdout.split() == ["0.0.0.0", "0.0.0.0"]


def test_up_again_changes_nothing(running: Checkout) -> None:
    """A healthy, unchanged stack is left alone."""
    before = running.docker("ps", "--no-trunc", "--format={{.ID}} {{.CreatedAt}}").stdout
    again = running.inv("up", "--format", "json").lines
    assert running.docker("ps", "--no-trunc", "--format={{.ID}} {{.CreatedAt}}").stdout == before
    assert moments(again, "started") == {}
    assert again[-1]["verdict"] == "ready"


def test_what_has_changed_is_noticed(other: Checkout) -> None:
    """A setting, the image behind a tag, a volume that is gone: Compose is asked to mend it."""
    name = f"{other.project}-qdrant-docker"

    def container() -> str:
        other.inv("up", "--service", "qdrant")
        assert states(other)["qdrant"]["ready"]
        return other.docker("inspect", "--format={{.Id}}", name).stdout

    first = container()
    assert container() == first

    other.env_file.write_text(other.env_file.read_text() + "QDRANT_MEMORY=900m\n")
    second = container()
    assert second != first

    shown = other.docker("inspect", "--format={{.Config.Image}} {{.Image}}", name).stdout
    tag, image = shown.split()
    other.docker("commit", name, tag)
    try:
        third = container()
    finally:
        other.docker("tag", image, tag)
    assert third != second
    fourth = container()
    assert fourth != third

    other.docker("rm", "--force", name)
    volume = next(one for one in other.left() if "qdrant_data" in one)
    other.docker("volume", "rm", volume)
    assert container() != fourth


def test_a_start_is_kept_and_drawn(running: Checkout) -> None:
    """What took longest is told, as text and in a page."""
    found = running.inv("timeline", "--format", "json").document
    assert schema.validate(found, "timeline") == ()
    assert found["verdict"] == "ready"
    assert [row["service"] for row in found["services"] if row["critical"]]
    assert {phase["outcome"] for phase in found["phases"]} <= {"done"}
    assert all(phase["ended"] <= found["prepared"] for phase in found["phases"])
    drawn = running.inv("graph")
    assert "✓ memos  ready" in drawn.stdout
    page = drawn.stderr.rpartition(" ")[2].strip()
    assert "</svg>" in (running.root / page).read_text()


def test_a_partial_start_brings_what_is_needed_and_nothing_else(other: Checkout) -> None:
    """Milvus needs etcd and the object store; Neo4j and the API stay away."""
    events = other.inv("up", "--service", "milvus-standalone", "--format", "json", check=False)
    assert events.exit_code == 2, "a container name of another prefix is unknown"
    events = other.inv("up", "--service", "milvus", "--format", "json")
    assert set(moments(events.lines, "ready")) == {"etcd", "minio", "milvus"}
    up = {name for name, row in states(other).items() if row["state"] != "absent"}
    assert up == {"etcd", "minio", "milvus"}


def until(process: "subprocess.Popen[str]", word: str) -> str:
    """Read what a command prints up to the line with this word."""
    assert process.stdout is not None
    return next(line for line in process.stdout if word in line)


def rest(process: "subprocess.Popen[str]") -> str:
    """Read what a command still prints, to its end."""
    assert process.stdout is not None
    return process.stdout.read()


def test_ctrl_c_leaves_a_state_that_up_can_go_on_from(other: Checkout) -> None:
    """The exit code is 130, there is no traceback, and the next `up` finishes the work."""
    words = ("up", "--service", "milvus")  # with two that it needs
    with other.started(*words) as process:
        until(process, "started")
        os.killpg(process.pid, signal.SIGINT)
        text = rest(process)
    assert process.returncode == 130
    assert "Traceback" not in text
    assert "inv ps" in text
    assert other.inv(*words, "--format", "json").lines[-1]["verdict"] == "ready"


def test_a_second_up_says_who_holds_the_lock(other: Checkout) -> None:
    """Two at once would undo each other's work: the second ends with exit code 4."""
    with other.started("up", "--service", "neo4j") as first:
        until(first, "started")
        second = other.inv("up", check=False)
        rest(first)
    assert (second.exit_code, f"pid {first.pid}" in second.stderr) == (4, True)
    assert first.returncode == 0


def test_restart_brings_one_service_back(running: Checkout) -> None:
    """Only the named container starts anew, and it answers afterwards."""
    before = {name: row["uptime_seconds"] for name, row in states(running).items()}
    running.inv("restart", "--service", "qdrant")
    after = states(running)
    assert after["qdrant"]["ready"]
    assert after["qdrant"]["uptime_seconds"] < before["qdrant"]
    assert after["neo4j"]["uptime_seconds"] > before["neo4j"]


def test_a_service_whose_port_is_taken_is_not_started(other: Checkout) -> None:
    """Preflight names the port and its holder before any container is touched."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", int(other.values()["QDRANT_HTTP_PORT"])))
        holder.listen()
        refused = other.inv("up", "--service", "qdrant", check=False)
    assert refused.exit_code == 5
    assert f"pid {os.getpid()}" in refused.stderr
    assert other.left() == []

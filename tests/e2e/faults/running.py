"""Faults that show while containers start or run: crashes, data, networks, settings, lies."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.e2e.faults.fault import Made, fault, wrong
from tests.e2e.faults.refused import own_engine
from tests.e2e.kit.workbench import Bench

USUAL = "interval: 30s, timeout: 5s, retries: 5, start_period: 120s, start_interval: 500ms"
ALIEN = "printf '\\\\177ELF\\\\2\\\\1\\\\1\\\\0' >/tmp/alien; chmod +x /tmp/alien; exec /tmp/alien"
IMPATIENT = "interval: 5s, timeout: 1s, retries: 1, start_period: 1s, start_interval: 500ms"


# what the engine refuses, or programs cannot bear -----------------------------------------------


wrong(  # a misspelt entry point
    *("a program that is not in its image", "qdrant"),
    keys={"entrypoint": '["/no/such/program"]'},
    code="program-missing",
    says=("/no/such/program",),
    shown="command",
)
wrong(  # a program of another machine's kind, in the right image
    *("an image for another processor", "qdrant"),
    keys={"entrypoint": f'["sh", "-c", "{ALIEN}"]'},
    code="image-architecture",
)
wrong(
    *("a program that crashes again and again", "qdrant"),
    keys={"entrypoint": '["sh", "-c", "echo fatal: the reason; exit 3"]'},
    code="crash-loop",
    says=("exit code 3", "the reason"),
    sample=True,
)
wrong(  # nobody starts it again; its exit code is kept
    *("a program that ends for good", "qdrant"),
    keys={"restart": '"no"', "entrypoint": '["sh", "-c", "exit 3"]'},
    code="ended",
    says=("code 3",),
)


def exiting(name: str, code: str, number: int, step: str) -> None:
    """Add a fault that is a program whose end tells its cause."""
    script = f'["sh", "-c", "sleep 0.1; exit {number}"]'
    wrong(name, "qdrant", keys={"entrypoint": script}, step=step, code=code)


exiting("a program that the processor cannot run", "cpu-flags", 132, "another machine")
exiting("a program that aborts itself", "aborted", 134, "inv logs --service qdrant")
exiting("a program that reads where nothing is", "segfault", 139, "inv logs --service qdrant")
wrong(
    *("a port inside that is none", "qdrant"),
    keys={"environment": "{<<: *direct, QDRANT__SERVICE__HTTP_PORT: lots}"},
    step="compose file",
    code="cannot-start",
)
wrong(  # the kernel kills it; the variable to raise is told
    *("a memory limit that is too small", "memos"),
    env={"MEMOS_MEMORY": "100m"},
    step="MEMOS_MEMORY",
    code="out-of-memory",
)
wrong(  # the variables to change are told
    *("a Java heap larger than the memory limit", "neo4j"),
    env={"NEO4J_HEAP": "9g", "NEO4J_MEMORY": "600m"},
    step="NEO4J_HEAP",
    code="heap-too-large",
    sample=True,
)


@fault("a Neo4j setting that does not exist", "neo4j", code="setting-unknown")
def unknown_setting(bench: Bench) -> Made:
    """A variable that begins with NEO4J_ is a setting."""
    line = "      NEO4J_server_memory_pagecache_size:"
    bench.edit(line, f'      NEO4J_server_nonsense_size: "1"\n{line}')
    assert "NEO4J_server_nonsense_size" in (yield)


def own_password(name: str, service: str, old: str, new: str, step: str) -> None:
    """Add a fault that is a login that a server does not take, from a compose file."""

    def make(bench: Bench) -> Made:
        """Write it; the variable is named."""
        bench.edit(old, new)
        assert step in (yield)

    fault(name, service, code="login-invalid")(make)


own_password(
    *("a first password of Neo4j that it does not take", "neo4j"),
    *("NEO4J_AUTH: neo4j/${NEO4J_PASSWORD:-12345678}", "NEO4J_AUTH: neo4j/neo4j"),
    "NEO4J_PASSWORD",
)
own_password(
    *("a password of the object store that is too short", "minio"),
    "      MINIO_ROOT_PASSWORD: ${MINIO_ROOT_PASSWORD:-minioadmin}\n",
    "      MINIO_ROOT_PASSWORD: short\n",
    "MINIO_ROOT_PASSWORD",
)
own_password(
    *("a password of Milvus that is too long", "milvus"),
    "COMMON_SECURITY_DEFAULTROOTPASSWORD: ${MILVUS_PASSWORD:-12345678}",
    f"COMMON_SECURITY_DEFAULTROOTPASSWORD: {'long' * 20}",
    "MILVUS_PASSWORD",
)
wrong(
    *("too few open files allowed", "qdrant"),
    keys={"ulimits": "{nofile: 10}"},
    step="nofile",
    code="file-limit",
)
wrong(
    *("a read-only file system", "minio"),
    keys={
        "volumes": '["minio_data:/minio_data:ro", {type: tmpfs, target: /data}]',
        "read_only": "true",
    },
    code="read-only",
)


@fault("data that belongs to another user", "qdrant", code="permission-denied")
def permission(bench: Bench) -> Made:
    """The volume is root's, the program runs as nobody."""
    (folder,) = bench.volumes("qdrant")
    mode = folder.stat().st_mode
    bench.set_key("qdrant", "user", '"65534:65534"')
    try:
        folder.chmod(0o700)
        assert "chmod" in (yield)
    finally:
        folder.chmod(mode)


# networks ---------------------------------------------------------------------------------------


@fault(
    "a network cut between two containers",
    "milvus",
    code="network-cut",
    says=("etcd",),
    shown="log",
)
def cut(bench: Bench) -> Made:
    """etcd is well, and Milvus cannot reach it."""
    pid = bench.pid("etcd")
    bench.stack.docker("stop", bench.name("milvus"))

    def link(state: str) -> None:
        subprocess.run(
            ["/usr/bin/nsenter", "--target", pid, "--net", "ip", "link", "set", "eth0", state],
            check=state == "down",
        )

    link("down")
    try:
        bench.obey((yield))
    finally:
        link("up")  # where nobody made the network anew


wrong(  # meant for the model's endpoint: what is of the stack is called past it
    *("a proxy in `.env` at which nobody answers", "memos"),
    env={"HTTP_PROXY": "http://user:secret@127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"},
    exit_code=0,
    shown="command",
)


# health checks that lie -------------------------------------------------------------------------


wrong(  # our own call says more: no failure
    *("a health check that fails though all is well", "qdrant"),
    keys={"healthcheck": f"{{test: ['CMD', 'false'], {IMPATIENT}}}"},
    exit_code=0,
    shown="command",
)
wrong(  # `up` never says ready
    *("a health check that passes though nobody answers", "qdrant"),
    keys={
        "entrypoint": '["sh", "-c", "exec sleep 600"]',
        "healthcheck": f"{{test: ['CMD', 'true'], {USUAL}}}",
    },
    exit_code=6,
    says=("nobody answers", "time is up"),
    shown="deadline",
    words=("--timeout", "8"),
)
wrong(  # curl in an image without curl
    *("a health check that its image cannot run", "etcd"),
    keys={"healthcheck": f"{{test: ['CMD', 'no-such-curl', 'http://127.0.0.1/'], {USUAL}}}"},
    step="healthcheck",
    code="health-check-broken",
    shown="command",
)


# what is no fault -------------------------------------------------------------------------------


@fault("a slow start", "qdrant", exit_code=0, shown="command")
def slow(bench: Bench) -> Made:
    """Eight seconds later than usual: waited for without a word."""
    image = bench.inspect("qdrant")["Config"]
    argv = [*(image["Entrypoint"] or ()), *(image["Cmd"] or ())]
    words = json.dumps(["sh", "-c", 'sleep 8; exec "$@"', "sh", *argv])
    bench.set_key("qdrant", "entrypoint", words.replace("$", "$$"))
    bench.set_key("qdrant", "command", "[]")
    yield


def answers(url: str) -> bool:
    """Say whether an address answers well."""
    try:
        return requests.get(url, timeout=1).ok
    except OSError:
        return False


@contextmanager
def beside(
    bench: Bench, service: str, *words: str, times: int = 1, ready: str = ""
) -> Iterator[None]:
    """While `up` runs, do something to a service each time it runs anew, or is `ready` at a URL."""
    done = threading.Event()
    former = bench.inspect(service)["State"]["StartedAt"]

    def work() -> None:
        seen = {former}
        while not done.wait(0.02) and len(seen) <= times:
            try:
                state = bench.inspect(service)["State"]
            except (AssertionError, IndexError):
                continue
            if state["Running"] and state["StartedAt"] not in seen:
                if ready and not answers(ready):
                    continue
                seen.add(state["StartedAt"])
                if words[0] == "kill -9":
                    subprocess.run(["/bin/kill", "-KILL", str(state["Pid"])], check=False)
                else:
                    bench.stack.docker(*words, bench.name(service), check=False)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@fault("`kill -9` once while it starts", "neo4j", exit_code=0, shown="command")
def killed_once(bench: Bench) -> Made:
    """The engine starts it again, and it answers: no failure."""
    bench.stack.docker("stop", bench.name("neo4j"))
    with beside(bench, "neo4j", "kill -9"):
        yield


@fault("`kill -9` whenever it starts", "neo4j", code="killed")
def killed_always(bench: Bench) -> Made:
    """Not for its own memory limit: by somebody, or by a machine without memory."""
    bench.stack.docker("stop", bench.name("neo4j"))
    with beside(bench, "neo4j", "kill -9", times=99):
        assert "dmesg" in (yield)


@fault("`docker stop` while it starts", "neo4j", code="stopped")
def stopped(bench: Bench) -> Made:
    """Somebody changed his mind; the next step starts it."""
    bench.stack.docker("stop", bench.name("neo4j"))
    with beside(bench, "neo4j", "stop"):
        next_step = yield
    bench.obey(next_step)


@fault("a container removed while it starts", "neo4j", code="container-gone")
def removed(bench: Bench) -> Made:
    """`docker rm --force` in another terminal."""
    bench.stack.docker("stop", bench.name("neo4j"))
    with beside(bench, "neo4j", "rm", "--force"):
        next_step = yield
    bench.obey(next_step)


@fault(
    "a service that falls over while others start",
    "neo4j",
    "qdrant",
    service="qdrant",
    code="stopped",
)
def lost(bench: Bench) -> Made:
    """It was ready; that it no longer is is noticed before the others are."""
    bench.stack.docker("stop", bench.name("neo4j"), bench.name("qdrant"))
    with beside(bench, "qdrant", "stop", ready=bench.stack.url("QDRANT_HTTP_PORT", "/readyz")):
        next_step = yield
    bench.obey(next_step)


# what interrupts a start itself -------------------------------------------------------------------


@fault("Ctrl-C while services start", "neo4j", exit_code=130, shown="interrupt", plain=False)
def ctrl_c(bench: Bench) -> Made:
    """It says how far all has come; the next `up` goes on from there."""
    bench.stack.docker("stop", bench.name("neo4j"))
    assert (yield) == "inv ps"


@fault(
    *("the engine killed during `up`", "etcd"),
    exit_code=3,
    code="engine",
    says=("does not answer",),
    shown="interrupt",
    plain=False,
)
def engine_killed(bench: Bench) -> Made:
    """A private engine of its own, killed while etcd starts there; `up` brings it again."""
    with own_engine(bench, "etcd") as own:
        bench.set_key("etcd", "healthcheck", f"{{test: ['CMD', 'false'], {USUAL}}}")
        assert "inv engine.status" in (yield)
        bench.restore()
        mended = own.inv("up", "--service", "etcd", "--format", "json")
        assert mended.lines[-1]["verdict"] == "ready"

"""Faults that show while containers start or run: crashes, data, networks, settings, lies."""

import subprocess
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import requests
from fault import fault
from workbench import Bench

Made = Generator[None, str, None]
USUAL = "interval: 30s, timeout: 5s, retries: 5, start_period: 120s, start_interval: 500ms"
IMPATIENT = "interval: 5s, timeout: 1s, retries: 1, start_period: 1s, start_interval: 500ms"


# what the engine refuses, or programs cannot bear -----------------------------------------------


@fault(
    *("a program that is not in its image", "qdrant"),
    service="qdrant",
    code="program-missing",
    says=("/no/such/program",),
    shown="command",
)
def program_missing(bench: Bench) -> Made:
    """A misspelt entry point."""
    bench.set_key("qdrant", "entrypoint", 'entrypoint: ["/no/such/program"]')
    yield
    bench.restore()


@fault("an image for another processor", "qdrant", service="qdrant", code="image-architecture")
def other_processor(bench: Bench) -> Made:
    """A program of another machine's kind, in the right image."""
    script = (
        "printf '\\\\177ELF\\\\2\\\\1\\\\1\\\\0' >/tmp/alien; chmod +x /tmp/alien; exec /tmp/alien"
    )
    bench.set_key("qdrant", "entrypoint", f'entrypoint: ["sh", "-c", "{script}"]')
    yield
    bench.restore()


@fault(
    *("a program that crashes again and again", "qdrant"),
    service="qdrant",
    code="crash-loop",
    says=("exit code 3", "the reason"),
    sample=True,
)
def crash_loop(bench: Bench) -> Made:
    """It says why, and ends with 3."""
    bench.set_key(
        "qdrant", "entrypoint", 'entrypoint: ["sh", "-c", "echo fatal: the reason; exit 3"]'
    )
    yield
    bench.restore()


@fault("a program that ends for good", "qdrant", service="qdrant", code="ended", says=("code 3",))
def ended(bench: Bench) -> Made:
    """Nobody starts it again; its exit code is kept."""
    bench.set_key("qdrant", "restart", 'restart: "no"')
    bench.set_key("qdrant", "entrypoint", 'entrypoint: ["sh", "-c", "exit 3"]')
    yield
    bench.restore()


@fault("a memory limit that is too small", "memos", service="memos", code="out-of-memory")
def out_of_memory(bench: Bench) -> Made:
    """The kernel kills it; the variable to raise is told."""
    bench.env(MEMOS_MEMORY="100m")
    assert "MEMOS_MEMORY" in (yield)
    bench.restore()


@fault(
    *("a Java heap larger than the memory limit", "neo4j"),
    service="neo4j",
    code="heap-too-large",
    sample=True,
)
def heap(bench: Bench) -> Made:
    """The variables to change are told."""
    bench.env(NEO4J_HEAP="9g", NEO4J_MEMORY="600m")
    assert "NEO4J_HEAP" in (yield)
    bench.restore()


@fault("a Neo4j setting that does not exist", "neo4j", service="neo4j", code="setting-unknown")
def unknown_setting(bench: Bench) -> Made:
    """A variable that begins with NEO4J_ is a setting."""
    line = "      NEO4J_server_memory_pagecache_size:"
    bench.edit(line, f'      NEO4J_server_nonsense_size: "1"\n{line}')
    assert "NEO4J_server_nonsense_size" in (yield)
    bench.restore()


@fault("too few open files allowed", "qdrant", service="qdrant", code="file-limit")
def file_limit(bench: Bench) -> Made:
    """A nofile limit of 10."""
    bench.set_key("qdrant", "ulimits", "ulimits: {nofile: 10}")
    assert "nofile" in (yield)
    bench.restore()


@fault("a read-only file system", "minio", service="minio", code="read-only")
def read_only(bench: Bench) -> Made:
    """Nothing can be written."""
    bench.set_key("minio", "volumes", 'volumes: ["minio_data:/minio_data:ro"]')
    bench.set_key("minio", "read_only", "read_only: true")
    yield
    bench.restore()


@fault("data that belongs to another user", "qdrant", service="qdrant", code="permission-denied")
def permission(bench: Bench) -> Made:
    """The volume is root's, the program runs as nobody."""
    (folder,) = bench.volumes("qdrant")
    mode = folder.stat().st_mode
    bench.set_key("qdrant", "user", 'user: "65534:65534"')
    try:
        folder.chmod(0o700)
        assert "chmod" in (yield)
        bench.restore()
    finally:
        folder.chmod(mode)


# disks and data ---------------------------------------------------------------------------------


@fault("a full disk", "etcd", service="etcd", code="disk-full", sample=True)
def disk_full(bench: Bench) -> Made:
    """Its data lies on a tmpfs of 1 MB."""
    bench.set_key("etcd", "volumes", "volumes: []")
    bench.set_key("etcd", "tmpfs", 'tmpfs: ["/etcd:size=1m"]')
    assert "make room" in (yield)
    bench.restore()


@fault("etcd's quota used up", "etcd", service="etcd", code="etcd-no-space", shown="command")
def etcd_quota(bench: Bench) -> Made:
    """A quota of 1 MB, filled; the next step clears it with etcd's own tool."""
    bench.edit('ETCD_QUOTA_BACKEND_BYTES: "4294967296"', 'ETCD_QUOTA_BACKEND_BYTES: "1048576"')
    bench.up("etcd")
    name = bench.name("etcd")
    for number in range(40):
        filled = bench.stack.docker(
            *("exec", name, "etcdctl", "put", f"fill{number}", "x" * 100_000), check=False
        )
        if filled.exit_code:
            break
    try:
        assert f"docker exec {name} etcdctl defrag" in (yield)
    finally:
        bench.restore()
        bench.up("etcd", check=False)
        cleared(bench, name)


def cleared(bench: Bench, name: str) -> None:
    """Delete what filled etcd, and do what the next step says."""

    def etcdctl(*words: str) -> str:
        return bench.stack.docker("exec", name, "etcdctl", *words).stdout

    etcdctl("alarm", "disarm")
    etcdctl("del", "--prefix", "fill")
    status = etcdctl("endpoint", "status", "--write-out=fields").splitlines()
    last = next(line for line in status if '"Revision"' in line).rpartition(" ")[2]
    etcdctl("compact", last)
    etcdctl("defrag", "--command-timeout=60s")
    etcdctl("alarm", "disarm")


def damaged(
    name: str, service: str, pattern: str, code: str = "data-damaged", shown: str = "engine"
) -> None:
    """Add a fault that is a file of a store overwritten with nonsense."""

    def make(bench: Bench) -> Made:
        """Damage the file while the service is down; what is told deletes the data."""
        found = (path for folder in bench.volumes(service) for path in folder.glob(pattern))
        bench.stack.docker("stop", bench.name(service))
        victim = max(found, key=lambda path: path.stat().st_mtime)
        kept = victim.read_bytes()
        with victim.open("r+b") as file:
            file.write(b"nonsense" * 2048)
        try:
            next_step = yield
        except GeneratorExit:
            bench.stack.docker("stop", bench.name(service))
            victim.write_bytes(kept)
            raise
        bench.obey(next_step)

    fault(name, service, service=service, code=code, shown=shown, keeps=False)(make)


damaged("a damaged data file of etcd", "etcd", "member/wal/*.wal")
damaged(
    *("a damaged data file of Neo4j", "neo4j", "databases/neo4j/neostore"),
    code="database-unavailable",
    shown="answer",
)
damaged("a damaged data file of Qdrant", "qdrant", "collections/*/*config.json")


@contextmanager
def holder(bench: Bench, service: str) -> Iterator[None]:
    """Run the service's own program a second time on its volume."""
    name, config = "memos-faults-holder", bench.inspect(service)
    mounts = [
        f"--mount=type=volume,source={one['Name']},target={one['Destination']}"
        for one in config["Mounts"]
        if one["Type"] == "volume"
    ]
    settings = [f"--env={one}" for one in config["Config"]["Env"]]
    bench.stack.docker("stop", bench.name(service))
    try:
        bench.stack.docker(
            *("run", "--detach", "--name", name, *mounts, *settings),
            *(config["Config"]["Image"], *(config["Config"]["Cmd"] or ())),
        )
        until_log(bench, name, "Started." if service == "neo4j" else "6333")
        yield
    finally:
        bench.stack.docker("rm", "--force", "--volumes", name, check=False)


def until_log(bench: Bench, container: str, word: str) -> None:
    """Wait until a container has written a word."""
    for _ in range(300):
        log = bench.stack.docker("logs", container)
        if word in log.stdout + log.stderr:
            return
        time.sleep(0.1)
    raise AssertionError(f"{container} did not write {word!r} within 30 s")


@fault("data of Neo4j that another process has open", "neo4j", service="neo4j", code="store-locked")
def neo4j_locked(bench: Bench) -> Made:
    """A forgotten container; the next step tells how to find it."""
    with holder(bench, "neo4j"):
        assert "--filter volume=" in (yield)


@fault(
    *("data of Qdrant that another process has open", "qdrant"),
    service="qdrant",
    code="store-locked",
)
def qdrant_locked(bench: Bench) -> Made:
    """As above."""
    with holder(bench, "qdrant"):
        assert "--filter volume=" in (yield)


# logins and data of another kind ----------------------------------------------------------------


def other_password(name: str, service: str, variable: str, *, sample: bool = False) -> None:
    """Add a fault that is a password in `.env` that the volume was not made with."""

    def make(bench: Bench) -> Made:
        """Change the password, put the former one back as told."""
        bench.env(**{variable: "another-password"})
        next_step = yield
        assert "former value" in next_step
        bench.restore()

    facts = {"service": service, "code": "login-rejected", "shown": "answer", "sample": sample}
    fault(name, service, **facts)(make)


other_password("another Neo4j password than its volume's", "neo4j", "NEO4J_PASSWORD", sample=True)
other_password("another Milvus password than its volume's", "milvus", "MILVUS_PASSWORD")


@fault(
    *("another key for the object store", "milvus"),
    service="milvus",
    code="s3-login-rejected",
    shown="log",
)
def s3_key(bench: Bench) -> Made:
    """Milvus is given a key that the store does not know."""
    bench.edit(
        "MINIO_ACCESS_KEY_ID: ${MINIO_ROOT_USER:-minioadmin}", "MINIO_ACCESS_KEY_ID: somebody"
    )
    assert "MINIO_ROOT_USER" in (yield)
    bench.restore()


@fault(
    *("vectors of another size", "memos"),
    service="qdrant",
    code="data-mismatch",
    says=("8 numbers, wanted 384",),
    shown="command",
)
def vectors(bench: Bench) -> Made:
    """MemOS would lose vectors without a word."""
    url = bench.stack.url("QDRANT_HTTP_PORT", "/collections/neo4j_vec_db")
    assert requests.delete(url, timeout=10).ok
    body = {"vectors": {"size": 8, "distance": "Cosine"}}
    assert requests.put(url, json=body, timeout=10).ok
    try:
        yield
    finally:
        assert requests.delete(url, timeout=10).ok
        bench.stack.inv("restart", "--service", "memos")


# networks ---------------------------------------------------------------------------------------


@fault(
    "a network cut between two containers",
    "milvus",
    service="milvus",
    code="network-cut",
    says=("etcd",),
    shown="log",
)
def cut(bench: Bench) -> Made:
    """etcd is well, and Milvus cannot reach it."""
    pid = bench.pid("etcd")
    bench.stack.docker("stop", bench.name("milvus"))

    def link(state: str) -> None:
        subprocess.run(  # noqa: S603 - ours
            ["/usr/bin/nsenter", "--target", pid, "--net", "ip", "link", "set", "eth0", state],
            check=state == "down",
        )

    link("down")
    try:
        bench.obey((yield))
    finally:
        link("up")  # where nobody made the network anew


# MemOS' settings --------------------------------------------------------------------------------


def memos_setting(name: str, code: str, said: str, **values: str) -> None:
    """Add a fault that is a variable with which MemOS does not start."""

    def make(bench: Bench) -> Made:
        """Set the variable, and remove it as told."""
        bench.env(**values)
        next_step = yield
        assert next(iter(values)) in next_step
        bench.restore()

    # it waits for a host that nobody has; with all other values it crashes
    shown = "log" if code == "name-unknown" else "engine"
    fault(name, "memos", service="memos", code=code, says=(said,), shown=shown)(make)


memos_setting(
    "a graph backend that does not work",
    "graph-backend",
    "neo4j-community",
    NEO4J_BACKEND="nebular",
)
memos_setting(
    "QDRANT_URL beside QDRANT_HOST",
    "name-unknown",
    "QDRANT_URL",
    QDRANT_URL="http://your_qdrant_url:6333",
)
memos_setting(
    "a folder of files that is not there",
    "setting-invalid",
    "/no/such/folder",
    FILE_LOCAL_PATH="/no/such/folder",
)
memos_setting(
    "words where JSON is wanted",
    "setting-invalid",
    "MOS_RERANKER_HEADERS_EXTRA",
    MOS_RERANKER_HEADERS_EXTRA="extra headers",
    MOS_RERANKER_BACKEND="http_bge",
)
memos_setting("no tokenizer", "tokenizer-missing", "gpt2", HF_HOME="/nothing")


@contextmanager
def source(bench: Bench) -> Iterator[Path]:
    """Give a copy of MemOS' source that the container mounts."""
    find = "import memos, pathlib; print(pathlib.Path(memos.__file__).parent)"
    name, folder = bench.name("memos"), bench.stack.root / "src"
    python = bench.stack.docker("exec", name, "python", "-c", find, check=False)
    python = (
        python if python.exit_code == 0 else bench.stack.docker("exec", name, "python3", "-c", find)
    )
    folder.mkdir(exist_ok=True)
    bench.stack.docker("cp", f"{name}:{python.stdout.split()[-1]}", str(folder / "memos"))
    bench.env(MEMOS_SRC=str(folder))
    try:
        yield folder / "memos"
    finally:
        subprocess.run(["/bin/rm", "-r", str(folder)], check=True)  # noqa: S603 - made above


@fault(
    *("a source tree with a syntax error", "memos"),
    service="memos",
    code="source-broken",
    says=("server_router.py:3", "SyntaxError"),
    sample=True,
)
def syntax_error(bench: Bench) -> Made:
    """The file and the line are told; mended, it starts."""
    with source(bench) as memos:
        file = memos / "api" / "routers" / "server_router.py"
        text = file.read_text()
        file.write_text("\n\ndef broken(:\n" + text)
        next_step = yield
        assert "MEMOS_SRC" in next_step or "server_router" in next_step
        file.write_text(text)
        bench.up("memos")
        bench.restore()
        bench.up("memos")


@fault(
    "a source tree that imports what is not there",
    "memos",
    service="memos",
    code="source-broken",
    says=("no_such_package",),
)
def import_error(bench: Bench) -> Made:
    """A package that the image does not have."""
    with source(bench) as memos:
        file = memos / "api" / "routers" / "server_router.py"
        file.write_text("import no_such_package\n" + file.read_text())
        yield
        bench.restore()
        bench.up("memos")


# health checks that lie -------------------------------------------------------------------------


@fault("a health check that fails though all is well", "qdrant", exit_code=0, shown="command")
def lies_sick(bench: Bench) -> Made:
    """Our own call says more: no failure."""
    bench.set_key(
        "qdrant",
        "healthcheck",
        f"healthcheck: {{test: ['CMD', 'false'], {IMPATIENT}}}",
    )
    yield
    bench.restore()


@fault(
    *("a health check that passes though nobody answers", "qdrant"),
    exit_code=6,
    code="",
    says=("nobody answers", "time is up"),
    shown="deadline",
    words=("--timeout", "8"),
)
def lies_well(bench: Bench) -> Made:
    """`up` never says ready."""
    bench.set_key("qdrant", "entrypoint", 'entrypoint: ["sleep", "600"]')
    bench.set_key(
        "qdrant",
        "healthcheck",
        f"healthcheck: {{test: ['CMD', 'true'], {USUAL}}}",
    )
    yield
    bench.restore()


@fault(
    "a health check that its image cannot run",
    "etcd",
    service="etcd",
    code="health-check-broken",
    shown="command",
)
def check_broken(bench: Bench) -> Made:
    """curl in an image without curl."""
    bench.set_key(
        "etcd",
        "healthcheck",
        f"healthcheck: {{test: ['CMD', 'no-such-curl', 'http://127.0.0.1:2379/'], {USUAL}}}",
    )
    assert "healthcheck" in (yield)
    bench.restore()


# what is no fault -------------------------------------------------------------------------------


@fault("a slow start", "qdrant", exit_code=0, shown="command")
def slow(bench: Bench) -> Made:
    """Eight seconds later than usual: waited for without a word."""
    image = bench.inspect("qdrant")["Config"]
    argv = [*(image["Entrypoint"] or ()), *(image["Cmd"] or ())]
    words = ", ".join(f'"{word}"' for word in ["sh", "-c", 'sleep 8; exec \\"$$@\\"', "sh", *argv])
    bench.set_key("qdrant", "entrypoint", f"entrypoint: [{words}]")
    bench.set_key("qdrant", "command", "command: []")
    yield
    bench.restore()


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
                    subprocess.run(["/bin/kill", "-KILL", str(state["Pid"])], check=False)  # noqa: S603 - ours
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


@fault("`kill -9` whenever it starts", "neo4j", service="neo4j", code="killed")
def killed_always(bench: Bench) -> Made:
    """Not for its own memory limit: by somebody, or by a machine without memory."""
    bench.stack.docker("stop", bench.name("neo4j"))
    with beside(bench, "neo4j", "kill -9", times=99):
        assert "dmesg" in (yield)


@fault("`docker stop` while it starts", "neo4j", service="neo4j", code="stopped")
def stopped(bench: Bench) -> Made:
    """Somebody changed his mind; the next step starts it."""
    bench.stack.docker("stop", bench.name("neo4j"))
    with beside(bench, "neo4j", "stop"):
        next_step = yield
    bench.obey(next_step)


@fault("a container removed while it starts", "neo4j", service="neo4j", code="container-gone")
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
    code="ended",
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
    own = replace(bench.stack, engine={})
    own.inv("engine.start")
    try:
        image = bench.inspect("etcd")["Config"]["Image"]
        bench.extra.update(own.engine_env())
        there = ["docker", "load", "--quiet"]
        with subprocess.Popen(  # noqa: S603 - ours
            ["docker", "save", image],  # noqa: S607 - as the others
            env={**own.environ, **bench.stack.engine},
            stdout=subprocess.PIPE,
        ) as saved:
            subprocess.run(  # noqa: S603 - ours
                there, env={**own.environ, **bench.extra}, stdin=saved.stdout, check=True
            )
        bench.set_key("etcd", "healthcheck", f"healthcheck: {{test: ['CMD', 'false'], {USUAL}}}")
        assert "inv engine.status" in (yield)
        bench.restore()
        mended = own.inv("up", "--service", "etcd", "--format", "json")
        assert mended.lines[-1]["verdict"] == "ready"
    finally:
        bench.extra.clear()
        own.inv("engine.remove", "--yes")

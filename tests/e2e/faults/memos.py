"""Faults of MemOS: settings with which it does not start, source trees that cannot be imported."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.faults.fault import Made, fault, wrong
from tests.e2e.kit.workbench import Bench


def memos_setting(name: str, code: str, said: str, **env: str) -> None:
    """Add a fault that is a variable with which MemOS does not start; the next step names it."""
    # it waits for a host that nobody has; with all other values it crashes
    shown = "log" if code == "name-unknown" else "engine"
    wrong(name, "memos", env=env, step=next(iter(env)), code=code, says=(said,), shown=shown)


memos_setting(
    *("a graph backend that does not work", "graph-backend", "neo4j-community"),
    NEO4J_BACKEND="nebular",
)
memos_setting(
    *("QDRANT_URL beside QDRANT_HOST", "name-unknown", "QDRANT_URL"),
    QDRANT_URL="http://your_qdrant_url:6333",
)
memos_setting(
    *("a folder of files that is not there", "setting-invalid", "/no/such/folder"),
    FILE_LOCAL_PATH="/no/such/folder",
)
memos_setting(
    *("words where JSON is wanted", "setting-invalid", "MOS_RERANKER_HEADERS_EXTRA"),
    MOS_RERANKER_HEADERS_EXTRA="extra headers",
    MOS_RERANKER_BACKEND="http_bge",
)
memos_setting(
    *("a Nacos server that does not answer", "nacos-unreachable", "NACOS_SERVER_ADDR"),
    NACOS_SERVER_ADDR="127.0.0.1:9",
    NACOS_DATA_ID="settings",
    AK="somebody",
    SK="something",
)
wrong(
    *("a package that its image does not have", "memos"),
    keys={"entrypoint": '["python3", "-c", "import no_such_package"]'},
    step="images.build",
    code="import-error",
    says=("no_such_package",),
)


@fault(
    *("a host for background work that nobody has", "memos"),
    exit_code=0,
    says=("redis.invalid",),
    shown="command",
)
def no_redis(bench: Bench) -> Made:
    """MemOS answers without it, and says so in its log alone: an advice."""
    bench.env(
        MEMSCHEDULER_USE_REDIS_QUEUE="true",
        MEMSCHEDULER_REDIS_HOST="redis.invalid",
        MEMSCHEDULER_REDIS_PORT="6379",
    )
    yield


memos_setting("no tokenizer", "tokenizer-missing", "gpt2", HF_HOME="/nothing")


@contextmanager
def source(bench: Bench) -> Iterator[Path]:
    """Yield a copy of MemOS' source that the container mounts."""
    find = "import memos, pathlib; print(pathlib.Path(memos.__file__).parent)"
    name, folder = bench.name("memos"), bench.stack.root / "src"
    python = bench.stack.docker("exec", name, "python", "-c", find, check=False)
    if python.exit_code:
        python = bench.stack.docker("exec", name, "python3", "-c", find)
    folder.mkdir(exist_ok=True)
    bench.stack.docker("cp", f"{name}:{python.stdout.split()[-1]}", str(folder / "memos"))
    bench.env(MEMOS_SRC=str(folder))
    try:
        yield folder / "memos"
    finally:
        subprocess.run(["/bin/rm", "-r", str(folder)], check=True)


@fault(
    *("a source tree with a syntax error", "memos"),
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


@fault("a source tree that the container may not read", "memos", code="source-unreadable")
def unreadable(bench: Bench) -> Made:
    """Root's own; the next step lets everybody read it."""
    with source(bench) as memos:
        file = memos / "api" / "routers" / "server_router.py"
        file.touch()  # what was compiled of it is no longer taken for it
        file.chmod(0o600)
        assert "chmod -R a+rX" in (yield)
        bench.restore()
        bench.up("memos")

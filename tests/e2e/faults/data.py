"""Faults of stored data: disks, damaged files, locks, logins and data of another kind."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests

from tests.e2e.faults.fault import Made, fault, wrong
from tests.e2e.kit.workbench import Bench

wrong(  # its data lies on a tmpfs of 1 MB
    *("a full disk", "etcd"),
    keys={"volumes": "[]", "tmpfs": '["/etcd:size=1m"]'},
    step="make room",
    code="disk-full",
    sample=True,
)


@fault("etcd's quota used up", "etcd", code="etcd-no-space", shown="command")
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


def as_memos_makes_it(bench: Bench) -> None:
    """Have the collection of MemOS in Qdrant, where it has not started yet."""
    url = bench.stack.url("QDRANT_HTTP_PORT", "/collections/neo4j_vec_db")
    if not requests.get(url, timeout=10).ok:
        body = {"vectors": {"size": 384, "distance": "Cosine"}}
        assert requests.put(url, json=body, timeout=10).ok


def damaged(
    name: str,
    service: str,
    pattern: str,
    *,
    before: Callable[[Bench], None] = lambda _: None,
    **facts: str,
) -> None:
    """Add a fault that is a file of a store overwritten with nonsense."""

    def make(bench: Bench) -> Made:
        """Damage the file while the service is down; what is told deletes the data."""
        before(bench)
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

    fault(name, service, **{"code": "data-damaged", **facts}, keeps=False)(make)


damaged("a damaged data file of etcd", "etcd", "member/wal/*.wal")
damaged(
    *("a damaged data file of Neo4j", "neo4j", "databases/neo4j/neostore"),
    code="database-unavailable",
    shown="answer",
)
damaged(  # one of somebody else's keeps nobody from starting
    *("a damaged data file of Qdrant", "qdrant", "collections/neo4j_vec_db/*config.json"),
    before=as_memos_makes_it,
    shown="answer",
)


@fault(
    *("data of Qdrant that another version wrote", "qdrant"),
    code="data-version",
    shown="log",
)
def other_version(bench: Bench) -> Made:
    """A word in it that this one does not know; the next step asks for the former image."""
    as_memos_makes_it(bench)
    name = bench.name("qdrant")
    found = [path for folder in bench.volumes("qdrant") for path in folder.rglob("*config.json")]
    texts = {path: path.read_text() for path in found}
    victim = next(path for path, text in texts.items() if '"Cosine"' in text)
    bench.stack.docker("stop", name)
    victim.write_text(texts[victim].replace('"Cosine"', '"Sine"'))
    try:
        assert "former image" in (yield)
    finally:
        bench.stack.docker("stop", name)
        victim.write_text(texts[victim])


@fault("data of another object store", "minio", code="data-version")
def real_minio(bench: Bench) -> Made:
    """A real MinIO's drive under the stand-in; the next step asks for the former image."""
    (folder,) = bench.volumes("minio")
    (folder / ".minio.sys").mkdir()
    bench.stack.docker("stop", bench.name("minio"))
    try:
        assert "former image" in (yield)
    finally:
        (folder / ".minio.sys").rmdir()


@fault(
    *("a journal of data commands that nobody can read", "qdrant"),
    service="",
    code="broken",
    says=("only this file says", "inv snapshot.restore"),
    shown="command",
)
def odd_journal(bench: Bench) -> Made:
    """Somebody edited it; the next step moves it away and deletes nothing."""
    folder = bench.stack.root / "snapshots" / bench.stack.project
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "journal.json"
    file.write_text("{")
    try:
        assert f"mv {file} {file}.unread" in (yield)
    finally:
        file.unlink()


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


@fault("data of Neo4j that another process has open", "neo4j", code="store-locked")
def neo4j_locked(bench: Bench) -> Made:
    """A forgotten container; the next step tells how to find it."""
    with holder(bench, "neo4j"):
        assert "--filter volume=" in (yield)


@fault(*("data of Qdrant that another process has open", "qdrant"), code="store-locked")
def qdrant_locked(bench: Bench) -> Made:
    """As above."""
    with holder(bench, "qdrant"):
        assert "--filter volume=" in (yield)


wrong(
    *("another Neo4j password than its volume's", "neo4j"),
    env={"NEO4J_PASSWORD": "another-password"},
    step="former value",
    code="login-rejected",
    shown="answer",
    sample=True,
)
wrong(
    *("another Milvus password than its volume's", "milvus"),
    env={"MILVUS_PASSWORD": "another-password"},
    step="former value",
    code="login-rejected",
    shown="answer",
)


@fault(*("another key for the object store", "milvus"), code="s3-login-rejected", shown="log")
def s3_key(bench: Bench) -> Made:
    """Milvus is given a key that the store does not know."""
    bench.edit(
        "MINIO_ACCESS_KEY_ID: ${MINIO_ROOT_USER:-minioadmin}", "MINIO_ACCESS_KEY_ID: somebody"
    )
    assert "MINIO_ROOT_USER" in (yield)


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

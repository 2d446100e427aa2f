"""Faults that engine and Compose tell while containers are made: networks, volumes, disks."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from scripts.engine.api import Api
from scripts.engine.places import places
from scripts.images import carry
from tests.e2e.faults.fault import Made, fault, wrong
from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.workbench import PROJECT, Bench

NETWORK = f"{PROJECT}_memos_network"


def everything(bench: Bench) -> list[str]:
    """Return the ids of all containers of the bench."""
    return [name for name, *_ in bench.state()]


# networks ---------------------------------------------------------------------------------------


@fault(
    *("a network of the stack's name that somebody made", "qdrant"),
    service="",
    code="network-foreign",
    says=(NETWORK,),
    shown="command",
)
def foreign_network(bench: Bench) -> Made:
    """`docker network create` by hand; the next step removes it."""
    bench.stack.inv("down")
    bench.stack.docker("network", "create", NETWORK)
    try:
        bench.obey((yield))
    finally:
        label = "label=com.docker.compose.network"
        ours = bench.stack.docker("network", "ls", "--filter", label, "--format={{.Name}}").stdout
        if NETWORK not in ours.split():
            bench.stack.docker("network", "rm", NETWORK, check=False)


@fault("a network that was pruned while all stood still", "qdrant", code="network-gone")
def pruned_network(bench: Bench) -> Made:
    """`docker network prune` of an evening; the next step makes it anew."""
    bench.stack.docker("stop", *everything(bench))
    bench.stack.docker("network", "rm", NETWORK)
    bench.obey((yield))


@fault(
    *("no addresses left for another network", "qdrant"),
    service="",
    code="addresses-used-up",
    says=("docker network rm",),
    shown="command",
)
def no_addresses(bench: Bench) -> Made:
    """Networks of stacks that are no more; the next step says to remove some."""
    bench.stack.inv("down")
    filled: list[str] = []
    try:
        for number in range(64):
            name = f"memos-faults-fill-{number}"
            if bench.stack.docker("network", "create", name, check=False).exit_code:
                break
            filled.append(name)
        yield
    finally:
        bench.stack.docker("network", "rm", *filled)


wrong(  # of a network that this machine is no longer in
    *("an address that this machine does not have", "qdrant"),
    env={
        "BIND_ADDRESS": "203.0.113.7",
        "ALLOW_WITHOUT_LOGIN": "yes",
        "NEO4J_PASSWORD": "no-default-1",
        "MILVUS_PASSWORD": "no-default-2",
        "MINIO_ROOT_USER": "nodefault",
        "MINIO_ROOT_PASSWORD": "no-default-3",
    },
    step="BIND_ADDRESS=127.0.0.1",
    code="address-unknown",
    says=("203.0.113.7",),
)


# containers -------------------------------------------------------------------------------------


wrong(
    *("a memory limit below the engine's least", "qdrant"),
    env={"QDRANT_MEMORY": "1m"},
    step="_MEMORY",
    service="",
    code="limit-too-small",
    says=("6MB",),
    shown="command",
)
wrong(
    *("a mounted folder that is not there", "qdrant"),
    keys={
        "volumes": '["qdrant_data:/qdrant/storage", {type: bind, source: /no/such/folder,'
        " target: /seen, read_only: true, bind: {create_host_path: false}}]"
    },
    step="correct the path",
    service="",
    code="mount-missing",
    says=("/no/such/folder",),
    shown="command",
)


# volumes ----------------------------------------------------------------------------------------


@contextmanager
def without_volume(bench: Bench, snapshot: str = "") -> Iterator[str]:
    """Take all down and remove etcd's volume, perhaps after a snapshot; yield its name."""
    (mount,) = [one for one in bench.inspect("etcd")["Mounts"] if one["Type"] == "volume"]
    if snapshot:
        bench.stack.inv("snapshot.save", "--service", "milvus", "--name", snapshot)
    bench.stack.inv("down")
    bench.stack.docker("volume", "rm", mount["Name"])
    try:
        yield mount["Name"]
    finally:
        if snapshot:
            bench.stack.inv("snapshot.delete", snapshot, "--yes", check=False)


@fault(
    *("one volume of three that belong together is gone", "milvus"),
    code="data-incomplete",
    says=("etcd_data", "is gone", "inv snapshot.restore whole"),
    shown="command",
)
def lost_volume(bench: Bench) -> Made:
    """`docker volume rm`; the snapshot that has all of them is named, and restoring it mends it."""
    with without_volume(bench, "whole"):
        bench.obey((yield))


@fault(
    *("one volume of three that belong together was made anew", "milvus"),
    code="data-incomplete",
    says=("etcd_data", "was made anew"),
    shown="command",
    keeps=False,
)
def new_volume(bench: Bench) -> Made:
    """As plain Compose does without a word; without a snapshot the way is to start over."""
    with without_volume(bench) as name:
        labels = (f"com.docker.compose.project={PROJECT}", "com.docker.compose.volume=etcd_data")
        words = [word for label in labels for word in ("--label", label)]
        bench.stack.docker("volume", "create", *words, name)
        bench.obey((yield))


# engines ----------------------------------------------------------------------------------------


@contextmanager
def own_engine(bench: Bench, service: str, *, inodes: int = 0) -> Iterator[Checkout]:
    """Bring a private engine of the bench's own with a service's image; with few `inodes` perhaps.

    It is the engine of the `up` under trial while the block runs, and gone afterwards.
    """
    own, data = replace(bench.stack, engine={}, private=True), places(bench.stack.root).data
    image = bench.inspect(service)["Config"]["Image"]
    if inodes:
        data.mkdir(parents=True)
        options = f"size=8g,nr_inodes={inodes}"
        subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", data], check=True)
    try:
        own.inv("engine.start")
        bench.extra.update(own.engine_env())
        here, there = (Api(env["DOCKER_HOST"]) for env in (bench.stack.engine, bench.extra))
        carry.carry(here, there, [image], lambda *_: None, "the bench")
        yield own
    finally:
        bench.extra.clear()
        own.inv("engine.stop", check=False)
        if inodes:
            subprocess.run(["/bin/umount", data], check=False)
        own.inv("engine.remove", "--yes")


@fault(
    *("an engine's disk without inodes", "etcd"),
    service="",
    code="disk-full",
    says=("no inodes", "the engine refused"),
    shown="command",
    plain=False,
)
def no_inodes(bench: Bench) -> Made:
    """There is space, and yet no file can be made; the next step says to make room."""
    with own_engine(bench, "etcd", inodes=20_000) as own:
        filling = places(own.root).data / "filling"
        filling.mkdir()
        with suppress(OSError):
            for number in range(20_000):
                (filling / str(number)).touch()
        assert "df -i" in (yield)
        subprocess.run(["/bin/rm", "-r", filling], check=True)
        mended = own.inv("up", "--service", "etcd", "--format", "json")
        assert mended.lines[-1]["verdict"] == "ready"


# locks ------------------------------------------------------------------------------------------

HOLD = """
import fcntl, sys, time
with open(sys.argv[1]) as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    print("held", flush=True)
    time.sleep(1)
"""


@fault(
    *("another `inv up` that was stopped with Ctrl-Z", "qdrant"),
    exit_code=4,
    code="locked",
    says=("which is stopped (Ctrl-Z)",),
    preflight=True,
    plain=False,
)
def stopped_holder(bench: Bench) -> Made:
    """To wait for it would be for ever; the next step lets it go on."""
    file = bench.stack.root / ".cache" / bench.stack.project / "lock"
    words = [sys.executable, "-c", HOLD, str(file)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        file.write_text(f"inv up, pid {holder.pid}\n")
        os.kill(holder.pid, signal.SIGSTOP)
        try:
            assert f"kill -CONT {holder.pid}" in (yield)
        finally:
            os.kill(holder.pid, signal.SIGCONT)
    file.write_text("")


@fault("a service that is well, and was paused and went on", "etcd", exit_code=0, shown="command")
def woken(bench: Bench) -> Made:
    """As after a laptop slept: the engine's next check is most of a minute away."""
    name = bench.name("etcd")
    bench.stack.docker("pause", name)
    bench.stack.docker("unpause", name)
    yield

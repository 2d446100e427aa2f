"""Faults that are there before a container is touched: ports, names, settings, registries."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.e2e.faults.fault import Made, fault, wrong
from tests.e2e.kit.checkout import free_ports
from tests.e2e.kit.workbench import PROJECT, Bench


@fault(
    *("a port held by a program", "qdrant"),
    code="port-taken",
    says=(f"pid {os.getpid()}", "QDRANT_HTTP_PORT"),
    preflight=True,
    sample=True,
)
def port_of_a_program(bench: Bench) -> Made:
    """Somebody's web server; the next step offers another port."""
    bench.stack.docker("stop", bench.name("qdrant"))
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", int(bench.stack.values()["QDRANT_HTTP_PORT"])))
        holder.listen()
        next_step = yield
        assert "another port in " in next_step
        bench.env(QDRANT_HTTP_PORT=str(free_ports(1)[0]))
        bench.up("qdrant")


@fault(
    *("a port held by another container", "qdrant"),
    code="port-taken",
    says=("memos-faults-holder",),
    preflight=True,
)
def port_of_a_container(bench: Bench) -> Made:
    """Another project's database; the next step says to stop it."""
    bench.stack.docker("stop", bench.name("qdrant"))
    port = f"127.0.0.1:{bench.stack.values()['QDRANT_HTTP_PORT']}:80"
    image = bench.inspect("qdrant")["Config"]["Image"]
    holder = ("--detach", "--name", "memos-faults-holder", "--publish", port)
    try:
        bench.stack.docker("run", *holder, "--entrypoint", "sleep", image, "600")
        assert "stop it" in (yield)
    finally:
        bench.stack.docker("rm", "--force", "memos-faults-holder", check=False)


@fault(
    *("a container of that name in another project", "qdrant"), code="name-taken", preflight=True
)
def name_taken(bench: Bench) -> Made:
    """Left over of a former tool; the next step shows the stacks, and removes nobody's."""
    name = bench.name("qdrant")
    image = bench.inspect("qdrant")["Config"]["Image"]
    bench.stack.docker("rm", "--force", name)
    try:
        bench.stack.docker("create", "--name", name, image)
        assert "CONTAINER_PREFIX" in (yield)
    finally:
        bench.stack.docker("rm", "--force", name)


@fault("a paused container", "etcd", code="paused", preflight=True)
def paused(bench: Bench) -> Made:
    """`docker pause` of yesterday."""
    name = bench.name("etcd")
    bench.stack.docker("pause", name)
    try:
        bench.obey((yield))
    finally:
        bench.stack.docker("unpause", name, check=False)


def wrong_setting(name: str, said: str, service: str, **env: str) -> None:
    """Add a fault that is a value in `.env`: exit code 2, the variable is named."""
    step, says = f"{PROJECT}.env", (*env, said)
    facts: dict[str, Any] = {"exit_code": 2, "code": "config", "preflight": True}
    wrong(name, service, env=env, step=step, says=says, **facts)


wrong_setting("a port that is no number", "wanted a port from 1", "qdrant", QDRANT_HTTP_PORT="63x3")
wrong_setting("a password that is too short", "too short", "neo4j", NEO4J_PASSWORD="seven77")
wrong_setting(
    "all interfaces with default passwords", "still the default", "qdrant", BIND_ADDRESS="0.0.0.0"
)
wrong_setting(
    *("a dimension that the local model does not have", "384", "memos"), EMBEDDING_DIMENSION="1024"
)
wrong_setting("a comment taken as a value", "wanted true or false", "memos", ENABLE_INTERNET="# no")
wrong_setting("a source folder without MemOS in it", "memos/", "memos", MEMOS_SRC="/tmp")


@fault(
    *("a misspelt service", "qdrant"),
    words=("--service", "qdrnt"),
    exit_code=2,
    code="config",
    says=("did you mean qdrant", "qdrnt"),
    preflight=True,
    plain=False,
)
def misspelt(bench: Bench) -> Made:
    """The nearest name is offered."""
    del bench
    yield


@fault(
    *("a compose file that is no YAML", "qdrant"),
    exit_code=2,
    code="config",
    says=("docker-compose.yml",),
    preflight=True,
)
def no_yaml(bench: Bench) -> Made:
    """An edit that went wrong."""
    bench.edit("  etcd:\n", "  etcd: [\n")
    yield


@fault(
    *("a service that is started before it is healthy", "attu"),
    exit_code=2,
    code="config",
    says=("service_healthy", "attu"),
    preflight=True,
)
def started_only(bench: Bench) -> Made:
    """The seed's own mistake: `service_started`."""
    bench.edit(
        "      milvus: {condition: service_healthy}\n    healthcheck:\n",
        "      milvus: {condition: service_started}\n    healthcheck:\n",
    )
    yield


@fault(
    *("an engine that does not answer", "qdrant"),
    exit_code=3,
    code="engine",
    says=("DOCKER_HOST",),
    preflight=True,
    plain=False,
)
def no_engine(bench: Bench) -> Made:
    """A DOCKER_HOST of last week."""
    bench.extra["DOCKER_HOST"] = "tcp://127.0.0.1:9"
    try:
        yield
    finally:
        bench.extra.clear()


@fault(
    *("another `inv up` under way", "qdrant"),
    exit_code=4,
    code="locked",
    says=("inv up, pid 4711",),
    preflight=True,
    plain=False,
)
def locked(bench: Bench) -> Made:
    """The second one says who holds the lock."""
    file = bench.stack.root / ".cache" / bench.stack.project / "lock"
    former = file.read_text()
    with file.open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file.write_text("inv up, pid 4711\n")
        try:
            assert "wait" in (yield)
        finally:
            file.write_text(former)


@contextmanager
def made_by(bench: Bench, folder: Path) -> Iterator[None]:
    """Have Qdrant's container made by the checkout of a folder; it is removed at last."""
    name, image = bench.name("qdrant"), bench.inspect("qdrant")["Config"]["Image"]
    labels = {
        "project": bench.stack.project,
        "project.working_dir": str(folder),
        "service": "qdrant",
        "oneoff": "False",
        "config-hash": "0" * 64,  # without one Compose takes it for somebody else's
    }
    words = [f"--label=com.docker.compose.{key}={value}" for key, value in labels.items()]
    bench.stack.docker("rm", "--force", name)
    bench.stack.docker("create", "--name", name, *words, image)
    try:
        yield
    finally:
        bench.stack.docker("rm", "--force", name)


@fault(
    *("containers of another checkout", "qdrant"),
    exit_code=2,
    code="config",
    says=("elsewhere", "inv env --offset"),
    preflight=True,
)
def other_checkout(bench: Bench) -> Made:
    """A second clone with the same project name; its path is told."""
    folder = bench.stack.root.parent / "elsewhere" / "docker"
    folder.mkdir(parents=True, exist_ok=True)
    with made_by(bench, folder):
        assert "use that one" in (yield)


@fault(
    *("containers of a checkout that is gone", "qdrant"),
    exit_code=7,
    code="declined",
    says=("/no/such/place", "not there any more"),
    preflight=True,
)
def gone_checkout(bench: Bench) -> Made:
    """It was moved, or deleted: nobody is there to answer whether they may be made anew."""
    with made_by(bench, Path("/no/such/place/docker")):
        assert "--yes" in (yield)
        bench.stack.inv("up", "--service", "qdrant", "--yes")


@contextmanager
def registry(status: int, body: str, headers: dict[str, str] | None = None) -> Iterator[str]:
    """Answer every call for an image like that; gives HOST:PORT."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/v2/" else status)
            kinds = {"Content-Type": "application/json", **(headers or {})}
            for name, value in kinds.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(b"{}" if self.path == "/v2/" else body.encode())

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def refusing_registry(
    name: str, code: str, said: str, status: int, body: str, headers: dict[str, str] | None = None
) -> None:
    """Add a fault that is a registry's answer."""

    def make(bench: Bench) -> Made:
        """Name the registry in `.env`, and another source afterwards."""
        with registry(status, body, headers) as address:
            bench.env(IMAGE_SOURCE="registry", IMAGE_REGISTRY=address)
            assert ".env" in (yield)

    fault(name, "etcd", exit_code=4, code=code, says=(said,), preflight=True)(make)


refusing_registry(
    *("an image that the registry does not have", "image-unknown", "there is no image", 404),
    '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}',
)
refusing_registry(
    *("a registry that answers 429", "rate-limit", "allows no more downloads", 429),
    '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit"}]}',
)
refusing_registry(
    *("a registry that wants a login", "image-denied", "docker login", 401),
    '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
)


LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
refusing_registry(
    *("an image for other processors only", "image-architecture", "no such image for this", 200),
    json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": LIST,
            "manifests": [
                {
                    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                    "size": 7,
                    "digest": f"sha256:{'0' * 64}",
                    "platform": {"architecture": "s390x", "os": "linux"},
                }
            ],
        }
    ),
    {"Content-Type": LIST},
)


@fault(
    *("a registry that cannot be reached", "etcd"),
    exit_code=4,
    code="no-network",
    says=("cannot be reached", "IMAGE_REGISTRY"),
    preflight=True,
)
def no_registry(bench: Bench) -> Made:
    """Nobody listens there."""
    bench.env(IMAGE_SOURCE="registry", IMAGE_REGISTRY=f"127.0.0.1:{free_ports(1)[0]}")
    assert "IMAGE_SOURCE=packages" in (yield)

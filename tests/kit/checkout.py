"""A checkout on which `inv` works: a fake `docker` on PATH, an engine on a socket, services.

The engine and the services are processes of their own, because ours starts processes too.
"""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

import tasks
from scripts.commands import command, program
from scripts.config import release
from scripts.config.choice import WITHOUT_MILVUS
from scripts.config.rules.schema import validate
from scripts.core.files import Json
from scripts.data import journal
from scripts.data.model import Command, Entry, Phase
from tests.kit.fake_engine import RECORDED, made
from tests.kit.fakes import FakeRunner
from tests.kit.forked import serving
from tests.kit.places import ROOT, TESTS_DATA

DOCKER = """#!/bin/sh
printf '%s\\n' "$*" >>{folder}/calls
for file in {folder}/answers/*.words; do
    [ -e "$file" ] || break
    words=$(head -n 1 "$file")
    case "$*" in *"$words"*) . "${{file%.words}}.sh"; exit ;; esac
done
case "$*" in
    "compose version --short") echo 2.26.1 ;;
    *" config") cat {folder}/config.yml ;;
esac
"""
PROGRAM = f"""\
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {str(ROOT)!r})
from scripts.commands import program
with program.stand_ins():
    from scripts.commands import command
command.ROOT = Path(sys.argv.pop(1))
program.run()
"""
"""As .venv/bin/inv, on another checkout."""
RESOLVED = TESTS_DATA / "config"
TARGETS = {"memos": 8000, "neo4j": 7474, "qdrant": 6333, "milvus": 19530}
CHECK = {"test": ["CMD", "true"], "interval": "30s", "timeout": "5s", "start_period": "2m0s"}
VOLUMES = {"etcd": "etcd_data", "neo4j": "neo4j_data", "qdrant": "qdrant_data"}
DIRECT = "localhost,127.0.0.1,memos,neo4j,qdrant,milvus,etcd,minio,attu,preferences,models"
DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # five times as fast
GROUPS = {"etcd": "milvus", "neo4j": "neo4j", "qdrant": "qdrant", "milvus": "milvus"}


def service(name: str, **facts: object) -> dict[str, object]:
    """Return a service as `docker compose config` prints it."""
    return {
        "image": f"docker.io/library/{name}:1.2",
        "container_name": f"{name}-docker",
        "restart": "unless-stopped",
        "security_opt": ["no-new-privileges:true"],
        "logging": {"driver": "json-file", "options": {"max-size": "10m"}},
        "cap_drop": ["NET_RAW"],
        "pids_limit": 2048,
        "mem_limit": "1073741824",
        "environment": {"NO_PROXY": DIRECT, "no_proxy": DIRECT},
        "x-image-volumes": [],
        "healthcheck": {**CHECK, "start_interval": "500ms"},
        **facts,
    }


def probed(name: str, port: int) -> dict[str, object]:
    """Return a service with a probe over a published port."""
    target = TARGETS[name]
    return service(
        name,
        ports=[
            {"target": target, "published": str(port), "host_ip": "127.0.0.1", "protocol": "tcp"}
        ],
        **{
            "x-probe": [{"kind": "http", "target": target, "path": "/v1/vector/collections"}],
            "x-open": [{"target": target, "path": "/docs", "label": f"{name} page"}],
        },
    )


def lay_out(root: Path) -> None:
    """Make a checkout with the compose files and `.env.example` of this one."""
    (root / "docker").mkdir(parents=True)
    for file in (ROOT / "docker").glob("docker-compose*.yml"):
        shutil.copy(file, root / "docker")
    shutil.copy(ROOT / ".env.example", root)
    (root / "requirements").symlink_to(ROOT / "requirements")
    locks = root / release.LOCKS
    locks.parent.mkdir()
    locks.symlink_to(ROOT / release.LOCKS)


def resolved_as_recorded(root: Path, runner: FakeRunner) -> None:
    """Let Compose resolve the files of a checkout to what it once did, for each image source."""
    packages = root / "docker" / "docker-compose.packages.yml"
    runner.answer("compose version", "2.26.1\n")
    runner.answer("config", (RESOLVED / "registry.yml").read_text())
    runner.answer(f"{packages} config", (RESOLVED / "packages.yml").read_text())
    without = (RESOLVED / "packages-without-milvus.yml").read_text()
    runner.answer(f"{root / 'docker' / WITHOUT_MILVUS} config", without)


@contextmanager
def services(**held: object) -> Iterator[list[int]]:
    """Run what the probed services of a checkout answer, and what they hold; give their ports."""
    with serving("fake_stack", str(len(TARGETS)), json.dumps(held)) as ports:
        yield [int(port) for port in ports.split()]


class Checkout:
    """A checkout of its own, with all that the commands ask."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        """Lay out the files; every service but etcd runs and answers."""
        self.folder = folder
        self.root = folder / "checkout"
        (folder / "answers").mkdir()
        (folder / "bin").mkdir()
        (folder / "calls").touch()
        lay_out(self.root)
        self.env_file = self.root / ".env"
        self.env_file.write_text("IMAGE_SOURCE=registry\n")
        docker = folder / "bin" / "docker"
        docker.write_text(DOCKER.format(folder=shlex.quote(str(folder))))
        docker.chmod(0o755)
        services = {name: probed(name, port) for name, port in zip(TARGETS, ports, strict=True)}
        reason = "it has no published port"
        services["etcd"] = service("etcd", **{"x-no-probe": reason, "x-data-group": "etcd"})
        mount = {"type": "volume", "source": "etcd_data", "target": "/etcd"}
        services["etcd"]["volumes"] = [mount]
        self.config: dict[str, Any] = {
            "name": "memos-test",
            "services": services,
            "networks": {"default": None},
            "volumes": {"etcd_data": {"name": "memos-test_etcd_data"}},
        }
        self.state: dict[str, Any] = {
            "version": RECORDED["version"],
            "containers": {f"id-{name}": self.container(name) for name in services},
            "images": {str(service["image"]): {} for service in services.values()},
            "volumes": ["memos-test_etcd_data", "somebody_elses"],
            "logs": {},
            "stats": {},
        }
        self.socket = folder / "engine.sock"
        self._engine = ExitStack()

    def container(self, name: str, state: str = "running") -> dict[str, Any]:
        """Return a container of this checkout."""
        folder = str(self.root / "docker")
        published = self.config["services"][name].get("ports", ())
        ports = {port["target"]: int(port["published"]) for port in published}
        return made(name, state, folder=folder, project="memos-test", ports=ports)

    def answer(self, words: str, script: str) -> None:
        """Let `docker … WORDS …` run a shell script instead."""
        file = self.folder / "answers" / words.replace(" ", "-")
        file.with_name(file.name + ".words").write_text(words + "\n")
        file.with_name(file.name + ".sh").write_text(script + "\n")

    def inv(self, *words: str) -> int:
        """Type `inv WORDS`; give the exit code."""
        self.serve()
        try:
            program.inv(tasks.ns).run(["inv", *program.passed_on(words)])
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    def program(self) -> tuple[str, ...]:
        """Return what runs tasks of this checkout in a process of its own."""
        self.serve()
        return (sys.executable, "-c", PROGRAM, str(self.root))

    def document(self, schema: str = "") -> Json:
        """Return the JSON that was shown on stdout since the last time; it keeps its schema."""
        document = json.loads(self.shown().out)
        assert not schema or validate(document, schema) == ()
        return document

    def calls(self) -> list[str]:
        """Return what docker was asked to do, without the paths before it."""
        lines = (self.folder / "calls").read_text().splitlines()
        return [line.rpartition("docker-compose.yml ")[2] for line in lines]

    def enter(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """Let commands work on this checkout, and see nothing of this machine's own settings."""
        monkeypatch.setattr(command, "ROOT", self.root)
        example = (ROOT / ".env.example").read_text()
        for name in list(os.environ):
            if name.startswith(("DOCKER_", "COMPOSE_")) or f"\n{name}=" in example:
                monkeypatch.delenv(name)
        for name in ("ENV_FILE", "BUNDLE_FILE"):
            monkeypatch.delenv(name, raising=False)
        self.patch, self.shown = monkeypatch, capsys.readouterr
        monkeypatch.setenv("HOME", str(self.folder))
        monkeypatch.setenv("PATH", f"{self.folder / 'bin'}:{os.environ['PATH']}")
        monkeypatch.setenv("DOCKER_HOST", f"unix://{self.socket}")

    def close(self) -> None:
        """End the engine; the next command finds another, made from the state then."""
        self._engine.close()
        self.socket.unlink(missing_ok=True)

    def serve(self) -> None:
        """Let the engine and the compose file be what a test has made of them."""
        text = yaml.dump(self.config, Dumper=DUMPER, sort_keys=False)
        (self.folder / "config.yml").write_text(text)
        if not self.socket.exists():
            state = self.folder / "state.json"
            state.write_text(json.dumps(self.state))
            engine = serving("fake_engine", str(self.socket), str(state))
            assert self._engine.enter_context(engine) == "ready"


class DataCheckout(Checkout):
    """A checkout whose stack keeps data in folders."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        """Give three services a volume with a file, in three groups; all of them run."""
        super().__init__(folder, ports)
        self.disk = folder / "disk"
        self.kept = self.root / "snapshots" / "memos-test"
        self.state |= {"disk": str(self.disk), "volumes": []}
        for name, group in GROUPS.items():
            self.config["services"][name]["x-data-group"] = group
        for name, key in VOLUMES.items():
            mount = {"type": "volume", "source": key, "target": "/data"}
            self.config["services"][name]["volumes"] = [mount]
            self.config["volumes"][key] = {"name": f"memos-test_{key}"}
            self.state["volumes"].append(f"memos-test_{key}")
            self.state["containers"][f"id-{name}"]["mounts"] = [f"memos-test_{key}"]
            self.put(key, "old")
        needs = {name: {"condition": "service_healthy"} for name in ("neo4j", "qdrant", "milvus")}
        self.config["services"]["memos"]["depends_on"] = needs
        self.config["services"]["milvus"]["depends_on"] = {"etcd": {"condition": "service_healthy"}}
        reason = "the one points into the other"
        self.config["x-data-together"] = [{"groups": ["neo4j", "qdrant"], "reason": reason}]
        self.answer(" create ", f"touch {self.disk}/created")

    def enter(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """Name the project too: what is kept of it lies in a folder of that name."""
        super().enter(monkeypatch, capsys)
        monkeypatch.setenv("COMPOSE_PROJECT_NAME", "memos-test")

    def put(self, key: str, text: str) -> None:
        """Write the file of a volume."""
        folder = self.disk / f"memos-test_{key}"
        (folder / "sub").mkdir(parents=True, exist_ok=True)
        (folder / "sub" / "file").write_text(text)
        (folder / ".hidden").write_text(text)

    def put_all(self, text: str) -> None:
        """Write the files of all volumes."""
        for key in VOLUMES.values():
            self.put(key, text)

    def held(self) -> dict[str, str]:
        """Return the text in each volume that is there; everything in a volume says the same."""
        texts = {}
        for key in VOLUMES.values():
            folder = self.disk / f"memos-test_{key}"
            if folder.exists():
                contents = {file.read_text() for file in folder.rglob("*") if file.is_file()}
                assert len(contents) <= 1, f"a mixture: {contents}"
                texts[key] = "".join(contents)
                assert not list(folder.glob(".memos-dev-*"))
        return texts

    def save(self, name: str, *words: str) -> None:
        """Make a snapshot, of what is shown of which nothing is left."""
        assert self.inv("snapshot.save", "--name", name, *words) == 0
        self.shown()

    def names(self) -> list[str]:
        """Return the names of the snapshots."""
        return sorted(file.name.removesuffix(".tar.zst") for file in self.kept.glob("*.zst"))

    def interrupted(self, command: str, phase: str, *keys: str) -> None:
        """Leave the journal of a command that was killed in this phase."""
        entry = Entry(
            command=Command(command),
            phase=Phase(phase),
            running=("memos", "neo4j", "qdrant"),
            volumes={key: f"memos-test_{key}" for key in keys or VOLUMES.values()},
            since="then",
            engine="an-engine",
        )
        journal.write(self.kept, entry)

"""A stack of its own for end-to-end tests: its `inv`, its engine, and its removal."""

import json
import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from scripts.core.files import Json
from tests.kit.places import ROOT

PORT = re.compile(r"^([A-Z0-9_]+_PORT)=", re.MULTILINE)
NAMES = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG")
"""Variables that name an engine, or may lead to one."""
LONGEST = 1500.0
"""Seconds for one command; the first one fetches and builds everything."""
_FOUND: dict[tuple[Path, Path], dict[str, str]] = {}
"""The engines of checkouts with their settings, each asked for once while its socket is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command left behind."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Json:
        """Stdout as JSON."""
        return json.loads(self.stdout)

    @property
    def lines(self) -> list[Any]:
        """Stdout as one JSON document a line."""
        return [json.loads(line) for line in self.stdout.splitlines()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A checkout with settings of its own: project, container prefix and ports."""

    root: Path
    env_file: Path
    project: str
    engine: Mapping[str, str] = field(default_factory=dict)
    """Variables that name an engine, for a checkout that must not bring its own."""
    private: bool = False
    """Its engine is the private one of the checkout, whichever our environment names."""
    before: Sequence[str] = ()
    """Words before every command: those that run it on another machine."""

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which this stack's commands run."""
        left_out = NAMES if self.private else ()
        ours = {name: value for name, value in os.environ.items() if name not in left_out}
        return {**ours, "ENV_FILE": str(self.env_file), **self.engine}

    def inv(self, *words: str, check: bool = True, timeout: float = LONGEST) -> Ran:
        """Run an `inv` command to its end; with `check` its exit code must be 0."""
        return self.run(
            [sys.executable, "-m", "scripts.commands.program", *words], check=check, timeout=timeout
        )

    def docker(self, *words: str, check: bool = True) -> Ran:
        """Run a plain `docker` on the engine that the stack uses."""
        return self.run(["docker", *words], check=check, env=self.engine_env())

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout: float = LONGEST,
        env: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run any command in this checkout; what it printed is shown when it fails."""
        environ = {**self.environ, **(env or {})}
        done = subprocess.run(
            [*self.before, *argv],
            cwd=self.root,
            env=environ,
            text=True,
            capture_output=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        out, err = (self._as_of_env(text) for text in (done.stdout, done.stderr))
        ran = Ran(exit_code=done.returncode, stdout=out, stderr=err)
        if check:
            assert ran.exit_code == 0, f"{shlex.join(argv)}\n{ran.stdout}\n{ran.stderr}"
        return ran

    def _as_of_env(self, text: str) -> str:
        """Return what is told as it is where the settings are in `.env`."""
        named = shlex.quote(str(self.env_file))
        for before in (" in", " into", " from"):
            text = text.replace(f"{before} {named}", f"{before} .env")
        return text.replace(f"ENV_FILE={named} inv ", "inv ")

    @contextmanager
    def started(self, *words: str) -> "Iterator[subprocess.Popen[str]]":
        """Run an `inv` command in a process group of its own while the block runs."""
        with subprocess.Popen(
            [*self.before, sys.executable, "-m", "scripts.commands.program", *words],
            cwd=self.root,
            env=self.environ,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)

    def engine_env(self) -> dict[str, str]:
        """Return what `inv engine.env` would have a shell set."""
        if self.engine:
            return dict(self.engine)
        place = (self.root, self.env_file)
        known = _FOUND.get(place, {})
        if not Path(known.get("DOCKER_HOST", "none").removeprefix("unix://")).exists():
            lines = self.inv("engine.env").stdout.splitlines()
            pairs = (shlex.split(line.removeprefix("export "))[0].partition("=") for line in lines)
            _FOUND[place] = {name: value for name, _, value in pairs}
        return dict(_FOUND[place])

    def values(self) -> dict[str, str]:
        """Return the variables of this stack's file."""
        lines = self.env_file.read_text().splitlines()
        pairs = (line.partition("=") for line in lines if "=" in line and line[0] != "#")
        return {name: value for name, _, value in pairs}

    def url(self, port_variable: str, path: str) -> str:
        """Return an address behind one of the published ports."""
        return f"http://127.0.0.1:{self.values()[port_variable]}{path}"

    def varied(self, file: Path, **values: str) -> Self:
        """Return the same stack as another file has it, in which these values are others."""
        lines = self.env_file.read_text().splitlines()
        others = [line for line in lines if line.partition("=")[0] not in values]
        file.touch(mode=0o600)
        file.write_text("\n".join([*others, *map("=".join, values.items()), ""]))
        return replace(self, env_file=file)

    def compose_words(self) -> list[str]:
        """Return the words that name this stack to a plain `docker compose`."""
        names = ["docker-compose.yml"]
        if self.values()["IMAGE_SOURCE"] == "packages":
            names.append("docker-compose.packages.yml")
        files = [word for name in names for word in ("--file", f"docker/{name}")]
        return ["--env-file", str(self.env_file), "--profile", "models", *files]

    def container(self, service: str) -> str:
        """Return the name of a service's container."""
        labels = {"project": self.project, "service": service}.items()
        words = (f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels)
        return self.docker("ps", "--all", *words, "--format={{.Names}}").stdout.strip()

    def resolved(self) -> str:
        """Return the resolved compose file, secrets and all."""
        return self.docker("compose", *self.compose_words(), "config").stdout

    def left(self) -> list[str]:
        """Return what the engine has of this project: containers, networks and volumes."""
        label = f"label=com.docker.compose.project={self.project}"
        name = "--format={{.Names}}"
        found = self.docker("ps", "--all", "--filter", label, name).stdout
        for kind in ("network", "volume"):
            found += self.docker(kind, "ls", "--filter", label, "--format={{.Name}}").stdout
        return found.split()

    def destroy(self) -> None:
        """Remove everything of this stack, whatever state it is in."""
        self.inv("down", "--volumes", "--yes")
        shutil.rmtree(self.root / "snapshots" / self.project, ignore_errors=True)
        assert self.left() == []


def checkout(
    folder: Path, project: str, *, root: Path = ROOT, changes: Mapping[str, str] | None = None
) -> Checkout:
    """Make a stack's settings under `folder`: free ports, names of its own, and `changes`."""
    text = (root / ".env.example").read_text()
    names = PORT.findall(text)
    settings = dict(zip(names, map(str, free_ports(len(names))), strict=True))
    settings |= {"COMPOSE_PROJECT_NAME": project, "CONTAINER_PREFIX": f"{project}-"}
    settings |= changes or {}
    for name, value in settings.items():
        text, count = re.subn(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        assert count == 1, name
    env_file = folder / f"{project}.env"
    env_file.touch(mode=0o600)
    env_file.write_text(text)
    return Checkout(root=root, env_file=env_file, project=project)


@contextmanager
def made(
    folder: Path, project: str, *, changes: Mapping[str, str] | None = None
) -> Iterator[Checkout]:
    """Yield a stack's settings while the block runs; whatever of it is there then is removed."""
    stack = checkout(folder, project, changes=changes)
    try:
        yield stack
    finally:
        stack.destroy()


def free_ports(count: int) -> list[int]:
    """Return ports on which nobody listens now, below those that outgoing connections take."""
    found: list[int] = []
    start = random.randrange(20000, 29000)
    for port in range(start, 32000):
        with socket.socket() as one:
            if len(found) < count and one.connect_ex(("127.0.0.1", port)) != 0:
                found.append(port)
        if len(found) == count:
            break
    return found

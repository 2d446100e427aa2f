"""A desk and, behind 50 ms of cable, a machine with an engine to which only ssh leads.

The engine is made of the programs that this checkout's private one has, with data of its own.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.core.polling import poll
from scripts.engine.api import Api
from scripts.engine.places import client_env, daemon_env, places
from scripts.images import carry
from tests.e2e.kit.checkout import Checkout, checkout
from tests.e2e.machines.network import Node, lab, network
from tests.e2e.machines.ssh_host import NAME, ssh_host
from tests.kit.places import ROOT

SOCKET = "/run/docker.sock"
"""Where every docker looks; in the node's own /run."""
PATIENCE = 60.0
"""Seconds for the engine to answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """Both machines, and the stack whose commands are typed at the desk."""

    desk: Node
    far: Node
    stack: Checkout
    log: str
    """What the sshd wrote."""

    def ssh(self) -> list[str]:
        """Return the processes of ssh at the desk, by their words."""
        shown = self.desk.run("ps", "-eo", "comm,args", check=False).stdout.splitlines()
        return [line for line in shown if line.startswith("ssh ")]

    def answers(self, variable: str, path: str) -> bool:
        """Say whether a service answers at the desk, by the variable of its port."""
        url = self.stack.url(variable, path)
        asked = f"import urllib.request as u; u.urlopen({url!r}, timeout=3)"
        return self.desk.run("python3", "-c", asked, check=False).returncode == 0

    def docker(self, *words: str) -> str:
        """Run a plain docker on the far machine itself."""
        return self.far.run("docker", *words, environ=_environ(), limit=600).stdout

    def load(self, source: Mapping[str, str], images: Sequence[str]) -> None:
        """Bring images of another engine, which `source` leads to, to the far one."""
        there = self.far.run_folder / Path(SOCKET).relative_to("/run")
        here = Api(source["DOCKER_HOST"])
        carry.carry(here, Api(f"unix://{there}"), images, lambda *_: None, self.far.name)


def impossible() -> str:
    """Say why there can be no such machine here; empty where there can."""
    if os.geteuid():
        return "namespaces of a network take root"
    program = places(ROOT).tree / "usr/sbin/dockerd"
    return "" if program.exists() else f"there is no {program}: the engine here is another one"


@contextmanager
def far_machine(
    folder: Path, project: str, *, changes: Mapping[str, str], delay: float = 50.0
) -> Iterator[Far]:
    """Yield both while the block runs; `delay` in milliseconds, there and back. `changes` of .env.

    Afterwards nothing of either is left.
    """
    with (
        lab() as disk,
        network(disk, "desk", "far") as (desk, far),
        ssh_host(far, desk, disk) as log,
        _engine(far, disk),
        far.delayed(delay),
    ):
        stack = checkout(folder, project, changes={"REMOTE": NAME, **changes})
        client = client_env(places(ROOT), os.environ)
        given = [f"{name}={client[name]}" for name in ("PATH", "DOCKER_CONFIG")]
        at_desk = replace(stack, before=[*desk.words(folder=ROOT), *given])
        try:
            yield Far(desk=desk, far=far, stack=at_desk, log=log)
        finally:
            at_desk.inv("remote", "--close", check=False)


@contextmanager
def _engine(node: Node, disk: Path) -> Iterator[None]:
    at = places(ROOT)
    words = [
        str(at.tree / "usr/sbin/dockerd"),
        *("--config-file", str(at.home / "daemon.json")),
        *("--data-root", str(disk / f"{node.name}-data"), "--exec-root", "/run/docker-exec"),
        *("--pidfile", "/run/docker.pid", "--host", f"unix://{SOCKET}", "--group", "root"),
        *("--cgroup-parent", f"/memos-lab-{os.getpid()}-{node.name}"),
    ]
    log = disk / f"{node.name}.dockerd.log"
    with log.open("wb") as heard:
        daemon = subprocess.Popen(
            node.words(*words),
            env={**os.environ, **daemon_env(at, os.environ)},
            stdin=subprocess.DEVNULL,
            stdout=heard,
            stderr=heard,
        )
    try:
        asking = ("docker", "version", "--format", "{{.Server.Version}}")
        for done in poll(
            lambda: node.run(*asking, environ=_environ(), check=False),
            timeout=PATIENCE,
            interval=0.3,
        ):
            if done.returncode == 0 or daemon.poll() is not None:
                break
        assert done.returncode == 0, log.read_text(errors="replace")[-2000:]
        yield
    finally:
        daemon.terminate()
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(30)


def _environ() -> dict[str, str]:
    """Return what a docker on the far machine needs to be found, and to find its engine."""
    return {**os.environ, **client_env(places(ROOT), os.environ), "DOCKER_HOST": f"unix://{SOCKET}"}

"""Three machines, each with a private engine of its own, that are one Swarm.

Run as a program in one of them, with the folder of a checkout, it starts the engine of that:
`python3 -m tests.e2e.machines.swarm_lab FOLDER`.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.core.checkout import Checkout as Here
from scripts.core.process import run
from scripts.core.units import SECOND
from scripts.engine.api import Api
from scripts.engine.places import HOME, Places, client_env, keep_mark, places
from scripts.engine.private import lifecycle, processes, programs
from scripts.images import carry
from tests.e2e.kit.checkout import LONGEST, Checkout, Ran, checkout
from tests.e2e.machines import network
from tests.e2e.machines.network import Node
from tests.e2e.machines.ssh_host import prepared, served
from tests.kit.places import ROOT

NAMES = ("one", "two", "three")
"""The first is the manager."""
PORT = 2377
OWN_NETWORKS = frozenset({"bridge", "host", "none", "ingress", "docker_gwbridge"})
"""Those of every engine in a Swarm."""
PASSWORDS = dict.fromkeys(
    ("NEO4J_PASSWORD", "MILVUS_PASSWORD", "MINIO_ROOT_PASSWORD"), "a-password-of-the-lab"
)
SETTINGS = {"DEPLOY": "swarm", "IMAGE_SOURCE": "packages", **PASSWORDS}
"""Of a stack that publishes nothing, as is the default, with passwords of its own."""
CALL = """
import sys, urllib.error, urllib.request
method, url, body = *sys.argv[1:], sys.stdin.buffer.read()
head = {"Content-Type": "application/json"}
call = urllib.request.Request(url, data=body or None, headers=head, method=method)
try:
    print(urllib.request.urlopen(call, timeout=60).read().decode())
except urllib.error.HTTPError as refused:
    print(refused.read().decode())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One of them, with its engine."""

    node: Node
    at: Places
    """Where its engine is, for who is in there."""

    @property
    def socket(self) -> Path:
        """The socket of its engine, as a path that works everywhere."""
        return self.node.run_folder / self.at.socket.relative_to("/run")

    @property
    def api(self) -> Api:
        """Its engine."""
        return Api(f"unix://{self.socket}")

    def start(self) -> None:
        """Start its engine, by what `inv engine.start` does."""
        argv = (sys.executable, "-m", "tests.e2e.machines.swarm_lab", str(self.at.root))
        self.node.run(*argv, folder=ROOT, limit=120.0)

    def kill(self) -> None:
        """Kill all that runs there (-9), containers too, as when a machine dies."""
        self.node.run("sh", "-c", "kill -9 -1", check=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside(Checkout):
    """A checkout whose commands run on a machine of the lab."""

    node: Node

    def run(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        timeout: float = LONGEST,
        env: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run any command in this checkout, on its machine."""
        words = self.node.words(*argv, folder=self.root)
        return Checkout.run(self, words, check=check, timeout=timeout, env=env)

    def services(self) -> dict[str, Any]:
        """Return what `inv ps` says, by service."""
        rows = self.inv("ps", "--format", "json").document["services"]
        return {row["service"]: row for row in rows}

    def connects(self, place: str) -> bool:
        """Say whether somebody listens at ADDRESS:PORT, for who is on its machine."""
        words = ("bash", "-c", f"exec 3<>/dev/tcp/{place.replace(':', '/')}")
        return self.node.run(*words, check=False).returncode == 0

    def call(
        self, service: str, target: int, path: str, body: object = None, *, method: str = "POST"
    ) -> str:
        """Call a service behind one of its published ports, wherever it runs; give the answer."""
        ports = self.services()[service]["ports"]
        port = next(one for one in ports if one["target"] == target)
        url = f"http://{port['host']}:{port['published']}{path}"
        text = "" if body is None else json.dumps(body)
        return self.node.run(sys.executable, "-c", CALL, method, url, stdin=text).stdout


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """The machines, the manager first; from there ssh leads to the others by their names."""

    folder: Path
    machines: tuple[Machine, ...]
    doors: Mapping[str, Path]
    """The folder of each one's sshd."""
    held: ExitStack
    """What ends with the lab."""

    def machine(self, name: str) -> Machine:
        """Return the machine of that name."""
        return next(one for one in self.machines if one.node.name == name)

    def address(self, name: str) -> str:
        """Return the address of a machine in the network of all."""
        return self.machine(name).node.address

    def start(self, name: str) -> None:
        """Start what runs on one of the others, after it died too."""
        machine = self.machine(name)
        machine.start()
        self.held.enter_context(served(machine.node, self.doors[name]))

    def checkout(self, project: str, changes: Mapping[str, str] | None = None) -> Inside:
        """Return a stack for this Swarm, whose commands run on the manager."""
        manager, *others = self.machines
        ways = " ".join(f"{one.node.name}=ssh://{one.node.name}{one.at.socket}" for one in others)
        settings = {"NODES": ways, **SETTINGS, **(changes or {})}
        one = checkout(self.folder, project, changes=settings)
        reach = client_env(manager.at, os.environ)
        return Inside(
            root=one.root,
            env_file=one.env_file,
            project=project,
            engine={**reach, "DOCKER_HOST": f"unix://{manager.socket}"},
            node=manager.node,
        )

    def bring(self, source: Checkout, stack: Inside, *services: str) -> None:
        """Bring the images of services, or of all, from another engine to the manager."""
        named = (word for name in services for word in ("--service", name))
        built = source.varied(stack.env_file.with_name("source.env"), IMAGE_SOURCE="packages")
        words = (*stack.compose_words(), "config", "--format", "json")
        found = stack.docker("compose", *words).document["services"]
        images = [found[name]["image"] for name in services or found]
        here, manager = Api(source.engine_env()["DOCKER_HOST"]), self.machines[0].api
        if len(carry.identities(here, images)) < len({*images}):
            built.inv("images.build", *named)
        carry.carry(here, manager, images, lambda *_: None, "the manager")

    def left(self) -> list[str]:
        """Return what the stacks have left on any node: containers, volumes, networks."""
        found = []
        for one in self.machines:
            rows = one.api.get("/containers/json", all=True)
            found += [row["Names"][0] for row in rows]
            found += [row["Name"] for row in one.api.get("/volumes")["Volumes"]]
            networks = one.api.get("/networks")
            found += [row["Name"] for row in networks if row["Name"] not in OWN_NETWORKS]
        return found


@contextmanager
def swarm(*, beat: int = 5) -> Iterator[Lab]:
    """Yield machines that are one Swarm; at the end nothing is left of them.

    A node is heard of every `beat` seconds, 5 as Docker has it; some three without are its end.
    """
    with network.lab() as folder:
        machines: tuple[Machine, ...] = ()
        try:
            with network.network(folder, *NAMES) as nodes, ExitStack() as held:
                machines = tuple(_machine(folder, node) for node in nodes)
                desk, *others = nodes
                doors = {one.name: prepared(one, desk, folder, one.name) for one in others}
                lab = Lab(folder=folder, machines=machines, doors=doors, held=held)
                with ThreadPoolExecutor(max_workers=len(machines)) as pool:
                    list(pool.map(Machine.start, machines))
                for name, door in doors.items():
                    held.enter_context(served(lab.machine(name).node, door))
                _join(machines, beat)
                yield lab
        finally:
            for one in machines:
                processes.remove_cgroups(one.at)


def _machine(folder: Path, node: Node) -> Machine:
    """Give a machine the programs that this checkout has."""
    here = Here(root=ROOT, environ=os.environ, runner=run, say=lambda _: None)
    programs.bring(here)
    root, own = folder / node.name / "checkout", places(ROOT)
    (root / HOME).mkdir(parents=True)
    (root / HOME / "root").symlink_to(own.tree)
    (root / HOME / "packages.json").write_bytes((own.home / "packages.json").read_bytes())
    keep_mark(root)
    return Machine(node=node, at=places(root))


def _join(machines: Sequence[Machine], beat: int) -> None:
    first = machines[0]
    wanted = {"ListenAddr": f"0.0.0.0:{PORT}", "AdvertiseAddr": first.node.address}
    spec = {"Dispatcher": {"HeartbeatPeriod": beat * SECOND}}
    first.api.post("/swarm/init", {**wanted, "Spec": spec})
    token = first.api.get("/swarm")["JoinTokens"]["Worker"]
    for one in machines[1:]:
        words = {"RemoteAddrs": [f"{first.node.address}:{PORT}"], "JoinToken": token}
        one.api.post("/swarm/join", {**wanted, **words, "AdvertiseAddr": one.node.address})


def main(root: Path) -> None:
    """Start the engine of a checkout."""
    lifecycle.start(Here(root=root, environ=os.environ, runner=run, say=print))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A checkout of its own in which anything may be broken: settings, compose files, containers."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from scripts.core.files import Json
from tests.e2e.kit.checkout import Checkout, Ran, checkout
from tests.kit.places import ROOT

PROJECT = "memos-faults"
PARTS = ("docker", "schemas", "scripts", "requirements", "tasks.py", ".env.example", "dev")
COMPOSE = "docker/docker-compose.yml"


def copied(folder: Path) -> Path:
    """Copy what a checkout needs to another place."""
    folder.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The stack that faults are made in."""

    stack: Checkout
    former: Mapping[Path, str]
    """Files as they were."""
    extra: dict[str, str] = field(default_factory=dict)
    """Variables for the `up` under trial alone."""

    def env(self, **values: str) -> None:
        """Change variables in `.env`; one that is not there is added."""
        file = self.stack.env_file
        lines = [
            line for line in file.read_text().splitlines() if line.partition("=")[0] not in values
        ]
        lines += [f"{name}={value}" for name, value in values.items()]
        file.write_text("\n".join(lines) + "\n")

    def set_key(self, service: str, key: str, value: str) -> None:
        """Give a service of the compose file another value at a key."""
        file = self.stack.root / COMPOSE
        before, head, rest = re.split(rf"(^  {service}:\n)", file.read_text(), flags=re.MULTILINE)
        end = re.search(r"^(?! {3}|$)", rest, flags=re.MULTILINE)
        block, after = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
        block = re.sub(rf"^    {key}:.*\n(?:^ {{5}}.*\n|^\n)*", "", block, flags=re.MULTILINE)
        file.write_text(f"{before}{head}    {key}: {value}\n{block}{after}")

    def edit(self, old: str, new: str) -> None:
        """Replace a text that stands once in the compose file."""
        file = self.stack.root / COMPOSE
        text = file.read_text()
        assert text.count(old) == 1, (old, text.count(old))
        file.write_text(text.replace(old, new))

    def restore(self) -> None:
        """Make settings and compose files what they were."""
        for file, text in self.former.items():
            file.write_text(text)

    def up(self, *services: str, check: bool = True) -> Ran:
        """Start these services; give events as lines of JSON."""
        return self.stack.inv("up", *flags(services), "--format", "json", check=check)

    def name(self, service: str) -> str:
        """Return the name of a service's container."""
        rows = self.stack.docker(
            *("ps", "--all", "--format={{.Names}}"),
            *("--filter", f"label=com.docker.compose.project={PROJECT}"),
            *("--filter", f"label=com.docker.compose.service={service}"),
        ).stdout.split()
        return rows[0]

    def inspect(self, service: str) -> Json:
        """Return what the engine knows of a service's container."""
        return json.loads(self.stack.docker("inspect", self.name(service)).stdout)[0]

    def pid(self, service: str) -> str:
        """Return the process of a service on this machine."""
        return str(self.inspect(service)["State"]["Pid"])

    def volumes(self, service: str) -> list[Path]:
        """Return the folders of a service's volumes on this machine."""
        mounts = self.inspect(service)["Mounts"]
        return [Path(one["Source"]) for one in mounts if one["Type"] == "volume"]

    def obey(self, next_step: str) -> None:
        """Type the commands of a next step that mend something, in their order."""
        commands = re.findall(
            r"\b(?:inv (?:up|restart|reset|down|snapshot\.save)(?: --[a-z]+(?: [\w-]+)?)*"
            r"|inv snapshot\.restore [\w.-]+"
            r"|docker (?:rm|rename|network rm|network disconnect)(?: [\w./-]+)+)",
            next_step.replace(";", " ; "),
        )
        assert commands, next_step
        for program, *words in map(shlex.split, commands):
            if program == "docker":
                self.stack.docker(*words)
            else:
                asks = words[0] in {"down", "reset", "snapshot.restore"}
                self.stack.inv(*words, *(["--yes"] if asks else []))

    def state(self) -> list[tuple[str, str, str]]:
        """Return id, state and start of each container: what a preflight must leave alone."""
        label = f"label=com.docker.compose.project={PROJECT}"
        ids = self.stack.docker("ps", "--all", "--quiet", "--filter", label).stdout.split()
        found = json.loads(self.stack.docker("inspect", *ids).stdout) if ids else []
        return sorted(
            (one["Id"], one["State"]["Status"], one["State"]["StartedAt"]) for one in found
        )


def flags(services: tuple[str, ...]) -> list[str]:
    """Return `--service NAME` for each."""
    return [word for name in services for word in ("--service", name)]


@contextmanager
def bench(folder: Path, engine: Checkout) -> Iterator[Bench]:
    """Yield a bench whose containers run on this engine; all of it is removed afterwards."""
    root = copied(folder / "checkout")
    stack = replace(checkout(folder, PROJECT, root=root), engine=engine.engine_env())
    stack.inv("up", "--service", "etcd")  # settles the image source
    files = (stack.env_file, *(root / "docker").glob("docker-compose*.yml"))
    found = Bench(stack=stack, former={file: file.read_text() for file in files})
    try:
        yield found
    finally:
        found.restore()
        stack.destroy()

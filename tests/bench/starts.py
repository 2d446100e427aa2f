"""Ways to start the stack: (a) checks in the official style, (b) plain Compose, (c) `inv up`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from scripts.engine.api import Api
from tests.bench import meters
from tests.bench.goals import B, C
from tests.bench.meters import Cost
from tests.e2e.kit.checkout import Checkout
from tests.kit.places import ROOT

COLD, WARM, NOTHING = "cold", "warm", "nothing to do"
OFFICIAL = {"interval": "30s", "timeout": "20s", "retries": 3}
"""As in the vendors' compose files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One measured start."""

    variant: str
    kind: str
    models: bool
    """The local model service was started too."""
    round: int
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A stack of its own to be started again and again."""

    stack: Checkout
    plain: Checkout
    """The same without the local model service."""
    folder: Path
    """For compose files that are made here."""

    def once(self, variant: str, number: int) -> Iterator[Start]:
        """Start on empty volumes, again on the ones that are there, and again for nothing."""
        for kind in (COLD, WARM, NOTHING):
            if kind != NOTHING:
                self.down(volumes=kind == COLD)
            yield self._start(self.stack, variant, kind, number)

    def without_models(self, variant: str, number: int) -> Start:
        """Start on empty volumes without the local model service."""
        self.down(volumes=True)
        return self._start(self.plain, variant, COLD, number)

    def down(self, *, volumes: bool) -> Cost:
        """Remove the containers, and the data if told so."""
        words = ["down", *(["--volumes", "--yes"] if volumes else [])]
        return meters.run(inv(*words), cwd=self.stack.root, env=clean(self.stack.environ))

    def files(self, stack: Checkout) -> list[str]:
        """Return the words that name our compose files."""
        names = ("docker-compose.yml", "docker-compose.packages.yml")
        folder = stack.root / "docker"
        words = [word for name in names for word in ("--file", str(folder / name))]
        return ["--env-file", str(stack.env_file), *words, *self._profile(stack)]

    def changed(self, stack: Checkout, name: str, checks: Mapping[str, Any]) -> list[str]:
        """Return the words that name our resolved file with other health checks."""
        document = yaml.safe_load(stack.resolved())
        services = document["services"]
        for service in services.values():
            test = {} if "disable" in checks else {"test": service["healthcheck"]["test"]}
            service["healthcheck"] = {**test, **checks}
            # one that a profile leaves out is named all the same, and Compose knows none such
            needs = {
                name: how for name, how in service.get("depends_on", {}).items() if name in services
            }
            service["depends_on"] = needs
            if "disable" in checks:
                for how in needs.values():
                    how["condition"] = "service_started"
        file = self.folder / f"{name}.yml"
        file.write_text(yaml.safe_dump(document), encoding="utf-8")
        file.chmod(0o600)
        # the containers belong to this checkout, wherever the file lies
        folder = ["--project-directory", str(stack.root / "docker")]
        return [*folder, "--file", str(file), *self._profile(stack)]

    def compose(self, stack: Checkout, files: list[str], *words: str) -> Cost:
        """Run a plain `docker compose`."""
        argv = ["docker", "compose", *files, "up", "--detach", "--no-build", *words]
        env = clean({**stack.environ, **stack.engine_env()})
        return meters.run(argv, cwd=stack.root, env=env)

    def services(self) -> dict[str, float]:
        """Return the CPU-seconds of each service so far."""
        return meters.services(Api(self.stack.engine_env()["DOCKER_HOST"]), self.stack.project)

    def _start(self, stack: Checkout, variant: str, kind: str, number: int) -> Start:
        if variant == C:
            argv = inv("up", "--format", "json")
            env = clean(stack.environ)
            cost = meters.run(argv, cwd=stack.root, env=env, mark='"event": "started"')
        else:
            plain = variant == B
            files = self.files(stack) if plain else self.changed(stack, "official", OFFICIAL)
            cost = self.compose(stack, files, "--wait")
        cost = replace(cost, services=self.services())
        return Start(
            variant=variant, kind=kind, models=stack is self.stack, round=number, cost=cost
        )

    def _profile(self, stack: Checkout) -> list[str]:
        return [] if stack is self.plain else ["--profile", "models"]


def inv(*words: str) -> list[str]:
    """Return the command that a user types."""
    return [str(ROOT / "dev"), "inv", *words]


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment like a user's: Python may keep what it has compiled."""
    return {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def told(start: Start) -> str:
    """Say what a start took."""
    return json.dumps(
        {
            "variant": start.variant,
            "kind": start.kind,
            "models": start.models,
            "seconds": start.cost.seconds,
            "cpu": start.cost.machine,
            "command_cpu": start.cost.command,
        }
    )

"""Asks the supervisor of the API that runs: its state, and to take the code as it is now."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from scripts.config import release
from scripts.config.settings import Settings
from scripts.config.workspace import Workspace
from scripts.core import files
from scripts.core.finding import Finding
from scripts.core.inventory import PACKAGES_LABEL, VERSION_LABEL
from scripts.core.look import Container, Look
from scripts.core.look import State as ContainerState
from scripts.core.process import Runner
from scripts.core.stack import Service
from scripts.core.units import nanoseconds
from scripts.engine.api import Api
from scripts.engine.containers import container, file_of
from scripts.images import drift
from scripts.machine import processes
from scripts.watch import on_host
from scripts.watch.on_host import SERVICE
from scripts.watch.reload import findings, version
from scripts.watch.reload import state as states
from scripts.watch.reload.state import State

FILE = "/app/reload.json"
"""Written by docker/memos-api/memos_reload/ in the container."""
LIVING = frozenset({ContainerState.RUNNING, ContainerState.RESTARTING})
"""States of a container whose program is there, or soon."""
ERROR = ("version", "stage", "file", "line", "error")
"""What `inv ps` has of a version that failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor:
    """Who starts the versions of the API that runs."""

    api: Api
    container: Container
    service: Service
    settings: Settings

    @property
    def source(self) -> Path | None:
        """The folder of this machine that it watches, where that is MEMOS_SRC."""
        return self.settings.memos_src

    @property
    def mounted(self) -> Path | None:
        """The folder of this machine that its container has."""
        return self.source if self.container.host is None and not self.service.source else None

    def text(self) -> bytes:
        """Return its state as it was written; empty where it has written none."""
        return file_of(self.api, self.container, FILE)

    def state(self) -> State | None:
        """Return its state; None where there is none, or none that can be read.

        What a run of the container before has left says nothing: to hang up on a program that has
        not come so far yet would end it.
        """
        with suppress(ValueError):
            found = states.parsed(self.text())
            # of a process the kernel knows only to the second when it began
            exact = self.container.host is None and found.moment
            if not exact or exact >= nanoseconds(self.container.started_at):
                return states.told(found, self.service, self.source)
        return None

    def reload(self) -> None:
        """Have it take the code as it is now; RefusedError where it does not run any more."""
        if self.container.host is not None:
            processes.hang_up(self.container.host.pid)
            return
        self.api.post(f"/containers/{self.container.id}/kill", signal="HUP")

    def findings(self, state: State) -> tuple[Finding, ...]:
        """Return what is wrong with the code as it is now."""
        return tuple(map(self.explained, findings.standing(state)))

    def explained(self, found: Finding) -> Finding:
        """Return a finding with another step where the image lacks what the checkout wants."""
        missed = self._lacks() if findings.LACKS in found.evidence else ()
        return findings.drifted(found, missed) if missed else found

    def _lacks(self) -> tuple[str, ...]:
        """Return what the checkout wants of the packages of its container's image, and lacks."""
        checkout = self.settings.memos_source
        if checkout is None or self.container.host is not None:
            return ()
        found = self.api.get(f"/containers/{self.container.id}/json") or {}
        labels = (found.get("Config") or {}).get("Labels") or {}
        built, locks = str(labels.get(VERSION_LABEL, "")), self.settings.locks
        if pins := str(labels.get(PACKAGES_LABEL, "")).split():
            return release.drift(checkout.requirements, drift.installed(pins))
        if built in release.pinned(locks):
            return release.drift(checkout.requirements, release.pins(locks, built))
        return ()

    def lives(self) -> bool:
        """Say whether its process is there, or will be again by itself."""
        if self.container.host is not None:
            return on_host.lives(self.container.host)
        found = self.api.get(f"/containers/{self.container.id}/json")
        return found is not None and container(found).state in LIVING


def supervisor(space: Workspace, look: Look) -> Supervisor | None:
    """Return who is to be asked; None where no API runs."""
    api = look.container(SERVICE)
    if api is None or api.state is not ContainerState.RUNNING:
        return None
    return Supervisor(
        api=space.api,
        container=api,
        service=space.stack.service(SERVICE),
        settings=space.settings,
    )


def _asked(space: Workspace, look: Look) -> tuple[Supervisor, State] | None:
    """Return who takes edits, and how; None where nobody does, or says.

    Where the settings have none taken nobody is asked.
    """
    asked = supervisor(space, look) if space.settings.reloads else None
    found = None if asked is None else asked.state()
    return None if asked is None or found is None else (asked, found)


def added(space: Workspace, look: Look) -> Look:
    """Return the look with how edits are taken, and with the version that failed, if it stands."""
    if (known := _asked(space, look)) is None:
        return look
    asked, found = known
    return replace(
        look,
        reload={SERVICE: row(found, asked.source, space.compose.runner)},
        advice=(*look.advice, *asked.findings(found), *_brought(space, asked)),
    )


def _brought(space: Workspace, asked: Supervisor) -> Iterator[Finding]:
    """Yield what is wrong with how edits get to an engine on another machine."""
    if asked.service.source and asked.container.host is None:
        from scripts.engine.source import attend

        if (state := attend.state(space.cache)) is not None:
            yield from findings.brought(state.problem, state.refused, space.engine.remote)


def told(space: Workspace, look: Look) -> tuple[Finding, ...]:
    """Return all that is worth knowing of how edits are taken."""
    if (known := _asked(space, look)) is None:
        return ()
    asked, found = known
    there = asked.mounted is not None and files.is_folder(asked.mounted / release.CODE)
    own = (*asked.findings(found), *_brought(space, asked))
    return (*own, *findings.slow(found, asked.mounted, there=there))


def line(space: Workspace, look: Look) -> str:
    """Return in one line that edits are taken, and how; empty where they are not."""
    if (known := _asked(space, look)) is None:
        return ""
    asked, found = known
    return f"reload is on: {findings.how(found, str(asked.source or found.watching.folder))}"


def row(state: State, source: Path | None, runner: Runner) -> dict[str, Any]:
    """Return how edits are taken as schemas/ps.schema.json has it."""
    commit = version.commit(source, runner) if source is not None else None
    read = state.running.read if state.running is not None else 0.0
    pending, run = state.pending, state.standing
    return {
        "version": state.serving,
        "commit": commit.short if commit is not None else "",
        "dirty": commit is not None and commit.dirty,
        "changed": version.changed(source, read) if source and read else None,
        "watching": state.watching.how,
        "why": state.watching.why,
        "template": state.template.ready,
        "pending": None if pending is None else asdict(pending),
        "error": None if run is None else {name: getattr(run, name) for name in ERROR},
    }

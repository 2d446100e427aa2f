"""Asks the supervisor of the API that runs: its state, and to take the code as it is now."""

from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from scripts.config.workspace import Workspace
from scripts.core.finding import Finding
from scripts.core.look import Container, Look
from scripts.core.look import State as ContainerState
from scripts.core.process import Runner
from scripts.core.stack import Service
from scripts.core.units import nanoseconds
from scripts.engine.api import Api
from scripts.engine.containers import container, file_of
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
    source: Path | None
    """The folder of this machine that it watches, where that is MEMOS_SRC."""

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
        source=space.settings.memos_src,
    )


def state(space: Workspace, look: Look) -> State | None:
    """Return how edits are taken; None where they are not, or nobody says.

    Where the settings have none taken nobody is asked.
    """
    asked = supervisor(space, look) if space.settings.reloads else None
    return None if asked is None else asked.state()


def added(space: Workspace, look: Look) -> Look:
    """Return the look with how edits are taken, and with the version that failed, if it stands."""
    found = state(space, look)
    if found is None:
        return look
    return replace(
        look,
        reload={SERVICE: row(found, space.settings.memos_src, space.compose.runner)},
        advice=(*look.advice, *findings.standing(found)),
    )


def told(space: Workspace, look: Look) -> tuple[Finding, ...]:
    """Return all that is worth knowing of how edits are taken."""
    found = state(space, look)
    return () if found is None else (*findings.standing(found), *findings.slow(found))


def line(space: Workspace, look: Look) -> str:
    """Return in one line that edits are taken, and how; empty where they are not."""
    found = state(space, look)
    if found is None:
        return ""
    where = space.settings.memos_src or found.watching.folder
    return f"reload is on: {findings.how(found, str(where))}"


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

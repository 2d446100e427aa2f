"""Where data commands work, and what they need of others: who is told, and who starts again."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from scripts.config import workspace
from scripts.core.errors import ConfigError, ExitCode
from scripts.core.look import Container, State
from scripts.core.progress import OnBytes
from scripts.core.stack import Stack
from scripts.data import journal, plan, volumes
from scripts.data.model import Entry, Phase
from scripts.engine.api import Api
from scripts.engine.containers import containers
from scripts.engine.throwaway import Helper
from scripts.watch import on_host

STOPPING = 90.0
"""Seconds for a container to stop; Neo4j's own limit is 30."""

BringBack = Callable[[tuple[str, ...]], ExitCode]
"""Starts services, makes their containers where there are none, and waits until all answer."""


class Reporter(Protocol):
    """What the steps of a data command tell."""

    def say(self, line: str) -> None: ...

    def metered(self, name: str, total: int) -> AbstractContextManager[OnBytes]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DataContext:
    """One stack, its folder of snapshots, who is told, and who brings back what was stopped."""

    api: Api
    stack: Stack
    root: Path
    """The checkout."""
    folder: Path
    tell: Reporter
    bring_back: BringBack

    def containers(self) -> tuple[Container, ...]:
        """Ask for the containers of the stack, and for what runs in the place of one."""
        found = containers(self.api, self.stack.project)
        return on_host.seen(workspace.cache(self.root, self.stack.project), found)

    def require_stoppable(self, names: Sequence[str], present: Sequence[Container]) -> None:
        """Raise ConfigError when one of these services is a process of this machine.

        It would go on writing, and nobody here could start it again.
        """
        for one in present:
            if one.host is not None and one.service in names:
                raise ConfigError(
                    f"{one.service} uses this data, and runs on this machine ({one.name})",
                    next_step="inv api.container, which ends it and starts its container; then the"
                    " same",
                    code="on-host",
                )

    def engine_id(self) -> str:
        """Ask the engine which one it is; empty where it does not say, or not always the same."""
        first, again = (str((self.api.get("/info") or {}).get("ID", "")) for _ in range(2))
        return first if first == again else ""

    def note(self, entry: Entry, phase: Phase) -> Entry:
        """Write down that a phase begins."""
        return journal.write(self.folder, replace(entry, phase=phase))

    def run(self, script: str, names: Mapping[str, str]) -> None:
        """Run a script that writes to those of these volumes (names by key) that are there."""
        survey = volumes.survey(self.api, self.stack, names)
        present = {key: names[key] for key in survey.sizes}
        project, images = self.stack.project, survey.images
        helper = Helper(self.api, project, survey.image, present, images=images)
        helper.run(script, writable=True)

    def stop(self, names: Sequence[str]) -> None:
        """Stop services, those that need others before these, side by side where that may be.

        Raises RefusedError or EngineError as the engine has it, ConfigError for what is in no
        container.
        """
        patient = self.api.within(STOPPING)

        def stop(container: Container) -> None:
            if container.state is State.PAUSED:  # the engine stops none that cannot hear it
                self.api.post(f"/containers/{container.id}/unpause")
            patient.post(f"/containers/{container.id}/stop")

        present = self.containers() if names else ()
        self.require_stoppable(names, present)
        for wave in plan.waves(self.stack, names):
            chosen = [container for container in present if container.service in wave]
            with ThreadPoolExecutor(max_workers=len(chosen) or 1) as pool:
                list(pool.map(stop, chosen))

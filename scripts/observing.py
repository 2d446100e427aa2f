"""Asks the engine and the services: one look gives one Snapshot."""

import time
from collections.abc import Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

from scripts.engine_api import Api
from scripts.log_lines import Splitter
from scripts.model import Container, Reading, Service, Snapshot, Stack
from scripts.moments import NEVER, nanoseconds, query
from scripts.probes import read

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
FOLDER_LABEL = "com.docker.compose.project.working_dir"
LOG_LINES = 400
"""How much of a guilty container's log is read."""


class Observer:
    """Looks at the containers of a project and puts its probes, several at once.

    A probe that hangs holds up nothing: a look takes what has been answered and goes on.
    """

    def __init__(self, api: Api, stack: Stack) -> None:
        """Watch the containers of `stack` on the engine behind `api`."""
        self.api = api
        self.stack = stack
        self._began = time.time_ns()
        self._pool = ThreadPoolExecutor(max_workers=2 * len(stack.services) + 1)
        self._pending: dict[str, Future[Reading]] = {}
        self._starting: dict[str, Future[Any]] = {}
        self._readings: dict[str, Reading] = {}

    def close(self) -> None:
        """Forget what has not been answered."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def look(self, probed: Collection[str] | None = None, *, patience: float = 5.0) -> Snapshot:
        """Give containers now, and the readings of `probed` services (all that run by default).

        Waits `patience` seconds at most for answers; what is still open keeps its last reading.
        """
        seen = containers(self.api, self.stack.project)
        running = {container.service for container in seen if container.state == "running"}
        for service in self.stack.services:
            if service.name not in running:
                self._readings.pop(service.name, None)
            elif self._due(service, probed):
                self._pending[service.name] = self._pool.submit(read, service)
        wait(self._pending.values(), timeout=patience)
        for name in [name for name, future in self._pending.items() if future.done()]:
            reading = self._pending.pop(name).result()
            if name in running:
                self._readings[name] = reading
        return Snapshot(containers=seen, readings=tuple(self._readings.values()))

    def _due(self, service: Service, probed: Collection[str] | None) -> bool:
        asked = probed is None or service.name in probed
        return bool(service.probes) and asked and service.name not in self._pending

    def launch(self, container: Container) -> None:
        """Ask the engine to start a container, without waiting for it."""
        verb = "restart" if container.state == "restarting" else "start"
        self._starting[container.service] = self._pool.submit(
            self.api.post, f"/containers/{container.id}/{verb}"
        )

    def launched(self) -> dict[str, str]:
        """Give the services whose start has ended since the last call, with the error if any."""
        done = {name: future for name, future in self._starting.items() if future.done()}
        for name in done:
            del self._starting[name]
        return {name: str(future.exception() or "") for name, future in done.items()}

    def with_logs(self, seen: Snapshot, names: Collection[str]) -> Snapshot:
        """Give the look with the last log lines of these services, of this run of theirs."""
        return replace(seen, logs=logs(self.api, names, seen, self._began))


def labels(project: str, service: str = "") -> list[str]:
    """Give the labels that Compose puts on the containers of a project, or of one service."""
    found = [f"{PROJECT_LABEL}={project}", "com.docker.compose.oneoff=False"]
    return [*found, f"{SERVICE_LABEL}={service}"] if service else found


def containers(api: Api, project: str, service: str = "") -> tuple[Container, ...]:
    """Give the containers of a Compose project or of one service, running or not, newest first."""
    wanted = {"label": labels(project, service)}
    found = api.get("/containers/json", all=True, filters=wanted) or []
    details = (api.get(f"/containers/{one['Id']}/json") for one in found)
    return tuple(container(one) for one in details if one is not None)


def container(found: dict[str, Any]) -> Container:
    """Turn the engine's description of one container into ours."""
    state = found["State"]
    marks = found["Config"].get("Labels") or {}
    health = state.get("Health") or {}
    # the last check only: the engine also calls unhealthy what it has just unpaused or restarted
    last = (health.get("Log") or [{}])[-1]
    return Container(
        id=found["Id"],
        service=marks.get(SERVICE_LABEL, ""),
        name=found["Name"].lstrip("/"),
        state=state["Status"],
        # the engine may keep the last health of a container that has stopped
        health=health.get("Status", "") if state["Status"] == "running" else "",
        exit_code=state.get("ExitCode", 0),
        restarts=found.get("RestartCount", 0),
        oom_killed=state.get("OOMKilled", False),
        error=state.get("Error", ""),
        started_at=_moment(state, "StartedAt"),
        finished_at=_moment(state, "FinishedAt"),
        image_id=found.get("Image", ""),
        working_dir=marks.get(FOLDER_LABEL, ""),
        health_output=(last.get("Output", "").strip() or "no output")
        if last.get("ExitCode")
        else "",
    )


def logs(api: Api, names: Iterable[str], seen: Snapshot, began: int) -> dict[str, tuple[str, ...]]:
    """Give the last lines of the logs of these services, both streams in order.

    Only lines since `began` (nanoseconds since 1970), or since the start of a container that ran
    before: what was mended meanwhile must not be told again.
    """
    found = {}
    for name in names:
        one = seen.container(name)
        if one is not None:
            since = query(min(began, nanoseconds(one.started_at) or began))
            words = {"stdout": True, "stderr": True, "tail": LOG_LINES, "since": since}
            raw = api.raw(f"/containers/{one.id}/logs", **words)
            splitter = Splitter(moments=False)
            lines = (*splitter.feed(raw), *splitter.rest())
            found[name] = tuple(text for _, text in lines)
    return found


def _moment(state: dict[str, Any], name: str) -> str:
    found = str(state.get(name, NEVER))
    return "" if found == NEVER else found

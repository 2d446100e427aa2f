"""Asks the engine and the services: one look gives one Snapshot."""

import re
from collections.abc import Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Any

from scripts.engine_api import Api
from scripts.model import Container, Reading, Service, Snapshot, Stack
from scripts.probes import read

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
FOLDER_LABEL = "com.docker.compose.project.working_dir"
LOG_LINES = 40
"""How much of a guilty container's log is read."""
LOG_HEADER = 8
"""Bytes before each piece of a log stream; the last four are its length."""
NEVER = "0001-01-01T00:00:00Z"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Observer:
    """Looks at the containers of a project and puts its probes, several at once.

    A probe that hangs holds up nothing: a look takes what has been answered and goes on.
    """

    def __init__(self, api: Api, stack: Stack) -> None:
        """Watch the containers of `stack` on the engine behind `api`."""
        self.api = api
        self.stack = stack
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
        """Give the look with the last log lines of these services."""
        return replace(seen, logs=logs(self.api, names, seen))


def containers(api: Api, project: str) -> tuple[Container, ...]:
    """Give the containers of a Compose project, running or not."""
    labels = {"label": [f"{PROJECT_LABEL}={project}", "com.docker.compose.oneoff=False"]}
    found = api.get("/containers/json", all=True, filters=labels) or []
    details = (api.get(f"/containers/{one['Id']}/json") for one in found)
    return tuple(container(one) for one in details if one is not None)


def container(found: dict[str, Any]) -> Container:
    """Turn the engine's description of one container into ours."""
    state = found["State"]
    labels = found["Config"].get("Labels") or {}
    health = state.get("Health") or {}
    failed = [log for log in health.get("Log") or () if log.get("ExitCode")]
    return Container(
        id=found["Id"],
        service=labels.get(SERVICE_LABEL, ""),
        name=found["Name"].lstrip("/"),
        state=state["Status"],
        # the engine may keep the last health of a container that has stopped
        health=health.get("Status", "") if state["Status"] == "running" else "",
        exit_code=state.get("ExitCode", 0),
        restarts=found.get("RestartCount", 0),
        oom_killed=state.get("OOMKilled", False),
        error=state.get("Error", ""),
        started_at="" if state.get("StartedAt", NEVER) == NEVER else state["StartedAt"],
        image_id=found.get("Image", ""),
        working_dir=labels.get(FOLDER_LABEL, ""),
        health_output=failed[-1].get("Output", "").strip() if failed else "",
    )


def logs(api: Api, names: Iterable[str], seen: Snapshot) -> dict[str, tuple[str, ...]]:
    """Give the last lines of the logs of these services, both streams in order."""
    found = {}
    for name in names:
        one = seen.container(name)
        if one is not None:
            raw = api.raw(f"/containers/{one.id}/logs", stdout=True, stderr=True, tail=LOG_LINES)
            found[name] = tuple(_lines(raw))
    return found


def _lines(raw: bytes) -> Iterable[str]:
    """Split a log stream: pieces, each with a header of eight bytes.

    https://docs.docker.com/reference/api/engine/version/v1.44/ (attach to a container)
    """
    text = b""
    while len(raw) >= LOG_HEADER:
        length = int.from_bytes(raw[4:LOG_HEADER], "big")
        text += raw[LOG_HEADER : LOG_HEADER + length]
        raw = raw[LOG_HEADER + length :]
    for line in text.decode(errors="replace").splitlines():
        yield _COLOUR.sub("", line)

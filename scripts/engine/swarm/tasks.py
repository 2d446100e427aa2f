"""Pure: tasks of a Swarm as the documents by which an engine describes containers.

A service has one container: that of its newest task. What the manager tells of tasks stands where
the engine of a node cannot be asked, or has no container yet.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.core.inventory import SERVICE_LABEL
from scripts.core.look import State
from scripts.core.units import SECOND, nanoseconds
from scripts.engine.swarm.nodes import Node

TASK_LABEL = "com.docker.swarm.task.id"
"""What Swarm puts on the container of a task."""
STACK_LABEL = "com.docker.stack.namespace"
"""What `docker stack deploy` puts on all that it makes."""
TASK, SERVICE = "task-", "service-"
"""How the ids of what has no container begin, before those of the task or of the service."""
STATES = {
    **dict.fromkeys(("new", "pending", "assigned", "accepted", "preparing", "ready"), "created"),
    "starting": "running",
    "running": "running",
}
"""Those of a task as those of a container; all others have ended."""
FAILED = frozenset({"failed", "rejected"})
CRASH = re.compile(r"task: non-zero exit \(\d+\)")
"""What is said of a container that ended by itself: that is an exit code, and nobody's refusal."""
TWICE = 2
"""Tries in a row from which on it is told why they fail: the first may come while a node still
takes away the network of the task before."""
RECENT = 900 * SECOND
"""How long before a task others may have failed to count as its restarts."""
PATIENCE = 8 * SECOND
"""How long a task may wait for a place before that is told: another may be about to go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a manager knows."""

    nodes: Mapping[str, Node]
    """By id."""
    services: Sequence[Mapping[str, Any]]
    tasks: Sequence[Mapping[str, Any]]
    lost: Mapping[str, str]
    """Why the engines of nodes cannot be asked, by the node's id; none for one without a way."""
    forwarded: frozenset[str] = frozenset()
    """Ids of the nodes whose ports answer on this machine, over a link."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The newest task of a service, and those before it, the newest first."""

    service: Mapping[str, Any]
    task: Mapping[str, Any] | None
    earlier: Sequence[Mapping[str, Any]] = ()

    @property
    def container(self) -> str:
        """The id of its container; empty where there is none."""
        return container_of(self.task) if self.task is not None else ""

    @property
    def ids(self) -> tuple[str, ...]:
        """What it is known by where containers are."""
        shown = f"{SERVICE}{self.service['ID']}"
        task = f"{TASK}{self.task['ID']}" if self.task is not None else shown
        return tuple(filter(None, (self.container, task, shown)))

    @property
    def name(self) -> str:
        """The service's name in the compose file."""
        return labels_of(self.service)[SERVICE_LABEL]

    @property
    def volumes(self) -> frozenset[str]:
        """The names of the volumes that it mounts."""
        spec = self.service["Spec"]["TaskTemplate"].get("ContainerSpec") or {}
        mounts = spec.get("Mounts") or ()
        return frozenset(str(one["Source"]) for one in mounts if one.get("Type") == "volume")

    @property
    def constraints(self) -> tuple[str, ...]:
        """Where it may run, in Swarm's words."""
        placement = self.service["Spec"]["TaskTemplate"].get("Placement") or {}
        return tuple(map(str, placement.get("Constraints") or ()))

    @property
    def stopped(self) -> bool:
        """Nobody wants it to run."""
        mode = self.service["Spec"].get("Mode") or {}
        return (mode.get("Replicated") or {}).get("Replicas") == 0

    @property
    def node(self) -> str:
        """The id of the node that it is or was on; empty for none."""
        tasks = [self.task] if self.task is not None else []
        found = (str(one.get("NodeID") or "") for one in (*tasks, *self.earlier))
        return next(filter(None, found), "")

    def failures(self) -> list[Mapping[str, Any]]:
        """Return the tasks that failed one after the other before this one, the newest first."""
        failed: list[Mapping[str, Any]] = []
        since = nanoseconds(self.task["CreatedAt"]) - RECENT if self.task is not None else 0
        for one in self.earlier:
            if one["Status"].get("State") not in FAILED or nanoseconds(one["CreatedAt"]) < since:
                break
            failed.append(one)
        return failed


def container_of(task: Mapping[str, Any]) -> str:
    """Return the id of a task's container; empty where it has none."""
    return str((task["Status"].get("ContainerStatus") or {}).get("ContainerID") or "")


def labels_of(service: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels that the containers of a service get."""
    spec = service["Spec"]["TaskTemplate"].get("ContainerSpec") or {}
    return {**(spec.get("Labels") or {}), **(service["Spec"].get("Labels") or {})}


def runs(known: Known) -> list[Run]:
    """Return the services of a stack, each with its tasks."""
    found = []
    for service in known.services:
        own = [one for one in known.tasks if one.get("ServiceID") == service["ID"]]
        own.sort(key=lambda one: nanoseconds(one["CreatedAt"]), reverse=True)
        run = Run(service=service, task=own[0] if own else None, earlier=own[1:])
        if SERVICE_LABEL in labels_of(service):
            found.append(run)
    return found


def document(
    run: Run, known: Known, now: int, found: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what an engine would say of a service's container, `found` is what its node's does.

    `now` in nanoseconds since 1970.
    """
    node, failures = known.nodes.get(run.node), run.failures()
    base = dict(found) if found is not None else _made_up(run, known)
    state, error = dict(base["State"]), _error(run, known, now)
    if state["Status"] in {State.EXITED, State.DEAD} and not run.stopped:
        state["Status"] = State.RESTARTING  # Swarm is about to make another one
    if failures and not state.get("ExitCode"):
        ended = failures[0]["Status"].get("ContainerStatus") or {}
        state["ExitCode"] = int(ended.get("ExitCode") or 0)
    return {
        **base,
        "State": {**state, "Error": error or state.get("Error", "")},
        "RestartCount": int(base.get("RestartCount") or 0) + len(failures),
        "HostConfig": {
            **(base.get("HostConfig") or {}),
            "RestartPolicy": {"Name": "always"},  # Swarm's own
        },
        "Node": {
            "Name": node.name,
            "Addr": "" if node.id in known.forwarded else node.address,
        }
        if node is not None
        else None,
    }


def row(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line of an engine's list for a container that it would describe so."""
    return {
        "Id": document["Id"],
        "Names": [document["Name"]],
        "Image": document["Config"].get("Image", ""),
        "Labels": document["Config"]["Labels"],
        "State": document["State"]["Status"],
        "Created": nanoseconds(document["Created"]) // SECOND,
        "Ports": [],
    }


def _made_up(run: Run, known: Known) -> dict[str, Any]:
    service, task = run.service, run.task
    template = service["Spec"]["TaskTemplate"]
    spec = template.get("ContainerSpec") or {}
    limits = (template.get("Resources") or {}).get("Limits") or {}
    return {
        "Id": run.ids[-2:][0],
        "Created": (task or service)["CreatedAt"],
        "Name": f"/{service['Spec'].get('Name', '')}",
        "State": _state(run, known),
        # no health check: nobody can run it there
        "Config": {
            "Image": str(spec.get("Image", "")),
            "Labels": {**labels_of(service), TASK_LABEL: str((task or service)["ID"])},
            "Env": list(spec.get("Env") or ()),
        },
        "HostConfig": {"Memory": int(limits.get("MemoryBytes") or 0)},
    }


def _state(run: Run, known: Known) -> dict[str, Any]:
    task = run.task
    if task is None or run.stopped:
        return {"Status": State.EXITED if run.stopped else State.CREATED}
    status = task["Status"]
    word, ended = str(status.get("State", "")), status.get("ContainerStatus") or {}
    state: dict[str, Any] = {
        "Status": STATES.get(word, State.EXITED),
        "ExitCode": int(ended.get("ExitCode") or 0),
    }
    if state["Status"] == State.RUNNING:
        # a task runs once its check has passed, and is starting until then
        state |= {"StartedAt": status["Timestamp"], "Health": {"Status": _health(task, word)}}
        if _lost(run, known):
            state["Status"] = State.UNKNOWN
    return state


def _health(task: Mapping[str, Any], word: str) -> str:
    check = ((task.get("Spec") or {}).get("ContainerSpec") or {}).get("Healthcheck") or {}
    if not check or (check.get("Test") or [""])[0] == "NONE":
        return ""
    return "healthy" if word == "running" else "starting"


def _error(run: Run, known: Known, now: int) -> str:
    """Return why a task does not run; empty where it may still come by itself."""
    if run.stopped:
        return ""
    if lost := _lost(run, known):
        return lost
    task = run.task
    if task is None:
        return ""
    word, failures = str(task["Status"].get("State", "")), run.failures()
    tries = len(failures) + (word in FAILED)
    waits = word == "pending" and now - nanoseconds(task["CreatedAt"]) < PATIENCE
    if word == "running" or waits or (word != "pending" and tries < TWICE):
        return ""
    said = (str(one["Status"].get("Err") or "") for one in (task, *failures[:1]))
    return next((one for one in said if one and not CRASH.fullmatch(one)), "")


def _lost(run: Run, known: Known) -> str:
    """Return that the node of a service is gone, in words that `placement` knows."""
    node = known.nodes.get(run.node)
    if node is None:
        return ""
    if node.problem == "down":
        return f"node {node.name} is down"
    waits = run.task is not None and STATES.get(run.task["Status"].get("State", "")) == "created"
    if node.id in known.lost and not waits:
        return f"node {node.name} does not answer: {known.lost[node.id]}"
    return ""

"""What the manager of a Swarm tells, in the shape that Engine 26.1 has it in."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

SERVICE = "com.docker.compose.service"
PROJECT = "com.docker.compose.project"
MEMBERS = ("one", "two")


def node(name: str, state: str = "ready", **spec: Any) -> dict[str, Any]:
    """Return a node, the manager for the first of MEMBERS."""
    role = "manager" if name == MEMBERS[0] else "worker"
    found: dict[str, Any] = {
        "ID": f"node-{name}",
        "Spec": {"Role": role, "Availability": "active", "Labels": {}, **spec},
        "Description": {"Hostname": name, "Resources": {"MemoryBytes": 2**33}},
        "Status": {"State": state, "Addr": f"192.0.2.{1 + MEMBERS.index(name)}"},
    }
    if role == "manager":
        found["Status"]["Addr"] = "0.0.0.0"
        found["ManagerStatus"] = {"Addr": "192.0.2.1:2377"}
    return found


def service(name: str, *, replicas: int = 1, volume: str = "", **spec: Any) -> dict[str, Any]:
    """Return a service of the stack `test`, with a health check; `spec` are its constraints."""
    mounts = [{"Type": "volume", "Source": volume, "Target": "/data"}] if volume else []
    labels = {SERVICE: name, PROJECT: "test", "com.docker.compose.oneoff": "False"}
    return {
        "ID": f"service-{name}",
        "Version": {"Index": 7},
        "CreatedAt": "2026-11-28T03:00:00.1Z",
        "Spec": {
            "Name": f"test_{name}",
            "Labels": {"com.docker.stack.namespace": "test"},
            "TaskTemplate": {
                "ContainerSpec": {
                    "Image": f"example/{name}:1",
                    "Labels": labels,
                    "Mounts": mounts,
                    "Healthcheck": {"Test": ["CMD", "true"]},
                },
                "Placement": {"Constraints": list(spec.get("constraints", ()))},
            },
            "Mode": {"Replicated": {"Replicas": replicas}},
        },
    }


def task(
    of: Mapping[str, Any],
    number: int,
    state: str,
    *,
    on: str = "",
    error: str = "",
    exit_code: int = 0,
    at: str = "2026-11-28T03:00:{:02}Z",
) -> dict[str, Any]:
    """Return a task of a service, made in second `number`; `on` a node, where its container is."""
    moment = at.format(number)
    status: dict[str, Any] = {"State": state, "Timestamp": moment, "Message": state}
    if error:
        status["Err"] = error
    if on:
        name = f"{of['ID'].removeprefix('service-')}-{number}"
        status["ContainerStatus"] = {"ContainerID": name, "ExitCode": exit_code}
    return {
        "ID": f"{of['ID']}.{number}",
        "CreatedAt": moment,
        "ServiceID": of["ID"],
        "Slot": 1,
        "NodeID": f"node-{on}" if on else "",
        "Spec": of["Spec"]["TaskTemplate"],
        "Status": status,
        "DesiredState": "running",
    }


def container(name: str, of: Mapping[str, Any], **state: Any) -> dict[str, Any]:
    """Return what the engine of a node says of a task's container."""
    labels = of["Spec"]["TaskTemplate"]["ContainerSpec"]["Labels"]
    return {
        "Id": name,
        "Name": f"/{name}",
        "Created": "2026-11-28T03:00:01Z",
        "Config": {"Labels": {**labels, "com.docker.swarm.task.id": name}, "Image": "example:1"},
        "State": {"Status": "running", "Health": {"Status": "healthy"}, **state},
        "HostConfig": {"RestartPolicy": {"Name": ""}},
    }


def answer(swarm: dict[str, Any], kind: str, words: Sequence[str], body: bytes) -> object:
    """Answer as a manager: `swarm` has lists of nodes, services and tasks.

    A service that is to have no task is removed at once, as `docker stack rm` does after a while.
    """
    if not words:
        return swarm[kind]
    name = words[0]
    found = next(one for one in swarm[kind] if one["ID"] == name)
    if body:
        found["Spec"] = json.loads(body)
        if (found["Spec"].get("Mode") or {}).get("Replicated") == {"Replicas": 0}:
            swarm["services"] = [one for one in swarm["services"] if one["ID"] != name]
            swarm["tasks"] = [one for one in swarm["tasks"] if one["ServiceID"] != name]
    return found

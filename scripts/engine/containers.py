"""The containers and volumes of a project, as the engine has them."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from scripts.core import files
from scripts.core.errors import RefusedError
from scripts.core.inventory import FOLDER_LABEL, PROJECT_LABEL, SERVICE_LABEL
from scripts.core.look import Container, Health, HealthResult, State
from scripts.core.texts import empty_talk, host
from scripts.core.units import NEVER, nanoseconds
from scripts.engine.api import Api, shaped
from scripts.engine.memory import remembered

NETWORK_LABEL = "com.docker.compose.network"
PROXIES = tuple(
    form for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") for form in (name, name.lower())
)
"""Variables by which programs find a proxy: Python and Go take both forms, curl the small one."""
KEPT = frozenset({"always", "unless-stopped"})
"""Restart policies with which the engine starts again whatever ends by itself."""
DEBUGGER_LABEL = "dev.memos.debugger"
"""Of a container: where an editor may attach a debugger to what runs in it."""
TASK_LABEL = "com.docker.swarm.task.id"
MOST = 1 << 20
"""Bytes of a small file."""
HEALTH_OUTPUT = 500
"""Characters that are kept of what a health check printed."""
CHECKOUT_LABEL, MACHINE_LABEL = "dev.memos.checkout", "dev.memos.machine"
"""Of a volume: the checkout that made it, and on which machine that was."""


def existing(api: Api) -> frozenset[str]:
    """Return the names of all volumes on the engine."""
    return frozenset(volume_labels(api))


@shaped("its volumes")
def volume_labels(api: Api) -> dict[str, dict[str, str]]:
    """Return the labels of all volumes on the engine, by name."""
    found = (api.get("/volumes") or {}).get("Volumes") or ()
    return {str(volume["Name"]): volume.get("Labels") or {} for volume in found}


def labels(project: str, service: str = "") -> list[str]:
    """Return the labels that Compose puts on the containers of a project, or of one service."""
    found = [f"{PROJECT_LABEL}={project}", "com.docker.compose.oneoff=False"]
    return [*found, f"{SERVICE_LABEL}={service}"] if service else found


@shaped("a container")
def containers(
    api: Api, project: str, service: str = "", *, known: Iterable[str] = ()
) -> tuple[Container, ...]:
    """The containers of a Compose project or of one service, running or not, newest first.

    An engine far away is asked for those of which the ids are `known` before it has listed them.
    """
    wanted = {"label": labels(project, service)}
    paths = [f"/containers/{one}/json" for one in known] if api.remote else []
    with remembered(*(partial(api.get, path) for path in paths)):
        found = api.get("/containers/json", all=True, filters=wanted) or []
        details = api.each(f"/containers/{one['Id']}/json" for one in found)
    return tuple(container(one) for one in details if one is not None)


@shaped("a container")
def services(api: Api, project: str) -> frozenset[str]:
    """Return the services of a Compose project that have a container, running or not."""
    found = api.get("/containers/json", all=True, filters={"label": labels(project)}) or ()
    return frozenset(str(one["Labels"].get(SERVICE_LABEL, "")) for one in found)


def file_of(api: Api, container: Container, path: str) -> bytes:
    """Return the JSON object in a small file of a container; empty where it has no such file.

    A process in its place has what lies in its working directory beside what it says of itself.
    """
    if container.host is not None:
        return files.content(container.host.state.with_name(Path(path).name), most=MOST)
    archive = b""
    with suppress(RefusedError):  # it is just being removed
        archive = api.raw(f"/containers/{container.id}/archive", path=path)
    # an archive of one small file: what stands between its braces is the file
    return archive[archive.find(b"{") : archive.rfind(b"}") + 1]


@shaped("a container")
def made(api: Api, project: str) -> dict[str, Any]:
    """Return what is there of a project as a compose file: its services in order, its networks.

    By a project's name alone Compose reads the same labels, and gives up where a container that
    another one needs was removed by hand (2.26.1: "could not find qdrant: not found").
    """
    found = api.get("/containers/json", all=True, filters={"label": labels(project)}) or []
    marks = {one["Labels"][SERVICE_LABEL]: one["Labels"] for one in found}
    there = api.get("/networks", filters={"label": [f"{PROJECT_LABEL}={project}"]}) or []
    networks = {
        one["Labels"].get(NETWORK_LABEL, one["Name"]): {"name": one["Name"]} for one in there
    }
    return {
        "services": {
            name: {
                "image": "none",
                "depends_on": [need for need in _needs(one) if need in marks],
                "networks": list(networks),
            }
            # a network that no service has is none to Compose
            for name, one in (marks or {"none": {}}).items()
        },
        "networks": networks,
    }


def _needs(marks: dict[str, str]) -> list[str]:
    """Return the services in a label like `etcd:service_healthy:false,minio:…`."""
    written = marks.get("com.docker.compose.depends_on", "").split(",")
    return [one.partition(":")[0] for one in written]


@shaped("a container")
def given(api: Api, project: str, *, stopped: bool = False) -> dict[str, dict[str, str]]:
    """Return what the running containers of a project were given, by service; or the `stopped` too.

    Under the keys that the resolved compose file has for it: image, mem_limit, environment, ports;
    and `addresses`, which these are published at.
    """
    every = {"all": True} if stopped else {}
    found = api.get("/containers/json", **every, filters={"label": labels(project)}) or []
    details = api.each(f"/containers/{one['Id']}/json" for one in found)
    return {
        one["Config"]["Labels"].get(SERVICE_LABEL, ""): dict(_given(one)) for one in details if one
    }


def _given(found: dict[str, Any]) -> Iterator[tuple[str, str]]:
    config, host = found["Config"], found.get("HostConfig") or {}
    yield "image", str(config.get("Image", ""))
    yield "mem_limit", str(host.get("Memory", 0))
    for entry in config.get("Env") or ():
        name, _, value = entry.partition("=")
        yield f"environment.{name}", value
    for target, bindings in (host.get("PortBindings") or {}).items():
        for one in bindings or ():
            yield f"ports.{target}", str(one.get("HostPort", ""))
            yield f"addresses.{target}", str(one.get("HostIp", ""))


@shaped("a container")
def container(found: dict[str, Any]) -> Container:
    """Turn the engine's description of one container into ours; EngineError for anything else."""
    state = found["State"]
    marks = found["Config"].get("Labels") or {}
    health = state.get("Health") or {}
    # the last check only: the engine also calls unhealthy what it has just unpaused or restarted
    last = (health.get("Log") or [{}])[-1]
    return Container(
        id=str(found["Id"]),
        service=str(marks.get(SERVICE_LABEL, "")),
        name=found["Name"].lstrip("/"),
        state=State(state["Status"]),
        # the engine may keep the last health of a container that has stopped
        health=Health(health.get("Status", "") if state["Status"] == State.RUNNING else ""),
        exit_code=int(state.get("ExitCode", 0)),
        restarts=int(found.get("RestartCount", 0)),
        oom_killed=bool(state.get("OOMKilled", False)),
        kept=found.get("HostConfig", {}).get("RestartPolicy", {}).get("Name", "") in KEPT,
        error=str(state.get("Error", "")),
        created_at=_moment(found, "Created"),
        started_at=_moment(state, "StartedAt"),
        finished_at=_moment(state, "FinishedAt"),
        working_dir=str(marks.get(FOLDER_LABEL, "")),
        check=_check(found["Config"]),
        task=str(marks.get(TASK_LABEL, "")),
        debugger=str(marks.get(DEBUGGER_LABEL, "")),
        **_node(found.get("Node") or {}),
        **_proxy(found["Config"].get("Env") or ()),
        health_output=_said(last.get("Output", "")) if last.get("ExitCode") else "",
        healths=tuple(map(_result, health.get("Log") or ())),
    )


def _result(check: dict[str, Any]) -> HealthResult:
    """Return the result of one health check, of which no more is kept than people read."""
    said = _said(str(check.get("Output", ""))[:HEALTH_OUTPUT])
    at = _moment(check, "End")
    return HealthResult(at=at, exit_code=int(check.get("ExitCode", 0)), output=said)


def _said(output: str) -> str:
    told = (line for line in output.splitlines() if not empty_talk(line))
    return "\n".join(told).strip() or "no output"


def _check(config: dict[str, Any]) -> tuple[str, ...]:
    words = tuple(map(str, (config.get("Healthcheck") or {}).get("Test") or ()))
    return words if words[:1] in {("CMD",), ("CMD-SHELL",)} else ()


def _proxy(variables: Iterable[str]) -> dict[str, Any]:
    """Return the proxy in a container's variables, which Compose takes from the docker config."""
    values = dict(word.partition("=")[::2] for word in variables)
    named = next((name for name in PROXIES if values.get(name)), "")
    hosts = f"{values.get('NO_PROXY', '')},{values.get('no_proxy', '')}".split(",")
    return {
        "proxy": f"{named}={host(values[named])}" if named else "",
        "no_proxy": frozenset(filter(None, (one.strip().lstrip(".") for one in hosts))),
    }


def _node(found: dict[str, Any]) -> dict[str, Any]:
    """Return where a container of a Swarm is: see `swarm.tasks.document`."""
    return {"node": str(found.get("Name", "")), "address": str(found.get("Addr", ""))}


def _moment(state: dict[str, Any], name: str) -> str:
    """Return a moment as the engine writes it, empty for never; ValueError for none."""
    found = str(state.get(name, NEVER))
    return found if nanoseconds(found) else ""

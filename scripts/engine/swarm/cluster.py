"""A Swarm in the place of one engine: each call goes to the node that it is about.

So all that asks an engine about containers, volumes and logs works with a Swarm too. The manager
tells of nodes, services and tasks; of containers the engine of their node, where there is a way to
it.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, TypeVar

from scripts.core.errors import ConfigError, EngineError, RefusedError
from scripts.core.finding import DOCKER
from scripts.core.foreign.documents import Json
from scripts.core.inventory import DATA_LABEL, PORTS_LABEL, PROJECT_LABEL, SERVICE_LABEL
from scripts.core.look import State
from scripts.core.polling import poll
from scripts.engine.api import Api, Stream, shaped
from scripts.engine.remote.address import SCHEME
from scripts.engine.swarm import nodes, tasks
from scripts.engine.swarm.nodes import Node
from scripts.engine.swarm.tasks import Known, Run

FRESH = 0.3
"""Seconds for which an answer is not asked for again: one look asks many questions."""
AGAIN = 3.0
"""Seconds after which the engine of a node that did not answer is asked again."""
PATIENCE = 4.0
"""Seconds for the engine of a node to answer."""
TRIES = 5
"""Of a change to what Swarm itself changes at the same moment."""
CONFLICT = "out of sequence"
"""What a manager says then."""
INTERVAL = 0.3
"""Seconds between two looks for a task that is to end."""

T = TypeVar("T")


@dataclass(eq=False)
class Memory:
    """What was answered a moment ago, and which node has what."""

    answers: dict[str, tuple[float, Any]] = field(default_factory=dict)
    homes: dict[str, str] = field(default_factory=dict)
    """Ids of nodes by those of containers, and of what is run in them."""
    lost: dict[str, tuple[float, str]] = field(default_factory=dict)
    """When the engine of a node did not answer, and why, by the node's id."""
    proved: set[tuple[str, str]] = field(default_factory=set)
    """Endpoints, each with the id of the node whose engine has said that it is there."""
    changes: int = 0
    """How often something was changed."""

    def forget(self) -> None:
        """Have all asked anew, also what another thread asks just now: it may be of before."""
        self.changes += 1
        self.answers.clear()


@cache
def memory_of(endpoint: str) -> Memory:
    """Return what this process remembers of a Swarm, such as who of it did not answer just now."""
    del endpoint
    return Memory()


class Untold(Stream):
    """The events of a whole Swarm, which nobody tells."""

    def __iter__(self) -> Iterator[bytes]:
        """Give up at once: whoever wants to know looks himself."""
        raise EngineError("nobody tells what happens in a Swarm", next_step="inv ps")


@dataclass(eq=False)
class Cluster(Api):
    """Calls to a Swarm, by way of the manager whose engine is at `endpoint`."""

    ways: Mapping[str, str] = field(default_factory=dict)
    """The addresses of other nodes' engines, by the nodes' names."""
    forward: Callable[[str], str] = str
    """Makes an endpoint of an address; EngineError where that machine cannot be reached."""
    brought: Callable[[], bool] = bool
    """Says whether a link brings ports of the manager's own containers to this machine."""
    memory: Memory = field(default_factory=Memory)
    project: str = ""
    """Whose data must be within reach where volumes are asked for."""

    @property
    def manager(self) -> Api:
        """The manager's own engine."""
        return Api(self.endpoint, timeout=self.timeout, env=self.env, remote=self.remote)

    def within(self, seconds: float) -> "Cluster":
        """Return the same Swarm with another time for each answer."""
        return replace(self, timeout=seconds)

    @shaped("the Swarm")
    def known(self) -> Known:
        """Ask the manager what it knows; EngineError where the engine is none.

        Raises ConfigError when there is a way to a node that the Swarm does not have.
        """
        try:
            asked = {
                name: self._remembered(name, partial(self.manager.get, f"/{name}")) or ()
                for name in ("nodes", "services", "tasks")
            }
        except RefusedError:
            require_manager(self.manager)
            raise
        known = {one.id: one for one in map(nodes.node, asked["nodes"])}
        nodes.require_known(known.values(), self.ways)
        now = time.monotonic()
        return Known(
            nodes=known,
            services=asked["services"],
            tasks=asked["tasks"],
            lost={name: why for name, (at, why) in self.memory.lost.items() if now - at < AGAIN},
            forwarded=self._forwarded(known.values(), asked["services"]),
        )

    def engines(self) -> dict[str, Api]:
        """Return the engines of the nodes that there is a way to, by the nodes' ids."""
        here, known = self._remembered("info", self._here), self.known()
        found = {here: self.manager}
        for one in known.nodes.values():
            away = one.problem == "down" or one.id in known.lost
            if one.id != here and one.name in self.ways and not away:
                way = self.ways[one.name]
                far = way if way.startswith(SCHEME) else ""
                try:
                    endpoint = self.forward(way)
                    engine = Api(endpoint, timeout=self.timeout, env=self.env, remote=far)
                    self._require_of(one, engine, known.nodes)
                except (EngineError, RefusedError) as error:
                    self.memory.lost[one.id] = (time.monotonic(), str(error))
                else:
                    found[one.id] = engine
        return found

    @shaped("its Swarm")
    def _require_of(self, node: Node, engine: Api, every: Mapping[str, Node]) -> None:
        """Raise ConfigError where an engine is not that of a node: its data would be another's."""
        if (engine.endpoint, node.id) in self.memory.proved:
            return
        info = engine.within(self._patience).get("/info") or {}
        there = str((info.get("Swarm") or {}).get("NodeID", ""))
        if there != node.id:
            other = f"the node {every[there].name}" if there in every else "no node of this Swarm"
            raise ConfigError(
                f"NODES has {node.name}={self.ways[node.name]}, and the engine there is"
                f" {other} ({there or 'it has no id'}; {node.name} is {node.id})",
                next_step="docker info on that machine shows its NodeID; correct NODES in .env",
            )
        self.memory.proved.add((engine.endpoint, node.id))

    def get(self, path: str, **query: object) -> Json:
        """As `Api.get`; lists have what all nodes have."""
        match _words(path):
            case ["containers", "json"]:
                return self._rows(query)
            case ["containers", name, "json"]:
                return self._document(name)
            case ["containers", name, *_] if self._task_of(name):
                return None
            case ["volumes"]:
                found = self._everywhere(lambda api: api.get(path, **query) or {})
                self._require_data(found)
                every = (one.get("Volumes") or () for one in found.values())
                return {"Volumes": [one for some in every for one in some]}
            case ["images", *_]:
                found = self._everywhere(lambda api: api.get(path, **query))
                return next(iter(found.values()), None)
            case _:
                return self.at(path).get(path, **query)

    def raw(self, path: str, /, **query: object) -> bytes:
        """As `Api.raw`; where a node cannot be asked for a log, the manager can."""
        match _words(path):
            case ["events"]:
                return b"\n".join(self._everywhere(lambda api: api.raw(path, **query)).values())
            case ["containers", name, "logs"] if task := self._task_of(name):
                return self.manager.raw(f"/tasks/{task}/logs", **query)
            case _:
                return self.at(path).raw(path, **query)

    def stream(self, path: str, *, endless: bool = False, **query: object) -> Stream:
        """As `Api.stream`."""
        match _words(path):
            case ["events"]:
                return Untold(self._unopened(None), path, "")
            case ["containers", name, "logs"] if task := self._task_of(name):
                return self.manager.stream(f"/tasks/{task}/logs", endless=endless, **query)
            case _:
                return self.at(path).stream(path, endless=endless, **query)

    def post(self, path: str, body: object = None, **query: object) -> Json:
        """As `Api.post`; to stop a container of the Swarm is to want none, to start it one."""
        self.memory.forget()
        match _words(path):
            case ["containers", name, "stop"] if run := self._owner_of(name):
                return self._stop(run)
            case ["containers", name, "start" | "restart"] if run := self._owner_of(name):
                return self._want(run, 1) if run.stopped else None
            case ["containers" | "volumes", "create"]:
                return self._made(self._place(body), path, body, query)
            case ["containers", name, "exec"]:
                return self._made(self._home(name), path, body, query)
            case _:
                return self.at(path).post(path, body, **query)

    def post_raw(self, path: str, body: object) -> bytes:
        """As `Api.post_raw`."""
        return self.at(path).post_raw(path, body)

    def delete(self, path: str, **query: object) -> Json:
        """As `Api.delete`; a volume goes with what earlier tasks have left that mounts it."""
        self.memory.forget()
        match _words(path):
            case ["volumes", name]:
                for home in self._having(name):
                    _delete_volume(self.engines()[home], name)
                return None
            case _:
                return self.at(path).delete(path, **query)

    def at(self, path: str) -> Api:
        """Return the engine that a call of this path is for."""
        match _words(path):
            case ["containers" | "exec", name, *_]:
                home = self._home(name)
                if (engine := self.engines().get(home)) is None:
                    raise RefusedError(
                        f"the engine that has {name} cannot be asked",
                        next_step="NODES in .env says where the engines of nodes are",
                    )
                return engine
            case _:
                return self.manager

    def apart(self, volumes: Mapping[str, str]) -> list[tuple[Api, Mapping[str, str]]]:
        """As `Api.apart`; RefusedError where it is not known which node is to have one."""
        engines = self.engines()
        homes = {key: self._home_of_volume(name) for key, name in volumes.items()}
        found: dict[str, dict[str, str]] = {}
        for key, home in homes.items():
            found.setdefault(home, {})[key] = volumes[key]
        return [(engines[home], some) for home, some in found.items()] or [(self, {})]

    def _forwarded(
        self, known: Iterable[Node], services: Sequence[Mapping[str, Any]]
    ) -> frozenset[str]:
        """Return the ids of the nodes whose ports answer on this machine."""
        found = {one.id for one in known if self.ways.get(one.name, "").startswith(SCHEME)}
        narrow = any(PORTS_LABEL in tasks.labels_of(one) for one in services)
        if self.remote or (narrow and self._remembered("brought", self.brought)):
            found.add(self._remembered("info", self._here))
        return frozenset(found)

    def _here(self) -> str:
        """Return the id of the manager's own node."""
        return str(((self.manager.get("/info") or {}).get("Swarm") or {}).get("NodeID", ""))

    def _remembered(self, key: str, ask: Callable[[], T]) -> T:
        """Return what was answered a moment ago, or ask."""
        kept, changes = self.memory.answers.get(key), self.memory.changes
        if kept is None or time.monotonic() - kept[0] >= FRESH:
            kept = (time.monotonic(), ask())
            if changes == self.memory.changes:
                self.memory.answers[key] = kept
        found: T = kept[1]
        return found

    def _everywhere(self, ask: Callable[[Api], T]) -> dict[str, T]:
        """Return what the engines of all nodes answer, by the nodes' ids; of those that do."""
        lost, asked = self.memory.lost, self.engines()

        def answer(name: str) -> T | None:
            try:
                found = ask(asked[name].within(self._patience))
            except EngineError as error:
                if asked[name].endpoint == self.endpoint:
                    raise
                lost[name] = (time.monotonic(), str(error))
                return None
            lost.pop(name, None)
            return found

        with ThreadPoolExecutor(max_workers=len(asked)) as pool:
            answers = zip(asked, pool.map(answer, asked), strict=True)
            return {name: found for name, found in answers if found is not None}

    def _rows(self, query: Mapping[str, object]) -> list[dict[str, Any]]:
        """Return an engine's list of all containers but those of earlier tasks, newest first."""
        found = self._everywhere(lambda api: api.get("/containers/json", **query) or ())
        known = self.known()
        runs = tasks.runs(known)
        current = {run.container for run in runs}
        rows = []
        for home, some in found.items():
            self.memory.homes |= {one["Id"]: home for one in some}
            rows += [
                one
                for one in some
                if tasks.TASK_LABEL not in (one.get("Labels") or {})
                or one["Id"] in current
                or one["State"] == State.RUNNING
            ]
        for run in runs:
            if run.container and run.node in found:
                continue
            told = tasks.document(run, known, time.time_ns())
            if _matches(told, query):
                rows.append(tasks.row(told))
        return sorted(rows, key=lambda one: int(one.get("Created") or 0), reverse=True)

    def _document(self, name: str) -> Json:
        known = self.known()
        run, found = self._run_of(name), None
        if not self._task_of(name):
            home = self._home(name)
            engine = self.engines().get(home)
            path = f"/containers/{name}/json"
            try:
                found = self._remembered(path, lambda: self._asked(engine, path))
            except EngineError as error:
                self.memory.lost[home] = (time.monotonic(), str(error))
                known = self.known()
            else:
                if found is None:
                    return None
        return found if run is None else tasks.document(run, known, time.time_ns(), found)

    @property
    def _patience(self) -> float:
        return min(PATIENCE, self.timeout)

    def _asked(self, engine: Api | None, path: str) -> Json:
        return engine.within(self._patience).get(path) if engine is not None else None

    def _run_of(self, name: str) -> Run | None:
        """Return the service whose container has an id, or that is shown by this one."""
        return next((run for run in tasks.runs(self.known()) if name in run.ids), None)

    def _owner_of(self, name: str) -> Run | None:
        """As `_run_of`; also of a container whose task is gone or is no longer the newest.

        It may have been looked at just before: no engine is to start it past its Swarm.
        """
        if run := self._run_of(name):
            return run
        engine = self.engines().get(self._home(name))
        found = self._asked(engine, f"/containers/{name}/json") or {}
        labels = (found.get("Config") or {}).get("Labels") or {}
        if tasks.TASK_LABEL not in labels:
            return None
        whose = {one: labels.get(one) for one in (PROJECT_LABEL, SERVICE_LABEL)}
        runs = tasks.runs(self.known())
        return next(
            (one for one in runs if whose.items() <= tasks.labels_of(one.service).items()), None
        )

    def _task_of(self, name: str) -> str:
        """Return the id of the task that is shown in the place of a container; empty for none."""
        if not name.startswith((tasks.TASK, tasks.SERVICE)):
            return ""
        return name.removeprefix(tasks.TASK)

    def _home(self, name: str) -> str:
        """Return the id of the node that has a container; empty where none is known."""
        if name not in self.memory.homes and not self._task_of(name):
            path = f"/containers/{name}/json"
            homes = self._everywhere(lambda api: api.get(path))
            self.memory.homes |= dict.fromkeys([name] if homes else [], next(iter(homes), ""))
        return self.memory.homes.get(name, "")

    def _made(self, home: str, path: str, body: object, query: dict[str, object]) -> Json:
        """Have a node make something, and remember where that is."""
        made = self.engines()[home].post(path, body, **query)
        if isinstance(made, dict) and "Id" in made:
            self.memory.homes[made["Id"]] = home
        return made

    def _having(self, volume: str) -> list[str]:
        """Return the ids of the nodes that have a volume of this name.

        Raises RefusedError where one that there is a way to does not say.
        """
        found = self._everywhere(lambda api: api.get(f"/volumes/{volume}") is not None)
        self._require_data(found)
        for node in self.known().nodes.values():
            if node.id not in found and node.name in self.ways and node.problem != "down":
                raise self._silent(node, f"node {node.name} may have the volume {volume}, and its")
        return [home for home, there in found.items() if there]

    def _place(self, body: object) -> str:
        """Return the node that has the volumes of a new container, or is to have a new one."""
        homes = {self._home_of_volume(name, _group(body)) for name in _volumes(body)}
        if not homes:
            return self._remembered("info", self._here)
        if len(homes) > 1:
            names = self.known().nodes
            raise RefusedError(
                "this data lies on several nodes: "
                + ", ".join(sorted(names[home].name for home in homes)),
                next_step="the same for one data group at a time: --service",
            )
        return homes.pop()

    def _home_of_volume(self, volume: str, group: str = "") -> str:
        having, known = self._having(volume), self.known()
        run = next((one for one in tasks.runs(known) if volume in one.volumes), None)
        if run is not None and run.node in having:
            return run.node
        if len(having) == 1:
            return having[0]
        if run is not None and not having:
            engines = self.engines()
            having = [
                one.id
                for one in known.nodes.values()
                if one.id in engines and not one.problem and one.fits(run.constraints)
            ]
            if len(having) == 1:
                return having[0]
        marked = [
            one.id
            for one in known.nodes.values()
            if group and f"{DATA_LABEL}.{group}" in one.labels and one.id in self.engines()
        ]
        if len(marked) == 1 and not having:
            return marked[0]
        raise RefusedError(
            f"which node is to hold the volume {volume} is not known",
            next_step="inv up places it; then the same again",
        )

    def _require_data(self, asked: Collection[str]) -> None:
        """Raise RefusedError where a node has data of the project, and is none of those asked."""
        for node, what in self._holders():
            if node.id not in asked:
                raise self._silent(node, f"the data of {what} lies on node {node.name}, whose")

    def _holders(self) -> Iterator[tuple[Node, str]]:
        """Yield nodes with data of the project, by their marks and by what is deployed."""
        known, marks = self.known(), f"{DATA_LABEL}.{self.project}."
        for run in tasks.runs(known):
            own = tasks.labels_of(run.service).get(PROJECT_LABEL) == self.project
            if own and run.volumes and run.node in known.nodes:
                yield known.nodes[run.node], run.name
        for node in known.nodes.values():
            for label in node.labels:
                if label.startswith(marks):
                    yield node, label.removeprefix(marks)

    def _silent(self, node: Node, told: str) -> RefusedError:
        _, lost = self.memory.lost.get(node.id, (0.0, ""))
        why = lost or node.problem or "NODES in .env does not name it"
        return RefusedError(
            f"{told} engine cannot be asked: {why}",
            next_step=f"NODES={node.name}=USER@HOST in .env, or bring that node back",
        )

    def _want(self, run: Run, count: int) -> None:
        """Want so many tasks of a service."""
        path = f"/services/{run.service['ID']}"
        for left in reversed(range(TRIES)):
            found = self.manager.get(path)
            with shaped("a service"):
                spec, version = dict(found["Spec"]), found["Version"]["Index"]
            spec["Mode"] = {"Replicated": {"Replicas": count}}
            try:
                self.manager.post(f"{path}/update", spec, version=version)
            except RefusedError as error:
                if CONFLICT not in str(error) or not left:
                    raise
            else:
                break
        self.memory.forget()

    def _stop(self, run: Run) -> None:
        """Want no task of a service, and wait until none runs."""
        self._want(run, 0)
        own = run.service["ID"]
        looks = poll(
            lambda: [one for one in self.known().tasks if one.get("ServiceID") == own],
            timeout=self.timeout,
            interval=INTERVAL,
        )
        for found in looks:
            left = [one for one in found if one["Status"].get("State") in tasks.STATES]
            if not left:
                return
        raise EngineError(
            f"{run.name} did not stop within {self.timeout:.0f} s", next_step="docker node ls"
        )


@shaped("its Swarm")
def require_manager(api: Api) -> None:
    """Raise EngineError unless the engine is a manager of a Swarm that has a leader."""
    info = api.get("/info") or {}
    found = info.get("Swarm") or {}
    state = found.get("LocalNodeState", "inactive")
    if state == "active" and found.get("ControlAvailable"):
        return
    problem = "is in no Swarm, and DEPLOY=swarm wants a manager"
    step = (
        f"{DOCKER} swarm init --advertise-addr ADDRESS, one that the other nodes reach (127.0.0.1"
        " where there are none); or DEPLOY= in .env for plain Compose"
    )
    if state == "active":
        problem = "is a worker of its Swarm, and DEPLOY=swarm wants a manager"
        step = "the engine of a manager, such as REMOTE=USER@HOST in .env"
    elif state == "locked":
        problem, step = "is a manager of a Swarm that is locked", f"{DOCKER} swarm unlock"
    elif info.get("LiveRestoreEnabled"):
        problem = "has live-restore, which goes with no Swarm"
        step = "take it out of /etc/docker/daemon.json, restart the engine, then: docker swarm init"
    why = f" ({found['Error']})" if found.get("Error") else ""
    raise EngineError(f"the engine at {api.endpoint} {problem}{why}", next_step=step)


def _words(path: str) -> list[str]:
    return path.strip("/").split("/")


def _matches(document: Mapping[str, Any], query: Mapping[str, object]) -> bool:
    """Say whether a list that is asked for so has what an engine would describe so."""
    filters: Any = query.get("filters") or {}
    state, marks = document["State"], document["Config"]["Labels"]
    pairs = {f"{name}={value}" for name, value in marks.items()} | {*marks}
    healths = filters.get("health")
    return (
        (bool(query.get("all")) or state["Status"] == State.RUNNING)
        and set(filters.get("label") or ()) <= pairs
        and (not healths or (state.get("Health") or {}).get("Status") in healths)
        and not filters.keys() - {"label", "health"}
    )


def _volumes(body: object) -> list[str]:
    """Return the names of the volumes in what a container or a volume is made from."""
    if not isinstance(body, dict):
        return []
    mounts = (body.get("HostConfig") or {}).get("Mounts") or ()
    names = [str(one["Source"]) for one in mounts if one.get("Type") == "volume"]
    return names or ([str(body["Name"])] if "Name" in body else [])


def _group(body: object) -> str:
    """Return PROJECT.GROUP of a volume that is to be made; empty for none."""
    labels = (body.get("Labels") or {}) if isinstance(body, dict) else {}
    return str(labels.get(DATA_LABEL, ""))


def _delete_volume(api: Api, name: str) -> None:
    """Delete a volume, and the containers of tasks that have ended and mount it."""
    for one in api.get("/containers/json", all=True, filters={"volume": [name]}) or ():
        if tasks.TASK_LABEL in (one.get("Labels") or {}) and one["State"] != State.RUNNING:
            api.delete(f"/containers/{one['Id']}", force=True)
    api.delete(f"/volumes/{name}")

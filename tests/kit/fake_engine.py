"""The engine's API as far as this workspace calls it, over a socket file.

Containers and answers are recorded ones of a real engine (tests/data/engine), or made from them.
"""

import base64
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.kit import swarms
from tests.kit.fake_disk import Disk
from tests.kit.image_archives import archived, listed
from tests.kit.places import TESTS_DATA
from tests.kit.servers import Answer, Request, unix

DATA = TESTS_DATA / "engine" / "26.1.5.json"
RECORDED: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
"""version, containers (rows of the list), inspected, logs (base64), refused, image, missing."""
END = b""
"""What ends a log that is followed: its container has ended."""
PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
FOLDER = "com.docker.compose.project.working_dir"


def made(
    service: str, state: str, *, folder: str, project: str, ports: Mapping[int, int] | None = None
) -> dict[str, Any]:
    """Return a container of another project that publishes `ports`, made from a recorded one."""
    found: dict[str, Any] = deepcopy(next(iter(RECORDED["inspected"].values())))
    found["Id"], found["Name"] = f"id-{service}", f"/{service}"
    found["State"]["Status"] = state
    # what the list of containers shows of it; the engine shows the ports of running ones only
    found["Ports"] = [
        {"IP": "127.0.0.1", "PrivatePort": target, "PublicPort": published, "Type": "tcp"}
        for target, published in (ports or {}).items()
        if state == "running"
    ]
    found["Config"]["Labels"] |= {PROJECT: project, SERVICE: service, FOLDER: folder}
    return found


def framed(*lines: str, stream: int = 1) -> bytes:
    """Return lines as a log stream has them, a header of eight bytes before each."""
    pieces = [line.encode() + b"\n" for line in lines]
    return b"".join(bytes([stream, 0, 0, 0]) + len(p).to_bytes(4, "big") + p for p in pieces)


class FakeEngine:
    """Answers from `state`, which a test may change: containers, images, volumes, logs, refuse.

    Also stats and events; `checks[id]`, exit code and words of a health check that is run, or None
    where it cannot be; `files[id]`, the one file that is asked for, or several by their paths, and
    `hung_up[id]` what it is after a SIGHUP; what a test puts into `live[id]` comes to who follows
    that log. What is prepared with `answer` goes before all that.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        """Start from `state`; what it lacks is empty."""
        empty: dict[str, Any] = {
            "containers": {},
            "images": {},
            "volumes": [],
            "logs": {},
            "refuse": {},
            "stats": {},
            "events": [],
            "checks": {},
            "files": {},
            "hung_up": {},
            "info": {"ID": "an-engine"},
        }
        self.state = {"version": RECORDED["version"], **empty, **state}
        self.requests: list[Request] = []
        self.answers: dict[str, Answer] = {}
        self._happening: Queue[bytes] = Queue()
        self.live: defaultdict[str, Queue[bytes]] = defaultdict(Queue)
        self.disk = Disk(Path(self.state["disk"]), self.state) if "disk" in self.state else None

    @property
    def calls(self) -> list[str]:
        """Method and path, in plain letters, of each request."""
        return [f"{request.method} {unquote(request.path)}" for request in self.requests]

    def answer(self, path: str, body: object, status: int = 200) -> None:
        """Prepare the answer to a path, with the version before it."""
        self.answers[path] = (status, body)

    def tell(self, event: dict[str, Any] | None) -> None:
        """Let an event happen, for who follows them; None ends the stream."""
        self._happening.put(END if event is None else json.dumps(event).encode() + b"\n")

    def respond(self, request: Request) -> Answer:
        """Answer one request."""
        self.requests.append(request)
        path = request.path.partition("?")[0]
        if path in self.answers:
            return self.answers[path]
        _, kind, *words = [*path.strip("/").split("/"), ""]
        if kind in self.state.get("swarm", ()):
            if refusal := self.state["refuse"].get(kind):
                return 503, {"message": refusal}
            return 200, swarms.answer(self.state["swarm"], kind, words[:-1], request.body)
        return self._as_it_is(request)

    def _as_it_is(self, request: Request) -> Answer:
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match [
            word for word in unquote(parts.path).split("/") if word and not word.startswith("v1.")
        ]:
            case [("version" | "info") as what]:
                return 200, self.state[what]
            case ["containers", "json"]:
                return 200, self._rows(query)
            case ["containers", name, what] if name in self.state["containers"]:
                return self._container(name, what, query)
            case ["events"] if "until" not in query:
                return 200, iter(self._happening.get, END)
            case ["events"]:
                return 200, "\n".join(json.dumps(one) for one in self._events(query))
            case ["exec", name, what]:
                code, said = self.state["checks"].get(name, (0, ""))
                return 200, framed(said) if what == "start" else {"ExitCode": code}
            case ["images", *words, what]:
                return self._images("/".join(words), what, request)
            case ["volumes", *words] if not words or self.disk is None:
                return self._volumes(request, words)
            case ["volumes" | "containers", *words] if self.disk is not None:
                return self.disk.respond(request.method, words, request.body)
            case _:
                return 404, {"message": "page not found"}

    def _volumes(self, request: Request, words: list[str]) -> Answer:
        """List the volumes; or find, make or remove one, which is no more than a name."""
        if not words:
            known = self.state.get("made", {})
            rows = [{"Name": name, **known.get(name, {})} for name in self.state["volumes"]]
            return 200, {"Volumes": rows}
        if request.method == "GET":
            there = words[0] in self.state["volumes"]
            return (200, {"Name": words[0]}) if there else (404, {"message": "no such volume"})
        if request.method == "DELETE":
            self.state["volumes"].remove(words[0])
            return 204, b""
        body = json.loads(request.body)
        self.state["volumes"].append(body["Name"])
        self.state.setdefault("made", {})[body["Name"]] = {"Labels": body["Labels"]}
        return 201, {"Name": body["Name"]}

    def _rows(self, query: dict[str, str]) -> list[dict[str, Any]]:
        filters = json.loads(query.get("filters", "{}"))
        wanted, healths = filters.get("label", []), filters.get("health")
        volume = filters.get("volume", [])
        rows = []
        if self.disk is not None:
            self.disk.create()
        for one in self.state["containers"].values():
            labels = one["Config"]["Labels"]
            if volume and volume[0] not in one.get("mounts", ()):
                continue
            has = {*labels, *(f"{name}={value}" for name, value in labels.items())}
            state = one["State"].get("Status")
            asked = "all" in query or state == "running"
            fit = healths is None or one["State"].get("Health", {}).get("Status") in healths
            if set(wanted) <= has and asked and fit:
                row = {"Id": one["Id"], "Names": [one["Name"]], "Labels": labels, "State": state}
                row |= {"State": state or "", "NetworkSettings": {"Networks": {}}}
                rows.append({**row, "Ports": one.get("Ports", [])})
        return rows

    def _events(self, query: dict[str, str]) -> list[dict[str, Any]]:
        since, until = (int(query[name].replace(".", "")) for name in ("since", "until"))
        return [one for one in self.state["events"] if since <= one["timeNano"] <= until]

    def _container(self, name: str, what: str, query: dict[str, str]) -> Answer:
        one = self.state["containers"].get(name)
        if one is None or one.get("gone"):
            return 404, RECORDED["missing"]
        if what == "logs" and "follow" in query:
            return 200, iter(self.live[name].get, END)
        if what == "exec":
            gone = name in self.state["checks"] and self.state["checks"][name] is None
            return (409, {"message": "it is not running"}) if gone else (201, {"Id": name})
        if what == "archive":
            return self._archive(name, query["path"])
        if what == "stats":
            return 200, self.state["stats"].get(name, {})
        if what == "logs":
            return 200, base64.b64decode(self.state["logs"].get(name, ""))
        return self._changed(name, what, one["State"]) or (200, one)

    def _archive(self, name: str, path: str) -> Answer:
        held = self.state["files"].get(name)
        text = held.get(path) if isinstance(held, dict) else held
        # a header of 512 bytes, as in every archive
        return (404, {"message": "no such file"}) if text is None else (200, "\0" * 512 + text)

    def _changed(self, name: str, what: str, state: dict[str, Any]) -> Answer | None:
        """Change the state of a container; None for what changes nothing."""
        match what:
            case "stop" if state["Status"] == "paused":
                return 409, {"message": "it is paused"}
            case "start" if refusal := self.state["refuse"].get(name):
                return 500, {"message": refusal}
            case "kill" if name in self.state["hung_up"]:
                self.state["files"][name] = self.state["hung_up"][name]
            case "kill" | "stop":
                state["Status"] = "exited"
            case "unpause" | "start":
                state["Status"] = "running"
            case _:
                return None
        return 204, b""

    def _images(self, name: str, what: str, request: Request) -> Answer:
        match what:
            case "get" if refusal := self.state["refuse"].get("get"):
                return 404, {"message": refusal}
            case "get":
                names = parse_qs(urlsplit(request.path).query)["names"]
                return 200, iter([archived({name: f"sha256:{name}" for name in names})])
            case "load":
                return 200, self._load(listed(request.body))
            case "history":
                return 200, [{"Created": 1, "CreatedBy": name, "Size": 2048}]
            case _:
                return self._image(name)

    def _load(self, names: list[str]) -> dict[str, str]:
        if refusal := self.state["refuse"].get("load"):
            return {"error": refusal}
        self.state["images"] |= {name: {} for name in names}
        return {"stream": f"Loaded image: {names}"}

    def _image(self, name: str) -> Answer:
        if name not in self.state["images"]:
            return 404, {"message": f"No such image: {name}"}
        facts = {"Id": f"sha256:{name}", "Architecture": "amd64", "Size": 1536}
        facts |= {"Created": "2026-01-01T00:00:00Z", "RootFS": {"Layers": [f"sha256:{name}"]}}
        return 200, {**facts, "Config": {"Labels": self.state["images"][name]}}


@contextmanager
def served(socket: str, state: str) -> Iterator[str]:
    """Serve at a socket with the state of a file while the block runs; give a word when it does."""
    engine = FakeEngine(json.loads(Path(state).read_text(encoding="utf-8")))
    with unix(engine.respond, Path(socket)):
        yield "ready"

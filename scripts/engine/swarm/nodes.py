"""The nodes of a Swarm as its manager knows them, and the way to the engine of each."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.core.errors import ConfigError
from scripts.engine.remote import address as addresses

NODES = "NODES"
"""The variable that says where the engines of nodes are."""
ASIDE = {"active": "", "drain": "drained", "pause": "paused"}
"""Why a node gets no tasks, by the manager's word for its availability."""
_WAY = re.compile(r"(?P<name>[^\s=,]+)=(?P<address>[^\s,]+)")
_CONSTRAINT = re.compile(r"\s*(?P<key>[\w.-]+)\s*(?P<how>==|!=)\s*(?P<value>\S+)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node, as the manager sees it."""

    id: str
    name: str
    """Its host name."""
    address: str = ""
    """Where other machines reach it; empty where the manager does not know."""
    labels: Mapping[str, str] = field(default_factory=dict)
    memory: int = 0
    """Bytes in all."""
    problem: str = ""
    """Why no task can run there, such as "down"; empty where one can."""
    manager: bool = False

    def fits(self, constraints: Iterable[str]) -> bool:
        """Say whether tasks with these constraints may run on it; what is not known holds."""
        return all(self._holds(one) for one in constraints)

    def _holds(self, constraint: str) -> bool:
        parts = _CONSTRAINT.fullmatch(constraint)
        facts = {
            "node.id": self.id,
            "node.hostname": self.name,
            "node.role": "manager" if self.manager else "worker",
            **{f"node.labels.{key}": value for key, value in self.labels.items()},
        }
        if parts is None or not parts["key"].startswith(("node.labels.", *facts)):
            return True
        return (facts.get(parts["key"]) == parts["value"]) is (parts["how"] == "==")


def node(found: Mapping[str, Any]) -> Node:
    """Turn the manager's description of a node into ours; LookupError or TypeError for no such."""
    spec, status, described = found["Spec"], found["Status"], found["Description"]
    manager = found.get("ManagerStatus") or {}
    address = str(status.get("Addr", ""))
    if address in {"", "0.0.0.0", "127.0.0.1"}:  # noqa: S104 - nothing is bound; a manager of itself
        address = str(manager.get("Addr", "")).rpartition(":")[0]
    resources = described.get("Resources") or {}
    state, availability = str(status.get("State", "")), str(spec.get("Availability", ""))
    problem = ASIDE.get(availability, availability)
    return Node(
        id=str(found["ID"]),
        name=str(described["Hostname"]),
        address=address,
        labels=dict(spec.get("Labels") or {}),
        memory=int(resources.get("MemoryBytes") or 0),
        problem=problem if state == "ready" else state or "unknown",
        manager=spec.get("Role") == "manager",
    )


def ways(text: str) -> dict[str, str]:
    """Return the addresses of nodes' engines by name, as NODES has them; `problem` tells of others.

    Each is NAME=USER@HOST, or NAME=ssh://… or NAME=unix://…, with blanks or commas between.
    """
    return {found["name"]: _address(found["address"]) for found in _WAY.finditer(text)}


def problem(text: str) -> str:
    """Return what is wrong in a value of NODES; empty for nothing."""
    named = set[str]()
    for word in filter(None, re.split(r"[\s,]+", text)):
        if not (way := _WAY.fullmatch(word)):
            return f"{word!r} names no node and its address"
        if way["name"] in named:
            return f"{way['name']} is named twice"
        named.add(way["name"])
        try:
            if not way["address"].startswith("unix://"):
                addresses.parse(way["address"])
        except ValueError as error:
            return f"that of {way['name']} is no address: {error}"
    return ""


def _address(text: str) -> str:
    return text if "://" in text else f"{addresses.SCHEME}{text}"


def require_known(found: Iterable[Node], named: Iterable[str]) -> None:
    """Raise ConfigError when NODES names a node that the Swarm does not have, or has twice."""
    names = [one.name for one in found]
    for name in named:
        if name not in names:
            raise ConfigError(
                f"NODES names {name}, and the Swarm has {', '.join(names)}",
                next_step="docker node ls shows their names; correct NODES in .env",
            )
        if names.count(name) > 1:
            raise ConfigError(
                f"NODES names {name}, and several nodes of the Swarm are called so",
                next_step="give each machine a host name of its own, and restart its engine",
            )

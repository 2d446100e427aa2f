"""An engine with the containers of a project, and what they write at which moment."""

import base64
from typing import Any

from tests.kit.fake_engine import END, SERVICE, FakeEngine, framed, made

DAY = "2026-11-23T02:00:"


def at(second: float) -> str:
    """Return a moment of that minute as the engine writes it."""
    return f"{DAY}{second:012.9f}Z"


def nano(second: float) -> int:
    """Return the same in nanoseconds."""
    return 1795399200 * 10**9 + round(second * 10**9)


def event(action: str, service: str, second: float, code: str = "") -> dict[str, Any]:
    """Return an event of the engine."""
    facts = {SERVICE: service, "name": service} | ({"exitCode": code} if code else {})
    actor = {"ID": f"id-{service}", "Attributes": facts}
    return {"Type": "container", "Action": action, "Actor": actor, "timeNano": nano(second)}


class World:
    """An engine with the containers of a project, and what they write."""

    def __init__(self) -> None:
        self.engine = FakeEngine({})
        for service in ("web", "db"):
            self.run(service, 0)

    def run(self, service: str, second: float, name: str = "", **state: object) -> None:
        """Let a container of a service run since then."""
        one = made(service, "running", folder="/checkout/docker", project="memos-test")
        one["Id"] = name or one["Id"]
        del one["State"]["Health"]
        one["State"] |= {"StartedAt": at(second), "FinishedAt": "0001-01-01T00:00:00Z", **state}
        # the engine lists the newest container first
        others = {k: v for k, v in self.engine.state["containers"].items() if k != one["Id"]}
        self.engine.state["containers"] = {one["Id"]: one, **others}

    def wrote(self, name: str, *lines: tuple[float, str]) -> None:
        """Let a container have written these lines."""
        raw = framed(*(f"{at(second)} {text}" for second, text in lines))
        self.engine.state["logs"][name] = base64.b64encode(raw).decode()

    def writes(self, name: str, *lines: tuple[float, str]) -> None:
        """Let a container write these lines now."""
        self.engine.live[name].put(framed(*(f"{at(second)} {text}" for second, text in lines)))

    def ends(self, name: str) -> None:
        """Let whoever follows the log of a container see its end."""
        self.engine.live[name].put(END)

    def asked(self, what: str) -> list[str]:
        """Return the calls that were made with these words in them."""
        return [call for call in self.engine.calls if what in call]

"""What `inv ps` shows of one look, and that it keeps the promise of its schema."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from scripts.config.rules.schema import validate
from scripts.core.inventory import ImageStatus
from scripts.core.look import Container, Look, Reading, Usage
from scripts.core.stack import Port
from scripts.watch.status import document, frames
from tests.kit.builders import container, reading, service, stack

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
WEB = service(
    "web", ports=(Port(host="127.0.0.1", published=8000, target=80),), not_offered=("6334, gRPC",)
)
REAL = ImageStatus(
    service="web", image="example/web:1", present=True, contains="real", version="2.0.6"
)
MISSING = ImageStatus(service="web", image="example/web:1", present=False)
ABOUT = {"image_source": "packages", "memos": "MemOS 2.0.6"}


def shown(
    one: Container | None, answer: Reading | None = None, kind: ImageStatus = REAL
) -> dict[str, Any]:
    """Return the one service of the document, which keeps its schema."""
    seen = Look(
        containers=(one,) if one else (),
        readings=(answer,) if answer is not None else (),
        mended={"web": "mended: #1093"} if one else {},
    )
    found = document(stack(WEB), seen, [kind], ABOUT, NOW)
    assert validate(found, "ps") == ()
    assert (found["project"], found["image_source"]) == ("test", "packages")
    (row,) = found["services"]
    return dict(row)


def test_a_ready_service_is_shown_with_all_that_is_known() -> None:
    """State, answer, uptime, ports, and what its image really holds."""
    up = container("web", health="healthy", restarts=1, started_at="2026-11-23T01:59:00.5Z")

    assert shown(up, reading("web", "200 GET /")) == {
        "service": "web",
        "container": "web-1",
        "host_pid": None,
        "node": None,
        "state": "running",
        "health": "healthy",
        "ready": True,
        "ready_since": None,
        "answer": "200 GET /",
        "restarts": 1,
        "uptime_seconds": 59.5,
        "memory_bytes": None,
        "cpu_seconds": None,
        "ports": [{"host": "127.0.0.1", "published": 8000, "target": 80}],
        "not_offered": ["6334, gRPC"],
        "image": "example/web:1",
        "contains": "real",
        "version": "2.0.6",
        "mended": "mended: #1093",
        "reload": None,
        "debugger": "",
        "findings": [],
    }


def test_a_container_says_itself_where_a_debugger_attaches() -> None:
    """The settings of the look may be others than those that it was started with."""
    assert shown(container("web", debugger="127.0.0.1:5678"))["debugger"] == "127.0.0.1:5678"


def test_a_service_that_was_never_created_is_absent_and_no_error() -> None:
    """A fresh checkout has no containers and no images, and can be looked at."""
    row = shown(None, kind=MISSING)

    assert (row["state"], row["ready"], row["uptime_seconds"]) == ("absent", False, None)
    assert (row["contains"], row["version"]) == ("missing", "")
    assert (row["health"], row["answer"], row["restarts"], row["findings"]) == ("", "", 0, [])


def test_what_is_wrong_stands_beside_the_service() -> None:
    """A sick service is data: its finding is part of its row."""
    row = shown(container("web", "exited", exit_code=1))

    assert row["state"] == "exited"
    assert [finding["code"] for finding in row["findings"]] == ["ended"]


@pytest.mark.parametrize(
    ("state", "started_at", "uptime"),
    [
        ("running", "2026-11-23T01:55:09.201591587Z", 290.8),
        ("running", "2026-11-23T01:59:59Z", 1.0),
        ("running", "", None),
        ("exited", "2026-11-23T01:55:09.201591587Z", None),
        ("paused", "2026-11-23T01:55:09.201591587Z", None),
    ],
)
def test_the_uptime_is_that_of_a_running_container(
    state: str, started_at: str, uptime: float | None
) -> None:
    """The engine writes nanoseconds; what does not run is not up."""
    assert shown(container("web", state, started_at=started_at))["uptime_seconds"] == uptime


def test_without_a_moment_it_is_now() -> None:
    """The uptime counts until the look."""
    began = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    seen = Look(containers=(container("web", started_at=began),))

    (row,) = document(stack(WEB), seen, [REAL], ABOUT)["services"]

    assert 0 <= row["uptime_seconds"] < 60


SINCE = "2026-11-23T01:59:30.250Z"


def used(cpu: int, seconds: float, memory: int = 2**20) -> Look:
    """Return a look in which web had used so many nanoseconds of the CPU at that second."""
    usage = Usage(memory=memory, cpu=cpu, read_at=int(seconds * 10**9))
    return Look(containers=(container("web"),), readings=(reading("web"),), usage={"web": usage})


def test_what_is_used_is_told_in_bytes_and_seconds() -> None:
    """And since when it is ready, where a start of ours saw it."""
    seen = replace(used(1_234_567_890, 5), ready_since={"web": SINCE})

    found = document(stack(WEB), seen, [REAL], ABOUT, NOW)

    (row,) = found["services"]
    assert (row["memory_bytes"], row["cpu_seconds"]) == (2**20, 1.235)
    assert row["ready_since"] == SINCE
    assert "cpu_percent" not in row
    assert validate(found, "ps") == ()


def test_who_does_not_answer_now_is_not_ready_since() -> None:
    """Although a start saw it ready, and its container has run ever since."""
    sick = reading("web", "503", ok=False)
    seen = replace(used(1, 5), readings=(sick,), ready_since={"web": SINCE})

    (row,) = document(stack(WEB), seen, [REAL], ABOUT, NOW)["services"]

    assert (row["ready"], row["ready_since"]) == (False, None)


def test_only_the_services_that_were_asked_for_have_a_row() -> None:
    """What is wrong with one is told with an eye on those that it needs."""
    both = stack(service("db"), service("web", "db"))

    (row,) = document(both, Look(), [REAL], ABOUT, NOW)["services"]

    assert row["service"] == "web"


def test_from_the_second_look_on_there_are_percentages() -> None:
    """Of one processor, over the engine's own time between the two."""
    looks = [used(10**9, 10), used(2 * 10**9, 12), used(5 * 10**9, 14), used(1, 16), used(2, 16)]

    found = frames(stack(WEB), [*looks, Look()], [REAL], ABOUT)

    percents = [one["services"][0]["cpu_percent"] for one in found]
    # then it was started again, then the engine gave the same measurement, then it was gone
    assert percents == [None, 50.0, 150.0, None, None, None]

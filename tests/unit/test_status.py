"""What `inv ps` shows of one look, and that it keeps the promise of its schema."""

from datetime import UTC, datetime
from typing import Any

import pytest

from scripts.inventory import ImageStatus
from scripts.model import Container, Port, Reading, Snapshot
from scripts.schema import validate
from scripts.status import document
from tests.words import container, reading, service, stack

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
WEB = service(
    "web",
    ports=(Port(host="127.0.0.1", published=8000, target=80),),
    not_offered=("6334, gRPC",),
)
REAL = ImageStatus(
    service="web", image="example/web:1", present=True, contains="real", version="2.0.6"
)
MISSING = ImageStatus(service="web", image="example/web:1", present=False)


def shown(
    one: Container | None, answer: Reading | None = None, kind: ImageStatus = REAL
) -> dict[str, Any]:
    """Give the one service of the document, which keeps its schema."""
    seen = Snapshot(
        containers=(one,) if one else (), readings=(answer,) if answer is not None else ()
    )
    found = document(stack(WEB), seen, [kind], "packages", NOW)
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
        "state": "running",
        "health": "healthy",
        "ready": True,
        "answer": "200 GET /",
        "restarts": 1,
        "uptime_seconds": 59.5,
        "ports": [{"host": "127.0.0.1", "published": 8000, "target": 80}],
        "not_offered": ["6334, gRPC"],
        "image": "example/web:1",
        "contains": "real",
        "version": "2.0.6",
        "findings": [],
    }


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
    seen = Snapshot(containers=(container("web", started_at=began),))

    (row,) = document(stack(WEB), seen, [REAL], "registry")["services"]

    assert 0 <= row["uptime_seconds"] < 60

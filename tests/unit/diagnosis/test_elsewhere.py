"""What is told of services that run elsewhere, and of those that need them."""

from dataclasses import replace
from typing import Any

import pytest

from scripts.core.finding import Finding
from scripts.core.look import Container, Look, Reading
from scripts.diagnosis import preflight
from scripts.diagnosis.rules import diagnose
from tests.kit.builders import container, reading, service, stack

ADDRESS = "http://q.example:6333"
QDRANT = service("qdrant", elsewhere=ADDRESS)
MEMOS = service("memos", "qdrant")
AWAY = replace(container("qdrant"), elsewhere=ADDRESS)
WAITS = "memos: waiting for qdrant at http://q.example:6333, 5 s so far: timed out"


def found(name: str, *containers: Container, **more: Any) -> Finding | None:
    """Return what is told of one service."""
    look = replace(Look(containers=containers), **more)
    return next(iter(diagnose(stack(QDRANT, MEMOS), (name,), look)), None)


@pytest.mark.parametrize(
    ("answer", "code", "fatal"),
    [
        (reading("qdrant", "connection refused", ok=False), "elsewhere-unready", False),
        (
            reading("qdrant", "401: it rejects the login of x", ok=False, final=True),
            "login-rejected",
            True,
        ),
        (
            reading("qdrant", "holds vectors of 768 numbers", ok=False, final=True),
            "data-mismatch",
            True,
        ),
    ],
)
def test_what_answers_elsewhere_is_told_with_its_address(
    answer: Reading, code: str, *, fatal: bool
) -> None:
    """And no next step deletes anything there."""
    told = found("qdrant", AWAY, readings=(answer,))

    assert told is not None
    assert (told.code, told.fatal, ADDRESS in told.cause) == (code, fatal, True)
    assert "reset" not in told.next_step


def test_what_is_well_elsewhere_is_no_finding() -> None:
    """Nor what was not asked yet."""
    assert found("qdrant", AWAY, readings=(reading("qdrant"),)) is None
    assert found("qdrant", AWAY) is None


def test_who_cannot_get_there_is_told_that_this_machine_can() -> None:
    """Names and routes differ in a container."""
    memos = container("memos", health="starting")
    refused = reading("memos", "connection refused", ok=False)

    told = found(
        "memos", memos, AWAY, readings=(reading("qdrant"), refused), logs={"memos": (WAITS,)}
    )

    assert told is not None
    assert told.code == "elsewhere-unreachable"
    assert ADDRESS in told.cause
    assert told.next_step.startswith("inv doctor")


@pytest.mark.parametrize(
    ("version", "least", "old"),
    [("1.9.7", "1.10", True), ("1.15.3", "1.10", False), ("", "1.10", False), ("1.9", "", False)],
)
def test_a_server_that_is_too_old_is_told(version: str, least: str, *, old: bool) -> None:
    """Where both versions are known."""
    assert bool([*preflight.too_old("qdrant", version, least)]) is old

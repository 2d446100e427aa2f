"""Runs a container's own health check now: the engine's last result may be half a minute old."""

from collections.abc import Sequence

from scripts.core.errors import EngineError, StackError
from scripts.core.look import Container, Reading
from scripts.core.texts import empty_talk
from scripts.engine.api import Api, shaped
from scripts.watch.log_lines import split

PASSED = 0
LIMIT = 4.0
"""Seconds for the engine and the check together; the checks themselves give up after 2 or 3."""


def read(api: Api, container: Container) -> Reading:
    """Return what the check says now; a service that is down is a reading, never an exception.

    The check runs as the engine would run it (`HEALTHCHECK` in
    https://docs.docker.com/reference/dockerfile/), and is not waited for longer than LIMIT.
    """
    try:
        kind, *words = container.check
        argv = ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words
        code, said = run(api.within(LIMIT), container, argv)
    except EngineError:
        detail = f"its health check gave no answer within {LIMIT:.0f} s"
        return Reading(service=container.service, ok=False, detail=detail)
    except StackError as error:  # it has just stopped, or lacks the program
        return Reading(service=container.service, ok=False, detail=str(error))
    if code == PASSED:
        return Reading(service=container.service, ok=True, detail="healthy")
    return Reading(service=container.service, ok=False, detail=said or f"exit code {code}")


def run(api: Api, container: Container, argv: Sequence[str]) -> tuple[int, str]:
    """Run a program in a container; return its exit code (-1: not known) and what it said."""
    code, raw = executed(api, container, argv)
    said = " ".join(text for _, text in split([raw], moments=False) if not empty_talk(text))
    return code, said


@shaped("a program in a container")
def executed(api: Api, container: Container, argv: Sequence[str]) -> tuple[int, bytes]:
    """Like `run`, with both streams as the engine sends them."""
    wanted = {"Cmd": list(argv), "AttachStdout": True, "AttachStderr": True}
    made = api.post(f"/containers/{container.id}/exec", wanted)["Id"]
    raw = api.post_raw(f"/exec/{made}/start", {"Detach": False, "Tty": False})
    code = (api.get(f"/exec/{made}/json") or {}).get("ExitCode")
    return -1 if code is None else int(code), raw

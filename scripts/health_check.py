"""Runs a container's own health check now: the engine's last result may be half a minute old."""

from scripts.engine_api import Api
from scripts.errors import StackError
from scripts.log_lines import Splitter
from scripts.model import Container, Reading

PASSED = 0


def read(api: Api, container: Container) -> Reading:
    """Give what the check says now; a service that is down is a reading, never an exception.

    The check runs as the engine would run it (`HEALTHCHECK` in
    https://docs.docker.com/reference/dockerfile/), with the engine's own limit of time.
    """
    try:
        code, said = _run(api, container)
    except StackError as error:  # it has just stopped, or lacks the program
        return Reading(service=container.service, ok=False, detail=str(error))
    if code == PASSED:
        return Reading(service=container.service, ok=True, detail="healthy")
    return Reading(service=container.service, ok=False, detail=said or f"exit code {code}")


def _run(api: Api, container: Container) -> tuple[int, str]:
    kind, *words = container.check
    argv = ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words
    wanted = {"Cmd": argv, "AttachStdout": True, "AttachStderr": True}
    made = api.post(f"/containers/{container.id}/exec", wanted)["Id"]
    splitter = Splitter(moments=False)
    raw = api.post_raw(f"/exec/{made}/start", {"Detach": False, "Tty": False})
    lines = (*splitter.feed(raw), *splitter.rest())
    code = (api.get(f"/exec/{made}/json") or {}).get("ExitCode")
    return -1 if code is None else int(code), " ".join(text for _, text in lines)

"""`inv reload`: the API takes the code as it is now; and what became of each version, told."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from scripts.commands import flags
from scripts.config.workspace import Workspace
from scripts.core.errors import ConfigError, ExitCode, RefusedError
from scripts.core.finding import Finding, fatal
from scripts.core.look import Look, Reading
from scripts.core.polling import poll
from scripts.engine.containers import containers
from scripts.start import guards, sources
from scripts.tell.report import Report
from scripts.watch import on_host, probes
from scripts.watch.on_host import SERVICE
from scripts.watch.reload import asking, findings
from scripts.watch.reload import state as states
from scripts.watch.reload.asking import Supervisor
from scripts.watch.reload.findings import SAID
from scripts.watch.reload.state import Outcome, Run, State

INTERVAL = 0.1
"""Seconds between two looks at the state, and between two probes."""
WRITTEN = 5.0
"""Seconds after which a supervisor that was just started has written its state."""
ANSWER = 5.0
"""Seconds in which a version that took over answers a probe."""


def reload(space: Workspace, timeout: float, tell: Report) -> ExitCode:
    """Have the code taken as it is now, and tell what became of it, within `timeout` seconds.

    Raises ConfigError where no reload is on, no API runs, or it is another checkout's.
    """
    deadline = time.monotonic() + timeout
    guards.require_own(space)
    supervisor, before = _required(space, min(timeout, WRITTEN))
    if supervisor.container.host is None:  # what was saved is there before it is taken
        sources.supply(space, (SERVICE,), tell.say, anew=False)
    with suppress(RefusedError):  # it has ended: that is seen below
        supervisor.reload()
    left = max(0.0, deadline - time.monotonic())
    after = _awaited(supervisor, before, left)
    run = after.after(before)
    if run is None:
        late = supervisor.lives()
        code = ExitCode.TIMEOUT if late else ExitCode.BROKEN
        finding: Finding | None = _overdue(after, timeout) if late else _ended()
    else:
        finding = _wrong(supervisor, run, after)
        code = ExitCode.OK if finding is None else ExitCode.BROKEN
        finding = finding or next(findings.unused(run), None)
    tell.reload(document(run, after, finding, code))
    return code


def timeline(space: Workspace, number: int, tell: Report) -> None:
    """Tell how one of the last versions came to answer, 1 for the last; errors as in `reload`."""
    _, state = _required(space, 0.0)
    if not state.runs:
        problem = "no edit has been taken since the API was started"
        raise ConfigError(problem, next_step="save a file of MEMOS_SRC, or: inv reload")
    run = flags.chosen("reload", number, state.runs[::-1], "the versions that are remembered")
    wrong = findings.failed(run, state) if run.outcome is Outcome.FAILED else None
    tell.version(document(run, state, wrong, ExitCode.OK))


def document(
    run: Run | None, state: State, finding: Finding | None, code: ExitCode
) -> dict[str, Any]:
    """Return what is printed of a version (schemas/reload.schema.json)."""
    return {
        "exit_code": int(code),
        "serving": state.serving,
        "run": None if run is None else states.document(run),
        "finding": None if finding is None else asdict(finding) | {"victims": []},
    }


def _required(space: Workspace, patience: float) -> tuple[Supervisor, State]:
    """Return who takes edits, and its state; ConfigError says why nobody does."""
    settings = space.settings
    patience, supervisor = patience if settings.reloads else 0.0, None
    for look in poll(lambda: _look(space), timeout=patience, interval=INTERVAL):
        supervisor = asking.supervisor(space, look)
        if supervisor is not None and (state := supervisor.state()) is not None:
            return supervisor, state
        if not any(one.state in asking.LIVING for one in look.containers):
            break
    if supervisor is None:
        raise ConfigError("the API does not run", next_step=f"inv up --service {SERVICE}")
    if settings.get("RELOAD") == "no":
        problem = f"{settings.told('RELOAD')}: no edit is taken while the API runs"
        step = f"RELOAD=yes in .env, then: inv up --service {SERVICE}"
    elif settings.memos_src is None:
        problem = "MEMOS_SRC is empty: MemOS runs as it was released, and there is nothing to edit"
        step = "MEMOS_SRC=/path/to/MemOS in .env, then: inv up"
    elif supervisor.text():
        problem = "what the API's supervisor wrote of its state cannot be read"
        step = f"inv restart --service {SERVICE}"
    else:
        problem = "the API that runs was started without a reload"
        step = f"inv up --service {SERVICE}"
        if supervisor.container.host is not None:
            step = "inv api.host, without a command of your own"
    raise ConfigError(problem, next_step=step)


def _look(space: Workspace) -> Look:
    found = containers(space.api, space.stack.project, SERVICE)
    return Look(containers=on_host.seen(space.cache, found))


def _awaited(supervisor: Supervisor, before: State, timeout: float) -> State:
    """Return the state once a version of after this question has ended, or the API, or time."""

    def observe() -> tuple[bool, State | None]:
        return supervisor.lives(), supervisor.state()

    last = before
    for lives, state in poll(observe, timeout=timeout, interval=INTERVAL):
        last = state or last
        if not lives or last.after(before) is not None:
            break
    return last


def _wrong(supervisor: Supervisor, run: Run, state: State) -> Finding | None:
    """Return why the version is no good: it failed, or does not answer a real call."""
    if run.outcome is Outcome.FAILED:
        return supervisor.explained(findings.failed(run, state))
    reading = _answer(supervisor)
    if reading.ok:
        return None
    cause = f"version {run.version} took over, and does not answer as it should"
    step = f"inv ps; inv logs --service {SERVICE} --level error"
    return fatal("reload-unready", cause, step, service=SERVICE, evidence=reading.detail)


def _answer(supervisor: Supervisor) -> Reading:
    """Return what the API answers to its probes, as soon as that is good."""
    *_, last = _until_good(supervisor)
    return last


def _until_good(supervisor: Supervisor) -> Iterator[Reading]:
    for reading in poll(lambda: probes.read(supervisor.service), timeout=ANSWER, interval=INTERVAL):
        yield reading
        if reading.ok or reading.final:
            return


def _overdue(state: State, timeout: float) -> Finding:
    at = state.pending
    where = f": version {at.version} is at {at.stage}" if at is not None and at.stage else ""
    cause = f"no new version answers after {timeout:g} s{where}"
    return fatal("reload-overdue", cause, f"{SAID}; or: inv reload --timeout 300", service=SERVICE)


def _ended() -> Finding:
    cause = "the API ended while it took the code"
    step = f"inv up --service {SERVICE}; inv logs --service {SERVICE} says why it ended"
    return fatal("reload-ended", cause, step, service=SERVICE)

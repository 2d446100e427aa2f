"""One fault tried for real: made, told, mended, and nothing lost."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from scripts.core.errors import StackError
from scripts.core.units import SECOND, nanoseconds, query
from scripts.engine.api import Api, Stream
from scripts.engine.events import lines
from scripts.engine.places import places
from tests.e2e.faults.fault import Fault, Made
from tests.e2e.kit import witness
from tests.e2e.kit.workbench import Bench, flags

TOLD_BY = ("die", "oom", "health_status: unhealthy", "destroy", "pause")
"""Events of the engine that show a fault."""
PLAIN_LIMIT = 30.0
"""Seconds that plain Compose is given; where it waits without a word, it waits for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What `inv up` said of a fault."""

    exit_code: int
    findings: tuple[dict[str, Any], ...]
    result: dict[str, Any]
    moment: float
    """When the first word of it was on stdout, seconds since 1970."""
    began: float
    stderr: str
    interrupted: float = 0.0
    """When the run, or its engine, was interrupted."""
    waits: tuple[tuple[float, str, str], ...] = ()
    """When each service was told to answer what: moment, service, answer."""
    started: Mapping[str, float] = field(default_factory=dict)
    """When each service was started: what was before, such as the end of its former container,
    shows nothing."""


@dataclass(slots=True)
class Watch:
    """What the world beside us saw of a fault, and when: seconds since 1970."""

    events: list[tuple[float, str, str]] = field(default_factory=list)
    """Moment, service, action."""

    def follow(self, stream: Stream) -> None:
        """Note events until the stream is closed."""
        with suppress(StackError):  # the engine was the fault
            for line in lines(stream):
                event = json.loads(line)
                service = event["Actor"]["Attributes"]["com.docker.compose.service"]
                if event["Action"] in TOLD_BY:
                    self.events.append((event["timeNano"] / SECOND, service, event["Action"]))


def try_fault(bench: Bench, fault: Fault) -> tuple[Told, float]:
    """Make a fault, see that it is told rightly, mend it as told, and find all data again.

    Gives what was told, and the seconds from when the fault showed until then.
    """
    bench.up(*fault.services)
    witness.put(bench.stack, fault.services)
    making = fault.make(bench)
    try:
        next(making)
        before = bench.state()
        with watching(bench) as watch:
            told = up(bench, fault)
        if fault.preflight:
            assert bench.state() == before
        check(fault, told)
        seconds = told.moment - shown(bench, fault, watch, told)
        last = told.findings[0] if told.findings else told.result
        finish(making, last.get("next_step", ""))
    finally:
        making.close()
        bench.restore()
    mended = bench.up(*fault.services)
    assert [one for one in mended.lines if one["event"] == "finding"] == [], "mended, and yet told"
    if fault.keeps:
        assert witness.missing(bench.stack, fault.services) == []
    return told, seconds


def finish(making: Made, next_step: str) -> None:
    """Let a fault be mended, with the next step in hand."""
    try:
        making.send(next_step)
    except StopIteration:
        return
    raise AssertionError("a fault is made and mended in two steps")


def check(fault: Fault, told: Told) -> None:
    """See that the right service, cause, next step and exit code were told, and nothing else."""
    fatal = [one for one in told.findings if one["fatal"]]
    assert told.exit_code == fault.exit_code, (told, told.stderr)
    assert "Traceback" not in told.stderr
    codes = [(one["service"], one["code"]) for one in fatal]
    if fault.exit_code == 5 and not codes:  # no service was touched
        codes = [("", told.result.get("code", ""))]
    if fault.exit_code == 5:
        assert codes == [(fault.service, fault.code)], told.findings
    else:
        assert codes == []
        assert told.result.get("code", "") == fault.code, told.result
    said = json.dumps([told.findings, told.result]) + told.stderr
    assert [word for word in fault.says if word not in said] == [], said


def shown(bench: Bench, fault: Fault, watch: Watch, told: Told) -> float:
    """Return the moment when the fault showed, seconds since 1970."""
    since = told.started.get(fault.service, told.began)
    if fault.shown == "answer":
        said = told.findings[0]["evidence"]
        return min(at for at, *heard in told.waits if heard == [fault.service, said])
    if fault.shown == "log":
        return _log_moment(bench, fault, told)
    if fault.shown == "engine":
        found = (at for at, service, _ in watch.events if service == fault.service)
        # a start that it refuses is no event: that showed when it was asked for
        return min((at for at in found if at >= since), default=since)
    if fault.shown == "interrupt":
        return told.interrupted
    if fault.shown == "deadline":
        # the last event is the result, at the deadline by our own clock
        late = float(told.result["seconds"]) - float(fault.words[-1])
        return told.moment - max(0.0, late)
    return told.began


def _log_moment(bench: Bench, fault: Fault, told: Told) -> float:
    evidence = told.findings[0]["evidence"].strip("…")[:60]
    log = bench.stack.docker("logs", "--timestamps", bench.name(fault.service))
    lines = (log.stdout + log.stderr).splitlines()
    began = [line for line in lines if nanoseconds(line.split()[0]) / SECOND >= told.began]
    line = next(line for line in sorted(began) if evidence in line)
    return nanoseconds(line.split()[0]) / SECOND


def up(bench: Bench, fault: Fault) -> Told:
    """Run `inv up` and note when it told what."""
    words = [*flags(fault.services), *fault.words, "--format", "json"]
    began, moment, interrupted = time.time(), 0.0, 0.0
    events: list[dict[str, Any]] = []
    started: dict[str, float] = {}
    waits: list[tuple[float, str, str]] = []
    with subprocess.Popen(
        [sys.executable, "-m", "scripts.commands.program", "up", *words],
        cwd=bench.stack.root,
        env={**bench.stack.environ, **bench.extra},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        told = process.stderr
        assert told is not None
        stderr: list[str] = []
        reader = threading.Thread(target=lambda: stderr.append(told.read()))
        reader.start()
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "waiting":
                waits.append((time.time(), events[-1]["service"], events[-1]["detail"]))
            if events[-1]["event"] == "started":
                started[events[-1]["service"]] = time.time()
            if fault.shown == "interrupt" and events[-1]["event"] == "started":
                interrupted = time.time()
                _interrupt(bench, process)
            if not moment and events[-1]["event"] in {"finding", "result"}:
                moment = time.time()
        process.wait()
        reader.join()
    return Told(
        exit_code=process.returncode,
        findings=tuple(one["finding"] for one in events if one["event"] == "finding"),
        result=events[-1],
        moment=moment,
        began=began,
        stderr=stderr[0],
        interrupted=interrupted,
        waits=tuple(waits),
        started=started,
    )


def _interrupt(bench: Bench, process: "subprocess.Popen[str]") -> None:
    """Press Ctrl-C; where the bench has an engine of its own for the trial, kill that."""
    if not bench.extra:
        process.send_signal(signal.SIGINT)
        return
    pid = places(bench.stack.root).pidfile.read_text()
    os.kill(int(pid), signal.SIGKILL)


@contextmanager
def watching(bench: Bench) -> Iterator[Watch]:
    """Note the engine's events while the block runs."""
    watch = Watch()
    project = f"com.docker.compose.project={bench.stack.project}"
    api = Api(bench.stack.engine["DOCKER_HOST"])
    filters = {"type": ["container"], "label": [project]}
    stream = api.stream("/events", endless=True, filters=filters, since=query(time.time_ns()))

    thread = threading.Thread(target=watch.follow, args=(stream,))
    thread.start()
    try:
        yield watch
    finally:
        time.sleep(0.2)  # the last event is on its way
        stream.close()
        thread.join()


def plain(bench: Bench, fault: Fault) -> dict[str, Any]:
    """Make a fault once more, and see what `docker compose up --wait` says of it, and when."""
    bench.up(*fault.services)
    making = fault.make(bench)
    try:
        next(making)
        found = _plain_up(bench, fault)
    finally:
        making.close()
        bench.restore()
        bench.stack.inv("up", *flags(fault.services), check=False)
    return found


def _plain_up(bench: Bench, fault: Fault) -> dict[str, Any]:
    argv = ["docker", "compose", "--progress", "plain", *bench.stack.compose_words()]
    argv += ["up", "--detach", "--wait", *fault.services]
    began = time.monotonic()
    try:
        done = subprocess.run(
            argv,
            cwd=bench.stack.root,
            env={**bench.stack.environ, **bench.stack.engine},
            text=True,
            capture_output=True,
            timeout=PLAIN_LIMIT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"exit_code": None, "says": "", "seconds": PLAIN_LIMIT}
    said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    last = said[-1] if said and done.returncode else ""
    return {
        "exit_code": done.returncode,
        "says": last,
        "seconds": round(time.monotonic() - began, 1),
    }

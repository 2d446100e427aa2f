"""What services tell of themselves in Prometheus' text format: asked, and put together.

Each is asked where it tells (`x-metrics` in the compose file), from inside its container, as no
port is published for it; the API that runs on this machine is asked on its loopback.
schemas/metrics.schema.json says what the numbers mean, docs/metrics.md where they come from.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.core.errors import BrokenError, StackError
from scripts.core.foreign import exposition
from scripts.core.foreign.exposition import Sample
from scripts.core.look import Container, HostProcess, State
from scripts.core.stack import Probe, Service, Stack
from scripts.core.texts import printable
from scripts.core.units import written
from scripts.engine.api import Api
from scripts.engine.frames import frames
from scripts.watch import probes
from scripts.watch.calls import health_check

PATH = "/metrics"
TIMEOUT = 3
"""Seconds for one answer."""
LIMIT = 6.0
"""Seconds for the engine to have it asked."""
OK = 200
FIRST_ERROR = 400
LONGEST = 1e12
"""Seconds that anything may have taken."""
STDOUT = 1
REFUSED = 7
"""What curl ends with where nobody listens (https://curl.se/docs/manpage.html)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one service told, or why it did not."""

    service: str
    text: str = ""
    error: str = ""
    """Empty where it told."""
    next: str = ""
    """The command that may change that."""


def ask(api: Api, stack: Stack, containers: Sequence[Container]) -> tuple[Told, ...]:
    """Return what all services tell that can; one that is down is no exception."""
    there = {one.service: one for one in containers if one.state is State.RUNNING}
    return tuple(
        _asked(api, service, there.get(service.name))
        for service in stack.services
        if service.metrics
    )


def _asked(api: Api, service: Service, container: Container | None) -> Told:
    try:
        text = _answer(api, service, container)
        exposition.samples(text)
    except StackError as wrong:
        return Told(service=service.name, error=printable(str(wrong)), next=wrong.next_step)
    except (ValueError, EOFError) as wrong:
        error = f"what it tells cannot be read: {wrong}"
        return Told(service=service.name, error=printable(error), next=_logs(service.name))
    return Told(service=service.name, text=text)


def _answer(api: Api, service: Service, container: Container | None) -> str:
    """Return what a service tells; BrokenError with the reason why it does not."""
    start = f"inv up --service {service.name}"
    if container is None:
        raise BrokenError("it does not run", next_step=start)
    if container.host is not None:
        return _answer_here(service, container.host)
    url = f"http://127.0.0.1:{service.metrics}{PATH}"
    words = ("curl", "--noproxy", "*", "-sS", "--fail-with-body", "-m", str(TIMEOUT), url)
    code, raw = health_check.executed(api.within(LIMIT), container, words)
    said = list(frames([raw]))
    text = b"".join(piece for stream, piece in said if stream == STDOUT).decode(errors="replace")
    if code == health_check.PASSED:
        return text
    if code == REFUSED:
        why = f"nobody listens on its port {service.metrics}: it starts, or is of an older image"
        raise BrokenError(why, next_step=start)
    errors = b"".join(piece for _, piece in said).decode(errors="replace")
    why = (text or errors).strip() or f"curl ended with {code}"
    raise BrokenError(why, next_step=_logs(service.name))


def _answer_here(service: Service, process: HostProcess) -> str:
    if process.metrics_port is None:
        why = "it was started by an inv api.host that tells nothing"
        raise BrokenError(why, next_step="end it there, then again: inv api.host")
    probe = Probe(kind="http", port=process.metrics_port, path=PATH)
    status, said = probes.call(probe, timeout=TIMEOUT)
    if status != OK:
        raise BrokenError(f"{status or 'no answer'}: {said}", next_step=_logs(service.name))
    return str(said)


def _logs(name: str) -> str:
    return f"inv logs --service {name}"


def document(project: str, told: Iterable[Told], now: float) -> dict[str, Any]:
    """Return the numbers as `inv metrics --format json` prints them; `now` in seconds since 1970.

    `api` and `models` are left out where nobody tells of them.
    """
    found: dict[str, Any] = {"project": project, "at": written(now)}
    silent = []
    for one in told:
        if one.error:
            silent.append({"service": one.service, "error": one.error, "next": one.next})
            continue
        try:
            found |= _parts(Numbers(exposition.samples(one.text)))
        except (ValueError, LookupError, OverflowError, OSError) as wrong:
            error = f"what it tells has another shape than it should: {wrong!r}"
            step = _logs(one.service)
            silent.append({"service": one.service, "error": printable(error), "next": step})
    return {**found, "silent": silent}


def _parts(numbers: "Numbers") -> dict[str, Any]:
    makers = {"api": _api, "models": _models}
    told = (name for name in makers if numbers.one(f"memos_{name}_start_time_seconds"))
    return {name: makers[name](numbers) for name in told}


class Numbers:
    """The numbers of one service, by their names."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        """Leave out what is no finite number."""
        self._found: dict[str, list[Sample]] = {}
        for sample in samples:
            if math.isfinite(sample.value):
                self._found.setdefault(sample.name, []).append(sample)

    def all(self, name: str, **labels: str) -> Iterator[Sample]:
        """Yield those of a name that have these labels, among others."""
        wanted = labels.items()
        return (one for one in self._found.get(name, ()) if wanted <= one.labels.items())

    def one(self, name: str, **labels: str) -> float:
        """Return the sum of those; 0 for none."""
        return sum(one.value for one in self.all(name, **labels))

    def whole(self, name: str, **labels: str) -> int:
        """Return the same as a whole number, for what is counted."""
        return round(self.one(name, **labels))

    def words(self, label: str, *names: str, **labels: str) -> tuple[str, ...]:
        """Return the values that a label has in these, each once, in order."""
        found = (one for name in names for one in self.all(name, **labels))
        return tuple(sorted({one.labels[label] for one in found if label in one.labels}))


def _api(numbers: Numbers) -> dict[str, Any]:
    names = ("memos_api_calls_total", "memos_api_calls_in_flight")
    calls = sorted(numbers.words("call", *names), key=lambda call: (call not in FIRST, call))
    mends = {
        state: list(numbers.words("issue", "memos_api_mend", state=state))
        for state in ("mended", "left")
    }
    return {
        "version": next(iter(numbers.words("version", "memos_api_info")), ""),
        "since": written(numbers.one("memos_api_start_time_seconds")),
        **mends,
        "calls": [_call(numbers, call) for call in calls],
        "tasks": [_task(numbers, task) for task in numbers.words("task_type", *TASKS.values())],
    }


FIRST = frozenset({"add", "search"})
"""The calls that a stack is for."""


def _call(numbers: Numbers, call: str) -> dict[str, Any]:
    statuses = {
        status: numbers.whole("memos_api_calls_total", call=call, status=status)
        for status in numbers.words("status", "memos_api_calls_total", call=call)
    }
    buckets = [
        (float(one.labels.get("le", "nan")), one.value)
        for one in numbers.all("memos_api_call_seconds_bucket", call=call)
    ]
    shares = {"p50": 0.5, "p95": 0.95}
    quantiles = {name: exposition.quantile(share, buckets) for name, share in shares.items()}
    return {
        "call": call,
        "count": sum(statuses.values()),
        "errors": sum(count for status, count in statuses.items() if int(status) >= FIRST_ERROR),
        "statuses": statuses,
        "in_flight": numbers.whole("memos_api_calls_in_flight", call=call),
        **{name: _seconds(value) for name, value in quantiles.items() if value is not None},
    }


TASKS = {
    "enqueued": "memos_scheduler_tasks_enqueued_total",
    "dequeued": "memos_scheduler_tasks_dequeued_total",
    "completed": "memos_scheduler_tasks_completed_total",
    "failed": "memos_scheduler_tasks_failed_total",
}
"""MemOS' own names; the first two count messages, the others what was run for one or several."""
MEANS = {
    "seconds": "memos_scheduler_task_duration_seconds",
    "wait_seconds": "memos_scheduler_task_wait_duration_seconds",
}


def _task(numbers: Numbers, task: str) -> dict[str, Any]:
    means = {}
    for name, metric in MEANS.items():
        if count := numbers.one(f"{metric}_count", task_type=task):
            means[name] = _seconds(numbers.one(f"{metric}_sum", task_type=task) / count)
    counts = {name: numbers.whole(metric, task_type=task) for name, metric in TASKS.items()}
    return {"task": task, **counts, **means}


def _models(numbers: Numbers) -> dict[str, Any]:
    name = "memos_models_calls_total"
    pairs = sorted({(one.labels["model"], one.labels["call"]) for one in numbers.all(name)})
    return {
        "since": written(numbers.one("memos_models_start_time_seconds")),
        "models": [_model(numbers, *pair) for pair in pairs],
        "refused": {
            call: numbers.whole("memos_models_refused_total", call=call)
            for call in numbers.words("call", "memos_models_refused_total")
        },
    }


def _model(numbers: Numbers, model: str, call: str) -> dict[str, Any]:
    calls = list(numbers.all("memos_models_calls_total", model=model, call=call))
    wrong = (one.value for one in calls if int(one.labels["status"]) >= FIRST_ERROR)
    return {
        "model": model,
        "call": call,
        "count": round(sum(one.value for one in calls)),
        "errors": round(sum(wrong)),
        **{
            name: numbers.whole(f"memos_models_{name}_total", model=model, call=call)
            for name in ("texts", "tokens")
        },
        "seconds": _seconds(numbers.one("memos_models_seconds_total", model=model, call=call)),
    }


def _seconds(value: float) -> float:
    """Return seconds as they are told; ValueError for what no time can be."""
    if not 0 <= value < LONGEST:
        raise ValueError(f"{value} s")
    return round(value, 4)

"""Processes that bring images or what they are made of, each begun when what it needs is done."""

import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum, unique
from pathlib import Path

from scripts.core.errors import RefusedError
from scripts.core.polling import until_none
from scripts.core.process import Completed, Running, last_words
from scripts.core.progress import End, Note, Outcome, Step, unnoted
from scripts.diagnosis.causes.pulls import kind, pull_cause
from scripts.images.build_output import Output, cause, plain, told_error, without_logins, words

BESIDE = 2
"""More jobs at once than processors, because some wait for the network.

On two cores eight builds took 62 s four at once, the longest first; 64 s three at once; 69 s all.
"""
STOP_TIME = 5.0
"""Seconds for what is stopped to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What several jobs are for."""

    task: str
    """What does it again."""
    silence: float
    """Seconds without a word from any of them after which those that run are given up.

    From any: one may wait for another, which holds a lock or the network.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One process: a build, a pull, or a download."""

    name: str
    argv: Sequence[str]
    log: Path
    """Where its output goes."""
    what: str = ""
    """What it has, for an error; by default the image of that name."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Adds to ours."""
    terminal: bool = False
    """Whether it is to believe that it writes to a terminal."""
    after: str = ""
    """The job that has to end well before this one begins."""
    seconds: float = 0.0
    """About how long it takes; the longest begin first."""
    phase: str = "build"
    """As what `inv timeline` shows it."""


@unique
class State(StrEnum):
    """What has become of a job that was begun."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(slots=True)
class _Begun:
    process: Running
    end: End
    alive: float
    """When it was last seen to go on, by itself or by what it said; monotonic seconds."""
    completed: Completed | None = None
    stopped: bool = False

    def look(self) -> State:
        """Ask how it is."""
        if self.completed is not None:
            return State.FAILED if self.completed.exit_code else State.DONE
        if self.process.running():
            self.alive = time.monotonic()
            return State.RUNNING
        ago = time.monotonic() - self.alive  # nobody looks while the engine starts
        self.completed = self.process.wait()
        ended = Outcome.FAILED if self.completed.exit_code else Outcome.DONE
        self.end(Outcome.STOPPED if self.stopped else ended, ago=ago)
        return self.look()

    def stop(self) -> None:
        """Have it end, because it is not wanted any more."""
        self.stopped = True
        self.process.stop()


class Jobs(AbstractContextManager["Jobs"]):
    """Jobs that run side by side; what still runs when the block ends is stopped."""

    def __init__(self, say: Step, state: Step, note: Note = unnoted) -> None:
        """Tell `say` what each job says, and `state` what becomes of it, under its name.

        `note` is told when each begins and ends.
        """
        self._say, self._state, self.note = say, state, note
        self._begun: dict[str, _Begun] = {}
        self._heard = 0.0
        """When one last said something."""

    def __exit__(self, *_: object) -> None:
        """Stop what still runs, so that nothing goes on behind the user's back."""
        self.stop()

    def stop(self) -> None:
        """Stop what still runs, and wait until it has ended, STOP_TIME at most."""
        for name in self._running():
            self._begun[name].stop()
        until_none(self._running, timeout=STOP_TIME, interval=0.05)
        for name in self._running():
            self._begun[name].end(Outcome.STOPPED)

    def _running(self) -> list[str]:
        return [name for name, begun in self._begun.items() if begun.look() is State.RUNNING]

    def begin(self, job: Job) -> None:
        """Start a job now; `finish` waits for it."""
        job.log.parent.mkdir(parents=True, exist_ok=True)
        job.log.write_text(f"{' '.join(job.argv)}\n", encoding="utf-8")
        output, last = Output(), ""

        def on_line(line: str) -> None:
            nonlocal last
            line = without_logins(line)
            with job.log.open("a", encoding="utf-8") as log:
                log.write(line + "\n")
            begun = self._begun.get(job.name)
            if (news := words(line)) != last:  # apt repeats itself while nothing arrives
                last, self._heard = news, time.monotonic()
                if begun:
                    begun.alive = self._heard
            # how a stopped one ends ("ERROR: … context canceled") is no news of its work
            if (told := output.tells(line)) and not (begun and begun.stopped):
                self._say(job.name, told)

        self._heard = time.monotonic()
        process = Running(job.argv, env=job.env, on_line=on_line, terminal=job.terminal)
        end = self.note(job.phase, job.name)
        self._begun[job.name] = _Begun(process=process, end=end, alive=self._heard)

    def finish(self, batch: Batch, jobs: Sequence[Job]) -> None:
        """Run all jobs to their end, each after the one that it needs, a few at once.

        What was begun before is not begun again, unless it has failed. Raises RefusedError for the
        first that failed, BrokenError when the disk is full, after all have ended; one that needs
        it is not begun.
        """
        self._heard = time.monotonic()
        silent = self._attend(batch, self._waiting(jobs))
        for job in jobs:
            if (begun := self._begun.get(job.name)) and begun.completed:
                _judge(batch, job, begun.completed, silent=job.name in silent)

    def _waiting(self, jobs: Sequence[Job]) -> list[Job]:
        """Return the jobs to begin, the longest first."""
        names = {job.name for job in jobs}
        for name, begun in list(self._begun.items()):
            state = begun.look()
            if state is State.RUNNING and name not in names:
                begun.stop()
            if state is State.FAILED or (state is State.DONE and name not in names):
                del self._begun[name]
        waiting = [job for job in jobs if job.name not in self._begun]
        return sorted(waiting, key=lambda job: -job.seconds)

    def _attend(self, batch: Batch, waiting: list[Job]) -> set[str]:
        """Begin what may begin until all have ended; give those that fell silent."""
        silent: set[str] = set()
        told: dict[str, str] = {}

        def left() -> int:
            # asked once: what ends meanwhile is told in the next round
            states = {name: begun.look() for name, begun in self._begun.items()}
            self._begin_next(waiting, states)
            for name, line in _lines(waiting, states).items():
                if told.get(name) != line:
                    told[name] = line
                    self._state(name, line)
            running = {name for name, state in states.items() if state is State.RUNNING}
            if time.monotonic() - self._heard > batch.silence:
                waiting.clear()  # they would wait for the same
                for name in running - silent:
                    silent.add(name)
                    self._begun[name].process.stop()
            return len(running) + len(waiting)

        # no deadline: what goes on may take its time
        until_none(left, timeout=math.inf, interval=0.1)
        return silent

    def _begin_next(self, waiting: list[Job], states: dict[str, State]) -> None:
        """Begin what has what it needs, as many as may run at once."""
        alive = {name for name, state in states.items() if state is not State.FAILED}
        hoped = {"", *alive, *(job.name for job in waiting)}
        waiting[:] = [job for job in waiting if job.after in hoped]  # others need what failed
        most = (os.cpu_count() or 1) + BESIDE
        room = most - list(states.values()).count(State.RUNNING)
        for job in [job for job in waiting if _may_begin(job, states)][: max(room, 0)]:
            waiting.remove(job)
            self.begin(job)
            states[job.name] = State.RUNNING


def _may_begin(job: Job, states: Mapping[str, State]) -> bool:
    return not job.after or states.get(job.after) is State.DONE


def _lines(waiting: Sequence[Job], states: Mapping[str, State]) -> dict[str, str]:
    """Return what is to be said of those that do not run."""
    lines = {name: state.value for name, state in states.items() if state is not State.RUNNING}
    for job in waiting:
        reason = "its turn" if _may_begin(job, states) else job.after
        lines[job.name] = f"waits for {reason}"
    return lines


def _judge(batch: Batch, job: Job, completed: Completed, *, silent: bool) -> None:
    if completed.exit_code == 0:
        return
    text = completed.stdout + completed.stderr
    step, code = f"read the log, then: {batch.task}", ""
    if silent:
        reason = f"no progress for {batch.silence:.0f} s"
    elif ours := told_error(text):
        reason, step = ours
    elif known := pull_cause(plain(text)):
        reason, step, code = known.cause, known.next_step, known.code
    else:
        reason = cause(text, last_words(completed))
    message = f"{job.what or f'the image of {job.name}'} could not be had: {reason}"
    error = kind(code) if code else RefusedError
    raise error(f"{message} (log: {job.log})", next_step=step, code=code)

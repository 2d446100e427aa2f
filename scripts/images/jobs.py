"""Processes that bring images or what they are made of, each begun when what it needs is done."""

import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from scripts.core.errors import RefusedError
from scripts.core.polling import until_none
from scripts.core.process import Completed, Running, last_words
from scripts.core.progress import Step
from scripts.diagnosis.causes.pulls import pull_cause
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


@dataclass(slots=True)
class _Begun:
    job: Job
    running: Running
    done: Completed | None = None

    def look(self) -> bool:
        """Say whether it still runs."""
        if self.done is None and not self.running.running():
            self.done = self.running.wait()
        return self.done is None

    @property
    def failed(self) -> bool:
        return self.done is not None and self.done.exit_code != 0


class Jobs:
    """Jobs that run side by side; what still runs when the block ends is stopped."""

    def __init__(self, say: Step, state: Step) -> None:
        """Tell `say` what each job says, and `state` what becomes of it, under its name."""
        self._say, self._state = say, state
        self._begun: dict[str, _Begun] = {}
        self._heard = 0.0
        """When one last said something."""

    def __enter__(self) -> Self:
        """Return the jobs."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what still runs, so that nothing goes on behind the user's back."""
        self.stop()

    def stop(self) -> None:
        """Stop what still runs, and wait until it has ended, STOP_TIME at most."""
        for one in self._alive():
            one.running.stop()
        until_none(self._alive, timeout=STOP_TIME, interval=0.05)

    def _alive(self) -> list[_Begun]:
        return [one for one in self._begun.values() if one.look()]

    def begin(self, job: Job) -> None:
        """Start a job now; `finish` waits for it."""
        job.log.parent.mkdir(parents=True, exist_ok=True)
        job.log.write_text(f"{' '.join(job.argv)}\n", encoding="utf-8")
        output, last = Output(), ""

        def hear(line: str) -> None:
            nonlocal last
            line = without_logins(line)
            with job.log.open("a", encoding="utf-8") as log:
                log.write(line + "\n")
            if (said := words(line)) != last:  # apt repeats itself while nothing arrives
                last, self._heard = said, time.monotonic()
            if told := output.tells(line):
                self._say(job.name, told)

        self._heard = time.monotonic()
        running = Running(job.argv, env=job.env, on_line=hear, terminal=job.terminal)
        self._begun[job.name] = _Begun(job, running)

    def finish(self, work: Batch, jobs: Sequence[Job]) -> None:
        """Run all jobs to their end, each after the one that it needs, a few at once.

        What was begun before is not begun again, unless it has failed. Raises RefusedError for the
        first that failed, after all have ended; one that needs it is not begun.
        """
        self._heard = time.monotonic()
        silent = self._attend(work, self._waiting(jobs))
        for job in jobs:
            if (one := self._begun.get(job.name)) and one.done:
                _judge(work, job, one.done, silent=job.name in silent)

    def _waiting(self, jobs: Sequence[Job]) -> list[Job]:
        """Return the jobs to begin, the longest first."""
        names = {job.name for job in jobs}
        for name, one in list(self._begun.items()):
            if (runs := one.look()) and name not in names:
                one.running.stop()
            if not runs and (one.failed or name not in names):
                del self._begun[name]
        waiting = [job for job in jobs if job.name not in self._begun]
        return sorted(waiting, key=lambda job: -job.seconds)

    def _attend(self, work: Batch, waiting: list[Job]) -> set[str]:
        """Begin what may begin until all have ended; give those that fell silent."""
        silent: set[str] = set()
        told: dict[str, str] = {}
        most = (os.cpu_count() or 1) + BESIDE

        def look() -> int:
            alive = {one.job.name for one in self._alive()}
            ended = {one.job.name for one in self._begun.values() if one.done and not one.failed}
            hoped = {"", *alive, *ended, *(job.name for job in waiting)}
            waiting[:] = [job for job in waiting if job.after in hoped]  # others need what failed
            able = [job for job in waiting if not job.after or job.after in ended]
            for job in able[: max(most - len(alive), 0)]:
                waiting.remove(job)
                self.begin(job)
                alive.add(job.name)
            for name, state in self._states(waiting, ended).items():
                if told.get(name) != state:
                    told[name] = state
                    self._state(name, state)
            if time.monotonic() - self._heard > work.silence:
                waiting.clear()  # they would wait for the same
                for name in alive - silent:
                    silent.add(name)
                    self._begun[name].running.stop()
            return len(alive) + len(waiting)

        # no deadline: what goes on may take its time
        until_none(look, timeout=math.inf, interval=0.1)
        return silent

    def _states(self, waiting: Sequence[Job], ended: set[str]) -> dict[str, str]:
        """Return what is to be said of those that do not run."""
        states = {
            name: "failed" if one.failed else "done"
            for name, one in self._begun.items()
            if one.done
        }
        for job in waiting:
            turn = not job.after or job.after in ended
            states[job.name] = f"waits for {'its turn' if turn else job.after}"
        return states


def _judge(work: Batch, job: Job, done: Completed, *, silent: bool) -> None:
    if done.exit_code == 0:
        return
    text = done.stdout + done.stderr
    what, step = job.what or f"the image of {job.name}", f"read the log, then: {work.task}"
    reason, code = f"no progress for {work.silence:.0f} s", ""
    if not silent:
        if ours := told_error(text):
            reason, step = ours
        elif known := pull_cause(plain(text)):
            reason, step, code = known.cause, known.next_step, known.code
        else:
            reason = cause(text, last_words(done))
    raise RefusedError(
        f"{what} could not be had: {reason} (log: {job.log})", next_step=step, code=code
    )

"""Notes a command that starts services while it goes on: what came first, and the start itself.

How far it is stands in a file after each step, for who follows it from elsewhere.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from scripts.core.errors import known
from scripts.core.finding import Finding
from scripts.core.look import Container
from scripts.core.progress import End, Outcome
from scripts.core.stack import Stack
from scripts.core.units import SECOND, nanoseconds, written
from scripts.start.events import Ending, Event, EventKind
from scripts.start.history import ready_moments, runs, timeline
from scripts.start.history.timeline import Bar, Phase, Run

AT_ONCE = 20
"""Services of a stack whose every event is written at once; of a larger one each second, or third,
since each time all is written: 200 services would take 10 s of CPU."""


class Recorder:
    """Notes one command."""

    def __init__(
        self, began: float, *, rest: str = "checks", clock: Callable[[], float] = time.time
    ) -> None:
        """Begin; the command began at `began`, seconds since 1970 as `clock` gives them.

        What goes on before the first start, and nobody notes, is told as `rest`.
        """
        self._began, self._rest, self._clock = began, rest, clock
        self._before = 0.0
        self._phases: list[Phase] = []
        self._events: list[Event] = []
        self._bars: tuple[Bar, ...] = ()
        self._folder: Path | None = None
        """Where it is written how far it is; nowhere while another start of the stack goes on."""
        self._kept = False

    def within(self, folder: Path) -> None:
        """Write how far it is into the stack's cache, unless another start does."""
        self._folder = folder if _free(folder) else None
        self._write()

    def of(self, folder: Path, stack: Stack, names: Sequence[str]) -> None:
        """Say what is to be started: this is the start that goes on."""
        if folder != self._folder:
            self._leave()
        _free(folder)  # of what was killed
        self._folder, self._bars = folder, timeline.blank(stack, names, {})
        self._write()

    def note(self, name: str, what: str) -> End:
        """Note that a phase begins, as `core.progress.Note`."""
        place, self._kept = len(self._phases), False  # another start comes, where one has been
        self._phases.append(Phase(name=name, what=what, began=self._now()))
        self._write()

        def end(outcome: Outcome, *, ago: float = 0.0) -> None:
            one = self._phases[place]
            if one.ended is None:
                ended = max(one.began, self._now() - ago)
                self._phases[place] = replace(one, ended=ended, outcome=outcome)
                self._write()

        return end

    def noted(self, events: Iterable[Event]) -> Iterator[Event]:
        """Pass the events of a start on; it begins when the first is asked for."""
        self._before, self._events = self._now(), []
        every = 1 + len(self._bars) // AT_ONCE
        for number, event in enumerate(events, start=1):
            self._events.append(event)
            if number % every == 0 or event.service == "" or event.finding is not None:
                self._write()
            yield event

    def keep(
        self, folder: Path, stack: Stack, names: Sequence[str], containers: Iterable[Container]
    ) -> None:
        """Write down who became ready, and a start that started something."""
        made = tuple(containers)
        ready_moments.keep(folder, made, self._events, self._began + self._before)
        runs.end(folder)
        if not any(event.kind is EventKind.STARTED for event in self._events):
            return
        created = {
            container.service: nanoseconds(container.created_at) / SECOND - self._began
            for container in made
        }
        self._bars = timeline.blank(stack, names, created)
        self._keep(folder, self._run())

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Note the block as the whole command: why it ended before its first container, too."""
        try:
            yield
        except KeyboardInterrupt:
            self._ended(Ending.INTERRUPTED)
            raise
        except Exception as error:
            self._failed(error)
            raise
        finally:
            self._leave()

    def refused(self, findings: Sequence[Finding]) -> None:
        """Note what was found before any container was touched, and that it cannot go on."""
        for finding in findings:
            if finding.fatal:
                self._ended(Ending.BROKEN, finding.cause, finding.next_step)

    def _failed(self, error: Exception) -> None:
        if (ours := known(error)) is None:
            self._ended(Ending.REFUSED, f"a bug: {type(error).__name__}", "inv up")
            return
        from scripts.diagnosis import refused

        told = refused.explained(ours)
        self._ended(Ending.REFUSED, str(told), told.next_step)

    def _ended(self, ending: Ending, why: str = "", next_step: str = "") -> None:
        """Keep a start that began none of its services, unless it had not come to do anything."""
        did_something = self._phases or ending is Ending.BROKEN
        if self._kept or self._folder is None or not did_something:
            return
        run = replace(self._run(self._now()), verdict=ending, why=why, next_step=next_step)
        self._keep(self._folder, run)

    def _keep(self, folder: Path, run: Run) -> None:
        self._kept = True
        with suppress(OSError):
            runs.keep(folder, run)

    def _leave(self) -> None:
        """Say that it goes on no more."""
        if self._folder is not None:
            with suppress(OSError):
                runs.end(self._folder)

    def _now(self) -> float:
        """Return the seconds since the command began."""
        return round(self._clock() - self._began, 3)

    def _run(self, now: float | None = None) -> Run:
        run = timeline.run(
            self._bars, self._events, began=written(self._began), before=self._before, now=now
        )
        return replace(run, phases=timeline.phases(self._phases, run.prepared, self._rest))

    def _write(self) -> None:
        """Write how far it is, where that is known by now."""
        if self._folder is None:
            return
        run = replace(self._run(self._now()), going=True, verdict=Ending.STARTING)
        with suppress(OSError):
            runs.go_on(self._folder, run)


def _free(folder: Path) -> bool:
    """Like `runs.free`; a folder that takes no file is worth no failed start."""
    with suppress(OSError):
        return runs.free(folder)
    return False

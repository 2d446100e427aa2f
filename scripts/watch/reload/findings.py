"""Pure: what is worth knowing of a reload: a version that failed, edits that are noticed late."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from scripts.core.finding import Finding, advice
from scripts.images.drift import anew
from scripts.watch.on_host import SERVICE
from scripts.watch.reload.state import How, Outcome, Run, State, Version, Watching

CONNECTED = frozenset({"connect", "serve"})
"""Stages in which MemOS calls its databases."""
OF_CODE = (
    *("SyntaxError", "IndentationError", "TabError", "NameError", "UnboundLocalError"),
    *("ImportError", "ModuleNotFoundError", "AttributeError", "TypeError"),
)
"""How an error begins for which no database can be blamed."""
LACKS = "ModuleNotFoundError"
"""The error of code whose packages are not installed, or of a name that is wrong."""
EMPTY = "has nothing that Python imports"
"""How the reason ends for which a mounted folder is not watched once it was deleted: the container
has what is left of that, whatever has its name by now."""
SAID = f"inv logs --service {SERVICE} --tail 50"


def standing(state: State) -> Iterator[Finding]:
    """Yield what is wrong with the code as it is now; nothing while the last version answers."""
    if state.pending is not None and state.pending.error:
        # where none answers it may be a first start, that takes its time
        hangs = _wrong("reload-hangs", "has stood still for a while", state.pending, state)
        step = f"where it does not go on by itself: {hangs.next_step}"
        yield replace(hangs, next_step=step, fatal=False)
    elif state.standing is not None:
        yield failed(state.standing, state)
    elif state.running is not None:
        yield from unused(state.running)


def failed(run: Run, state: State) -> Finding:
    """Return the finding of a version that failed; fatal where no other one answers."""
    return _wrong("reload-failed", "failed", run, state)


def unused(run: Run) -> Iterator[Finding]:
    """Yield a file that does not compile, where the version that answers has not imported it."""
    if run.outcome is Outcome.ANSWERS and run.error:
        yield advice(
            "reload-unused",
            f"version {run.version} of the code answers without a file that does not compile",
            f"mend {run.place}; nothing has imported it so far",
            service=SERVICE,
            evidence=f"{run.place}: {run.error}",
        )


def _wrong(code: str, what: str, one: Version, state: State) -> Finding:
    where, serving = one.place, state.serving
    at = f" at {one.stage}" if one.stage else ""
    rest = "no version answers" if serving is None else f"version {serving} serves on"
    step = f"{SAID}; then: inv reload"
    if where:
        by_hand = state.watching.how is How.OFF
        step = f"mend {where}{', then: inv reload' if by_hand else '; to save it is enough'}"
    if one.stage in CONNECTED and not one.error.startswith(OF_CODE):
        step = f"inv ps: where a database does not answer, inv reload once it does; else {step}"
    found = advice(
        code,
        f"version {one.version} of the code {what}{at}, {rest}",
        step,
        service=SERVICE,
        evidence=f"{where}: {one.error}" if where else one.error,
    )
    return replace(found, fatal=serving is None)


def drifted(found: Finding, missed: Sequence[str]) -> Finding:
    """Return the finding of a version that may lack what its image does not hold."""
    step = f"{anew(found.service)}; where it is not that: {found.next_step}"
    wants = f"its pyproject.toml wants other packages than its image holds: {'; '.join(missed)}"
    return replace(found, next_step=step, evidence=f"{found.evidence}; {wants}")


def slow(state: State, mounted: Path | None, *, there: bool) -> Iterator[Finding]:
    """Yield why edits are noticed late, or not, and why a version takes longer than it could.

    `mounted` is the folder of this machine that the container has, and whether MemOS is `there`.
    """
    watching, template = state.watching, state.template
    if watching.how is How.POLLING:
        yield advice(
            "reload-polling",
            f"edits are noticed by polling{_because(watching.why)}",
            "MEMOS_SRC on a disk of the engine's machine; or inv reload after an edit",
            service=SERVICE,
        )
    elif watching.why or watching.how is How.OFF:  # the folder is not there, for instance
        yield advice(
            "reload-unwatched",
            f"edits are not noticed{_because(watching.why)}",
            _back(watching, mounted, there=there),
            service=SERVICE,
        )
    if not template.ready and template.why:
        yield advice(
            "reload-template",
            f"an edit is a full start for now, of seconds{_because(template.why)}",
            f"{SAID} says more; edits are taken all the same",
            service=SERVICE,
        )


def _back(watching: Watching, mounted: Path | None, *, there: bool) -> str:
    """Return what has a folder watched again."""
    other = "another MEMOS_SRC in .env, then: inv up"
    if mounted is None or not watching.why.endswith(EMPTY):
        return f"bring it back, so that it may be read: that is noticed; or {other}"
    again = f"inv restart --service {SERVICE}"
    return again if there else f"bring {mounted} back, then: {again}; or {other}"


def brought(problem: str, refused: Mapping[str, str], remote: str) -> Iterator[Finding]:
    """Yield why what was saved is not on the machine of the engine, or some of it is not."""
    if problem:
        yield advice(
            "source-late",
            f"what was saved last is not at {remote} yet, and is tried again",
            "inv remote tells how the link is; inv reload brings it, or says why not",
            service=SERVICE,
            evidence=problem,
        )
    if refused:
        name, why = min(refused.items())
        more = f", and {len(refused) - 1} more" if len(refused) > 1 else ""
        yield advice(
            "source-refused",
            f"not all of MEMOS_SRC is at {remote}",
            "inv remote names all; have git ignore what MemOS does not need",
            service=SERVICE,
            evidence=f"{name}: {why}{more}",
        )


def how(state: State, where: str) -> str:
    """Return in a few words how edits of a folder are taken."""
    watching = state.watching
    words = {
        How.EVENTS: f"an edit below {where} is taken when it is saved",
        How.POLLING: f"an edit below {where} is noticed by polling{_because(watching.why)}",
        How.OFF: f"edits below {where} are taken by inv reload alone{_because(watching.why)}",
    }
    return words[watching.how]


def _because(why: str) -> str:
    return f": {why}" if why else ""

"""Pure: the page that tells what was measured, docs/performance.md."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from tests.bench.goals import EDITS, A, B, C, Document, Goal, goals, p95

MUCH = 0.1
"""Runs that lie further apart, as a part of their median, are shown from least to most."""
NOISE = (
    "A median whose runs lie apart by more than a tenth of it has the least and the most of them"
    " behind it. The machine drifts, so the ways to start take turns, a ratio is made of two starts"
    " of the same round, and the median is that of the ratios. CPU-seconds drift less than seconds."
    " Instructions are counted by valgrind, in one run: not every machine lets the processor's own"
    " counters be read."
)


def spread(runs: Sequence[float], form: str = ".1f") -> str:
    """Return the median, with the least and the most run where they lie far apart."""
    low, high, center = min(runs), max(runs), median(runs)
    if high - low <= MUCH * center:
        return f"{center:{form}}"
    return f"{center:{form}} ({low:{form}} to {high:{form}})"


def markdown(document: Document) -> str:
    """Return docs/performance.md."""
    machine = document["machine"]
    text = [
        "# How fast it is",
        "",
        (
            "Written by `nox -s bench`, from one run; the same figures, round by round, are in"
            " [performance.json](performance.json)."
        ),
        (
            f"Measured {document['measured']} on {machine['cores']} cores,"
            f" {machine['memory_gib']} GiB,"
            f" Engine {machine['engine']}, Compose {machine['compose']},"
            f" Python {machine['python']},"
            " images built from packages, page cache warm. Medians; ratios are made round by round."
        ),
        "",
        *table(
            ("figure", "at most", "measured", ""),
            (
                (one.figure, f"{one.at_most:g} {one.unit}".strip(), _measured(one), one.verdict)
                for one in goals(document)
            ),
        ),
        "",
        NOISE,
        "",
        "## Starts",
        "",
        (
            f"(a) {A}: our resolved file with `interval: 30s` and no `start_interval`,"
            " `docker compose up -d --wait`. (b) our files as they are, the same."
            " (c) `inv up`."
        ),
        (
            "Cold: empty volumes. Warm: after `inv down`. Machine: CPU-seconds of everything on it;"
            " divided by the cores, they are the least that a start can take. The last column says"
            " how many times as long it took."
        ),
        "",
        *table(
            ("start", "models", "rounds", "seconds", "CPU-seconds", "÷ cores", "times"),
            _starts(document),
        ),
        "",
        "CPU-seconds of each service from its start until all were ready (cold, median):",
        "",
        *table(("service", f"(a) {A}", f"(b) {B}", f"(c) {C}"), _services(document)),
        "",
        "## Commands",
        "",
        (
            "On the running stack, typed as `./dev inv …`; a reset takes until all that it stopped"
            " is ready again. CPU-seconds are those of the command and of all that it waits for,"
            " Compose among them, not the engine's. Our own process: from the first container's"
            " start to the last line of a cold `inv up`; the memory is that of this process alone."
        ),
        "",
        *table(
            ("command", "runs", "seconds", "CPU-seconds", "million instructions"),
            _commands(document),
        ),
        "",
        "## Idle",
        "",
        "Percent of one core of the whole machine while nobody asks anything:",
        "",
        *table(
            ("stack", "rounds", "% of a core"),
            (
                (name, str(len(document["idle"])), spread([one[key] for one in document["idle"]]))
                for name, key in (("health checks", "checks"), ("none", "no_checks"))
                if document["idle"]
            ),
        ),
        "",
        "## From nothing",
        "",
        (
            "In a minimal Debian with python3 and ca-certificates only, with an engine of its own"
            " that is removed afterwards: no image, cache or download is there. First build:"
            " `inv images.build`, the base image and all downloads too. First memory:"
            " `./dev inv up`, with Python's packages and the engine, then a memory added with the"
            " API's defaults, until a search in other words finds it. Each run is shown."
        ),
        "",
        *table(("way", "run", "seconds", "CPU-seconds", "÷ cores"), _anew(document)),
        "",
        *_reload(document),
        *_page(document),
    ]
    return "\n".join(text)


def _measured(goal: Goal) -> str:
    return f"{spread(goal.runs, '.3g')} {goal.unit}".strip() if goal.runs else "not measured"


def _starts(document: Document) -> Iterable[tuple[str, ...]]:
    groups: dict[tuple[str, str, bool], list[Document]] = {}
    for one in document["starts"]:
        key = (one["kind"], one["variant"], one["models"])
        groups.setdefault(key, []).append(one)
    for (kind, variant, models), found in sorted(groups.items()):
        least = [one["cpu_seconds"] / document["machine"]["cores"] for one in found]
        seconds = [one["seconds"] for one in found]
        yield (
            f"{kind}, {variant}",
            "yes" if models else "no",
            str(len(found)),
            spread(seconds),
            spread([one["cpu_seconds"] for one in found]),
            f"{median(least):.1f}",
            spread([a / b for a, b in zip(seconds, least, strict=True) if b], ".2f"),
        )


def _commands(document: Document) -> Iterable[tuple[str, ...]]:
    for name, found in document["commands"].items():
        used, counted = document["cpu"].get(name), document["instructions"].get(name, "")
        cpu = spread(used, ".3f") if used else ""
        yield f"`{name}`", str(len(found)), spread(found, ".2f"), cpu, str(counted)
    if used := document["own"]["cpu_seconds"]:
        yield "`inv up`, cold", str(len(used)), "", spread(used, ".2f"), ""


def _anew(document: Document) -> Iterable[tuple[str, ...]]:
    """Every run: there are few, and what the network did to one of them shows."""
    for name, key in (("first build", "build"), ("first memory", "fresh")):
        for number, one in enumerate(document[key], start=1):
            seconds, spent = one["seconds"], one["cpu_seconds"]
            least = spent / document["machine"]["cores"]
            yield name, str(number), f"{seconds:.1f}", f"{spent:.1f}", f"{least:.1f}"


def _reload(document: Document) -> Iterable[str]:
    """The part about edits; nothing where they were never measured."""
    found = document.get("reload", {})
    if not found:
        return
    yield from (
        "## Edits",
        "",
        (
            "The API runs a checkout of MemOS (`MEMOS_SRC`); one file after the other, from all"
            " over the package, is saved with another line, and the API is asked each 10 ms until"
            " the new line answers. Beside it runs `uvicorn --reload` on the same machine with a"
            " copy of the checkout and the same databases, edited in turn. Both are called 20"
            " times a second meanwhile. Memory is beside one version, with all that the template"
            " shares with it. Nothing running: after `inv down`; a debugger's client"
            f" does what an editor does. `nox -s bench -- --reload`, {found['measured']}."
        ),
        "",
        *table(
            ("release", "by", "edits", "seconds", "95 of 100", "calls", "lost", "longest pause"),
            _edits(found),
        ),
        "",
        (
            "What hangs others is saved (a stream that is open, a thread that is stuck, …), then an"
            " edit: its seconds are in the table of goals. An error is told by `inv reload`."
        ),
        "",
    )


def _page(document: Document) -> Iterable[str]:
    """The part about the live page; nothing where it was never measured."""
    found = document.get("page", {})
    if not found:
        return
    yield from (
        "## The live page",
        "",
        (
            "`inv page` of a stack with the API, seen by a headless Chromium on the same machine."
            " First paint: of a browser that has nothing of it, by its PerformanceObserver. On"
            " screen: a container is killed and started; from the time in the engine's event to"
            " the frame that shows it. CPU: of the server's process over a minute, in which one"
            " page is open, or none was for a while. Lines: a container of the stack writes them;"
            " those that the page got and those that it said it lacks are all of them, or the"
            " rest is lost and not said. Killed: from the signal until the page shows what is"
            " (service), from the command that starts the server again until the page is whole,"
            " from the signal until it says that no engine answers, and from the engine's first"
            " answer until that is shown, whichever takes longer."
            f" `nox -s bench -- --page`, {found['measured']}."
        ),
        "",
    )


def _edits(measured: Document) -> Iterable[tuple[str, ...]]:
    for key, found in measured.items():
        if not key.startswith(EDITS):
            continue
        for name, by in (("ours", "the stack"), ("theirs", "`uvicorn --reload`")):
            one = found[name]
            if one["seconds"]:
                yield (
                    key.removeprefix(EDITS),
                    by,
                    str(len(one["seconds"])),
                    spread(one["seconds"], ".2f"),
                    f"{p95(one['seconds']):.2f}",
                    str(one["asked"]),
                    str(one["refused"] + one["failed"]),
                    f"{one['longest_pause']:.2f}",
                )


def _services(document: Document) -> Iterable[tuple[str, ...]]:
    used = {variant: _used(document, variant) for variant in (A, B, C)}
    for name in sorted({name for runs in used.values() for one in runs for name in one}):
        medians = (
            f"{median(one.get(name, 0.0) for one in runs):.1f}" if runs else "not measured"
            for runs in used.values()
        )
        yield f"`{name}`", *medians


def _used(document: Document, variant: str) -> list[Mapping[str, float]]:
    wanted = (variant, "cold", True)
    return [
        one["services"]
        for one in document["starts"]
        if (one["variant"], one["kind"], one["models"]) == wanted
    ]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table, or that nothing was measured."""
    lines = (head, ["---"] * len(head), *rows)
    if len(lines) == 2:
        return ["Not measured."]
    return [f"| {' | '.join(cells)} |" for cells in lines]

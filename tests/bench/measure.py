"""Measure how fast everything is, and write docs/performance.json and docs/performance.md.

`nox -s bench` runs on the engine that is used here, in a stack of its own, with the images that are
there. Flags make it shorter: `nox -s bench -- --rounds 1 --official-rounds 0 --quick --dry`; with
`--fresh` the way from nothing to a first memory is measured too. `--reload` measures edits alone,
`--page` the live page, or some figures of them, and leave all others as they were; `--simulate`
prints what a start costs with ever more services, and needs no engine.
"""

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scripts.config.rules import schema
from tests.bench import anew, cypher, figures, meters, page, reload, running, simulate
from tests.bench.goals import A, B, C, goals, page_goals, reload_goals
from tests.bench.meters import Cost
from tests.bench.starts import COLD, Bench, Start, clean, told
from tests.e2e.kit.checkout import Checkout, checkout
from tests.kit.places import ROOT

WRITTEN = ROOT / "docs" / "performance.json"
NOWHERE = "http://127.0.0.1:9/v1"


def arguments() -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of (b) and (c)")
    parser.add_argument("--official-rounds", type=int, default=2, help="of (a): 3 minutes each")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds for each idle figure")
    parser.add_argument("--cypher", type=int, default=80, help="rounds of heavy queries")
    parser.add_argument(
        "--quick", action="store_true", help="no first build, no idle figures, no queries"
    )
    parser.add_argument("--fresh", action="store_true", help="also from nothing to a memory")
    parser.add_argument(
        "--reload",
        nargs="*",
        choices=reload.FIGURES,
        help="only how fast edits answer, or these figures of it",
    )
    parser.add_argument("--edits", type=int, default=50, help="with --reload: of each release")
    parser.add_argument(
        "--page", nargs="*", choices=page.FIGURES, help="only the live page, or these figures of it"
    )
    parser.add_argument(
        "--simulate", action="store_true", help="only starts of 3 to 200 services that are none"
    )
    parser.add_argument("--dry", action="store_true", help="print the table, write nothing")
    return parser.parse_args()


def main() -> int:
    """Measure, write, tell; 1 when a goal is missed."""
    flags = arguments()
    if flags.simulate:
        return simulate.main()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what it made is removed then too
    with tempfile.TemporaryDirectory() as folder:
        if flags.reload is not None:
            sizes = reload.Sizes(edits=flags.edits)
            document = with_part("reload", reload.measured(Path(folder), flags.reload, sizes))
            judged = reload_goals(document)
        elif flags.page is not None:
            document = with_part("page", page.measured(Path(folder), flags.page))
            judged = page_goals(document)
        else:
            bench = made(Path(folder))
            try:
                document = measured(bench, flags)
            finally:
                bench.stack.destroy()
            judged = goals(document)
    breaches = schema.validate(document, "performance")
    assert breaches == (), breaches
    table = figures.markdown(document)
    if not flags.dry:
        WRITTEN.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        WRITTEN.with_suffix(".md").write_text(table, encoding="utf-8")
    sys.stdout.write(table)
    missed = [one for one in judged if (one.measured or 0) > one.at_most]
    return 1 if missed else 0


def with_part(part: str, figures: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Measure one part; all else is as it was written the last time."""
    document: dict[str, Any] = json.loads(WRITTEN.read_text(encoding="utf-8"))
    found = document.get(part, {})
    for name, figure in figures:
        sys.stderr.write(f"{json.dumps({name: figure})}\n")
        found[name] = figure
    found["measured"] = today()
    return {**document, part: found}


def today() -> str:
    """Return the day."""
    return datetime.now(UTC).date().isoformat()


def made(folder: Path) -> Bench:
    """Make the stack: once as it is, once for a model elsewhere; `dev` has its .venv then."""
    meters.run([str(ROOT / "dev"), "true"], cwd=ROOT, env=clean(os.environ))
    source = {"IMAGE_SOURCE": "packages"}
    stack = checkout(folder, "memos-bench", changes=source)
    plain = stack.env_file.with_name("plain.env")
    plain.touch(mode=0o600)
    model = {
        "MOS_EMBEDDER_API_BASE": NOWHERE,
        "MOS_EMBEDDER_API_KEY": "none",
        "EMBEDDING_DIMENSION": "384",
    }
    lines = stack.env_file.read_text(encoding="utf-8").splitlines()
    changed = (
        f"{name}={model.get(name, rest)}" for name, _, rest in (x.partition("=") for x in lines)
    )
    text = "\n".join(new if "=" in old else old for old, new in zip(lines, changed, strict=True))
    plain.write_text(text + "\n", encoding="utf-8")
    without = type(stack)(root=stack.root, env_file=plain, project=stack.project)
    return Bench(stack=stack, plain=without, folder=folder)


def measured(bench: Bench, flags: argparse.Namespace) -> dict[str, Any]:
    """Measure all that the flags ask for; first what a network can spoil."""
    possible = anew.possible()
    before = json.loads(WRITTEN.read_text(encoding="utf-8"))
    build = costs(anew.build()) if possible and not flags.quick else []
    memory = costs(anew.memory()) if possible and flags.fresh else []
    found = list(starts(bench, flags.rounds, flags.official_rounds))
    ours = [one.cost for one in found if (one.variant, one.kind) == (C, COLD)]
    bench.stack.inv("up")
    commands = running.commands(bench)
    return {
        "measured": today(),
        "machine": machine(bench.stack),
        "starts": [row(one) for one in found],
        "commands": {name: [one.seconds for one in runs] for name, runs in commands.items()},
        "cpu": {name: [one.command for one in runs] for name, runs in commands.items()},
        "instructions": running.instructions(bench),
        "own": {
            "cpu_percent": [one.waiting for one in ours],
            "memory_mb": [one.memory for one in ours],
            "cpu_seconds": [one.command for one in ours],
        },
        "idle": [] if flags.quick else list(running.idle(bench, flags.idle)),
        "cypher": [] if flags.quick else list(queries(bench, flags.cypher)),
        "build": build,
        "fresh": memory,
        "reload": before.get("reload", {}),
        "page": before.get("page", {}),
    }


def starts(bench: Bench, rounds: int, official: int) -> Iterator[Start]:
    """Start in every way, turn by turn, so that what drifts drifts for all."""
    for number in range(max(rounds, official)):
        if number < rounds:
            for variant in (C, B):
                for start in bench.once(variant, number):
                    yield said(start)
            for variant in (C, B):
                yield said(bench.without_models(variant, number))
        if number < official:
            for start in bench.once(A, number):
                yield said(start)
            if number == 0:  # one and a half minutes each: once is enough
                yield said(bench.without_models(A, number))


def said(start: Start) -> Start:
    """Tell a start while the run goes on."""
    sys.stderr.write(told(start) + "\n")
    return start


def row(start: Start) -> dict[str, object]:
    """Return a start as the document has it."""
    return {
        "variant": start.variant,
        "kind": start.kind,
        "models": start.models,
        "round": start.round,
        "seconds": start.cost.seconds,
        "cpu_seconds": start.cost.machine,
        "services": dict(start.cost.services),
    }


def costs(found: Iterable[Cost]) -> list[dict[str, float]]:
    """Return what was measured as the document has it."""
    return [{"seconds": one.seconds, "cpu_seconds": one.machine} for one in found]


def queries(bench: Bench, rounds: int) -> Iterator[dict[str, object]]:
    """Compare the Neo4j image with the JVM's own settings."""
    name = bench.stack.docker(
        "compose", *bench.files(bench.stack), "config", "--images", "neo4j"
    ).stdout
    yield from cypher.compare(bench.stack, name.split()[0], rounds)


def machine(stack: Checkout) -> dict[str, object]:
    """Say what was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    engine = stack.docker("version", "--format", "{{.Server.Version}}").stdout.strip()
    return {
        "cores": os.cpu_count() or 1,
        "memory_gib": round(memory, 1),
        "engine": engine,
        "compose": stack.docker("compose", "version", "--short").stdout.strip(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    sys.exit(main())

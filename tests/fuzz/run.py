"""Hostile input for every reader: `python -m tests.fuzz.run [SECONDS] [TARGET]...`.

Half of the time hypothesis makes it, half of it atheris, which sees what code an input reaches; it
is for x86-64 Linux alone, and elsewhere hypothesis has all the time. What gets through is kept
below .cache/fuzz, and the seed is printed: with FUZZ_SEED the same comes again.
"""

import importlib.util
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from tempfile import TemporaryDirectory

from tests.fuzz.places import FOLDER
from tests.fuzz.targets import TARGETS
from tests.kit.places import ROOT

SECONDS = 600.0
"""For all targets together."""


def main(words: Sequence[str]) -> int:
    """Give each target its share of the time; 1 when an input got through one."""
    seconds = float(words[0]) if words else SECONDS
    names = [*words[1:]] or [*TARGETS]
    seed = int(os.environ.get("FUZZ_SEED") or random.randrange(1, 1 << 31))
    ways = ["made", "guided"] if importlib.util.find_spec("atheris") else ["made"]
    share = seconds / len(names) / len(ways)
    _say(f"seed {seed}: {len(names)} targets, {share:.1f} s each way: {' and '.join(ways)}")
    pairs = [(way, name) for way in ways for name in names]
    faults = [name for way, name in pairs if not _held(way, name, seed, share)]
    told = f"got through: {', '.join(faults)}; see {FOLDER}" if faults else "nothing got through"
    _say(f"seed {seed}: {told}")
    return bool(faults)


def _held(way: str, name: str, seed: int, seconds: float) -> bool:
    """Try a target in a process of its own, which may run out of memory; say whether it held."""
    log = FOLDER / f"{way}-{name}.log"
    (FOLDER / "crashes").mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", f"tests.fuzz.{way}", name, str(seed), str(seconds)]
    # atheris ends a process without its last words, so what it made is removed here
    with log.open("wb") as out, TemporaryDirectory() as made:
        env = {**os.environ, "TMPDIR": made}
        done = subprocess.run(words, cwd=ROOT, env=env, stdout=out, stderr=out, check=False)
    last = log.read_text(errors="replace").strip().splitlines()[-1:]
    held = "ok" if done.returncode == 0 else "FAULT"
    _say(f"{way:<7} {name:<18} {held}  {' '.join(last)[:100]}")
    return done.returncode == 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

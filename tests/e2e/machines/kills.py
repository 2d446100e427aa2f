"""Kills data commands at random moments, and looks whether the data is whole after the next one.

`nox -s kills` runs all moments; `-- --seed N --only restore:17` one of them again. With `--remote`
nothing is killed but the ssh that leads to the engine: a part of `nox -s remote`.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from scripts.core.errors import ExitCode
from tests.e2e.kit.checkout import Checkout, checkout
from tests.kit.places import ROOT

COMMANDS = ("save", "reset", "restore")
SERVICES = ("qdrant", "etcd", "minio")
"""Ready within two seconds; two data groups and three volumes."""
VOLUMES = ("qdrant_data", "etcd_data", "minio_data")
FILES = 400
"""In each volume, all of one generation: a mixture would show."""
BYTES = 30_000
TRIES, EARLIER = 6, 0.8
"""A command that ends before its moment is struck again at this share of the time."""
BASE = "snapshot-of-kills"
POINTS = "kills"
WRITE = """
set -eu
for volume in *; do
    rm -rf "$volume/kills"; mkdir "$volume/kills"
    head -c BYTES /dev/urandom > /tmp/noise
    i=0
    while [ $i -lt FILES ]; do
        { echo GENERATION; cat /tmp/noise; } > "$volume/kills/$i"; i=$((i + 1))
    done
done
"""
READ = """
for volume in *; do
    echo "$volume $(ls -A "$volume" | grep -c '^.memos-dev-' || true)" \
    $(for file in "$volume"/kills/*; do [ -e "$file" ] && head -n 1 "$file"; done | sort | uniq -c)
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a command is killed: `share` of the time that it takes undisturbed."""

    command: str
    number: int
    share: float
    group: bool
    """Its children too, as a closed terminal would; else they live on for a while."""

    def __str__(self) -> str:
        """Return how the command line names it."""
        return f"{self.command}:{self.number}"


def moments(seed: int, each: int) -> Iterator[Moment]:
    """Yield `each` moments of every command, spread over all its time."""
    for command in COMMANDS:
        for number in range(each):
            dice = random.Random(f"{seed} {command} {number} {each}")
            share = (number + dice.random()) / each
            yield Moment(command=command, number=number, share=share, group=dice.random() < 0.5)


class Kills:
    """A small stack of its own whose data is known."""

    def __init__(self, stack: Checkout, remote: str = "") -> None:
        """Work on a stack that is up; `prepare` comes first. `remote` as for `main`."""
        self.stack, self.remote = stack, remote
        self.outlived = False
        """Whether the last command that was struck did its work all the same."""
        self.generation = 0
        self.folder = stack.root / "snapshots" / stack.project
        self.seconds: dict[str, float] = {}

    @property
    def up(self) -> list[str]:
        """The command that follows a kill."""
        return ["up", *(word for name in SERVICES for word in ("--service", name))]

    def words(self, command: str) -> list[str]:
        """Return the words of a data command."""
        named = ["--service", "qdrant", "--service", "minio"]
        return {
            "save": ["snapshot.save", *named],
            "reset": ["reset", *named, "--yes"],
            "restore": ["snapshot.restore", BASE, "--yes"],
        }[command]

    def prepare(self) -> None:
        """Make the snapshot that is restored, and take the time of each command undisturbed."""
        if self.remote:
            self.stack.inv("images.send", *self.up[1:])
        self.stack.inv(*self.up)
        self.fill()
        self.stack.inv("snapshot.save", "--service", "qdrant", "--service", "minio", "--name", BASE)
        self.base = self.generation
        for command in COMMANDS:
            self.fill()
            began = time.monotonic()
            self.stack.inv(*self.words(command))
            self.seconds[command] = time.monotonic() - began

    def fill(self) -> None:
        """Return all volumes and the vector store the data of the next generation."""
        self.generation += 1
        script = WRITE.replace("GENERATION", f"generation-{self.generation}")
        self.volumes(script.replace("BYTES", str(BYTES)).replace("FILES", str(FILES)))
        url = self.stack.url("QDRANT_HTTP_PORT", f"/collections/{POINTS}")
        requests.delete(url, timeout=20)
        vectors = {"vectors": {"size": 4, "distance": "Dot"}}
        requests.put(url, json=vectors, timeout=20).raise_for_status()
        payload = {"generation": self.generation}
        points = [{"id": i, "vector": [1, 0, 0, i], "payload": payload} for i in range(100)]
        answer = requests.put(f"{url}/points?wait=true", json={"points": points}, timeout=20)
        answer.raise_for_status()

    def volumes(self, script: str) -> str:
        """Run a script over the volumes."""
        prefix = f"{self.stack.project}_"
        there = [name for name in self.stack.left() if name.startswith(prefix)]
        names = [(next(n for n in there if n.startswith(prefix + key)), key) for key in VOLUMES]
        mounts = [word for name, key in names for word in ("--volume", f"{name}:/v/{key}")]
        qdrant = self.stack.values()["CONTAINER_PREFIX"] + "qdrant-docker"
        used = self.stack.docker("inspect", "--format", "{{.Config.Image}}", qdrant).stdout.strip()
        image = ["--user", "0", "--entrypoint", "sh", used, "-c", f"cd /v; {script}"]
        return self.stack.docker("run", "--rm", "--network", "none", *mounts, *image).stdout

    def points(self) -> set[int]:
        """Return the generations of the points that the vector store gives back."""
        url = self.stack.url("QDRANT_HTTP_PORT", f"/collections/{POINTS}/points/scroll")
        answer = requests.post(url, json={"limit": 1000, "with_payload": True}, timeout=20)
        if answer.status_code == 404:
            return set()
        found = answer.json()["result"]["points"]
        assert len(found) in {0, 100}, f"{len(found)} points"
        return {point["payload"]["generation"] for point in found}

    def strike(self, moment: Moment) -> str:
        """Kill a command at its moment, type the next one, and give what became of the data.

        A command that was quicker than undisturbed ended by itself: it is struck again, earlier.
        """
        kept = {file.name for file in self.folder.iterdir()}
        after = moment.share * self.seconds[moment.command]
        for again in range(TRIES):
            self.fill()
            if self.killed(moment, after):
                return f"{self.judged(moment, after, kept)}{f', try {again + 1}' if again else ''}"
            self.tidy(kept)
            after *= EARLIER
        raise AssertionError(f"nothing was struck: it ended before its moment {TRIES} times")

    def killed(self, moment: Moment, after: float) -> bool:
        """Kill a command `after` seconds, or cut its ssh; False when it had ended by itself."""
        struck = False
        with self.stack.started(*self.words(moment.command)) as process:
            try:
                process.wait(timeout=after)
            except subprocess.TimeoutExpired:
                struck = True
                if self.remote:
                    cut()
                elif moment.group:
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
            code = process.wait()
            said = process.stdout.read() if process.stdout else ""
        wanted = int(ExitCode.ENGINE) if self.remote else -signal.SIGKILL
        assert code == 0 or (struck and code == wanted), f"it ended with {code}: {said[-500:]}"
        assert code == 0 or not self.remote or "\nnext: " in said, said[-500:]
        self.outlived = self.remote != "" and struck and code == 0
        return code != 0 or self.outlived

    def judged(self, moment: Moment, after: float, kept: set[str]) -> str:
        """Type the next command after a kill, and give what became of the data."""
        before, state = self.generation, self.phase()
        again = self.stack.inv(*self.up, check=False, timeout=200)
        assert again.exit_code == 0, f"{state}: {again.exit_code}\n{again.stderr}"
        found = self.whole(moment, before)
        self.tidy(kept)
        return f"{after:5.1f} s  {'it went on' if self.outlived else state:<22} → {found}"

    def phase(self) -> str:
        """Return what the journal says."""
        file = self.folder / "journal.json"
        found = json.loads(file.read_text()) if file.exists() else {}
        return f"{found['command']}, {found['phase']}" if found else "no journal"

    def whole(self, moment: Moment, before: int) -> str:
        """Return which data there is; AssertionError when it is a mixture, or something is left."""
        assert self.phase() == "no journal", self.phase()
        assert not list(self.folder.glob("*.partial"))
        label = f"label=dev.memos.helper={self.stack.project}"
        assert not self.stack.docker("ps", "--all", "--quiet", "--filter", label).stdout
        rows = [line.split() for line in self.volumes(READ).splitlines()]
        assert [row[1] for row in rows] == ["0"] * len(VOLUMES), f"hidden folders: {rows}"
        held = {tuple(row[2:]) for row in rows}
        assert len(held) == 1, f"a mixture: {rows}"
        files = next(iter(held))
        old, base = ((str(FILES), f"generation-{number}") for number in (before, self.base))
        others: dict[str, dict[tuple[str, ...], int]] = {
            "reset": {(): 0},
            "restore": {base: self.base},
        }
        wanted = {old: before, **others.get(moment.command, {})}
        if self.outlived and moment.command in others:
            del wanted[old]
        assert files in wanted, f"{files}, wanted one of {list(wanted)}"
        generation = wanted[files]
        assert self.points() == ({generation} if generation else set())
        if generation == 0:
            newest = max(self.folder.glob("before-reset-*"), key=lambda file: file.stat().st_mtime)
            self.stack.inv("snapshot.verify", newest.name.removesuffix(".tar.zst"))
        return {before: "old data", 0: "deleted, snapshot whole"}.get(generation, "restored data")

    def tidy(self, kept: set[str]) -> None:
        """Remove the snapshots of one strike."""
        for file in self.folder.iterdir():
            if file.name not in kept:
                file.unlink()


def cut() -> None:
    """Kill the ssh that leads to the engine; its keeper brings it back."""
    for file in (ROOT / ".cache" / "remote").glob("*/state.json"):
        link = json.loads(file.read_text())
        if link["phase"] == "open":
            os.kill(link["ssh"], signal.SIGKILL)


def chosen_by(only: str, moment: Moment) -> bool:
    """Say whether --only names a moment: restore, restore:17 or restore:10-19."""
    command, _, numbers = only.partition(":")
    first, _, last = numbers.partition("-")
    inside = not numbers or int(first) <= moment.number <= int(last or first)
    return command in {"", moment.command} and inside


def main() -> int:
    """Strike at every moment; give 1 when one of them lost or mixed data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--each", type=int, default=30, help="moments of each command")
    parser.add_argument("--remote", default="", help="cut ssh to this engine, and kill nothing")
    parser.add_argument("--only", default="", help="such as restore, restore:17, restore:10-19")
    chosen = parser.parse_args()
    sys.stdout.write(f"seed {chosen.seed}, {chosen.each} moments of each command\n")
    failed = struck = 0
    with tempfile.TemporaryDirectory() as folder:
        far = {"REMOTE": chosen.remote, "IMAGE_SOURCE": "packages"} if chosen.remote else {}
        stack = checkout(Path(folder), "memos-e2e-kills", root=ROOT, changes=far)
        try:
            kills = Kills(stack, chosen.remote)
            kills.prepare()
            for moment in moments(chosen.seed, chosen.each):
                if not chosen_by(chosen.only, moment):
                    continue
                struck += 1
                try:
                    result = kills.strike(moment)
                except (AssertionError, OSError, subprocess.SubprocessError) as error:
                    failed += 1
                    result = f"FAILED: {error}"
                    sys.stdout.write(f"{moment!s:<11} {result}\n")
                    break
                sys.stdout.write(
                    f"{moment!s:<11} {'group' if moment.group else 'alone'} {result}\n"
                )
                sys.stdout.flush()
        finally:
            if not failed:
                stack.destroy()
    sys.stdout.write(f"{struck} moments, {failed} failed; again: --seed {chosen.seed}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

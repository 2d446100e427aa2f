"""What an engine behind 50 ms of cable does to the work on MemOS: sources, images, data.

The second part of `nox -s remote`; alone: `python -m tests.e2e.machines.far_work`, with `--only
saved` what is named so, and what comes before all. It takes the images from this checkout's engine.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.e2e.kit import releases
from tests.e2e.kit.checkout import Checkout, checkout
from tests.e2e.kit.on_host import Running, environment
from tests.e2e.machines.far_machine import Far, far_machine
from tests.e2e.machines.ssh_host import NAME
from tests.kit.places import ROOT
from tests.kit.relay import relay

PROJECT = "memos-lab-remote"
CHANGES = {"IMAGE_SOURCE": "packages", "WITH_MILVUS": "no"}
SAVES = 7
LONGEST = 1.3
"""Seconds in which one changed file is to answer: the median of SAVES."""
BRANCH = 200
BUILT = "memos-lab-built"
ANSWERS = """\
import json, sys, time, urllib.request, urllib.error
file, text, url, wanted = sys.argv[1:]
began = time.monotonic()
if text:
    with open(file, "w") as opened:
        opened.write(text)
while time.monotonic() - began < 60:
    try:
        with urllib.request.urlopen(url, timeout=5) as said:
            if json.load(said) == json.loads(wanted):
                break
    except (OSError, ValueError):
        pass
    time.sleep(0.01)
else:
    sys.exit(f"{url} never answered {wanted}")
print(time.monotonic() - began)
"""
"""Saves a file and waits for an answer, at the desk."""
ROUTE = """
@app.get("/edited")
def edited():
    return {number}
"""


@dataclass(kw_only=True)
class Trial:
    """The work on a source at the desk, while all of it runs on the far machine."""

    far: Far
    source: Path
    number: int = 0

    def __post_init__(self) -> None:
        """Remember the file that is edited."""
        self.file = self.source / "memos" / "api" / "server_api.py"
        self.text = self.file.read_text()

    def images(self, ours: Checkout) -> str:
        """They are carried from the engine here, once."""
        lacks = [
            row.split()[0]
            for row in ours.inv("images.status").stdout.splitlines()[1:]
            if row and ":" not in row.split()[0] and " here " not in row
        ]
        if lacks:
            ours.inv("images.build", *(word for one in lacks for word in ("--service", one)))
        began = time.monotonic()
        told = self.far.stack.inv("images.send").stderr
        took = time.monotonic() - began
        assert "sent: " in told, told
        again = self.far.stack.inv("images.send").stderr
        assert "all that is here is there" in again, again
        return f"{took:.0f} s over the cable"

    def up(self) -> str:
        """The source is there before the API starts."""
        began = time.monotonic()
        told = self.far.stack.inv("up", "--service", "memos").stderr
        took = time.monotonic() - began
        assert " files brought" in told, told
        assert self.answered("") is not None
        began = time.monotonic()
        again = self.far.stack.inv("up", "--service", "memos").stderr
        assert "are there as they are here" in again, again
        return f"{took:.1f} s; unchanged {time.monotonic() - began:.1f} s"

    def saves(self) -> str:
        """One changed file answers soon."""
        took = [self.save() for _ in range(SAVES)]
        middle = statistics.median(took)
        told = f"median {middle:.2f} s of {', '.join(f'{one:.2f}' for one in took)}"
        return told if middle <= LONGEST else f"{told}: MISSED, {LONGEST} s were promised"

    def branch(self) -> str:
        """A switch of 200 files, some gone, is one push."""
        folder = self.source / "memos" / "branch"
        for name in ("one", "two"):
            before = int(self.told()["times"])
            folder.mkdir(exist_ok=True)
            for number in range(BRANCH):
                (folder / f"{name}{number}.py").write_text(f"# {name} {number}\n")
            for number in range(BRANCH if name == "two" else 0):
                (folder / f"one{number}.py").unlink()
            self.until(partial(self.pushed, before))
            time.sleep(1)
            assert self.told()["times"] == before + 1, self.told()
        return f"{self.told()['put']} files, {self.told()['gone']} gone: {self.told()['seconds']} s"

    def reload(self) -> str:
        """It takes what was saved just before."""
        self.number += 1
        self.file.write_text(self.text + ROUTE.format(number=self.number))
        began = time.monotonic()
        self.far.stack.inv("reload")
        took = time.monotonic() - began
        assert self.answered("") < 1
        return f"{took:.1f} s"

    def host(self) -> str:
        """The API at the desk, its databases there: memories are found, and a save answers."""
        stack, checkout = self.far.stack, self.source.parent
        environment(checkout.parent / "environment", self.source)
        with stack.started("api.host") as started:
            running = Running(started)
            running.until("memos: reload: version 1 answers")
            stack.inv("smoke")
            took = self.save()
            rows = stack.inv("ps", "--format", "json").document["services"]
            assert next(row for row in rows if row["service"] == "memos")["host_pid"]
            stack.inv("api.container")
            assert started.wait(10) == 0, running.text
        stack.inv("smoke")
        self.answered("")
        return f"a save answers in {took:.2f} s; the container is back"

    def refused(self) -> str:
        """What cannot be brought is told, and the rest is."""
        large = self.source / "memos" / "large.bin"
        with large.open("wb") as file:
            file.truncate(40 << 20)
        (self.source / "memos" / "out").symlink_to("/etc/hostname")
        self.until(lambda: len(self.told()["refused"]) == 2)
        told = self.far.stack.inv("remote").stdout
        assert "memos/large.bin" in told, told
        large.unlink()
        (self.source / "memos" / "out").unlink()
        return "told by inv remote"

    def cable(self) -> str:
        """What is saved while the cable is out comes when it is back."""
        self.number += 1
        with self.far.desk.unplugged():
            self.file.write_text(self.text + ROUTE.format(number=self.number))
            time.sleep(12)
        return f"{self.answered(''):.1f} s after the cable was back"

    def build(self) -> str:
        """A build there gets its context, a folder beside it and a secret from here."""
        context = self.source.parent / "context"
        (context / "beside").mkdir(parents=True)
        (context / "beside" / "b").write_text("beside")
        (context / "file").write_text("context")
        (context / "secret").write_text("secret")
        image = self.far.stack.docker(
            "inspect", "--format={{.Config.Image}}", self.far.stack.container("memos")
        ).stdout.strip()
        (context / "Dockerfile").write_text(
            f"FROM {image}\nCOPY file /tmp/file\nCOPY --from=more b /tmp/b\n"
            "RUN --mount=type=secret,id=s,uid=1000 cat /tmp/file /tmp/b /run/secrets/s >/tmp/all\n"
        )
        words = (
            "--secret",
            f"id=s,src={context}/secret",
            "--build-context",
            f"more={context}/beside",
        )
        self.far.stack.docker("build", "--tag", "memos-lab-built", *words, str(context))
        shown = self.far.stack.docker(
            "run", "--rm", "--entrypoint=cat", "memos-lab-built", "/tmp/all"
        )
        assert shown.stdout == "contextbesidesecret", shown.stdout
        return "context, folder and secret are sent"

    def without(self) -> str:
        """Without MEMOS_SRC the released MemOS runs, though the volume had a source."""
        bare = self.far.stack.varied(self.source.parent / "bare.env", MEMOS_SRC="")
        bare.inv("up", "--service", "memos")
        name = bare.container("memos")
        held = bare.docker("exec", name, "ls", "/app/src").stdout.split()
        assert held == ["README.md"], held
        return "the volume has nothing of it"

    def save(self) -> float:
        """Save the file, and wait for the new answer; give the seconds."""
        self.number += 1
        return self.answered(self.text + ROUTE.format(number=self.number))

    def answered(self, text: str) -> float:
        """Return the seconds until the API answers as the file wants it."""
        path, wanted = ("/edited", str(self.number)) if self.number else ("/openapi.json", "")
        if not wanted:
            url = self.far.stack.url("MEMOS_PORT", path)
            ask = f"import urllib.request as u; u.urlopen({url!r}, timeout=20)"
            self.far.desk.run(sys.executable, "-c", ask)
            return 0.0
        words = [str(self.file), text, self.far.stack.url("MEMOS_PORT", path), wanted]
        done = self.far.desk.run(sys.executable, "-c", ANSWERS, *words, limit=120)
        return float(done.stdout)

    def told(self) -> dict[str, Any]:
        """Return what `inv remote` has of the source."""
        link = self.far.stack.inv("remote", "--format", "json").document
        return dict(link["duties"].get(f"source of {PROJECT}", {"times": 0, "refused": {}}))

    def pushed(self, before: int) -> bool:
        """Say whether something was brought since."""
        return int(self.told()["times"]) > before

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < deadline, self.told()
            time.sleep(0.2)


def cuts(far: Far, each: int) -> str:
    """Cut ssh in the middle of data commands: the data is whole after the next one."""
    words = ["-m", "tests.e2e.machines.kills", "--each", str(each), "--remote", NAME]
    done = far.desk.run(sys.executable, *words, folder=ROOT, limit=3600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return f"\n{done.stdout}"


def main(argv: Sequence[str] | None = None) -> int:
    """Try all; give 1 when something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", action="append", help="steps of which this is a part of the name; may be repeated"
    )
    parser.add_argument("--cuts", type=int, default=3, help="moments of each data command")
    chosen = parser.parse_args(argv)
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        source = releases.source(folder, "2.0.6")
        changes = {**CHANGES, "MEMOS_SRC": str(source)}
        here = checkout(folder, "memos-lab-here", changes=CHANGES)
        engine = here.engine_env()["DOCKER_HOST"].removeprefix("unix://")
        with (
            far_machine(folder, PROJECT, changes=changes) as far,
            relay(far.desk.run_folder / "docker.sock", engine),
        ):
            trial = Trial(far=far, source=source)
            first: dict[str, Callable[[], str]] = {
                "images.send": partial(trial.images, here),
                "up": trial.up,
            }
            steps: dict[str, Callable[[], str]] = {
                **first,
                "one file saved": trial.saves,
                "a branch": trial.branch,
                "inv reload": trial.reload,
                "inv api.host": trial.host,
                "what cannot be brought": trial.refused,
                "the cable out": trial.cable,
                "ssh cut in data commands": partial(cuts, far, chosen.cuts),
                "a build there": trial.build,
                "without MEMOS_SRC": trial.without,
            }
            try:
                for name, step in steps.items():
                    wanted = any(one in name for one in chosen.only or ("",))
                    if name not in first and not wanted:
                        continue
                    try:
                        told = step()
                    except (AssertionError, OSError, subprocess.SubprocessError) as error:
                        failed += 1
                        told = f"FAILED: {error}"
                    sys.stdout.write(f"{name}: {told}\n")
                    sys.stdout.flush()
            finally:
                far.stack.destroy()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

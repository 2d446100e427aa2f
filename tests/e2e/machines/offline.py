"""A bundle of this machine's engine starts a stack on another one without any network.

For the nox session `bundle`, as root on Debian or its kin, x86-64. The other machine is a Debian
with python3 and ca-certificates only, and no interface but its own loopback. Exit code 0 when every
check passed, 1 when one failed, 2 when it could not begin, 130 on Ctrl-C.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.machine.system import obstacle, this_system
from tests.e2e.kit.checkout import Checkout, checkout
from tests.e2e.machines import bare_files, fresh
from tests.e2e.machines.bare_machine import HOME, Machine, entered
from tests.e2e.machines.trial import Trial

NAME = "a bundle.tar"
MARKS = (
    ("dev: .venv out of the bundle", r"dev: making"),
    ("inv: .env", r"made \.env"),
    ("engine: unpack", r"engine: (taking|unpacking)"),
    ("engine: start dockerd", r"engine: starting"),
    ("inv: the image source", r"images: "),
    ("images: check", r"images +checked"),
    ("images: load", r"images +loaded"),
    ("containers: start until ready", r" *\d+\.\d s  "),
)


@contextmanager
def engine(trial: Trial, folder: Path) -> Iterator[Checkout]:
    """Yield settings of their own for an engine that runs; one that was brought stops again."""
    one = checkout(folder, "memos-e2e-bundle")
    found = one.inv("engine.env", check=False).exit_code == 0
    try:
        yield one
    finally:
        if not found:
            trial.say("stopping the engine")
            one.inv("engine.stop")


def save(trial: Trial, one: Checkout, file: Path) -> None:
    """Make the bundle; what is not there yet is built or pulled first."""
    with trial.check("here: the images are there"):
        one.inv("images.build")
        one.inv("images.pull")
    with trial.check("here: inv images.save --engine"):
        one.inv("images.save", str(file), "--engine")
    if file.exists():
        trial.say(f"   {file.stat().st_size / 10**6:.0f} MB")


def _cut_off(machine: Machine) -> None:
    """There is one interface, and it leads nowhere."""
    names = machine.interfaces()
    assert names == ["lo"], f"it has {names}"


def _from_the_bundle(machine: Machine) -> None:
    """The images inside are those that were saved, byte for byte: an id is a checksum."""
    ran = machine.run(
        'eval "$(./dev inv engine.env)"; docker images --no-trunc --format "{{json .}}"'
    )
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    found = {f"{row['Repository']}:{row['Tag']}": row["ID"] for row in rows}
    manifest = machine.run(f"tar -xOf '/{HOME}/{NAME}' bundle.json").stdout
    assert found == json.loads(manifest)["images"]


def _installed_at_first_use(machine: Machine) -> None:
    """What only one command needs came along; with nobody on stdin it ends at once."""
    told = machine.run("./dev inv mcp </dev/null 2>&1").stdout
    assert "once: installing" in told, told


def everything(trial: Trial, folder: Path, release: str) -> None:
    """Make the bundle here, use it on a machine that is cut off, and leave nothing running."""
    with engine(trial, folder) as one:
        save(trial, one, folder / NAME)
    if not trial.failed:
        with trial.check(f"a machine: {release} with python3 and ca-certificates"):
            bare_files.make(folder, release, lambda line: trial.hear(0.0, line))
    if trial.failed:
        return
    with entered(folder / "root", {}, network=False) as machine:
        with trial.check("its packages, a checkout, the bundle"):
            bare_files.furnish(machine, release, "")
            (folder / NAME).rename(machine.root / HOME / NAME)
        with trial.check("it has nothing more, and no network"):
            fresh.nothing_more(machine)
            _cut_off(machine)
        with fresh.removed(trial, machine):
            if not trial.failed:
                start = f"./dev --bundle '../{NAME}' inv up"
                more = {
                    "its images are those that were saved": _from_the_bundle,
                    "inv mcp installs what it needs": _installed_at_first_use,
                }
                fresh.try_out(trial, machine, start, MARKS, more)


def main() -> int:
    """Read the flags and try; give the exit code."""
    parser = argparse.ArgumentParser(prog="nox -s bundle --", description=__doc__)
    parser.add_argument("--folder", default=fresh.DISK, help="where there are 10 GB of room")
    flags = parser.parse_args()
    if why := obstacle(this_system()):
        sys.stderr.write(f"error: {why}\nnext: run it as root on Debian, x86-64\n")
        return 2
    trial = Trial(ports={})
    release = this_system().codename
    return trial.within(
        Path(flags.folder), "memos-dev-bundle-", lambda it: everything(trial, it, release)
    )


if __name__ == "__main__":
    sys.exit(main())

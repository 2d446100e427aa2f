"""The jobs of `.github/workflows/`, step by step, on a bare Debian with what a runner has more.

For the nox session `workflows`, as root on Debian or its kin, x86-64; images are built from
packages. Exit code 0 when every job passed, 1 when one failed, 2 when it could not begin, 130 on
Ctrl-C.
"""

import argparse
import sys
from pathlib import Path

from scripts.machine.system import this_system
from tests.e2e.machines import bare_files, fresh
from tests.e2e.machines.bare_machine import Machine, entered
from tests.e2e.machines.trial import Trial

MORE = "git curl npm zstd"
"""What runners have and a bare Debian lacks, in Debian's packages."""
LIMIT = 5400.0
"""Seconds for one job."""
JOBS = {
    "checks fast": "",
    "checks official": "--without './dev nox' --env IMAGE_SOURCE=packages",
    "checks action": "",
    "nightly tags": "--without './dev python -m tests.public.images tags'",
}
"""Each with what is left out: all tests, which CI runs by itself, and what asks a registry."""


def step_by_step(trial: Trial, machine: Machine, job: str, flags: str) -> None:
    """Run the steps of a job; each is told."""
    words = f"exec ./dev python -m tests.public.steps {job} {flags} >&2"
    ran = machine.run(words, limit=LIMIT, hear=trial.hear)
    assert ran.exit_code == 0, f"{job}: exit code {ran.exit_code}"


def everything(trial: Trial, folder: Path, jobs: dict[str, str], bundle: str) -> None:
    """Make the machine in `folder`, run the jobs, and leave nothing of it running."""
    release = this_system().codename
    with trial.check(f"a machine: {release} with what a runner has"):
        bare_files.make(folder, release, lambda line: trial.hear(0.0, line))
    if trial.failed:
        return
    environ = {"IMAGE_SOURCE": "packages", **{k: str(v) for k, v in trial.ports.items()}}
    if bundle:
        environ["BUNDLE_FILE"] = "/bundle.tar"
    with entered(folder / "root", environ) as machine:
        with trial.check("its packages, this machine's configuration, a checkout"):
            bare_files.furnish(machine, release, "")
            if bundle:
                (machine.root / "bundle.tar").hardlink_to(bundle)
            install = f"apt-get update -q && apt-get install -qy --no-install-recommends {MORE}"
            assert machine.run(f"{install} >&2", limit=600.0, hear=trial.hear).exit_code == 0
        with fresh.removed(trial, machine):
            for job, left_out in jobs.items():
                with trial.check(job):
                    step_by_step(trial, machine, job, left_out)


def main() -> int:
    """Read the flags and try; give the exit code."""
    parser = argparse.ArgumentParser(prog="nox -s workflows --", description=__doc__)
    parser.add_argument("jobs", nargs="*", metavar="WORKFLOW/JOB", help="such as checks/action")
    parser.add_argument("--bundle", default="", help="of inv images.save, instead of building")
    parser.add_argument("--ports-from", type=int, metavar="N", help="instead of the default ports")
    parser.add_argument("--folder", default=fresh.DISK, help="where there are 10 GB of room")
    flags = parser.parse_args()
    wanted = fresh.ports(flags.ports_from)
    if found := fresh.obstacles(wanted):
        sys.stderr.write("".join(f"error: {line}\n" for line in found))
        sys.stderr.write("next: free these ports, or: nox -s workflows -- --ports-from 21000\n")
        return 2
    named = [one.replace("/", " ") for one in flags.jobs]
    jobs = {one: JOBS.get(one, "") for one in named or JOBS}
    trial = Trial(ports=wanted)
    return trial.within(
        Path(flags.folder),
        "memos-dev-public-",
        lambda folder: everything(trial, folder, jobs, flags.bundle),
    )


if __name__ == "__main__":
    sys.exit(main())

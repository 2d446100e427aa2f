"""The e2e tests on other engines than our own, and as a user who is not root: `nox -s engines`.

As root on Debian or its kin, x86-64; nothing is installed, and all is gone afterwards. Writes the
rows of docs/engines.md that were tried. Exit code 0 when what ran is green, 1 when not, 2 when it
could not begin, 130 on Ctrl-C.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.core.polling import poll
from scripts.core.process import run
from scripts.engine.places import Places, client_env, daemon_env, places
from scripts.engine.private import programs
from scripts.machine.apt import PrivateApt
from scripts.machine.apt_sources import find_mirror
from scripts.machine.system import obstacle, this_system
from tests.e2e.kit.checkout import Checkout, checkout
from tests.e2e.machines import bare_files, user_machine
from tests.e2e.machines.bare_machine import entered
from tests.e2e.machines.trial import Trial
from tests.e2e.machines.user_machine import User
from tests.kit.places import ROOT

PAGE = ROOT / "docs" / "engines.md"
BEGIN, END = "<!-- begin: nox -s engines -->\n", "<!-- end: nox -s engines -->\n"
DISK = Path("/var/tmp")
CHOSEN = ("start", "look", "data", "memory", "snapshots", "settings_for_real", "side")
"""Files of tests that ask most of an engine."""
NEWEST = "forky"
"""The Debian that has the newest engine."""
ROOTLESS = ("rootlesskit", "slirp4netns", "libslirp0", "uidmap")
SCRIPT = "usr/share/docker.io/contrib/dockerd-rootless.sh"
PODMAN = (
    *("podman", "netavark", "aardvark-dns", "crun", "passt", "uidmap", "iptables", "nftables"),
    *("docker-cli", "docker-compose"),
)
SOCKET = "/run/podman/podman.sock"
LONGEST = 7200.0
"""Seconds for all tests."""
HEAD = (
    "| engine | what it is | ran | passed | skipped | failed | what is said of it |\n"
    "| --- | --- | --- | --- | --- | --- | --- |\n"
)
INV = ("-m", "scripts.commands.program")
OLDER = "as this checkout wants it"
"""What is said of a bundle of another version."""
REFUSED = 3
"""Exit code where an engine cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended, and what it wrote to stdout where that was not shown."""

    exit_code: int
    stdout: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A checkout, and how somebody types a command in it."""

    root: Path
    python: str
    """With the packages of tests; empty where none are tried."""
    typed: Callable[..., Ended]
    """Takes words, and whether what they print is `shown`."""

    def inv(self, *words: str) -> Ended:
        """Type `inv WORDS`."""
        program = (self.python, *INV) if self.python else ("./dev", "inv")
        return self.typed(*program, *words, shown=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What pytest said of some files."""

    passed: int
    skipped: Mapping[str, int]
    """By reason."""
    failed: Sequence[str]


# places -----------------------------------------------------------------------------------------


def furnished(trial: Trial, root: Path, release: str = "", more: Sequence[str] = ()) -> Checkout:
    """Make a checkout; with the programs of another `release` of Debian, and `more` packages."""
    bare_files.check_out(root)
    if release:
        at, system = places(root), this_system()
        mirror = find_mirror(system, system.family)
        there = f"deb [signed-by={mirror.keyring}] {mirror.uri} {release} main\n"
        engine_too = f"\nPackage: rootlesskit\nPin: release n={release}\nPin-Priority: 990\n"
        apt = PrivateApt(
            at.cache,
            sources=mirror.lines() + there,
            preferences=programs.pins(release) + engine_too,
            runner=run,
            say=lambda line: trial.hear(0.0, line),
        )
        debs = apt.fetch("download", *programs.packages(system), *more)
        programs.install(at, system, debs, runner=run, say=trial.say)
        programs.link(at)
    return checkout(root.parent, "memos-e2e-engines", root=root)


@contextmanager
def engine(trial: Trial, one: Checkout, bundle: str) -> Iterator[Checkout]:
    """Start the private engine of a checkout, with the images of a bundle; it is removed."""
    try:
        one.inv("engine.start")
        started = replace(one, engine=client_env(places(one.root), os.environ))
        loaded(trial, started, bundle)
        yield started
    finally:
        one.inv("engine.remove", "--yes")


def loaded(trial: Trial, one: Checkout, bundle: str) -> None:
    """Give an engine the images of a bundle, if there is one; what is older is built anew."""
    if bundle:
        trial.say(f"loading {bundle}")
        done = one.inv("images.load", str(Path(bundle).resolve()), check=False)
        assert done.exit_code == 0 or OLDER in done.stderr, done.stderr


@contextmanager
def newest(trial: Trial, folder: Path, bundle: str) -> Iterator[Place]:
    """Root with the newest engine and Compose of Debian, as the private engine of a checkout."""
    root = folder / "checkout"
    with engine(trial, furnished(trial, root, NEWEST), bundle) as one:

        def typed(*argv: str, shown: bool) -> Ended:
            out = None if shown else subprocess.PIPE
            done = subprocess.run(
                argv, cwd=root, env={**os.environ, **one.engine}, stdout=out, text=True, check=False
            )
            return Ended(exit_code=done.returncode, stdout=done.stdout or "")

        yield Place(root=root, python=sys.executable, typed=typed)


@contextmanager
def as_user(trial: Trial, folder: Path, bundle: str) -> Iterator[Place]:
    """A user of the group `docker` on a machine whose engine is root's."""
    with engine(trial, furnished(trial, folder / "engine"), bundle) as one:
        at = places(one.root)
        with user_machine.entered(folder / "user", socket=at.socket) as user:
            yield of_user(trial, user, at)


def of_user(trial: Trial, user: User, at: Places) -> Place:
    """Give the user a checkout, and the docker program with its plugins."""
    root = user.home / "memos-dev"
    bare_files.check_out(root)
    if (sources := ROOT / ".cache" / "sources").is_dir():
        shutil.copytree(sources, root / ".cache" / "sources")
    (user.home / ".docker").mkdir()
    (user.home / ".docker" / "cli-plugins").symlink_to(at.home / "docker" / "cli-plugins")
    user.give(user.home)
    path = client_env(at, user.machine.environ)["PATH"]

    def typed(*argv: str, shown: bool) -> Ended:
        script = f'cd "$0" && exec "$@" {">&2" if shown else ""}'
        hear = trial.hear if shown else lambda _, __: None
        words = ("sh", "-c", script, str(root), *argv)
        ran = user.run(*words, hear=hear, limit=LONGEST, PATH=path)
        return Ended(exit_code=ran.exit_code, stdout=ran.stdout)

    return Place(root=root, python=user.python, typed=typed)


@contextmanager
def rootless(trial: Trial, folder: Path, bundle: str) -> Iterator[Place]:
    """A user with an engine of their own, which nothing names: it is found at its socket."""
    one = furnished(trial, folder / "engine", NEWEST, ROOTLESS)
    at = places(one.root)
    (at.home / "sbin" / "slirp4netns").write_text(
        f'#!/bin/sh\nexport LD_LIBRARY_PATH="{at.tree}/{programs.LIBRARIES}"\n'
        f'exec {at.tree}/usr/bin/slirp4netns "$@"\n'
    )
    (at.home / "sbin" / "slirp4netns").chmod(0o755)
    with user_machine.entered(folder / "user") as user:
        place = of_user(trial, user, at)
        path = daemon_env(at, user.machine.environ)["PATH"]
        start = 'setsid "$0" --config-file "$1" >"$HOME/dockerd.log" 2>&1 &'
        script, config = at.tree / SCRIPT, at.home / "daemon.json"
        user.run("sh", "-c", start, str(script), str(config), PATH=path)
        socket = user.outside(f"{user.runtime}/docker.sock")
        if not any(poll(socket.exists, timeout=60, interval=0.5)):
            raise OSError((user.home / "dockerd.log").read_text()[-2000:])
        loaded(trial, replace(one, engine={"DOCKER_HOST": f"unix://{socket}"}), bundle)
        yield place


@contextmanager
def podman(trial: Trial, folder: Path, bundle: str) -> Iterator[Place]:
    """Root on the newest Debian with Podman, its API socket, and Debian's docker and Compose."""
    del bundle
    bare_files.make(folder, NEWEST, lambda line: trial.hear(0.0, line), *PODMAN)
    with entered(folder / "root", {"DOCKER_HOST": f"unix://{SOCKET}"}) as machine:
        bare_files.furnish(machine, NEWEST, "")
        serve = "mkdir -p {0.parent}; setsid podman system service --time=0 unix://{0}"
        machine.run(f"{serve.format(Path(SOCKET))} >/root/podman.log 2>&1 &")

        def typed(*argv: str, shown: bool) -> Ended:
            hear = trial.hear if shown else lambda _, __: None
            ran = machine.run(f"exec {shlex.join(argv)}", hear=hear, limit=LONGEST)
            return Ended(exit_code=ran.exit_code, stdout=ran.stdout)

        yield Place(root=machine.checkout, python="", typed=typed)


ENGINES: Mapping[str, Callable[[Trial, Path, str], AbstractContextManager[Place]]] = {
    "28.5": newest,
    "user": as_user,
    "rootless": rootless,
    "podman": podman,
}


# trials -----------------------------------------------------------------------------------------


def tried(trial: Trial, name: str, place: Place, files: Sequence[str]) -> str:
    """Ask what is said of an engine, run the tests if it can be used; give the row of the page."""
    asked = json.loads(place.inv("doctor", "--format", "json").stdout)
    detail = next(one["detail"] for one in asked["areas"] if one["area"] == "engine")
    told = [one for one in asked["findings"] if one["code"].startswith("engine-")]
    said = "; ".join(f"{one['cause']} (`{one['code']}`)" for one in told)
    if any(one["fatal"] for one in told):
        with trial.check(f"{name}: it is refused before anything starts"):
            ended = place.inv("up")
            assert ended.exit_code == REFUSED, f"exit code {ended.exit_code}"
        return cells(name, detail, "refused", "", "", "", f"exit {REFUSED}: {said}")
    with trial.check(f"{name}: {' '.join(files)}"):
        tested = pytest(place, files)
        assert tested.passed, "no test passed"
        assert not tested.failed, ", ".join(tested.failed)
    skipped = "; ".join(f"{count}: {why}" for why, count in sorted(tested.skipped.items()))
    ran = ", ".join(files)
    failed = ", ".join(tested.failed) or "0"
    return cells(name, detail, ran, str(tested.passed), skipped or "0", failed, said)


def pytest(place: Place, files: Sequence[str]) -> Tested:
    """Run files of tests, and read what it wrote."""
    report, temporary = place.root.parent / "junit.xml", place.root.parent / "t"
    words = [f"--basetemp={temporary}", f"--junitxml={report}", "-q", "-p", "no:cacheprovider"]
    words += ["-m", "docker", "--require-docker", "--no-showlocals"]
    place.typed(place.python, "-m", "pytest", *words, *files, shown=True)
    counts, skipped, failed = Counter[str](), Counter[str](), []
    for case in ET.parse(report).iter("testcase"):
        ends = [part for part in case if part.tag in {"skipped", "failure", "error"}]
        counts.update([ends[0].tag if ends else "passed"])
        if ends and ends[0].tag == "skipped":
            skipped.update([ends[0].get("message", "")])
        elif ends:
            failed.append(case.get("name", ""))
    return Tested(passed=counts["passed"], skipped=skipped, failed=tuple(failed))


def cells(*texts: str) -> str:
    """Return a row of the table."""
    return f"| {' | '.join(text.replace('|', '/') for text in texts)} |\n"


def written(page: str, rows: Mapping[str, str]) -> str:
    """Return the page with these rows, by engine; those of others stay."""
    head, _, rest = page.partition(BEGIN)
    table, _, tail = rest.partition(END)
    kept = {line.split(" | ")[0].strip("| "): line for line in table.splitlines(keepends=True)[2:]}
    kept |= rows
    lines = "".join(kept[name] for name in ENGINES if name in kept)
    return f"{head}{BEGIN}{HEAD}{lines}{END}{tail}"


def main() -> int:
    """Read the flags and try; give the exit code."""
    parser = argparse.ArgumentParser(prog="nox -s engines --", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ENGINES)}")
    parser.add_argument("--all", action="store_true", help="all tests, half an hour an engine")
    parser.add_argument("--tests", nargs="+", default=CHOSEN, help="such as start, edits/reload")
    parser.add_argument("--bundle", default="", help="of `inv images.save`: no image is built")
    flags = parser.parse_args()
    if unknown := set(flags.names) - ENGINES.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(ENGINES)}")
    if why := obstacle(this_system()):
        sys.stderr.write(f"error: {why}\nnext: run it as root on Debian, x86-64\n")
        return 2
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "ENV_FILE"):
        os.environ.pop(name, None)  # the engine of whoever types this is none of these
    files = ["tests/e2e"] if flags.all else [named(one) for one in flags.tests]
    trial, rows = Trial(ports={}), {}

    def everything(folder: Path) -> None:
        folder.chmod(0o755)  # for a user who is not root
        for name in flags.names or ENGINES:
            (folder / name).mkdir(mode=0o755)
            with (
                trial.check(f"{name}: the engine comes and goes"),
                ENGINES[name](trial, folder / name, flags.bundle) as place,
            ):
                rows[name] = tried(trial, name, place, files)

    code = trial.within(DISK, "memos-", everything)
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), rows), encoding="utf-8")
    return code


def named(words: str) -> str:
    """Return the path of a file of tests: `start`, `edits/reload`."""
    *folders, name = words.split("/")
    return "/".join(("tests/e2e", *folders, f"test_{name}.py"))


if __name__ == "__main__":
    sys.exit(main())

"""Checks for this repository; `nox` runs the starred ones, `nox -t fast` the quick ones.

`./dev nox` is what a contributor types and what CI runs.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nox

nox.needs_version = ">=2026.4.10"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_external_run = True
nox.options.stop_on_first_error = True

TYPESCRIPT = "7.0.2"
PYTHON = ["scripts", "tests", "docker", "tasks.py", "noxfile.py"]
COMPILED = {"PYTHONDONTWRITEBYTECODE": ""}
"""For tests that start many Pythons: each would compile all that it imports."""
KINDS = ("functional", "unit")
"""Of tests without containers, those that take longer first."""


def install(session: nox.Session, name: str, *flags: str) -> None:
    """Install one of the pinned sets of requirements/, checked by its hashes."""
    words = ["--quiet", "--require-hashes", "--requirement", f"requirements/{name}.txt"]
    session.install(*words, *flags)


@contextmanager
def place() -> Iterator[str]:
    """Yield pytest's word for a folder of this run alone: two at a time do not meet in it.

    Its path is short, because those of sockets may have 107 characters.
    """
    with tempfile.TemporaryDirectory(prefix="memos-", ignore_cleanup_errors=True) as folder:
        yield f"--basetemp={folder}/t"


@nox.session(tags=["ci", "fast"])
def lint(session: nox.Session) -> None:
    """Style and common mistakes: ruff with every rule but six, tsc, and zizmor for workflows."""
    install(session, "lint")
    session.run("ruff", "check", *(session.posargs or PYTHON))
    session.run("ruff", "format", "--check", *(session.posargs or PYTHON))
    if not session.posargs:
        github(session)
        script(session)


def github(session: nox.Session) -> None:
    """Check what GitHub reads, without any network: zizmor with every rule, and the schemas."""
    quiet = ("--offline", "--no-progress", "--quiet")
    session.run("zizmor", *quiet, "--persona=auditor", ".github", "action.yml")
    for name, files in {
        "github-workflows": sorted(Path(".github/workflows").glob("*.yml")),
        "github-actions": [Path("action.yml")],
        "dependabot": [Path(".github/dependabot.yml")],
    }.items():
        words = ("check-jsonschema", "--quiet", f"--builtin-schema=vendor.{name}")
        session.run(*words, *map(str, files))


def script(session: nox.Session) -> None:
    """Check the script of the live page against its types; only CI does not go without npm."""
    tsc = ("npx", "--yes", "--package", f"typescript@{TYPESCRIPT}", "--", "tsc")
    said = "there is no npx"
    if shutil.which("npx"):
        any_end = range(256)
        words = (*tsc, "--version")
        said = session.run(*words, external=True, silent=True, success_codes=any_end) or ""
    if f"Version {TYPESCRIPT}" in said:
        session.run(*tsc, "--project", "scripts/serve/page", external=True)
        return
    told = f"nobody checked page.js: {said.strip()}\nnext: apt-get install npm"
    (session.error if os.environ.get("CI") else session.warn)(told)


@nox.session(tags=["ci", "fast"])
def typing(session: nox.Session) -> None:
    """Types: mypy --strict over code and tests."""
    install(session, "typing")
    session.run("mypy", *session.posargs)


@nox.session(tags=["ci"])
def schema(session: nox.Session) -> None:
    """Compose files, Dockerfiles and .env.example against their rules; needs Compose, no engine.

    Whether arm64 has every pinned package is asked of the index; where that does not answer, that
    is told, and no failure.
    """
    install(session, "runtime")
    install(session, "uv")
    session.run("python", "-m", "scripts.config.check", *session.posargs)


@nox.session(tags=["ci", "fast"])
def tests(session: nox.Session) -> None:
    """Unit and functional tests; 95 % of scripts/ and tasks.py is covered, and of each room.

    All of them on every core. The two kinds after each other: what guards unit tests stays in a
    process, and would be in the way of the others' threads (tests/unit/conftest.py).
    """
    install(session, "test")
    session.run("coverage", "erase")
    kinds = [["--numprocesses=auto", "--dist=worksteal", f"tests/{kind}"] for kind in KINDS]
    for words in [session.posargs] if session.posargs else kinds:
        with place() as temporary:
            pytest = ("coverage", "run", "-m", "pytest", temporary, "-m", "not docker")
            session.run(*pytest, *words, env=COMPILED)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", "--skip-covered")
    for room in sorted(Path("scripts").glob("*/__init__.py")):
        session.run("coverage", "report", f"--include={room.parent}/**", "--format=total")


@nox.session(tags=["ci", "fast"])
def clients(session: nox.Session) -> None:
    """The Qdrant stand-in against the next qdrant-client too; MemOS' own is in `tests`."""
    install(session, "test")
    install(session, "qdrant-1.15", "--no-deps")
    with place() as temporary:
        file = "tests/functional/docker/test_qdrant_front.py"
        session.run("pytest", temporary, file, *session.posargs)


@nox.session(tags=["ci"])
def e2e(session: nox.Session) -> None:
    """Promises held on real containers, in a stack of their own that is gone afterwards."""
    install(session, "test")
    words = session.posargs or ["tests/e2e"]
    flags = ["-m", "docker", "--require-docker", "--no-showlocals"]
    with place() as temporary:
        session.run("pytest", temporary, *flags, *words)


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Every fault for real, ten cold and ten warm starts in a row; writes docs/faults.md.

    With `-- --plain-compose` it is measured anew what plain Compose says of the same faults.
    """
    install(session, "test")
    words = ["tests/e2e/test_faults.py", "tests/e2e/test_starts_in_a_row.py", *session.posargs]
    flags = ["-m", "docker", "--require-docker", "--all-faults", "--no-showlocals"]
    with place() as temporary:
        session.run("pytest", temporary, *flags, *words)


@nox.session(default=False)
def official(session: nox.Session) -> None:
    """What must hold on official images, each row of docs/official-images.md, which it writes."""
    install(session, "test")
    words = session.posargs or ["tests/e2e"]
    flags = ["-m", "row", "--require-docker", "--write-official", "--no-showlocals"]
    with place() as temporary:
        session.run("pytest", temporary, *flags, *words)


@nox.session(default=False)
def workflows(session: nox.Session) -> None:
    """The jobs of .github/workflows, step by step, on a bare Debian; -- checks/action for one."""
    install(session, "runtime")
    session.run(
        *("python", "-m", "tests.e2e.machines.public", *session.posargs),
        interrupt_timeout=600.0,  # as for `fresh`
    )


@nox.session(default=False)
def fresh(session: nox.Session) -> None:
    """The README's first command in a minimal Debian with python3 and ca-certificates only."""
    install(session, "runtime")
    session.run(
        *("python", "-m", "tests.e2e.machines.fresh", *session.posargs),
        interrupt_timeout=600.0,  # after Ctrl-C it stops and removes what it made
    )


@nox.session(default=False)
def remote(session: nox.Session) -> None:
    """A stack behind 50 ms of cable against the same one here, ten minutes; -- --rounds 1 fewer.

    Then the work on a source there: images sent, saves, a branch, the API at the desk, the cable
    out, ssh cut in the middle of data commands, a build.
    """
    install(session, "test")
    session.run(
        *("python", "-m", "tests.e2e.machines.remote", *session.posargs),
        interrupt_timeout=600.0,  # after Ctrl-C it removes what it made
    )
    session.run(
        *("python", "-m", "tests.e2e.machines.far_work"),
        interrupt_timeout=600.0,
    )


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """How fast it is, against plain Compose: docs/performance.json and .md; half an hour.

    With `-- --fresh` also from nothing to a first memory, in a bare Debian. With `-- --reload` only
    how fast edits of MemOS answer, ten minutes; `-- --reload memory watcher` some figures of that.
    With `-- --page` only the live page in a browser, five minutes. `-- --simulate` prints what a
    start costs with ever more services; it needs no engine.
    """
    install(session, "test")
    session.run(
        *("python", "-m", "tests.bench.measure", *session.posargs),
        env=COMPILED,
        interrupt_timeout=600.0,  # after Ctrl-C it removes what it made
    )


@nox.session(default=False)
def scale(session: nox.Session) -> None:
    """Up to 1,000,000 vectors and 100,000 nodes: docs/scale.md; half an hour, 13 GB of disk.

    With `-- --up-to 10000` five minutes. A stopped run is kept: `-- --go-on`, `-- --clean`.
    """
    install(session, "test")
    session.run(
        *("python", "-m", "tests.bench.scale.run", *session.posargs),
        env=COMPILED,
        interrupt_timeout=600.0,  # after Ctrl-C it removes its containers
    )


@nox.session(default=False)
def bundle(session: nox.Session) -> None:
    """A bundle of this machine's images starts a stack on a bare Debian without any network."""
    install(session, "runtime")
    session.run(
        *("python", "-m", "tests.e2e.machines.offline", *session.posargs),
        interrupt_timeout=600.0,  # as for `fresh`
    )


@nox.session(default=False)
def versions(session: nox.Session) -> None:
    """Each MemOS that people use: up, smoke, a memory kept; writes docs/memos-versions.md.

    With `-- 2.0.20` only that one, and nothing is written.
    """
    install(session, "test")
    session.run(
        *("python", "-m", "tests.e2e.machines.versions", *session.posargs),
        interrupt_timeout=600.0,  # after Ctrl-C it removes what it made
    )


@nox.session(default=False)
def engines(session: nox.Session) -> None:
    """The e2e tests on the newest engine, as a user, rootless, on Podman; writes docs/engines.md.

    With `-- rootless` only there; with `-- user --all` every test, half an hour, instead of those
    that ask most of an engine; `--bundle FILE` spares building the images on each.
    """
    install(session, "test")
    session.run(
        *("python", "-m", "tests.e2e.machines.engines", *session.posargs),
        interrupt_timeout=600.0,  # after Ctrl-C it removes what it made
    )


@nox.session(default=False)
def swarm(session: nox.Session) -> None:
    """Three machines as one Swarm, all of the stack there: up, smoke, one that dies, snapshots.

    With `-- --short` only two small services, promise by promise.
    """
    install(session, "test")
    words = ["python", "-m", "tests.e2e.machines.several"]
    if "--short" in session.posargs:
        flags = ["-m", "docker", "--require-docker", "--no-showlocals"]
        words = ["pytest", *flags, "tests/e2e/test_swarm.py"]
    session.run(*words, interrupt_timeout=600.0)  # after Ctrl-C it removes what it made


@nox.session(default=False)
def kills(session: nox.Session) -> None:
    """`kill -9` at 30 moments of each data command; -- --seed N --only restore:17 for one again."""
    install(session, "test")
    session.run("python", "-m", "tests.e2e.machines.kills", *session.posargs)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Hostile input for every reader of what is not ours; ten minutes, -- 60 for one.

    With `-- 60 env journal` only for these; what gets through is kept below .cache/fuzz.
    """
    install(session, "test")
    install(session, "fuzz", "--no-deps")
    session.run("python", "-m", "tests.fuzz.run", *session.posargs)


@nox.session(default=False)
def pages(session: nox.Session) -> None:
    """The pages in a real browser: every view and action, attacks; .cache/pages, docs/page.png."""
    install(session, "test")
    session.run(
        *("python", "-m", "tests.e2e.machines.pages"),
        interrupt_timeout=600.0,  # after Ctrl-C it removes what it made
    )


@nox.session(default=False, venv_backend="none")
def devcontainer(session: nox.Session) -> None:
    """The dev container's settings are read by the program that editors read them with (npm)."""
    cli = ("npx", "--yes", "@devcontainers/cli@0.89.0")
    # it would ask an engine which containers there are; `true` knows of none
    words = ("read-configuration", "--workspace-folder", ".", "--docker-path", "true")
    session.run(*cli, *words, external=True)


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Pin requirements/*.txt again, with hashes and without naming an index."""
    session.install("uv")
    compile_ = ["uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    compile_ += ["--no-annotate", "--no-header", "--no-emit-index-url"]
    compile_ += ["--upgrade"] if "--upgrade" in session.posargs else []
    on_trixie = [*compile_, "--python-version", "3.13", "--only-binary", ":all:"]
    compile_ += ["--python-version", "3.11"]
    project = ["pyproject.toml"]
    # what is installed later leaves what .venv has as it is, and is what was tested
    beside = ["--constraint", "requirements/runtime.txt", "--constraint", "requirements/test.txt"]
    for name, words in {
        "runtime": project,
        "test": [*project, "--group", "test"],
        "typing": [*project, "--group", "typing"],
        "lint": ["--group", "lint"],
        "fuzz": ["--group", "fuzz"],
        "page": ["--group", "page", *beside],
        "mcp": ["--group", "mcp", *beside],
        "remote": ["--group", "remote", *beside],
    }.items():
        session.run(*compile_, *words, "--output-file", f"requirements/{name}.txt", env=os.environ)
    wanted = Path(session.create_tmp()) / "wanted.in"
    tests = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test")
    wanted.write_text(next(one for one in tests if one.startswith("debugpy==")))
    debugger = "docker/memos-api/requirements-debug.txt"
    session.run(*compile_, str(wanted), "--output-file", debugger, env=os.environ)
    preferences = Path("docker/packages/preferences")
    for name, words in {"requirements": [], "protocol": ["--no-deps"]}.items():
        words += [f"{preferences}/{name}.in", "--output-file", f"{preferences}/{name}.txt"]
        session.run(*on_trixie, *words, env=os.environ)
    locks = Path("docker/memos-api/requirements")
    added = [line for line in (locks / "extras.in").read_text().splitlines() if "==" in line]
    releases = {file.stem: f"memoryos=={file.stem}" for file in locks.glob("*.txt")}
    for argument in session.posargs:  # another release: -- memos==2.0.34
        if argument.startswith("memos=="):
            releases[argument.removeprefix("memos==")] = argument.replace("memos", "memoryos", 1)
    for release, requirement in releases.items():
        wanted.write_text("\n".join([requirement, *added]))
        session.run(
            *compile_, str(wanted), "--output-file", f"{locks}/{release}.txt", env=os.environ
        )

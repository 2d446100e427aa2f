"""Builds and pulls images, side by side, with progress; one that is stuck is stopped and named."""

import math
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.build_secrets import proxy_args
from scripts.compose import last_words
from scripts.errors import RefusedError
from scripts.model import Build, Service
from scripts.process import Completed, Running
from scripts.progress import Step
from scripts.pull_causes import pull_cause
from scripts.recipes import RECIPE_LABEL, recipe
from scripts.waiting import poll

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
_MOUNTS = re.compile(r"--(mount|network)=\S+")
_STEP = re.compile(r"#\d+ (\[.*)|#\d+ [\d.]+ (.*)")
_FAILED = re.compile(r"^#(\d+) ERROR: (.*)$", re.MULTILINE)
_CAUSE = re.compile(r"(?i:\berror\b|not found|denied|failed)|\bE: ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A way to have images."""

    task: str
    """What does it again."""
    silence: float
    """Seconds without a byte after which one is given up."""
    env: Mapping[str, str]
    terminal: bool = False


BUILDS = Work(
    task="inv images.build",
    silence=180.0,  # a step such as a pip installation says nothing for up to a minute here
    # another builder of the user keeps the image to itself, and has no network of the host
    env={"BUILDX_BUILDER": "default"},
)
PULLS = Work(task="inv images.pull", silence=60.0, env={}, terminal=True)


def build_argv(service: Service, build: Build) -> list[str]:
    """Give the `docker build` command for one image; the secrets are files, not values."""
    words = ["docker", "build", "--progress", "plain", "--tag", service.image]
    words += ["--file", str(build.context / build.dockerfile)]
    words += ["--label", f"{RECIPE_LABEL}={recipe(build)}"]
    if build.network:
        words += ["--network", build.network]
    for name, value in build.args.items():
        words += ["--build-arg", f"{name}={value}"]
    for name, path in build.secrets.items():
        words += ["--secret", f"id={name},src={path}"]
    return [*words, *proxy_args(os.environ), str(build.context)]


def build(services: Sequence[Service], env: Mapping[str, str], logs: Path, say: Step) -> None:
    """Build the images of these services side by side; each build's output goes to `logs`.

    Raises RefusedError that names the first image that failed, its last words and its log.
    """
    commands = {s.name: build_argv(s, s.build) for s in services if s.build is not None}
    together(BUILDS, commands, env, logs, say)


def pull(services: Sequence[Service], env: Mapping[str, str], logs: Path, say: Step) -> None:
    """Pull the images of these services side by side; errors as in `build`."""
    together(PULLS, {s.name: ["docker", "pull", s.image] for s in services}, env, logs, say)


@dataclass(slots=True)
class Job:
    """One build or pull under way."""

    running: Running
    heard: float
    """When it last said something."""


def together(
    work: Work, commands: Mapping[str, list[str]], env: Mapping[str, str], logs: Path, say: Step
) -> None:
    """Run commands side by side to their end; stop one that is silent for too long.

    Each one's output goes to its own file in `logs`. Raises RefusedError when one fails, after all
    have ended.
    """
    jobs: dict[str, Job] = {}
    logs.mkdir(parents=True, exist_ok=True)

    def hear(name: str, file: Path) -> Callable[[str], None]:
        def on_line(line: str) -> None:
            with file.open("a") as log:
                log.write(line + "\n")
            if name in jobs:
                jobs[name].heard = time.monotonic()
            if step := telling(line):
                say(name, step)

        return on_line

    try:
        for name, argv in commands.items():
            file = logs / f"{name}.log"
            file.write_text(f"{' '.join(argv)}\n")
            running = Running(
                argv, env={**env, **work.env}, on_line=hear(name, file), terminal=work.terminal
            )
            jobs[name] = Job(running=running, heard=time.monotonic())
        silent = _attend(jobs, work.silence)
    except KeyboardInterrupt:
        for job in jobs.values():
            job.running.stop()
        raise
    for name, job in jobs.items():
        _judge(work, name, job.running.wait(), logs, silent.get(name, 0.0))


def telling(line: str) -> str:
    """Give what a line of build or pull output tells a person, or nothing."""
    clean = " ".join(_MOUNTS.sub("", _ESCAPES.sub("", line)).split())
    if found := _STEP.match(clean):
        return found[1] or found[2] or ""
    return "" if clean.startswith("#") else clean


def _attend(jobs: Mapping[str, Job], silence: float) -> dict[str, float]:
    """Wait until all jobs have ended; give those that were stopped for their silence."""
    silent: dict[str, float] = {}

    def look() -> list[str]:
        return [name for name, job in jobs.items() if job.running.running()]

    # no deadline: what goes on may take its time
    for alive in poll(look, timeout=math.inf, interval=0.1):  # pragma: no branch - it has no end
        if not alive:
            break
        for name in alive:
            if time.monotonic() - jobs[name].heard > silence and name not in silent:
                silent[name] = silence
                jobs[name].running.stop()
    return silent


def _judge(work: Work, name: str, done: Completed, logs: Path, silence: float) -> None:
    if done.exit_code == 0:
        return
    log = logs / f"{name}.log"
    known = None if silence else pull_cause(_ESCAPES.sub("", done.stdout + done.stderr))
    reason = f"no progress for {silence:.0f} s" if silence else cause(done)
    raise RefusedError(
        f"the image of {name} could not be had: {known.cause if known else reason} (log: {log})",
        next_step=known.next_step if known else f"read the log, then: {work.task}",
        code=known.code if known else "",
    )


def cause(done: Completed) -> str:
    """Give the line that says why: of the build step that failed, not BuildKit's echo of it."""
    text = _ESCAPES.sub("", done.stdout + done.stderr)
    if failed := _FAILED.search(text):
        said = re.findall(rf"^#{failed[1]} [\d.]+ (.*)$", text, re.MULTILINE)
        otherwise = failed[2]
    else:
        said, otherwise = text.splitlines(), _ESCAPES.sub("", last_words(done))
    return next((line.strip() for line in reversed(said) if _CAUSE.search(line)), otherwise)

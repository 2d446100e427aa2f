"""Builds, pulls and downloads side by side, by a docker that is a script."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.core.errors import BrokenError, RefusedError
from scripts.core.progress import End, Outcome
from scripts.core.stack import Build, Service
from scripts.images import jobs as jobs_module
from scripts.images.jobs import Batch, Job, Jobs
from scripts.images.supply import BUILDS, PULLS, builds, pulls

FakeDocker = Callable[[str], Path]


class Heard:
    """Collects what is said about each image, and what becomes of it."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.lines: dict[str, list[str]] = {}

    def __call__(self, name: str, line: str) -> None:
        """Keep one line."""
        self.lines.setdefault(name, []).append(line)


@pytest.fixture
def heard() -> Heard:
    """Somebody who listens."""
    return Heard()


@pytest.fixture
def jobs(heard: Heard) -> Iterator[Jobs]:
    """Jobs that tell `heard`."""
    with Jobs(heard, heard) as begun:
        yield begun


@pytest.fixture
def services(tmp_path: Path) -> tuple[Service, ...]:
    """Two services to build, and one that is not built."""
    found = [Service(name="official", container="o", image="quay.io/o:1")]
    for name in ("one", "two"):
        context = tmp_path / name
        context.mkdir()
        (context / "Dockerfile").touch()
        made = Build(context=context)
        found.append(Service(name=name, container=name, image=f"{name}:1", build=made))
    return tuple(found)


def test_all_builds_run_at_once_and_tell_their_steps(
    fake_docker: FakeDocker, services: tuple[Service, ...], heard: Heard, jobs: Jobs, tmp_path: Path
) -> None:
    """Each waits here for the other; what is not built is left alone.

    The builder is the engine's own, whichever the user has chosen: another keeps the image.
    """
    fake_docker(
        """
        for context; do :; done
        touch $here/$(basename $context)
        until [ -e $here/one ] && [ -e $here/two ]; do sleep 0.01; done
        echo "#1 [1/2] RUN make" >&2
        echo "#1 DONE" >&2
        echo "$DOCKER_HOST on $BUILDX_BUILDER"
        """
    )

    logs = tmp_path / "logs" / "build"
    jobs.finish(BUILDS, builds(services, {"DOCKER_HOST": "unix:///s"}, logs))

    told = ["[1/2] RUN make", "done", "unix:///s on default"]
    assert {name: sorted(lines) for name, lines in heard.lines.items()} == {
        "one": told,
        "two": told,
    }


def test_a_build_leaves_its_command_and_output_in_a_log(
    fake_docker: FakeDocker, services: tuple[Service, ...], jobs: Jobs, tmp_path: Path
) -> None:
    """All lines, also those that are not told; an older log is gone."""
    fake_docker('echo "#1 DONE"')
    (tmp_path / "one.log").write_text("of last week\n")

    jobs.finish(BUILDS, builds(services, {}, tmp_path))

    command, *lines = (tmp_path / "one.log").read_text().splitlines()
    assert command.startswith("docker build --progress plain --tag one:1")
    assert lines == ["#1 DONE"]
    assert not (tmp_path / "official.log").exists()


def test_a_pull_asks_for_the_image_on_a_terminal(
    fake_docker: FakeDocker, services: tuple[Service, ...], heard: Heard, jobs: Jobs, tmp_path: Path
) -> None:
    """Only there docker shows how far it is, and only so silence means that it is stuck."""
    folder = fake_docker("test -t 1 && echo 5f70: Downloading 1MB/9MB")

    jobs.finish(PULLS, pulls(services[:1], {}, tmp_path / "pull"))

    assert (folder / "calls").read_text() == "pull quay.io/o:1\n"
    assert heard.lines == {"official": ["5f70: Downloading 1MB/9MB", "done"]}


def test_a_failure_is_told_after_all_have_ended(
    fake_docker: FakeDocker, services: tuple[Service, ...], jobs: Jobs, tmp_path: Path
) -> None:
    """The image, the reason and the log are named; the other build was not cut short."""
    folder = fake_docker(
        """
        case "$*" in
        *one:1*) echo "Error response from daemon: no space left on device" >&2; exit 1;;
        *) sleep 0.3; touch $here/done;;
        esac
        """
    )

    with pytest.raises(BrokenError) as caught:
        jobs.finish(BUILDS, builds(services, {}, tmp_path))

    assert str(caught.value) == (
        "the image of one could not be had: no space (or no inodes) left where the engine keeps"
        f" its images (log: {tmp_path / 'one.log'})"
    )
    assert "docker system df" in caught.value.next_step
    assert (folder / "done").exists()


def shell(name: str, script: str, folder: Path, **more: Any) -> Job:
    """Return a job that is a line of shell."""
    return Job(name=name, argv=["sh", "-c", script], log=folder / f"{name}.log", **more)


QUICK = Batch(task="inv images.build", silence=0.6)


def test_a_slow_one_does_not_hold_up_the_rest(heard: Heard, jobs: Jobs, tmp_path: Path) -> None:
    """One that says nothing may wait for another, and is left alone while any of them has news.

    Then it is stopped and named, also one that says the same again and again, as apt does.
    """
    talking = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.2; done"
    waiting = "echo 0; until grep -qx 8 talking.log; do sleep 0.01; done; echo had"
    stuck = "while echo 0; do sleep 0.05; done"
    given = [
        shell("talking", talking, tmp_path),
        shell("waiting", f"cd {tmp_path}; {waiting}", tmp_path),
        shell("stuck", stuck, tmp_path),
    ]

    with pytest.raises(RefusedError, match="the image of stuck could not be had: no progress for"):
        jobs.finish(QUICK, given)

    assert heard.lines["talking"] == [*"12345678", "done"]
    assert heard.lines["waiting"] == ["0", "had", "done"]
    assert heard.lines["stuck"][-1] == "failed"


def test_a_job_begins_when_the_one_that_it_needs_has_ended(
    heard: Heard, jobs: Jobs, tmp_path: Path
) -> None:
    """It says what it waits for until then."""
    first = shell("base", f"sleep 0.3; touch {tmp_path}/made", tmp_path)
    second = shell("upon", f"test -e {tmp_path}/made && echo there", tmp_path, after="base")

    jobs.finish(QUICK, [second, first])

    assert heard.lines == {"upon": ["waits for base", "there", "done"], "base": ["done"]}


def test_a_job_whose_need_has_failed_is_not_begun(heard: Heard, jobs: Jobs, tmp_path: Path) -> None:
    """What failed is told, with the next step that it gave, not what came of it."""
    failing = "echo 'error: no mirror' >&2; echo 'next: apt-get update' >&2; exit 4"
    given = [
        shell("packages", failing, tmp_path, what="the packages of the base image"),
        shell("base", "echo never", tmp_path, after="packages"),
        shell("upon", "echo never", tmp_path, after="base"),
    ]

    with pytest.raises(RefusedError) as caught:
        jobs.finish(QUICK, given)

    assert str(caught.value) == (
        "the packages of the base image could not be had: no mirror"
        f" (log: {tmp_path / 'packages.log'})"
    )
    assert caught.value.next_step == "apt-get update"
    assert heard.lines["packages"][-1] == "failed"
    assert [line for line in heard.lines["upon"] if line == "never"] == []


def test_only_a_few_run_at_once_and_the_longest_begin_first(
    heard: Heard, jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the last one to end has not begun last."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(jobs_module, "BESIDE", 1)
    order = tmp_path / "order"
    script = 'echo "$0 begins" >> {order}; sleep 0.3; echo "$0 ends" >> {order}'
    given = [
        Job(
            name=name,
            argv=["sh", "-c", script.format(order=order), name],
            log=tmp_path / f"{name}.log",
            seconds=seconds,
        )
        for name, seconds in (("short", 1.0), ("long", 9.0), ("middle", 5.0), ("none", 0.0))
    ]

    jobs.finish(QUICK, given)

    lines = order.read_text().splitlines()
    begun = [line.removesuffix(" begins") for line in lines if line.endswith("begins")]
    assert set(begun[:2]) == {"long", "middle"}
    assert begun[2:] == ["short", "none"]
    assert lines[2].endswith("ends")
    assert heard.lines["none"] == ["waits for its turn", "done"]


def test_what_was_begun_ahead_is_not_begun_again(heard: Heard, jobs: Jobs, tmp_path: Path) -> None:
    """It went on while something else was done; only one that failed gets a second try."""
    once = shell("once", f"echo x >> {tmp_path}/times; echo had", tmp_path)
    flaky = shell(
        "flaky",
        f"cd {tmp_path}; test -e again || {{ touch again; echo $$ >gone; exit 1; }}",
        tmp_path,
    )
    jobs.begin(once)
    jobs.begin(flaky)
    assert whole_lines(once.log, 2)[1] == "had"
    assert ended(whole_lines(tmp_path / "gone", 1)[0])

    jobs.finish(QUICK, [once, flaky])

    assert (tmp_path / "times").read_text() == "x\n"
    assert heard.lines == {"once": ["had", "done"], "flaky": ["done"]}


def test_each_job_is_noted_from_its_beginning_to_its_end(heard: Heard, tmp_path: Path) -> None:
    """Also what ended while nobody looked, failed, or was stopped."""
    told: list[str] = []
    late: list[float] = []

    def note(name: str, what: str) -> End:
        told.append(f"{name} {what} begins")

        def end(outcome: Outcome, *, ago: float = 0.0) -> None:
            told.append(f"{name} {what} {outcome}")
            late.append(ago)

        return end

    with Jobs(heard, heard, note) as jobs:
        early = replace(shell("early", "echo $$", tmp_path), phase="pull")
        jobs.begin(early)
        assert ended(whole_lines(early.log, 2)[1])
        time.sleep(0.3)
        with pytest.raises(RefusedError):
            jobs.finish(QUICK, [early, shell("bad", "exit 1", tmp_path)])
        jobs.begin(endless := shell("endless", "echo $$; exec sleep 600", tmp_path))
        whole_lines(endless.log, 2)

    assert late[0] >= 0.3
    assert told == [
        *("pull early begins", "pull early done", "build bad begins", "build bad failed"),
        *("build endless begins", "build endless stopped"),
    ]


def test_what_was_begun_for_nothing_is_stopped(jobs: Jobs, tmp_path: Path) -> None:
    """The images came from a registry after all."""
    ahead = shell("packages", "echo $$; exec sleep 600", tmp_path)
    jobs.begin(ahead)
    pid = whole_lines(ahead.log, 2)[1]

    jobs.finish(QUICK, [shell("other", "true", tmp_path)])

    assert ended(pid)


def whole_lines(file: Path, count: int) -> list[str]:
    """Wait until so many lines have their ends: what is half written is no line yet."""
    deadline = time.monotonic() + 30
    while not file.exists() or file.read_text().count("\n") < count:
        assert time.monotonic() < deadline, f"{file.name} has no {count} lines"
        time.sleep(0.01)
    return file.read_text().splitlines()


def ended(pid: str) -> bool:
    """Say whether a process ends within half a minute."""
    deadline = time.monotonic() + 30
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not Path(f"/proc/{pid}").exists()


def test_ctrl_c_stops_all(heard: Heard, tmp_path: Path) -> None:
    """No build goes on behind the user's back."""
    begun = threading.Barrier(3, timeout=30)

    def say(name: str, line: str) -> None:
        heard(name, line)
        begun.wait()

    def interrupted(*_: object, **__: object) -> None:
        patched.undo()  # that they end is waited for as ever
        for job in given:
            jobs.begin(job)
        begun.wait()
        raise KeyboardInterrupt

    patched = pytest.MonkeyPatch()
    patched.setattr(jobs_module, "until_none", interrupted)
    given = [shell(name, "echo $$; exec sleep 600", tmp_path) for name in ("one", "two")]

    with pytest.raises(KeyboardInterrupt), Jobs(say, heard) as jobs:
        jobs.finish(QUICK, given)

    assert [ended(lines[0]) for lines in heard.lines.values()] == [True, True]


def test_how_a_stopped_one_ends_is_told_by_its_log_alone(heard: Heard, tmp_path: Path) -> None:
    """Whoever pressed Ctrl-C reads of no error that a build had."""
    begun = threading.Event()

    def say(name: str, line: str) -> None:
        heard(name, line)
        begun.set()

    ends = "trap 'echo ERROR: context canceled; exit 1' TERM"
    job = shell("one", f"{ends}; echo works; while :; do sleep 0.05; done", tmp_path)
    with Jobs(say, heard) as jobs:
        jobs.begin(job)
        assert begun.wait(30)

    assert "ERROR: context canceled" in job.log.read_text().splitlines()
    assert [line for line in heard.lines["one"] if "ERROR" in line] == []


def test_with_nothing_to_build_nothing_is_done(heard: Heard, jobs: Jobs, tmp_path: Path) -> None:
    """No process is started for services without a build."""
    jobs.finish(BUILDS, builds([], {}, tmp_path / "logs"))

    assert heard.lines == {}

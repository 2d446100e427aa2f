"""Builds and pulls side by side, by a docker that is a script."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scripts import building
from scripts.building import BUILDS, build, pull, together
from scripts.errors import RefusedError
from scripts.model import Build, Service

FakeDocker = Callable[[str], Path]


class Heard:
    """Collects what is said about each image."""

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
    fake_docker: FakeDocker, services: tuple[Service, ...], heard: Heard, tmp_path: Path
) -> None:
    """Each waits here for the other; what is not built is left alone.

    The builder is the engine's own, whichever the user has chosen: another keeps the image.
    """
    fake_docker(
        """
        for context; do :; done
        touch $here/$(basename $context)
        until [ -e $here/one ] && [ -e $here/two ]; do sleep 0.01; done
        echo "#1 [1/2] FROM base" >&2
        echo "#1 DONE" >&2
        echo "$DOCKER_HOST on $BUILDX_BUILDER"
        """
    )

    build(services, {"DOCKER_HOST": "unix:///s"}, tmp_path / "logs" / "build", heard)

    told = ["[1/2] FROM base", "unix:///s on default"]
    assert {name: sorted(lines) for name, lines in heard.lines.items()} == {
        "one": told,
        "two": told,
    }


def test_a_build_leaves_its_command_and_output_in_a_log(
    fake_docker: FakeDocker, services: tuple[Service, ...], heard: Heard, tmp_path: Path
) -> None:
    """All lines, also those that are not told; an older log is gone."""
    fake_docker('echo "#1 DONE"')
    (tmp_path / "one.log").write_text("of last week\n")

    build(services, {}, tmp_path, heard)

    command, *lines = (tmp_path / "one.log").read_text().splitlines()
    assert command.startswith("docker build --progress plain --tag one:1")
    assert lines == ["#1 DONE"]
    assert not (tmp_path / "official.log").exists()


def test_a_pull_asks_for_the_image_on_a_terminal(
    fake_docker: FakeDocker, services: tuple[Service, ...], heard: Heard, tmp_path: Path
) -> None:
    """Only there docker shows how far it is, and only so silence means that it is stuck."""
    folder = fake_docker("test -t 1 && echo 5f70: Downloading 1MB/9MB")

    pull(services[:1], {}, tmp_path / "pull", heard)

    assert (folder / "calls").read_text() == "pull quay.io/o:1\n"
    assert heard.lines == {"official": ["5f70: Downloading 1MB/9MB"]}


def test_a_failure_is_told_after_all_have_ended(
    fake_docker: FakeDocker, services: tuple[Service, ...], heard: Heard, tmp_path: Path
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

    with pytest.raises(RefusedError) as caught:
        build(services, {}, tmp_path, heard)

    assert str(caught.value) == (
        "the image of one could not be had: no space (or no inodes) left where the engine keeps"
        f" its images (log: {tmp_path / 'one.log'})"
    )
    assert caught.value.next_step.startswith("docker system df")
    assert (folder / "done").exists()


def test_one_that_falls_silent_is_stopped_and_named(heard: Heard, tmp_path: Path) -> None:
    """Not the others, however long they take while they say something."""
    talking = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done"
    commands = {"talking": ["sh", "-c", talking], "stuck": ["sh", "-c", "echo 0; exec sleep 600"]}

    with pytest.raises(RefusedError, match="the image of stuck could not be had: no progress for"):
        together(replace(BUILDS, silence=0.6), commands, {}, tmp_path, heard)

    assert heard.lines == {"talking": list("12345678"), "stuck": ["0"]}


def test_ctrl_c_stops_all(heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No build goes on behind the user's back."""
    begun = threading.Barrier(3, timeout=30)

    def say(name: str, line: str) -> None:
        heard(name, line)
        begun.wait()

    def interrupted(*_: object) -> None:
        begun.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(building, "_attend", interrupted)
    commands = {name: ["sh", "-c", "echo $$; exec sleep 600"] for name in ("one", "two")}

    with pytest.raises(KeyboardInterrupt):
        together(BUILDS, commands, {}, tmp_path, say)

    deadline = time.monotonic() + 30
    for lines in heard.lines.values():
        while Path(f"/proc/{lines[0]}").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not Path(f"/proc/{lines[0]}").exists()


def test_with_nothing_to_build_nothing_is_done(heard: Heard, tmp_path: Path) -> None:
    """No process is started for services without a build."""
    build([], {}, tmp_path / "logs", heard)

    assert heard.lines == {}

"""What docker is told to build, and what its output tells a person; on recorded output."""

from pathlib import Path

import pytest

from scripts.building import build_argv, cause, telling
from scripts.model import Build, Service
from scripts.process import Completed
from scripts.recipes import RECIPE_LABEL, recipe

DATA = Path(__file__).resolve().parents[1] / "data" / "build"


def ended(text: str) -> Completed:
    """Give a process that failed with this output."""
    return Completed(argv=(), exit_code=1, stdout="", stderr=text)


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """A build with everything that one can have."""
    (tmp_path / "Dockerfile").write_text("FROM base\n")
    return Build(
        context=tmp_path,
        args={"BASE": "base:1"},
        network="host",
        secrets={"ca": Path("/cache/ca.crt")},
    )


def test_a_build_command_has_image_file_recipe_network_arguments_and_secrets(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies stand in it by name; the folder is the last word."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy")
    service = Service(name="a", container="a", image="memos-dev/a:1", build=build)

    assert build_argv(service, build) == [
        *("docker", "build", "--progress", "plain", "--tag", "memos-dev/a:1"),
        *("--file", str(build.context / "Dockerfile")),
        *("--label", f"{RECIPE_LABEL}={recipe(build)}"),
        *("--network", "host", "--build-arg", "BASE=base:1"),
        *("--secret", "id=ca,src=/cache/ca.crt", "--build-arg", "HTTPS_PROXY"),
        str(build.context),
    ]


def test_a_plain_build_command_has_no_more_than_it_needs(tmp_path: Path) -> None:
    """No network, argument or secret where none is set."""
    (tmp_path / "Other").write_text("FROM base\n")
    build = Build(context=tmp_path, dockerfile="Other")
    argv = build_argv(Service(name="a", container="a", image="a:1", build=build), build)

    assert argv[7] == str(tmp_path / "Other")
    assert len(argv) == 11


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("#6 [build 3/5] RUN pip install", "[build 3/5] RUN pip install"),
        ("#6 12.62 Collecting numpy", "Collecting numpy"),
        ("#6 [2/2] RUN --mount=type=secret,id=ca     apt-get update", "[2/2] RUN apt-get update"),
        ("#6 12.62 ", ""),
        ("#6 DONE 3.7s", ""),
        ("#7 CACHED", ""),
        ('#0 building with "default" instance using docker driver', ""),
        ("", ""),
        ("5f70bf18a086: Pull complete", "5f70bf18a086: Pull complete"),
        (
            "\x1b[1A\x1b[2K5f70: Downloading [==>  ]  10MB/90MB\x1b[1B\r",
            "5f70: Downloading [==> ] 10MB/90MB",
        ),
    ],
)
def test_a_line_tells_the_step_or_what_it_says(line: str, told: str) -> None:
    """Numbers, timings and a terminal's control characters are left out."""
    assert telling(line) == told


def test_a_build_that_has_all_in_its_cache_tells_its_steps() -> None:
    """Of a recorded build only the steps are told."""
    told = [telling(line) for line in (DATA / "cached-26.1.5.txt").read_text().splitlines()]

    assert [line.split("] ")[0] for line in told if line] == [
        *("[fetch 1/3", "[internal", "[internal", "[internal", "[stage-0 2/2")
    ]


def test_a_cause_is_what_the_failed_step_said() -> None:
    """Not BuildKit's echo of the whole command, though it comes last and says ERROR."""
    reason = cause(ended((DATA / "failed-26.1.5.txt").read_text()))

    assert reason.startswith('Exception in thread "main" java.lang.IllegalStateException')
    assert "Too many failed authentication requests" in reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "#5 0.9 E: Unable to locate package x\n#5 0.9 done.\n#5 ERROR: process failed",
            "E: Unable to locate package x",
        ),
        (
            "#5 0.9 quiet\n#5 ERROR: process did not complete: exit code: 3",
            "process did not complete: exit code: 3",
        ),
        ('#4 ERROR: "/gone": not found\nERROR: failed to solve', '"/gone": not found'),
        ("#3 1.0 error of another step\n#4 1.0 error: mine\n#4 ERROR: x", "error: mine"),
        (
            "Error response from daemon: no such host\nsee 'docker help'",
            "Error response from daemon: no such host",
        ),
        ("first\n\x1b[31mlast words\x1b[0m", "last words"),
        ("", "exit code 1"),
    ],
)
def test_a_cause_is_the_best_line_there_is(text: str, reason: str) -> None:
    """An error of the failed step, else BuildKit's own word about it, else the last line."""
    assert cause(ended(text)) == reason

"""What docker is told to build, and what its output tells a person; on recorded output."""

from pathlib import Path

import pytest

from scripts.core.stack import Build, Service
from scripts.images.build_output import Output, cause, told_error, without_logins, words
from scripts.images.build_words import build_argv, stage_argv
from scripts.images.recipes import RECIPE_LABEL, recipe
from tests.kit.places import TESTS_DATA

DATA = TESTS_DATA / "build"


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """A build with everything that one can have."""
    (tmp_path / "Dockerfile").write_text("FROM base\n")
    return Build(
        context=tmp_path,
        args={"BASE": "base:1"},
        contexts={"project": Path("/elsewhere")},
        network="host",
        secrets={"ca": Path("/cache/ca.crt")},
    )


def test_a_build_command_has_image_file_recipe_network_arguments_and_secrets(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies stand in it by name; the folder is the last word."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy")
    service = Service(name="a", container="a", image="memos-dev/a:1", build=build)

    assert build_argv(service, build, {"more": "than that"}) == [
        *("docker", "build", "--progress", "plain", "--tag", "memos-dev/a:1"),
        *("--label", f"{RECIPE_LABEL}={recipe(build)}", "--label", "more=than that"),
        *("--file", str(build.context / "Dockerfile")),
        *("--network", "host", "--build-arg", "BASE=base:1"),
        *("--build-context", "project=/elsewhere"),
        *("--secret", "id=ca,src=/cache/ca.crt", "--build-arg", "HTTPS_PROXY"),
        str(build.context),
    ]


def test_a_stage_of_a_build_is_put_into_a_folder_and_is_no_image(build: Build) -> None:
    """With the same arguments and secrets, so that the build after it finds its steps done."""
    argv = stage_argv(build, "resolved", Path("/here"))

    assert "--tag" not in argv
    assert argv[4:8] == ["--target", "resolved", "--output", "type=local,dest=/here"]
    assert {"BASE=base:1", "project=/elsewhere", "id=ca,src=/cache/ca.crt"} <= set(argv)


def test_a_plain_build_command_has_no_more_than_it_needs(tmp_path: Path) -> None:
    """No argument or secret where none is set; a proxy on this machine's loopback is reached."""
    (tmp_path / "Other").write_text("FROM base\n")
    build = Build(context=tmp_path, dockerfile="Other")
    argv = build_argv(Service(name="a", container="a", image="a:1", build=build), build, {})

    assert argv[9:] == [str(tmp_path / "Other"), "--network", "host", str(tmp_path)]


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
    assert Output().tells(line) == told


def test_a_build_that_has_all_in_its_cache_tells_its_steps() -> None:
    """Only those that do something: not what BuildKit does for itself."""
    output = Output()
    told = [output.tells(line) for line in (DATA / "cached-26.1.5.txt").read_text().splitlines()]

    assert [line.split("] ")[0] for line in told if line] == ["[stage-0 2/2"]


def test_a_cause_is_what_the_failed_step_said() -> None:
    """Not BuildKit's echo of the whole command, though it comes last and says ERROR."""
    reason = cause((DATA / "failed-26.1.5.txt").read_text(), "exit code 1")

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
        ("first\n\x1b[31mlast error\x1b[0m", "last error"),
        ("", "exit code 1"),
    ],
)
def test_a_cause_is_the_best_line_there_is(text: str, reason: str) -> None:
    """An error of the failed step, else BuildKit's own word about it, else what is given."""
    assert cause(text, "exit code 1") == reason


def told(*lines: str) -> list[str]:
    """Return what a build's lines tell, one after the other."""
    output = Output()
    return [output.tells(line) for line in lines]


def test_a_download_of_pip_tells_its_bytes_and_those_before_it() -> None:
    """pip says so where its configuration asks for it, without a terminal too."""
    assert told(
        "#8 [stage-0 4/8] RUN pip install",
        "#8 5.1 Downloading numpy-2.5.5-cp313.whl (15.7 MB)",
        "#8 5.2 Progress 5242880 of 15700000",
        "#8 5.9 Progress 15700000 of 15700000",
        "#8 6.0 Downloading six-1.17.0.whl (11 kB)",
        "#8 6.1 Installing collected packages: six, numpy",
    )[1:] == [
        "[stage-0 4/8] 0 B fetched, numpy-2.5.5-cp313.whl begins",
        "[stage-0 4/8] 0 B fetched, numpy-2.5.5-cp313.whl: 5.0 MiB of 15.0 MiB",
        "[stage-0 4/8] 0 B fetched, numpy-2.5.5-cp313.whl: 15.0 MiB of 15.0 MiB",
        "[stage-0 4/8] 15.0 MiB fetched, six-1.17.0.whl begins",
        "[stage-0 4/8] Installing collected packages: six, numpy",
    ]


def test_a_download_of_apt_tells_its_bytes_and_dpkg_its_package() -> None:
    """What apt writes to its status descriptor has no bytes: they are its share of the whole."""
    assert told(
        "#6 [jre 2/2] RUN apt-get install",
        "#6 1.0 dlstatus:1:20.0:Retrieving file 1 of 2",
        "#6 1.8 Need to get 1,535 kB/139 MB of archives.",
        "#6 1.9 Need to get 139 MB of archives.",
        "#6 2.0 dlstatus:3:50.0:Retrieving file 3 of 40",
        "#6 9.0 pmstatus:openjdk-21-jre:amd64:61.5:Installing openjdk-21-jre (amd64)",
        "#6 9.1 pmstatus:dpkg-exec:0.0:Running dpkg",
    )[1:] == [
        "[jre 2/2] Retrieving file 1 of 2",
        "[jre 2/2] Need to get 1,535 kB/139 MB of archives.",
        "[jre 2/2] Need to get 139 MB of archives.",
        "[jre 2/2] Retrieving file 3 of 40, 66.3 MiB of 132.6 MiB",
        "[jre 2/2] Installing openjdk-21-jre (amd64)",
        "[jre 2/2] Running dpkg",
    ]


def test_the_jars_that_curl_has_fetched_are_told_by_file_and_bytes() -> None:
    """Their addresses are not: that of a mirror may hold a password."""
    assert told(
        "#9 [fetched 4/4] RUN python3 neo4j_jars.py",
        "#9 2.1 a.jar 1500000 B",
        "#9 2.2 x.jar 512000 B",
        "#9 2.3 a.jar is nobody's",
    )[1:] == [
        "[fetched 4/4] 1.4 MiB fetched, a.jar",
        "[fetched 4/4] 1.9 MiB fetched, x.jar",
        "[fetched 4/4] a.jar is nobody's",
    ]


def test_no_login_of_a_mirror_is_told_or_logged() -> None:
    """It may stand in every address."""
    line = "#6 1.0 Err:1 https://user:pw@mirror.example/debian trixie, see http://a.example/x@y"

    assert without_logins(line) == (
        "#6 1.0 Err:1 https://…@mirror.example/debian trixie, see http://a.example/x@y"
    )


def test_the_same_words_again_are_no_news() -> None:
    """While nothing arrives apt says the same twice a second, and only the time goes on."""
    first, again = "#6 2.0 dlstatus:3:50.0:Retrieving", "#6 2.5 dlstatus:3:50.0:Retrieving"

    assert words(first) == words(again) != words("#6 2.5 dlstatus:3:51.0:Retrieving")


def test_a_step_counts_its_own_bytes() -> None:
    """What another step of the same build has yet to fetch is none of its business."""
    assert told(
        "#6 [jre 2/2] RUN apt-get install",
        "#7 [jdk 1/1] RUN apt-get update",
        "#6 1.9 Need to get 139 MB of archives.",
        "#7 2.0 dlstatus:1:50.0:Retrieving file 1 of 2",
    )[3:] == ["[jdk 1/1] Retrieving file 1 of 2"]


def test_steps_side_by_side_keep_their_names() -> None:
    """Stages of one Dockerfile are built at the same time."""
    assert told(
        "#6 [jars 1/4] RUN apt-get", "#7 [jdk 1/1] RUN apt-get", "#6 1.0 first", "#7 1.0 second"
    )[2:] == ["[jars 1/4] first", "[jdk 1/1] second"]


def test_the_error_of_a_process_of_ours_keeps_its_next_step() -> None:
    """It ends with two lines that are written for people."""
    text = "fetching\nerror: the keyring is missing\nnext: apt-get install keyring\n"

    assert told_error(text) == ("the keyring is missing", "apt-get install keyring")
    assert told_error("#5 1.0 error: x\n#5 ERROR: y") is None

"""Which MemOS runs: what is told of it, what starts with it, and what a wrong one is answered."""

import re
from pathlib import Path

import pytest

from tests.kit.changes import built, put
from tests.kit.checkout import Checkout

PROJECT = """[project]
name = "MemoryOS"
version = "2.0.34"
dependencies = ["openai (>=1.77.0,<2.0.0)", "{more}"]
"""
SAID = "Because there is no version of memoryos==9.9.9 and you require it."


def unwanted(at: Checkout, *names: str) -> None:
    """Let services start only when they are named, and have no container."""
    for name in names:
        at.config["services"][name]["x-wanted"] = "no"
        at.config["services"][name]["profiles"] = ["milvus"]
        del at.state["containers"][f"id-{name}"]


def source(at: Checkout, more: str = "pyyaml") -> Path:
    """Make a checkout of MemOS that wants one more package, and have it run."""
    folder = at.folder / "MemOS"
    (folder / "src" / "memos").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT.format(more=more))
    put("MEMOS_SRC", str(folder))(at)
    return folder


def test_a_newer_release_starts_without_milvus(at: Checkout) -> None:
    """`up` says so; the overlay is among Compose's files, and its services among those known."""
    put("MEMOS_VERSION", "2.0.33")(at)
    unwanted(at, "milvus", "etcd")

    assert at.inv("up", "--timeout", "20") == 0

    shown = at.shown().err
    assert "this is MemOS 2.0.33\n" in shown
    assert "Milvus was not started: MemOS 2.0.33 does not use it;" in shown
    assert at.calls()[-1].endswith("create --no-build --pull never memos neo4j qdrant")
    words = (at.folder / "calls").read_text().splitlines()[-1]
    assert "docker-compose.without-milvus.yml --progress" in words


def test_what_does_not_start_by_itself_can_be_asked_for(at: Checkout) -> None:
    """By name, as ever."""
    put("MEMOS_VERSION", "2.0.33")(at)
    unwanted(at, "etcd")
    at.state["containers"]["id-etcd"] = at.container("etcd", "created")

    assert at.inv("up", "--service", "etcd") == 0
    assert "etcd" in at.shown().err


def test_what_is_not_wanted_is_shown_only_where_it_is_there(at: Checkout) -> None:
    """Somebody may have started it by name."""
    put("MEMOS_VERSION", "2.0.33")(at)
    unwanted(at, "milvus", "etcd")
    at.state["containers"]["id-etcd"] = at.container("etcd")

    assert at.inv("ps", "--format", "json") == 0
    document = at.document("ps")
    assert document["memos"] == "MemOS 2.0.33"
    assert {row["service"] for row in document["services"]} == {"memos", "neo4j", "qdrant", "etcd"}

    assert at.inv("images.status") == 0
    assert "milvus" not in at.shown().out
    assert at.inv("doctor") == 0
    assert "3 of 4" not in at.shown().out


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("v2.0.7", "such as 2.0.7"),
        ("latest", "such as 2.0.33"),
        ("2.1", "such as 2.0.33"),
        ("2.0.7rc1", "such as 2.0.33"),
        ("2.0.7; rm", "such as 2.0.33"),
        ("2.0.5", "wanted 2.0.6 or newer"),
    ],
)
def test_what_is_no_release_is_refused_before_anything_is_asked(
    at: Checkout, value: str, wanted: str
) -> None:
    """One message with the value, where it stands, and what would be right."""
    put("MEMOS_VERSION", value)(at)

    assert at.inv("up") == 2
    shown = at.shown().err
    assert re.search(rf"\.env line \d+: MEMOS_VERSION is {re.escape(repr(value))}, ", shown)
    assert wanted in shown
    assert at.calls() == []


def test_blanks_after_a_release_are_none_of_it(at: Checkout) -> None:
    """As Compose reads the file; in the environment they are a wrong value."""
    put("MEMOS_VERSION", "2.0.7 ")(at)
    assert at.inv("ps") == 0

    at.patch.setenv("MEMOS_VERSION", "2.0.7 ")
    assert at.inv("up") == 2
    assert "MEMOS_VERSION is '2.0.7 ', wanted the three numbers of a release, such as 2.0.7" in (
        at.shown().err
    )


def test_a_release_that_does_not_exist_is_told_in_the_words_of_the_resolver(at: Checkout) -> None:
    """Before anything is built; the next step names the variable."""
    put("MEMOS_VERSION", "9.9.9")(at)
    built(at, "memos")
    at.config["services"]["memos"]["build"]["args"] = {"MEMOS_VERSION": "9.9.9"}
    at.answer("--target resolved", f"echo '#12 2.6 error: cannot be resolved: {SAID}'; exit 1")

    assert at.inv("images.build") == 2

    shown = at.shown().err
    assert f"MEMOS_VERSION is '9.9.9', and its packages cannot be resolved: {SAID}" in shown
    assert "as MEMOS_VERSION in .env, such as 2.0.33; then: inv up" in shown
    assert [call for call in at.calls() if "--tag" in call] == []


def test_what_is_found_at_build_is_the_label_of_the_image(at: Checkout) -> None:
    """And the file that was found stays in the image itself."""
    put("MEMOS_VERSION", "2.0.20")(at)
    built(at, "memos")
    at.config["services"]["memos"]["build"]["args"] = {"MEMOS_VERSION": "2.0.20"}
    found = at.root / ".cache" / "memos-test" / "build" / "memos-packages"
    found.mkdir(parents=True)
    (found / "packages.txt").write_text("openai==1.99 \\\n    --hash=sha256:00\n")
    (found / "release.txt").write_text("memoryos==2.0.20\n")

    assert at.inv("images.build") == 0

    (build,) = [call for call in at.calls() if "--tag" in call]
    assert "--label dev.memos.packages=memoryos==2.0.20 openai==1.99" in build


def test_a_checkout_with_the_packages_of_a_release_runs_on_them(at: Checkout) -> None:
    """Nothing is resolved, nothing is built anew."""
    source(at)

    assert at.inv("up") == 0
    assert f"this is MemOS 2.0.34 of {at.folder}/MemOS/src, on the packages of 2.0.33" in (
        at.shown().err
    )


def test_what_a_checkout_wants_and_its_image_lacks_is_told_before_the_start(at: Checkout) -> None:
    """Each time, with what builds it; the start goes on, and nothing is built."""
    source(at, "tavily-python (>=0.5)")
    image = at.config["services"]["memos"]["image"]
    at.state["images"][image] = {"dev.memos.packages": "openai==1.2 memoryos==2"}

    for _ in range(2):
        assert at.inv("up") == 0
        shown = at.shown().err
        assert "openai is 1.2, it wants <2.0.0,>=1.77.0; tavily-python is not installed" in shown
        assert "next: inv images.build --service memos, then: inv up" in shown
    assert at.inv("doctor") == 0
    assert "tavily-python is not installed" in at.shown().out
    assert [call for call in at.calls() if call.startswith("build ")] == []


def test_requirements_that_are_none_are_told_in_a_line(at: Checkout) -> None:
    """With the reason, and where they stand."""
    source(at, "pyyaml newest")

    assert at.inv("up") == 2
    shown = at.shown().err
    assert "MEMOS_SRC is " in shown
    assert "and its pyproject.toml cannot be resolved: " in shown
    assert "Traceback" not in shown

"""The workflows of .github/ and action.yml: what they may do, and on what they stand."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.kit import workflows
from tests.kit.places import ROOT

FILES = sorted(workflows.FOLDER.glob("*.yml"))
EVERY = [*FILES, workflows.ACTION]
WRITING = {("release.yml", "release"): {"contents": "write"}}
"""Jobs that may do more than read."""
OURS = (".", "$")
"""How an action or a workflow of this repository begins."""
RUNNERS = re.compile(r"ubuntu-\d\d\.\d\d(-arm)?\Z")
HERE = ("./dev ", ".ci/", '"$GITHUB_ACTION_PATH/.ci/', "rm -rf .cache/")
"""How a step begins that runs as well on any other machine."""

each = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
all_of_them = pytest.mark.parametrize("file", EVERY, ids=lambda file: file.stem)


def jobs(file: Path) -> dict[str, dict[str, Any]]:
    """Return the jobs of a workflow that have steps."""
    found: dict[str, dict[str, Any]] = workflows.document(file)["jobs"]
    return {name: job for name, job in found.items() if "steps" in job}


@all_of_them
def test_what_others_wrote_is_pinned_by_a_whole_hash_and_says_its_version(file: Path) -> None:
    """A tag can be moved to anything, by whoever has the repository."""
    named = [one for one in workflows.uses(workflows.document(file)) if one[0] not in OURS]
    text = file.read_text(encoding="utf-8")

    pinned = re.compile(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40}\Z")
    assert [one for one in named if not pinned.match(one)] == []
    without = [one for one in named if not re.search(rf"{re.escape(one)} # v\d+\.\d+\.\d+\n", text)]
    assert without == []


def test_each_action_of_others_stands_here_in_one_version() -> None:
    """Two would be one that nobody keeps."""
    named = {one for file in EVERY for one in workflows.uses(workflows.document(file))}
    hashes = {
        "/".join(one.split("@")[0].split("/")[:2]) + "@" + one.split("@")[-1] for one in named
    }
    others = {one for one in hashes if not one.startswith("./")}

    assert len(others) == len({one.split("@")[0] for one in others}) > 0


@each
def test_a_job_may_do_only_what_it_does(file: Path) -> None:
    """Nothing is granted to all of them, and only a release writes."""
    assert workflows.document(file)["permissions"] == {}

    for name, job in workflows.document(file)["jobs"].items():
        wanted = WRITING.get((file.name, name), {"contents": "read"})
        assert job["permissions"] == wanted, name


@each
def test_a_job_ends_and_its_runner_is_a_release(file: Path) -> None:
    """GitHub's own limit is six hours, and `latest` changes the engine from one day to another."""
    for name, job in jobs(file).items():
        assert 0 < job["timeout-minutes"] <= 120, name
        matrix = job.get("strategy", {}).get("matrix", {}).get("runner", [job["runs-on"]])
        assert [one for one in matrix if not RUNNERS.match(one)] == []


@each
def test_one_run_takes_the_place_of_another_or_waits_for_it(file: Path) -> None:
    """A push in the middle of another one's checks need not pay for both."""
    assert workflows.document(file)["concurrency"]["group"]


@each
def test_no_step_finds_a_token_in_the_checkout(file: Path) -> None:
    """What is checked out is run."""
    for job in jobs(file).values():
        first, *others = job["steps"]
        assert first["uses"].startswith("actions/checkout@")
        assert first["with"] == {"persist-credentials": False}
        assert not any("checkout@" in step.get("uses", "") for step in others)


@all_of_them
def test_no_expression_becomes_words_of_a_shell(file: Path) -> None:
    """What others may have written (a branch, an input) goes in as a variable."""
    words = [step["run"] for step in workflows.steps(workflows.document(file)) if "run" in step]

    assert words
    assert [one for one in words if "${{" in one] == []


@all_of_them
def test_every_step_is_one_that_runs_here_too(file: Path) -> None:
    """A script of this repository, or a command of its launcher; functional tests run them."""
    for step in workflows.steps(workflows.document(file)):
        if "run" in step:
            assert step["run"].startswith(HERE), step
            program = re.search(r"\.ci/[\w-]+", step["run"])
            assert program is None or (ROOT / program[0]).stat().st_mode & 0o111, step


@all_of_them
def test_a_secret_is_given_to_the_one_step_that_needs_it(file: Path) -> None:
    """Not to a whole job, and not to a step that also runs what others wrote."""
    text = file.read_text(encoding="utf-8")
    given = [
        (step.get("run", ""), name)
        for step in workflows.steps(workflows.document(file))
        for name, one in step.get("env", {}).items()
        if "secrets." in str(one) or "token" in str(one)
    ]

    assert all(words.startswith((".ci/login", ".ci/publish ")) for words, _ in given)
    handed_on = [
        job for job in workflows.document(file).get("jobs", {}).values() if "secrets" in job
    ]
    count = len(given) + sum(len(job["secrets"]) for job in handed_on)
    assert len(re.findall(r"\$\{\{ (?:secrets\.|github\.token)", text)) == count

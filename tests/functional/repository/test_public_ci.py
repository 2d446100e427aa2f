"""The steps of .github/ and action.yml, run in order in a checkout, with fakes of the network.

`docker`, `gh` and `curl` are fakes, and so is what `./dev` starts, but for the programs of
tests/public.
"""

import ast
import hashlib
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import tasks
from tests.kit import workflows
from tests.kit.places import ROOT
from tests.kit.workflows import Ran, Runner

JOBS = [
    (file.name, name)
    for file in sorted(workflows.FOLDER.glob("*.yml"))
    for name, job in workflows.document(file)["jobs"].items()
    if "steps" in job
]
COPIED = (".ci", ".github", "tests/public", "tests/kit/places.py", ".env.example", "action.yml")
DEV = """\
#!/bin/sh
here=$(dirname "$0")
echo "$*" >> "$here/calls"
case "$*" in
    python*) shift; cd "$here" && PYTHONPATH=. exec {python} "$@" ;;
    "inv up"*) exit "${{UP-0}}" ;;
    "inv report "*) echo page > "$3" ;;
    "inv env --github")
        printf 'MEMOS_URL<<end\\nhttp://127.0.0.1:1\\nend\\n' >> "$GITHUB_ENV"
        printf 'NEO4J_URI=bolt://127.0.0.1:2\\nNEO4J_PASSWORD=12345678\\n' >> "$GITHUB_ENV" ;;
esac
"""
DOCKER = """\
case "$1" in
    login) cat > "$here/given" ;;
    buildx)
        for image; do :; done
        case $image in
            $GONE) echo "ERROR: $image: not found" >&2; exit 1 ;;
            $SILENT) echo "ERROR: failed to do request: Head: dial tcp: i/o timeout" >&2; exit 1 ;;
        esac
        printf '{"schemaVersion": 2, "manifests": [
            {"platform": {"os": "linux", "architecture": "arm64"}}]}' ;;
    save) echo images > "$3" ;;
    run) cat > "$here/copy.tar" ;;
esac
"""
LOGIN = {"DOCKERHUB_USERNAME": "us", "DOCKERHUB_TOKEN": "s e c r e t"}


class Place:
    """A checkout of a runner, with what it was made to call."""

    def __init__(self, root: Path, bin_: Path) -> None:
        """Nothing was called yet."""
        self.root, self.bin = root, bin_

    def job(
        self,
        file: str,
        name: str,
        *,
        environ: Mapping[str, str] = {},
        answers: Mapping[str, Mapping[str, str]] = {},
        **context: Any,
    ) -> list[Ran]:
        """Run a job, as on a push to main."""
        github = {"event_name": "push", "ref": "refs/heads/main", "token": "t o k e n"}
        known = {"github": github, "matrix": {"runner": "ubuntu-24.04"}, **context}
        runner = Runner(
            root=self.root,
            environ=workflows.machine(GITHUB_REF_NAME="v1.2.3", **environ),
            context=known,
            answers=answers,
        )
        return runner.job(workflows.document(workflows.FOLDER / file), name)

    def action(self, **given: str) -> tuple[Runner, list[Ran]]:
        """Run the action with these inputs."""
        environ = {**workflows.machine(), **{k: v for k, v in given.items() if k.isupper()}}
        inputs = {name: one for name, one in given.items() if name.islower()}
        runner = Runner(root=self.root, environ=environ)
        step = {"uses": "./", "with": {k.replace("_", "-"): v for k, v in inputs.items()}}
        return runner, runner.job({"jobs": {"one": {"steps": [step]}}}, "one")

    def calls(self) -> list[str]:
        """Return what `./dev` was given."""
        file = self.root / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def docker(self) -> list[str]:
        """Return what `docker` was given."""
        file = self.bin / "calls"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def place(tmp_path: Path, fake_docker: Callable[[str], Path]) -> Place:
    """A checkout at version 1.2.3, in which nothing is real but the scripts."""
    root = tmp_path / "a checkout"
    for name in COPIED:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    (root / "dev").write_text(DEV.format(python=sys.executable))
    (root / "dev").chmod(0o755)
    (root / "pyproject.toml").write_text('[project]\nname = "a"\nversion = "1.2.3"\n')
    said = "# Changes\n\n## 1.2.3, 2026-11-28\n\n- It goes.\n\n## 1.2.2, 2026-11-01\n\n- It came.\n"
    (root / "CHANGELOG.md").write_text(said)
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    folder = fake_docker(DOCKER)
    for name, script in {
        "gh": 'echo "$*" > "$(dirname "$0")/gh.calls"; echo "$GH_TOKEN" > "$(dirname "$0")/token"',
        "curl": 'case "$*" in *search) echo "{cello}" ;; esac',
    }.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return Place(root, folder)


def words_of(ran: list[Ran]) -> list[str]:
    """Return the steps that were run, less the hashes of actions."""
    return [one.what.partition("@")[0] for one in ran]


@pytest.mark.parametrize(("file", "name"), JOBS)
def test_the_steps_of_a_job_run_here_in_their_order(place: Place, file: str, name: str) -> None:
    """All that are run do what they are for, with the variables that the workflow gives them."""
    ran = place.job(file, name, secrets=LOGIN)

    assert [(one.what, one.output) for one in ran if one.exit_code] == []
    assert len(ran) > 1


def test_package_built_images_can_stand_for_official_ones(place: Place) -> None:
    """Where no registry answers; the steps of the job stay as they are."""
    runner = Runner(
        root=place.root, environ=workflows.machine(), instead={"IMAGE_SOURCE": "packages"}
    )

    ran = runner.job(workflows.document(workflows.FOLDER / "checks.yml"), "official")

    assert {one.env["IMAGE_SOURCE"] for one in ran if one.exit_code is not None} == {"packages"}


def test_what_steps_ask_the_launcher_for_is_there(place: Place) -> None:
    """A session of noxfile.py, a task of tasks.py, or a program of tests/public."""
    for file, name in JOBS:
        place.job(file, name)
    asked = [line.split() for line in place.calls()]
    sessions = {
        one.name
        for one in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body
        if isinstance(one, ast.FunctionDef) and one.decorator_list
    }

    assert {one[1] for one in asked if one[0] == "inv"} <= set(tasks.ns.task_names)
    assert {one[2] for one in asked if one[:2] == ["nox", "-s"]} <= sessions
    modules = {one[2] for one in asked if one[:2] == ["python", "-m"]}
    assert modules
    assert all((ROOT / f"{name.replace('.', '/')}.py").is_file() for name in modules)
    assert {one[0] for one in asked} == {"inv", "nox", "python"}


def test_official_images_are_pulled_once_and_kept_by_their_digests(place: Place) -> None:
    """What a run pulled another one loads, as long as no tag is pushed again."""
    first = place.job("checks.yml", "official")
    second = place.job(
        "checks.yml", "official", answers={"actions/cache/restore": {"cache-hit": "true"}}
    )

    assert "uses actions/cache/save" in words_of(first)
    assert "uses actions/cache/save" not in words_of(second)
    assert [one for one in place.docker() if one.startswith("save")]
    keys = [line for line in first[2].output.splitlines() if "sha256:" in line]
    assert len(keys) == 7
    assert not (place.root / ".cache" / "images").exists()


def test_a_kept_image_is_loaded_and_its_file_does_not_fill_the_disk(place: Place) -> None:
    """A runner has 14 GB."""
    kept = place.root / ".cache" / "images"
    kept.mkdir(parents=True)
    (kept / "images.tar").write_text("images")

    place.job("checks.yml", "official", answers={"actions/cache/restore": {"cache-hit": "true"}})

    assert f"load --quiet --input {Path('.cache/images/images.tar')}" in place.docker()
    assert not kept.exists()


def test_what_a_pull_request_pulled_is_not_kept(place: Place) -> None:
    """Nobody else could read it, and all share one quota."""
    ran = place.job("checks.yml", "official", github={"event_name": "pull_request"})

    assert "uses actions/cache/save" not in words_of(ran)
    assert not [one for one in place.docker() if one.startswith("save")]


def test_a_stack_that_does_not_come_up_leaves_its_report(place: Place) -> None:
    """And nothing is tried on it."""
    ran = place.job("checks.yml", "official", environ={"UP": "5"})

    assert words_of(ran)[-2:] == [
        "./dev inv report .cache/report.html --yes",
        "uses actions/upload-artifact",
    ]
    assert "inv smoke" not in place.calls()


def test_the_password_of_a_registry_stands_in_no_argument(place: Place) -> None:
    """Every process of a machine can read those of the others."""
    place.job("nightly.yml", "tags", secrets=LOGIN)

    assert "login --username us --password-stdin docker.io" in place.docker()
    assert (place.bin / "given").read_text() == "s e c r e t"


def test_without_a_login_that_is_said(place: Place) -> None:
    """A fork's pull request has no secrets."""
    ran = place.job("nightly.yml", "tags")

    assert "no login" in ran[1].output
    assert not [one for one in place.docker() if one.startswith("login")]


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        ({"GONE": "*/etcd:*"}, 1, "GONE: ERROR: quay.io/coreos/etcd:v3.5.18: not found"),
        ({"SILENT": "*/etcd:*"}, 4, "NOT KNOWN: ERROR: failed to do request"),
        ({"GONE": "*/etcd:*", "SILENT": "*neo4j*"}, 1, "named in .env.example"),
    ],
)
def test_a_tag_that_is_gone_is_told_each_night(
    place: Place, fault: dict[str, str], code: int, told: str
) -> None:
    """With the files that name it; a registry that only does not answer is another thing."""
    ran = place.job("nightly.yml", "tags", environ=fault)

    assert ran[-1].exit_code == code
    assert told in ran[-1].output
    asked = [one for one in place.docker() if "coreos/etcd" in one]
    assert len(asked) == (3 if code == 4 else 1)


def test_a_tag_becomes_a_release_with_its_part_of_the_changelog(place: Place) -> None:
    """The archive is the commit, its checksum is right, and the token is gh's alone."""
    ran = place.job("release.yml", "release")

    folder = place.root / ".cache" / "release"
    archive = folder / "memos-dev-workspace-1.2.3.tar.gz"
    assert (folder / "notes.md").read_text() == "- It goes.\n"
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert (folder / "SHA256SUMS").read_text() == f"{digest}  {archive.name}\n"
    with tarfile.open(archive) as found:
        assert "memos-dev-workspace-1.2.3/CHANGELOG.md" in found.getnames()
    gh = (place.bin / "gh.calls").read_text()
    assert gh.startswith("release create v1.2.3 --verify-tag ")
    assert (place.bin / "token").read_text() == "t o k e n\n"
    assert [one.what for one in ran if "GH_TOKEN" in one.env] == [ran[-1].what]


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("pyproject.toml", "1.2.3", "1.3.0", "the tag is v1.2.3, and pyproject.toml has version"),
        ("CHANGELOG.md", "1.2.3", "1.3.0", "CHANGELOG.md has no part '## 1.2.3, DATE'"),
        ("CHANGELOG.md", "2026-11-28", "not released yet", "says of 1.2.3: not released yet"),
        ("CHANGELOG.md", "- It goes.", "", "CHANGELOG.md says nothing of 1.2.3"),
    ],
)
def test_a_tag_that_fits_nothing_becomes_none(
    place: Place, file: str, before: str, after: str, told: str
) -> None:
    """Nothing is published."""
    text = (place.root / file).read_text()
    (place.root / file).write_text(text.replace(before, after))

    ran = place.job("release.yml", "release")

    assert (ran[-1].exit_code, told in ran[-1].output) == (2, True), ran[-1].output
    assert "\nnext: " in ran[-1].output
    assert not (place.bin / "gh.calls").exists()


def test_words_run_in_a_bare_debian_with_a_copy_of_the_commit(place: Place) -> None:
    """Privileged, gone afterwards, and with nothing of the checkout that is not committed."""
    (place.root / "not committed").touch()

    place.job("checks.yml", "packages")

    (run,) = (one for one in place.docker() if one.startswith("run"))
    assert run.startswith("run --rm --interactive --privileged --cgroupns host --volume /checkout ")
    assert run.endswith(" sh .ci/run")
    assert "--env IMAGE_SOURCE docker.io/library/debian:" in run
    with tarfile.open(place.bin / "copy.tar") as found:
        assert {".ci/run", "dev", "not committed"} & {*found.getnames()} == {".ci/run", "dev"}


class TestAction:
    """What another repository's workflow uses."""

    def test_a_later_step_has_the_variables(self, place: Place) -> None:
        """And what was asked for is started."""
        runner, ran = place.action(services="memos  qdrant", timeout="60")

        assert [one.exit_code for one in ran] == [0]
        wanted = "inv up --timeout 60 --service memos --service qdrant"
        assert place.calls() == [wanted, "inv env --github"]
        assert runner.exported["MEMOS_URL"] == "http://127.0.0.1:1"

    def test_which_memos_stands_in_the_settings(self, place: Place) -> None:
        """So that report and down mean the same stack; a relative path is the workspace's."""
        place.action(memos_version="2.0.33", memos_src="my MemOS/src")

        lines = (place.root / ".env").read_text().splitlines()
        assert "MEMOS_VERSION=2.0.33" in lines
        assert f"MEMOS_SRC={place.root}/my MemOS/src" in lines
        assert (place.root / ".env").stat().st_mode & 0o777 == 0o600
        example = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
        assert len(lines) == len(example)

    def test_a_stack_that_does_not_come_up_fails_with_its_code_and_leaves_its_report(
        self, place: Place
    ) -> None:
        """As an artifact; nothing is exported."""
        runner, ran = place.action(UP="5")

        assert [one.exit_code for one in ran] == [5, None]
        assert words_of(ran)[-1] == "uses actions/upload-artifact"
        assert runner.exported == {}

    def test_a_setting_that_is_in_no_line_gets_one(self, place: Place) -> None:
        """As in an `.env` of a few lines that the repository has."""
        (place.root / ".env").write_text("COMPOSE_PROJECT_NAME=mine\n")

        place.action(memos_version="2.0.33")

        lines = (place.root / ".env").read_text().splitlines()
        assert lines == ["COMPOSE_PROJECT_NAME=mine", "MEMOS_VERSION=2.0.33"]

    def test_a_report_that_cannot_be_made_does_not_hide_why_the_stack_failed(
        self, place: Place
    ) -> None:
        """The code is that of inv up."""
        dev = place.root / "dev"
        dev.write_text('#!/bin/sh\ncase $2 in report) exit 4 ;; *) exit "${UP:-0}" ;; esac\n')

        _, ran = place.action(UP="5")

        assert ran[0].exit_code == 5

    def test_its_report_and_its_end(self, place: Place) -> None:
        """A report alone is an artifact too."""
        _, reported = place.action(command="report")
        _, ended = place.action(command="down")

        assert words_of(reported)[-1] == "uses actions/upload-artifact"
        assert len(ended) == 1
        assert place.calls()[-1] == "inv down --volumes --yes"

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"command": "start"}, "::error::command is 'start'; it can be up, report or down"),
            ({"memos_version": "2.0.6\nBIND_ADDRESS=0.0.0.0"}, "MEMOS_VERSION has more than one"),
        ],
    )
    def test_a_wrong_input_is_told(self, place: Place, given: dict[str, str], told: str) -> None:
        """On the page of the run, and nothing is started."""
        _, ran = place.action(**given)

        assert (ran[0].exit_code, told in ran[0].output) == (2, True)
        assert place.calls() == []

    def test_words_of_an_input_are_no_patterns(self, place: Place) -> None:
        """A `*` is not all files of the folder."""
        place.action(services="*")

        assert place.calls()[0] == "inv up --timeout 300 --service *"


def test_the_example_in_the_docs_names_inputs_that_there_are() -> None:
    """What is pasted works."""
    page = (ROOT / "docs" / "public-ci.md").read_text(encoding="utf-8")
    example = workflows.parsed(page.partition("```yaml\n")[2].partition("```")[0])
    steps = list(workflows.steps(example))
    given = {name for one in steps if "REPOSITORY" in one.get("uses", "") for name in one["with"]}

    assert given
    assert given <= set(workflows.document(workflows.ACTION)["inputs"])
    (checkout, *_) = workflows.uses(workflows.document(workflows.FOLDER / "checks.yml"))
    assert steps[0]["uses"] == checkout

"""What breaks a rule in the repository's own files is told by `nox -s schema`, whatever it is."""

import shutil
from pathlib import Path

import pytest

from scripts.config import check
from scripts.core.checkout import Checkout
from scripts.core.errors import ExitCode
from tests.kit.checkout import RESOLVED, lay_out, resolved_as_recorded
from tests.kit.fakes import FakeRunner
from tests.kit.places import ROOT

BASE, PACKAGES = "docker/docker-compose.yml", "docker/docker-compose.packages.yml"


@pytest.fixture
def checkout(tmp_path: Path, runner: FakeRunner) -> Checkout:
    """The repository's files, which Compose resolves as it was recorded."""
    lay_out(tmp_path)
    shutil.copytree(ROOT / "schemas", tmp_path / "schemas")
    resolved_as_recorded(tmp_path, runner)
    runner.answer("uv install")
    return Checkout(root=tmp_path, environ={}, runner=runner, say=print)


def test_all_files_keep_every_rule(
    checkout: Checkout, runner: FakeRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each combination is resolved with the example's values, never with the user's own."""
    assert check.main(checkout) is ExitCode.OK

    schemas = len(list((ROOT / "schemas").iterdir()))
    composes = len(list((ROOT / "docker").glob("docker-compose*.yml")))
    assert capsys.readouterr().out == (
        f"{schemas} schemas, {composes} compose files in 8 combinations,"
        " and .env.example keep every rule\n"
    )
    asked = [call for call in runner.calls if call.argv[-1] == "config"]
    assert [call.env["COMPOSE_PROFILES"] for call in asked] == [
        *("", "models", "models,milvus,preferences", "elsewhere")
    ] * 2
    assert {call.env["ENV_FILE"] for call in asked} == {"/nonexistent"}
    assert all(str(checkout.root / ".env.example") in call.argv for call in asked)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "schemas/ps.schema.json",
            '"type": "object"',
            '"type": "thing"',
            "ps.schema.json: found 'thing' is not valid",
        ),
        ("schemas/doctor.schema.json", "{", "", "wanted a JSON Schema, 2020-12"),
        (BASE, "services:", "services: [", "docker-compose.yml: not YAML"),
        (
            BASE,
            "${CONTAINER_PREFIX:-}qdrant-docker",
            "qdrant",
            'docker-compose.yml: service qdrant: container_name: found "qdrant"',
        ),
        (
            PACKAGES,
            "services:",
            "x-more: ${MORE:-}\nservices:",
            "docker-compose.packages.yml: x-more: found the variable MORE, which .env.example does",
        ),
        (
            ".env.example",
            "\nMEMOS_PORT=8000\n",
            "\nMEMOS_PORT=8001\n",
            '.env.example: MEMOS_PORT: found "8001", wanted "8000"',
        ),
        (".env.example", "\nMEMOS_PORT=", "\nmemos port=", ".env.example: line"),
    ],
)
def test_a_file_that_breaks_a_rule_is_told(
    checkout: Checkout,
    capsys: pytest.CaptureFixture[str],
    file: str,
    old: str,
    new: str,
    told: str,
) -> None:
    """A schema, a compose file, its override, the example: 2, the file, what to do."""
    text = (checkout.root / file).read_text()
    assert old in text
    (checkout.root / file).write_text(text.replace(old, new, 1))

    assert check.main(checkout) is ExitCode.CONFIG

    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert told in said
    assert "\nnext: correct " in said


def test_a_dockerfile_that_breaks_a_rule_is_told(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stands wherever a Dockerfile may stand."""
    folder = checkout.root / "docker" / "packages" / "more"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM base\nRUN apt-get install amd64-microcode\n")

    assert check.main(checkout) is ExitCode.CONFIG

    assert (
        "docker/packages/more/Dockerfile: found amd64-microcode, wanted no processor"
        in capsys.readouterr().err
    )


def test_a_stack_that_docker_refuses_is_told(
    checkout: Checkout, runner: FakeRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    """Docker reads each combination as a Swarm would get it, and needs no engine for that."""
    refused = "services.memos.deploy Additional property x-foo is not allowed"
    runner.answer("docker stack config", stderr=refused, exit_code=1)

    assert check.main(checkout) is ExitCode.CONFIG

    said = capsys.readouterr().err
    assert said.count(f"found the stack that Docker refuses: {refused}") == len(check.COMBINATIONS)


def test_what_a_swarm_cannot_keep_is_told(
    checkout: Checkout, runner: FakeRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its key."""
    text = (RESOLVED / "registry.yml").read_text()
    assert "    pids_limit: 2048\n" in text
    more = text.replace("    pids_limit: 2048\n", "    pids_limit: 2048\n    cpu_shares: 2\n", 1)
    runner.answer(f"{checkout.root / BASE} config", more)

    assert check.main(checkout) is ExitCode.CONFIG

    assert "cpu_shares: found 2, wanted no such key with DEPLOY=swarm" in capsys.readouterr().err


def test_a_volume_of_an_image_that_is_built_here_is_covered(
    checkout: Checkout, runner: FakeRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its Dockerfile says which; nothing may be mounted there by nobody's name."""
    folder = checkout.root / "docker" / "packages" / "etcd"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text('VOLUME ["/etcd", "/more"]\n')
    text = (RESOLVED / "packages.yml").read_text()
    runner.answer(
        f"{checkout.root / PACKAGES} config", text.replace("/workspace", str(checkout.root))
    )

    assert check.main(checkout) is ExitCode.CONFIG

    said = capsys.readouterr().err
    assert 'service etcd: x-image-volumes: found "/more", wanted a mount there' in said
    assert '"/etcd"' not in said


def test_a_package_that_arm64_lacks_is_told(
    checkout: Checkout, runner: FakeRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    """The index of this machine is asked for all that is pinned, for the Python of its image."""
    folder = checkout.root / "docker" / "packages" / "web"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text("a==1 --hash=sha256:0\n")
    runner.answer(
        "uv install --python-version 3.13",
        stderr="No solution found when resolving dependencies:\n  a==1 has no wheels",
        exit_code=1,
    )

    assert check.main(checkout) is ExitCode.CONFIG

    assert (
        "docker/packages/web/requirements.txt: found a==1 has no wheels, wanted"
        in capsys.readouterr().err
    )


def test_without_an_index_what_was_not_asked_is_told_and_is_no_breach(
    checkout: Checkout, runner: FakeRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    """A contributor on a train can still check everything else."""
    runner.answer("uv install", stderr="error: Failed to fetch: dns error", exit_code=2)

    assert check.main(checkout) is ExitCode.OK

    told, last = capsys.readouterr().out.splitlines()
    assert told.startswith("not checked: whether arm64 has all pinned packages (")
    assert "dns error" in told
    assert last.endswith("keep every rule")


def test_what_only_shows_in_the_resolved_file_is_told(
    checkout: Checkout, runner: FakeRunner, capsys: pytest.CaptureFixture[str]
) -> None:
    """The names of all files that it was made of stand before it."""
    text = (RESOLVED / "packages.yml").read_text()
    broken = text.replace("restart: unless-stopped", "restart: sometimes", 1)
    runner.answer(f"{checkout.root / PACKAGES} config", broken)

    assert check.main(checkout) is ExitCode.CONFIG

    assert "docker-compose.yml + docker-compose.packages.yml: service " in capsys.readouterr().err


def test_a_schema_that_is_none_is_told_alone(checkout: Checkout, runner: FakeRunner) -> None:
    """What is held against it would be told wrongly, so Compose is not asked."""
    (checkout.root / "schemas" / "stack.schema.json").write_text("{")

    assert check.main(checkout) is ExitCode.CONFIG
    assert runner.calls == []

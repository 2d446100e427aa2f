"""How a stack comes together: settings, engine, image source and the resolved file."""

import shutil
from pathlib import Path

import pytest

from scripts import compose, engine, images, workspace
from scripts.engine import Engine
from scripts.errors import ConfigError, EngineError, RefusedError
from scripts.model import Stack
from tests.fakes import FakeApi, FakeRunner

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "tests" / "data" / "config"
ENGINE = Engine(
    endpoint="unix:///run/docker.sock",
    env={"DOCKER_HOST": "unix:///run/docker.sock"},
    private=False,
    version="26.1.5+dfsg1",
    api_version="1.45",
)
UNREACHABLE = {"docker.io": "no such host"}


class Bench:
    """A checkout with our compose files on an engine that answers from records."""

    def __init__(self, root: Path, runner: FakeRunner) -> None:
        """Make the checkout at `root`."""
        self.root = root
        self.runner = runner
        self.said: list[str] = []
        (root / "docker").mkdir()
        shutil.copy(ROOT / ".env.example", root)
        for file in (ROOT / "docker").glob("docker-compose*.yml"):
            shutil.copy(file, root / "docker")
        runner.answer("compose version", "2.26.1\n")
        runner.answer("config", (CONFIG / "registry.yml").read_text())
        packages = str(root / "docker" / "docker-compose.packages.yml")
        runner.answer(f"{packages} config", (CONFIG / "packages.yml").read_text())

    def look(self) -> workspace.Workspace:
        """Look at the stack."""
        return workspace.look(self.root, {}, self.runner, self.said.append)

    def prepared(self) -> workspace.Workspace:
        """Make the stack ready for a start."""
        return workspace.prepared(self.root, {}, self.runner, self.said.append)

    def env(self, text: str) -> None:
        """Write `.env`."""
        (self.root / ".env").write_text(text)


@pytest.fixture
def bench(tmp_path: Path, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A checkout on a machine with an engine, without images, whose registries answer."""
    monkeypatch.setattr(engine, "discover", lambda *_: ENGINE)
    monkeypatch.setattr(engine, "packages_possible", lambda: True)
    monkeypatch.setattr(workspace, "Api", lambda _endpoint: FakeApi())
    monkeypatch.setattr(images, "unreachable", lambda *_: {})
    (tmp_path / "checkout").mkdir()
    return Bench(tmp_path / "checkout", runner)


def test_a_look_changes_nothing(bench: Bench) -> None:
    """Without `.env` the defaults are used, and that is said; no file is made."""
    space = bench.look()

    assert not (bench.root / ".env").exists()
    assert bench.said == ["there is no .env yet: using the defaults of .env.example"]
    assert (space.image_source, space.stack.project) == ("registry", "memos-dev")
    assert space.stack.folder == bench.root / "docker"


def test_a_look_takes_the_source_of_env(bench: Bench) -> None:
    """The second file is resolved with the first, and nothing is said."""
    bench.env("IMAGE_SOURCE=packages\n")

    space = bench.look()

    assert (space.image_source, bench.said) == ("packages", [])
    assert space.stack.service("neo4j").build is not None


def test_compose_sees_the_engine_and_the_settings(bench: Bench) -> None:
    """Each command gets DOCKER_HOST, the file that was read, and the local model's profile."""
    bench.env("")

    space = bench.look()

    assert space.compose.env == {
        **ENGINE.env,
        "ENV_FILE": str(bench.root / ".env"),
        "COMPOSE_PROFILES": "embedder",
        "EMBEDDING_DIMENSION": "384",
    }
    assert space.resolved == (CONFIG / "registry.yml").read_text()
    assert space.api is not None


def test_files_that_can_be_made_again_lie_apart_for_each_stack(bench: Bench) -> None:
    """Build secrets lie where the compose files name them."""
    space = bench.look()

    assert space.cache == bench.root / ".cache" / "memos-dev"
    assert space.secrets == bench.root / ".cache" / "build"


def test_a_look_without_an_engine_says_how_to_get_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is started by a command that only looks."""
    monkeypatch.setattr(engine, "discover", lambda *_: None)

    with pytest.raises(EngineError, match="no engine is running") as caught:
        bench.look()

    assert caught.value.next_step


def test_wrong_settings_are_found_before_the_engine_is_asked(bench: Bench) -> None:
    """No process is started for a file that cannot be right."""
    bench.env("MEMOS_PORT=x\n")

    with pytest.raises(ConfigError, match="MEMOS_PORT is 'x'"):
        bench.look()
    assert bench.runner.calls == []


def test_a_compose_file_that_breaks_a_rule_is_refused_as_it_is_written(bench: Bench) -> None:
    """The message names file, service and key; Compose is not asked for the resolved file."""
    file = bench.root / "docker" / "docker-compose.yml"
    file.write_text(file.read_text().replace("${CONTAINER_PREFIX:-}qdrant-docker", "qdrant"))

    with pytest.raises(ConfigError, match="service qdrant: container_name"):
        bench.look()
    assert not any("config" in command.split() for command in bench.runner.commands())


def test_a_resolved_file_that_breaks_a_rule_is_refused(bench: Bench) -> None:
    """What only shows after interpolation is found too."""
    text = (CONFIG / "registry.yml").read_text()
    bench.runner.answer("config", text.replace("neo4j:5.26.4", "neo4j:latest"))

    with pytest.raises(ConfigError, match=r"service neo4j: image: .*a pinned image"):
        bench.look()


def test_a_compose_file_that_is_gone_is_named(bench: Bench) -> None:
    """Not as an empty file, and not with a traceback."""
    (bench.root / "docker" / "docker-compose.yml").unlink()

    with pytest.raises(ConfigError, match=r"there is no .*docker-compose\.yml"):
        bench.look()


def test_the_first_start_makes_env_and_settles_the_source(bench: Bench) -> None:
    """Both are said, and the next start finds them."""
    space = bench.prepared()

    assert "IMAGE_SOURCE=registry\n" in (bench.root / ".env").read_text()
    assert (space.image_source, space.settings.image_source) == ("registry", "registry")
    assert bench.said == [
        "made .env from .env.example",
        "images: registry, because every registry answers (IMAGE_SOURCE=registry written to .env)",
    ]


def test_the_second_start_asks_no_registry(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was chosen once stays, also when a registry has gone since."""
    bench.prepared()
    bench.said.clear()
    monkeypatch.setattr(images, "unreachable", lambda *_: UNREACHABLE)

    assert bench.prepared().image_source == "registry"
    assert bench.said == []


def test_a_registry_that_does_not_answer_leads_to_packages(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The choice, its reason and where it was written are said."""
    monkeypatch.setattr(images, "unreachable", lambda *_: UNREACHABLE)

    space = bench.prepared()

    assert space.image_source == "packages"
    assert space.stack.service("neo4j").build is not None
    assert "IMAGE_SOURCE=packages\n" in (bench.root / ".env").read_text()
    assert "the registry docker.io cannot be used (no such host)" in bench.said[-1]


def test_only_official_images_that_are_absent_are_asked_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is built here comes from no registry, and what is here need not be fetched."""
    asked: list[str] = []
    here = FakeApi({"/images/docker.io/library/neo4j:5.26.4/json": {"Config": {}}})
    monkeypatch.setattr(workspace, "Api", lambda _endpoint: here)

    def unreachable(_endpoint: str, names: list[str]) -> dict[str, str]:
        asked.extend(names)
        return {}

    monkeypatch.setattr(images, "unreachable", unreachable)

    bench.prepared()

    assert sorted(name.rpartition("/")[2].partition(":")[0] for name in asked) == [
        *("attu", "etcd", "milvus", "minio", "qdrant")
    ]


def test_with_all_images_here_no_registry_is_asked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without network goes on with what it has."""
    stack = compose.parse(compose.document((CONFIG / "registry.yml").read_text()), bench.root)
    here = FakeApi({f"/images/{one.image}/json": {"Config": {}} for one in stack.services})
    monkeypatch.setattr(workspace, "Api", lambda _endpoint: here)
    monkeypatch.setattr(images, "unreachable", lambda *_: UNREACHABLE)

    assert bench.prepared().image_source == "registry"


@pytest.mark.parametrize("possible", [True, False])
def test_a_registry_that_answers_is_used(possible: object) -> None:
    """Packages are the way out, not the first choice."""
    assert workspace.decided({}, packages_possible=bool(possible))[0] == "registry"


def test_where_packages_are_not_possible_a_mirror_is_the_next_step() -> None:
    """The registry and its reason are named, and why packages will not do."""
    with pytest.raises(RefusedError) as caught:
        workspace.decided(UNREACHABLE, packages_possible=False)

    assert "the registry docker.io cannot be used (no such host)" in str(caught.value)
    assert "packages are built only as root on x86-64 Debian" in str(caught.value)
    assert caught.value.next_step.startswith("set IMAGE_REGISTRY in .env")


def test_stopping_also_sees_what_only_a_profile_starts(bench: Bench) -> None:
    """A local model that was started before its key came is stopped too."""
    space = workspace.with_all_profiles(bench.look())

    assert space.compose.env["COMPOSE_PROFILES"] == "*"
    assert space.compose.env["DOCKER_HOST"] == ENGINE.endpoint


@pytest.mark.parametrize(
    ("existing", "ours"),
    [
        (["memos-dev_neo4j_data", "memos-dev_etcd_data", "memos-dev_other", "0" * 64], 2),
        ([], 0),
    ],
)
def test_volumes_are_those_of_the_stack_that_exist(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, existing: list[str], ours: int
) -> None:
    """What other stacks keep is never listed, so never deleted."""
    answer = {"Volumes": [{"Name": name} for name in existing] or None}
    monkeypatch.setattr(workspace, "Api", lambda _endpoint: FakeApi({"/volumes": answer}))

    found = workspace.volumes(bench.look())

    assert list(found) == sorted(existing[:2])
    assert len(found) == ours


def owned_by(folder: Path) -> FakeApi:
    """Give an engine with one container that was made from this folder."""
    labels = {
        "com.docker.compose.service": "neo4j",
        "com.docker.compose.project.working_dir": str(folder),
    }
    found = {
        "Id": "1",
        "Name": "/neo4j-docker",
        "Config": {"Labels": labels},
        "State": {"Status": "running"},
    }
    return FakeApi({"/containers/json": [{"Id": "1"}], "/containers/1/json": found})


def test_own_containers_may_be_changed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose's label names our own folder."""
    own = owned_by(bench.root / "docker")
    monkeypatch.setattr(workspace, "Api", lambda _endpoint: own)

    workspace.require_own(bench.look())


def test_containers_of_another_checkout_are_never_taken_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Container, project and the other checkout are named, and how to run side by side."""
    other = owned_by(Path("/home/me/other/docker"))
    monkeypatch.setattr(workspace, "Api", lambda _endpoint: other)

    with pytest.raises(ConfigError) as caught:
        workspace.require_own(bench.look())

    assert "container neo4j-docker of project 'memos-dev'" in str(caught.value)
    assert str(caught.value).endswith("the checkout at /home/me/other")
    assert "COMPOSE_PROJECT_NAME, CONTAINER_PREFIX" in caught.value.next_step


def test_the_stack_is_the_resolved_file(bench: Bench) -> None:
    """All services of the file are there, with what stands beside them."""
    stack = bench.look().stack

    assert isinstance(stack, Stack)
    assert len(stack.services) == 8

"""How a stack comes together: settings, engine, image source and the resolved file."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.config import compose, workspace
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError, EngineError, RefusedError
from scripts.core.inventory import Engine
from scripts.core.stack import Link, Port, Probe, Stack
from scripts.data import volumes
from scripts.engine import discovery
from scripts.engine.api import Api
from scripts.engine.private import control, programs
from scripts.images import availability
from scripts.images.bundle import unpacking
from scripts.machine import system
from scripts.start import first, prepare
from tests.kit.builders import service
from tests.kit.bundles import bundled
from tests.kit.checkout import lay_out, resolved_as_recorded
from tests.kit.fakes import FakeApi, FakeRunner, checkout
from tests.kit.places import ROOT

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

    def __init__(self, root: Path, runner: FakeRunner, patch: pytest.MonkeyPatch) -> None:
        """Make the checkout at `root`; there are no images, and every registry answers."""
        self.root, self.runner, self.patch = root, runner, patch
        self.said: list[str] = []
        lay_out(root)
        resolved_as_recorded(root, runner)
        self.discovers(lambda *_: ENGINE)
        self.unreachable(lambda *_, **__: {})
        self.api(lambda _: FakeApi())
        patch.setattr(system, "packages_possible", lambda: True)

    def checkout(self, environ: Mapping[str, str]) -> Checkout:
        """Return it as a command sees it."""
        return checkout(self.root, self.runner, environ, self.said.append)

    def look(self) -> workspace.Workspace:
        """Look at the stack."""
        return workspace.look(self.checkout({}))

    def prepared(self, **environ: str) -> workspace.Workspace:
        """Make the stack ready for a start, with these variables in the environment."""
        return prepare.prepared(self.checkout(environ))

    def env(self, text: str) -> None:
        """Write `.env`."""
        (self.root / ".env").write_text(text)

    def discovers(self, discover: Callable[..., Engine | None]) -> None:
        """Let this be how an engine is found."""
        for module in (control, discovery, first, prepare):
            self.patch.setattr(module, "discover", discover)

    def unreachable(self, ask: Callable[..., dict[str, str]]) -> None:
        """Let this say which registries cannot be used."""
        self.patch.setattr(availability, "unreachable", ask)

    def api(self, of: Callable[[Engine], object]) -> None:
        """Let this be how an engine is spoken to."""
        self.patch.setattr(Api, "of", of)

    def without_engine(self) -> list[str]:
        """Take the engine away; give the list in which a start of the private one is noted."""
        brought: list[str] = []

        def ensure(*_: object) -> Engine:
            brought.append("engine")
            return ENGINE

        self.discovers(lambda *_: None)
        self.patch.setattr(control, "ensure", ensure)
        self.runner.answer("compose version", "2.26.1\n")
        return brought


@pytest.fixture
def bench(tmp_path: Path, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A checkout on a machine with an engine, without images, whose registries answer."""
    (tmp_path / "checkout").mkdir()
    return Bench(tmp_path / "checkout", runner, monkeypatch)


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
        "BUILD_SETTINGS": str(bench.root / ".cache" / "build-settings"),
        "COMPOSE_PROFILES": "models",
        "EMBEDDING_DIMENSION": "384",
        "OPENAI_API_BASE": "",
        "MEMRADER_API_BASE": "",
    }
    assert space.resolved == (CONFIG / "registry.yml").read_text()


def test_the_engine_is_asked_in_the_way_that_reaches_it(bench: Bench) -> None:
    """The API is that of the engine that was found."""
    asked: list[Engine] = []
    bench.api(asked.append)

    assert bench.look().api is None

    assert asked == [ENGINE]


def test_files_that_can_be_made_again_lie_apart_for_each_stack(bench: Bench) -> None:
    """By the project's name, which no two stacks on one engine share."""
    assert bench.look().cache == bench.root / ".cache" / "memos-dev"


def test_a_look_without_an_engine_says_how_to_get_one(bench: Bench) -> None:
    """Nothing is started by a command that only looks."""
    bench.discovers(lambda *_: None)

    with pytest.raises(EngineError, match="no engine is running") as caught:
        bench.look()

    assert caught.value.next_step


def test_wrong_settings_are_found_before_the_engine_is_asked(bench: Bench) -> None:
    """No process is started for a file that cannot be right."""
    bench.env("MEMOS_PORT=x\n")

    with pytest.raises(ConfigError, match="MEMOS_PORT is 'x'"):
        workspace.as_set(bench.checkout({}))
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


def test_the_second_start_asks_no_registry(bench: Bench) -> None:
    """What was chosen once stays, also when a registry has gone since."""
    bench.prepared()
    bench.said.clear()
    bench.unreachable(lambda *_, **__: UNREACHABLE)

    assert bench.prepared().image_source == "registry"
    assert bench.said == []


def test_a_registry_that_does_not_answer_leads_to_packages(bench: Bench) -> None:
    """The choice, its reason and where it was written are said."""
    bench.unreachable(lambda *_, **__: UNREACHABLE)

    space = bench.prepared()

    assert space.image_source == "packages"
    assert space.stack.service("neo4j").build is not None
    assert "IMAGE_SOURCE=packages\n" in (bench.root / ".env").read_text()
    assert "the registry docker.io cannot be used (no such host)" in bench.said[-1]


def test_only_official_images_that_are_absent_are_asked_for(bench: Bench) -> None:
    """And once what is built here stands on; what is here need not be fetched."""
    asked: list[str] = []
    here = FakeApi({"/images/docker.io/library/neo4j:5.26.4/json": {"Config": {}}})
    bench.api(lambda _: here)

    def unreachable(_api: Api, names: list[str]) -> dict[str, str]:
        asked.extend(names)
        return {}

    bench.unreachable(unreachable)

    bench.prepared()

    assert sorted(name.rpartition("/")[2].partition(":")[0] for name in asked) == [
        *("attu", "etcd", "milvus", "minio", "python", "qdrant")
    ]


def test_with_all_images_here_no_registry_is_asked(bench: Bench) -> None:
    """A machine without network goes on with what it has."""
    stack = compose.parse(compose.document((CONFIG / "registry.yml").read_text()), bench.root)
    here = FakeApi({f"/images/{one.image}/json": {"Config": {}} for one in stack.services})
    bench.api(lambda _: here)
    bench.unreachable(lambda *_, **__: UNREACHABLE)

    assert bench.prepared().image_source == "registry"


def test_where_no_engine_runs_the_private_one_is_brought(bench: Bench) -> None:
    """After the files were found to be right, with the programs that are there or were fetched."""
    brought = bench.without_engine()

    assert bench.prepared().engine is ENGINE
    assert brought == ["engine"]


@pytest.mark.parametrize(
    ("written", "times"), [("", 1), ("IMAGE_SOURCE=packages\n", 1), ("IMAGE_SOURCE=registry\n", 0)]
)
def test_what_needs_no_engine_begins_before_one_is_brought(
    bench: Bench, written: str, times: int
) -> None:
    """Unless nothing can come of it: official images are not built of packages."""
    happened = bench.without_engine()
    bench.env(written)

    prepare.prepared(bench.checkout({}), meanwhile=lambda: happened.append("begun"))

    assert happened == [*["begun"] * times, "engine"]


def test_nothing_begins_beside_an_engine_that_runs(bench: Bench) -> None:
    """There is nothing to do meanwhile."""
    begun: list[str] = []

    prepare.prepared(bench.checkout({}), meanwhile=lambda: begun.append("begun"))

    assert begun == []


def test_out_of_a_bundle_come_the_source_and_the_engine(bench: Bench) -> None:
    """No registry is asked; the engine's programs are there before one is started."""
    brought = bench.without_engine()
    bundled(bench.root / "b.tar")
    bench.patch.setattr(
        unpacking, "bring_engine", lambda packed, *_: brought.append(packed.file.name)
    )
    bench.unreachable(lambda *_: pytest.fail("a registry was asked"))

    space = bench.prepared(BUNDLE_FILE=str(bench.root / "b.tar"))

    assert (space.image_source, brought) == ("packages", ["b.tar", "engine"])
    assert "IMAGE_SOURCE=packages\n" in (bench.root / ".env").read_text()


def test_a_file_that_breaks_a_rule_is_found_before_an_engine_is_brought(bench: Bench) -> None:
    """What only shows after interpolation as well: Compose resolves without an engine."""
    brought = bench.without_engine()
    text = (CONFIG / "registry.yml").read_text()
    bench.runner.answer("config", text.replace("neo4j:5.26.4", "neo4j:latest"))

    with pytest.raises(ConfigError, match=r"service neo4j: image: .*a pinned image"):
        bench.prepared()
    assert brought == []


def test_a_file_as_it_is_written_is_checked_before_anything_is_started(bench: Bench) -> None:
    """Not a single process, and no engine that does not answer, stands before the message."""

    def asked(*_: object) -> None:
        raise EngineError("it does not answer", next_step="start it")

    bench.discovers(asked)
    file = bench.root / "docker" / "docker-compose.yml"
    file.write_text(file.read_text().replace("${CONTAINER_PREFIX:-}qdrant-docker", "qdrant"))

    with pytest.raises(ConfigError, match="service qdrant: container_name"):
        bench.prepared()
    assert bench.runner.calls == []


def test_where_there_can_be_no_engine_no_programs_are_fetched(bench: Bench) -> None:
    """The message is about the engine that has to be installed, and Compose comes with it."""
    bench.without_engine()
    bench.patch.setattr(system, "obstacle", lambda _: "it has no x86-64")
    fetched: list[str] = []
    bench.patch.setattr(programs, "have", lambda *_: fetched.append("programs"))

    bench.prepared()

    assert fetched == []


@pytest.mark.parametrize(
    ("endpoint", "here"),
    [
        ("unix:///run/docker.sock", True),
        ("npipe:////./pipe/docker_engine", True),
        ("tcp://127.0.0.1:2375", True),
        ("tcp://localhost:2375", True),
        ("tcp://192.0.2.7:2376", False),
        ("ssh://me@far.example", False),
    ],
)
def test_an_engine_is_local_when_its_ports_are(bench: Bench, endpoint: str, *, here: bool) -> None:
    """Elsewhere nothing that we could call is published here: the engine's checks are believed."""
    running = replace(ENGINE, endpoint=endpoint)
    bench.discovers(lambda *_: running)

    stack = bench.look().stack

    assert running.local is here
    assert any(service.probes for service in stack.services) is here
    assert len(stack.services) == 8


def test_without_probes_all_else_stays() -> None:
    """Ports, links and what each needs are the same."""
    stack = compose.parse(compose.document((CONFIG / "registry.yml").read_text()), ROOT)
    bare = workspace.without_probes(stack)

    assert replace(bare, services=()) == replace(stack, services=())
    for one, other in zip(stack.services, bare.services, strict=True):
        assert replace(one, probes=()) == other


@pytest.mark.parametrize("possible", [True, False])
def test_a_registry_that_answers_is_used(possible: object) -> None:
    """Packages are the way out, not the first choice."""
    assert first.decided({}, packages_possible=bool(possible))[0] == "registry"


def test_where_packages_are_not_possible_a_mirror_is_the_next_step() -> None:
    """The registry and its reason are named, and why packages will not do."""
    with pytest.raises(RefusedError) as caught:
        first.decided(UNREACHABLE, packages_possible=False)

    assert "the registry docker.io cannot be used (no such host)" in str(caught.value)
    assert "packages are built only on x86-64 Debian" in str(caught.value)
    assert caught.value.next_step.startswith("set IMAGE_REGISTRY in .env")


def test_what_only_a_profile_starts_can_be_seen_too(bench: Bench) -> None:
    """As for a bundle, and for the volumes that go with the data."""
    space = workspace.with_all_profiles(bench.look())

    assert space.compose.env["COMPOSE_PROFILES"] == "*"
    assert space.compose.env["DOCKER_HOST"] == ENGINE.endpoint


@pytest.mark.parametrize(
    ("existing", "ours"),
    [(["memos-dev_neo4j_data", "memos-dev_etcd_data", "memos-dev_other", "0" * 64], 2), ([], 0)],
)
def test_volumes_are_those_of_the_stack_that_exist(
    bench: Bench, existing: list[str], ours: int
) -> None:
    """What other stacks keep is never listed, so never deleted."""
    answer = {"Volumes": [{"Name": name} for name in existing] or None}
    bench.api(lambda _: FakeApi({"/volumes": answer}))

    space = bench.look()
    found = volumes.held(space.api, workspace.every_volume(space))

    assert list(found) == sorted(existing[:2])
    assert len(found) == ours


def test_the_stack_is_the_resolved_file(bench: Bench) -> None:
    """All services of the file are there, with what stands beside them."""
    stack = bench.look().stack

    assert isinstance(stack, Stack)
    assert len(stack.services) == 8


def test_on_another_machine_only_what_every_address_has_is_published() -> None:
    """What is for that machine alone has neither a probe nor a link there."""
    wide, narrow = (
        Port(host=host, published=port, target=80)
        for host, port in (("0.0.0.0", 8000), ("127.0.0.1", 5678))
    )
    probes = (Probe(kind="http", port=8000), Probe(kind="http", port=5678))
    links = tuple(Link(label="x", url=f"http://127.0.0.1:{port}/") for port in (8000, 5678))
    own = service("web", ports=(wide, narrow), links=links)
    found = replace(own, probes=probes).at("192.0.2.1")

    assert found.ports == (replace(wide, host="192.0.2.1"),)
    assert found.probes == (replace(probes[0], host="192.0.2.1"),)
    assert [one.url for one in found.links] == ["http://192.0.2.1:8000/"]
    assert own.at("") == own

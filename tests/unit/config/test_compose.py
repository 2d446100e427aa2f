"""What Compose is asked, and its resolved file as values; read from recorded answers of 2.26.1."""

import json
from pathlib import Path

import pytest
import yaml

from scripts.config import compose
from scripts.config.compose import Compose
from scripts.core import process
from scripts.core.errors import ConfigError, RefusedError
from scripts.core.inventory import ImageSource
from scripts.core.process import Completed
from scripts.core.stack import Auth, Build, Link, Port, Probe, Service, Stack
from tests.kit.fakes import FakeRunner
from tests.kit.places import TESTS_DATA

DATA = TESTS_DATA / "config"
WARNING = 'time="2026-11-23T02:02:05Z" level=warning msg="The \\"X\\" variable is not set."\n'


def recorded(name: str) -> Stack:
    """Return the stack of a recorded file."""
    return compose.parse(compose.document((DATA / name).read_text()), Path("/workspace/docker"))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, ...]:
    """Two compose files that are there."""
    found = tuple(tmp_path / name for name in ("docker-compose.yml", "other.yml"))
    for file in found:
        file.touch()
    return found


@pytest.fixture
def composed(files: tuple[Path, ...], runner: FakeRunner) -> Compose:
    """A project with two files and one variable of the engine."""
    return Compose(
        files=files, env_file=Path("/w/.env"), env={"DOCKER_HOST": "unix:///s"}, runner=runner
    )


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (ImageSource.REGISTRY, ["docker-compose.yml"]),
        (ImageSource.PACKAGES, ["docker-compose.yml", "docker-compose.packages.yml"]),
    ],
)
def test_packages_add_one_file_over_the_first(source: ImageSource, names: list[str]) -> None:
    """The order is Compose's: the later file wins."""
    assert compose.files(Path("/w"), source) == tuple(Path("/w/docker") / name for name in names)


def test_every_command_names_env_file_and_files(composed: Compose) -> None:
    """Compose would look for `.env` beside the file, and for files where the user stands."""
    first, second = map(str, composed.files)

    assert composed.argv("ps", "--all") == [
        *("docker", "compose", "--env-file", "/w/.env"),
        *("--file", first, "--file", second, "ps", "--all"),
    ]


def test_a_change_runs_with_plain_progress_and_the_engines_variables(
    composed: Compose, runner: FakeRunner
) -> None:
    """Each line of progress is handed on at once."""
    runner.answer("create", stderr=" Container a  Creating\n Container a  Created\n")
    heard: list[str] = []

    composed.change("create", "--no-build", "memos", on_line=heard.append)

    assert runner.calls[0].argv[-5:] == ("--progress", "plain", "create", "--no-build", "memos")
    assert runner.calls[0].env == {"DOCKER_HOST": "unix:///s"}
    assert runner.calls[0].timeout == compose.CHANGE_TIMEOUT
    assert heard == [" Container a  Creating", " Container a  Created"]


def test_a_change_that_fails_gives_composes_last_words(
    composed: Compose, runner: FakeRunner
) -> None:
    """The command and the reason are in the message."""
    words = "Error response from daemon: network x not found"
    runner.answer("down", stderr=f" Container a  Removed\n{words}\n", exit_code=1)

    with pytest.raises(RefusedError, match=f"docker compose down failed: {words}") as caught:
        composed.change("down")

    assert caught.value.next_step == "inv doctor"


@pytest.mark.parametrize(
    ("stdout", "stderr", "words"),
    [
        ("", f"first\nthe reason\n{WARNING}\n", "the reason"),
        ("only on stdout\n", "", "only on stdout"),
        ("", WARNING, WARNING.strip()),
        ("", "", "exit code 7"),
    ],
)
def test_last_words_are_the_last_line_that_is_no_warning(
    stdout: str, stderr: str, words: str
) -> None:
    """Where there is nothing else, a warning or the exit code has to do."""
    done = Completed(argv=(), exit_code=7, stdout=stdout, stderr=stderr)

    assert process.last_words(done) == words


def test_the_resolved_file_is_asked_for_once(composed: Compose, runner: FakeRunner) -> None:
    """As YAML: the JSON form leaves out what stands beside the services."""
    runner.answer("compose config", "name: test\n")

    assert compose.text(composed) == "name: test\n"
    assert [call.argv[-1] for call in runner.calls] == ["config"]


def test_a_compose_file_that_is_gone_is_named(composed: Compose) -> None:
    """Compose is not asked, and the next step brings the file back."""
    composed.files[1].unlink()

    with pytest.raises(ConfigError, match=f"there is no {composed.files[1]}") as caught:
        compose.text(composed)

    assert caught.value.next_step == f"git checkout -- {composed.files[1]}"


def test_a_file_that_compose_refuses_is_a_configuration_error(
    composed: Compose, runner: FakeRunner
) -> None:
    """Its exit code is 15 in 2.26.1 and another in later ones, so any will do."""
    words = "services.memos.ports.0 must be a string or number"
    runner.answer("config", stderr=f"{WARNING}{words}\n", exit_code=15)

    with pytest.raises(ConfigError) as caught:
        compose.text(composed)

    assert str(caught.value) == f"docker-compose.yml, other.yml: {words}"
    assert (
        caught.value.next_step
        == "mend the compose file (git diff shows what has changed), then: inv config"
    )


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words"])
def test_an_answer_that_is_no_document_is_an_error(text: str) -> None:
    """Nothing is made up from an answer that Compose never gives."""
    with pytest.raises(ConfigError, match="gave no document"):
        compose.document(text)


def test_the_recorded_stack_has_all_services_and_their_needs() -> None:
    """Names, containers and dependencies are the file's."""
    stack = recorded("registry.yml")

    assert (stack.project, stack.folder) == ("memos-dev", Path("/workspace/docker"))
    assert {service.name: service.container for service in stack.services} == {
        "attu": "milvus-attu",
        "models": "memos-models",
        "etcd": "milvus-etcd",
        "memos": "memos-api-docker",
        "milvus": "milvus-standalone",
        "minio": "milvus-minio",
        "neo4j": "neo4j-docker",
        "qdrant": "qdrant-docker",
    }
    assert set(stack.closure(("attu",))) == {"attu", "milvus", "etcd", "minio"}
    assert set(stack.closure(("memos",))) == set(stack.names()) - {"attu"}


def test_what_a_profile_leaves_out_is_not_needed() -> None:
    """Without the local embedder MemOS does not wait for it."""
    stack = recorded("registry-without-models.yml")

    assert "models" not in stack.names()
    assert set(stack.service("memos").needs) <= set(stack.names())


def test_a_recorded_service_has_its_ports_probes_links_and_data() -> None:
    """The container's port in a probe becomes the published one, the body JSON."""
    service = recorded("registry.yml").service("neo4j")

    assert service.build is None
    assert service.image == "docker.io/library/neo4j:5.26.4"
    assert service.ports == (
        Port(host="127.0.0.1", published=7474, target=7474),
        Port(host="127.0.0.1", published=7687, target=7687),
    )
    assert service.probes == (
        Probe(
            kind="http",
            port=7474,
            method="POST",
            path="/db/neo4j/tx/commit",
            body='{"statements": [{"statement": "RETURN 1"}]}',
            auth=Auth(kind="basic", user="neo4j", password="12345678"),
            expect='"errors":[]',
        ),
        Probe(kind="bolt", port=7687),
    )
    assert service.links == (Link(label="Neo4j browser", url="http://127.0.0.1:7474/"),)
    assert service.data_group == "neo4j"
    assert service.volumes == ("memos-dev_neo4j_data", "memos-dev_neo4j_logs")
    assert service.memory == 2 * 2**30
    assert not service.one_shot


def test_a_probe_of_vectors_has_collection_and_size() -> None:
    """The size is a number, though a variable arrives as text."""
    probe = recorded("registry.yml").service("qdrant").probes[1]

    assert (probe.kind, probe.collection, probe.size) == ("vectors", "neo4j_vec_db", 384)


def test_packages_have_volumes_and_builds_of_their_own() -> None:
    """Data of the two sources never meets; secrets are files of this host."""
    stack = recorded("packages.yml")
    qdrant = stack.service("qdrant")

    assert qdrant.volumes == ("memos-dev_qdrant_data_packages",)
    assert qdrant.not_offered == ("gRPC (6334)", "dashboard")
    assert qdrant.build is not None
    assert qdrant.build.context == Path("/workspace/docker/packages/qdrant")
    assert qdrant.build.args["BASE"] == "memos-dev.invalid/base:trixie"
    assert qdrant.build.network == "host"
    assert qdrant.build.secrets["ca"] == Path("/workspace/docker/build-settings/ca.crt")
    assert all(service.build is not None for service in stack.services)


def test_a_bind_mount_is_no_volume() -> None:
    """The MemOS checkout is the user's: no data group, nothing to save or delete."""
    memos = recorded("registry.yml").service("memos")

    assert (memos.volumes, memos.data_group) == ((), "")


@pytest.mark.parametrize("name", ["registry.yml", "packages.yml"])
def test_what_a_processor_must_have_stands_beside_the_service(name: str) -> None:
    """Milvus' binaries were compiled for it, the official ones and those of the wheel."""
    wanted = {service.name: service.cpu_flags for service in recorded(name).services}

    assert wanted.pop("milvus") == ("avx", "sse4_2")
    assert set(wanted.values()) == {()}


def test_a_service_with_only_a_name_has_defaults() -> None:
    """What the schema would refuse is not what the parser fails at."""
    stack = compose.parse({"name": "t", "services": {"a": {}}, "volumes": None}, Path("/t"))

    assert stack.services == (Service(name="a", container="a", image=""),)


def test_a_build_with_only_a_folder_has_defaults() -> None:
    """Compose leaves out what was not set."""
    found = {"name": "t", "services": {"a": {"build": {"context": "/t/a"}, "x-one-shot": True}}}
    (service,) = compose.parse(found, Path("/t")).services

    assert service.build == Build(context=Path("/t/a"))
    assert service.one_shot
    assert not service.early


def test_a_service_may_start_before_what_it_needs() -> None:
    """Where the file says that its entry point waits."""
    found = {"name": "t", "services": {"a": {"x-start": "early"}}}

    assert compose.parse(found, Path("/t")).service("a").early


@pytest.mark.parametrize(
    ("published", "called"),
    [
        *(("0.0.0.0", "127.0.0.1"), (None, "127.0.0.1"), ("", "127.0.0.1")),
        ("192.0.2.7", "192.0.2.7"),
    ],
)
def test_probes_and_links_call_an_address_that_answers(published: str | None, called: str) -> None:
    """What listens everywhere is called on this machine, any other address as it is."""
    at = {} if published is None else {"host_ip": published}
    port = {"target": 80, "published": "8080", **at}
    web = {
        "ports": [{"target": 22, "published": "2222"}, port],
        "x-probe": [{"kind": "http", "target": 80}],
        "x-open": [{"target": 80, "path": "/docs", "label": "Web"}],
    }
    (service,) = compose.parse({"name": "t", "services": {"web": web}}, Path("/t")).services

    assert service.probes == (Probe(kind="http", host=called, port=8080),)
    assert service.links == (Link(label="Web", url=f"http://{called}:8080/docs"),)
    assert service.ports[1] == Port(host=published or "0.0.0.0", published=8080, target=80)
    assert not service.ports[1].narrow


@pytest.mark.parametrize(
    "beside",
    [
        {"x-probe": [{"kind": "bolt", "target": 81}]},
        {"x-open": [{"target": 81, "path": "/", "label": "Web"}]},
    ],
)
def test_a_port_that_is_not_published_cannot_be_probed_or_opened(beside: dict[str, object]) -> None:
    """The container's port is named, and the file to mend."""
    web = {"ports": [{"target": 80, "published": "8080"}], **beside}

    with pytest.raises(ConfigError, match="names container port 81, which is not") as caught:
        compose.parse({"name": "t", "services": {"web": web}}, Path("/t"))

    assert "docker-compose.yml" in caught.value.next_step


def test_the_body_of_a_probe_is_the_json_of_the_file() -> None:
    """An empty body is a body, too: `{}` is not nothing."""
    document = yaml.safe_load((DATA / "registry.yml").read_text())
    probe = document["services"]["milvus"]["x-probe"][0]

    assert recorded("registry.yml").service("milvus").probes[0].body == json.dumps(probe["json"])


def test_a_dollar_sign_means_itself_in_what_was_resolved() -> None:
    """Compose writes it twice; a probe has to send the password itself."""
    assert compose.document("services: {db: {environment: {A: a$$b}}}") == {
        "services": {"db": {"environment": {"A": "a$b"}}}
    }

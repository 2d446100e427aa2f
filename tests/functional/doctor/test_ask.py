"""What `inv doctor` asks: an engine on a socket, services and model endpoints on loopback."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.doctor import areas, ask_models
from scripts.doctor import ask as checkup
from scripts.doctor.facts import Facts
from scripts.engine import discovery
from scripts.machine.system import System
from tests.kit.checkout import lay_out, probed, service
from tests.kit.fake_engine import FakeEngine, framed, made
from tests.kit.fakes import FakeRunner, checkout
from tests.kit.servers import (
    OK,
    Answer,
    Behave,
    Request,
    closed_port,
    endless,
    http,
    saying,
    silent,
    tcp,
    unix,
)

KEY = "sk-very-secret"
PASSWORD = "right-12345678"
NO_STORE = "no service publishes container port 7474"
BOMB = gzip.compress(b"\0" * 20_000_000)
DEBIAN = System(kernel="linux", machine="x86_64", uid=0, release={"ID": "debian"})
USER = System(kernel="linux", machine="x86_64", uid=1000, release={"ID": "debian"})


class World:
    """A checkout with a stack of two services, one with a login, and an engine that runs them."""

    def __init__(self, folder: Path, port: int) -> None:
        """Lay out the files; `port` is where the one with a login answers."""
        self.root = folder / "checkout"
        lay_out(self.root)
        self.put(f"IMAGE_SOURCE=registry\nMILVUS_PASSWORD={PASSWORD}\n")
        milvus = probed("milvus", port)
        probes: Any = milvus["x-probe"]
        probes[0]["auth"] = {"kind": "bearer", "user": "root", "password": PASSWORD}
        self.services: dict[str, dict[str, Any]] = {
            "milvus": milvus,
            "etcd": service("etcd", **{"x-no-probe": "no port"}),
        }
        self.engine = FakeEngine(
            {
                "containers": {f"id-{name}": self.container(name) for name in self.services},
                "images": {str(one["image"]): {} for one in self.services.values()},
            }
        )
        self.environ: dict[str, str] = {}
        self.runner = FakeRunner()
        self.runner.answer("compose version", "2.26.1")
        self.open = False
        """The service takes any password."""

    def put(self, text: str) -> None:
        """Write `.env`."""
        (self.root / ".env").write_text(text, newline="")

    def container(self, name: str, state: str = "running") -> dict[str, Any]:
        """Return a container of this checkout."""
        ports = self.services[name].get("ports", ())
        published = {one["target"]: int(one["published"]) for one in ports}
        folder = str(self.root / "docker")
        return made(name, state, folder=folder, project="memos-test", ports=published)

    def respond(self, request: Request) -> Answer:
        """Answer as a server with a login does."""
        right = request.headers.get("authorization") == f"Bearer root:{PASSWORD}"
        return (200, "{}") if right or self.open else (401, "no")

    def ask(self) -> Facts:
        """Ask everything."""
        document = {"name": "memos-test", "services": self.services, "volumes": {}}
        self.runner.answer("compose config", yaml.safe_dump(document))
        return checkup.ask(checkout(self.root, self.runner, self.environ))


def codes(facts: Facts) -> dict[str, bool]:
    """Return the codes of the findings, and whether they are fatal."""
    return {finding["code"]: finding["fatal"] for finding in areas.document(facts)["findings"]}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Return a world in which all is well."""
    monkeypatch.setattr(discovery, "DEFAULT_SOCKET", tmp_path / "nobody")
    monkeypatch.setattr(discovery.discover, "__kwdefaults__", {"default": tmp_path / "no"})
    monkeypatch.setattr(checkup, "this_system", lambda: DEBIAN)
    with ExitStack() as stack:
        here: list[World] = []
        port = stack.enter_context(http(lambda request: here[-1].respond(request)))  # noqa: PLW0108 - not there yet
        here.append(World(tmp_path, port))
        endpoint = stack.enter_context(unix(here[0].engine.respond, tmp_path / "engine.sock"))
        here[0].environ = {"DOCKER_HOST": endpoint, "PATH": "/usr/bin", "HOME": str(tmp_path)}
        yield here[0]


def test_a_stack_that_is_up_has_advice_at_most(world: World) -> None:
    """Everything was asked, and all is known but what the two services do not have."""
    facts = world.ask()

    assert facts.unknown == {"memories": NO_STORE}
    assert facts.look is not None
    assert [one.service for one in facts.logins] == ["milvus"]
    assert (facts.logins[0].right.ok, facts.logins[0].wrong.final) == (True, True)
    assert facts.engine.arch == "amd64"
    assert facts.images is not None
    assert all(one.present for one in facts.images)
    assert areas.document(facts)["exit_code"] == 0


def test_a_service_that_takes_any_password_is_fatal(world: World) -> None:
    """Both tries are real calls."""
    world.open = True

    assert codes(world.ask())["authorization-off"] is True


def test_a_service_that_rejects_its_own_password_is_not_tried_with_a_wrong_one(
    world: World,
) -> None:
    """Servers count failures, and lock the account."""
    world.put("IMAGE_SOURCE=registry\n")
    probes: Any = world.services["milvus"]["x-probe"]
    probes[0]["auth"]["password"] = "another-12345678"

    facts = world.ask()
    assert facts.logins == ()
    assert facts.sick != ()
    assert areas.document(facts)["exit_code"] == 5


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        (
            '{"memos": "2.0.6", "mended": ["1093", "1950"], "left": []}',
            "; MemOS 2.0.6, mended: #1093, #1950 (docs/memos-versions.md)",
        ),
        (
            '{"memos": "2.0.6", "mended": [], "left": ["1093"]}',
            "; MemOS 2.0.6, not mended: #1093 (docs/memos-versions.md)",
        ),
        ('{"memos": "2.0.34", "mended": [], "left": []}', ""),
        ('{"memos": "2.0.34"}', ""),
        ("no JSON", ""),
        (None, ""),
    ],
)
def test_the_api_that_runs_says_which_defects_are_mended(
    world: World, said: str | None, detail: str
) -> None:
    """What is in force is what it said when it started, whatever the settings are by now."""
    world.services["memos"] = service("memos", **{"x-no-probe": "no port"})
    world.engine.state["containers"]["id-memos"] = world.container("memos")
    if said is not None:
        world.engine.state["files"]["id-memos"] = said

    rows = {row["area"]: row["detail"] for row in areas.document(world.ask())["areas"]}

    assert rows["services"] == f"3 of 3 are ready{detail}"


COUNTS = '{"status": "ok", "reader": {"answered": {"memories": 2}, "refused": {"feedback": 1}}}'


@pytest.mark.parametrize(
    ("said", "told"),
    [((0, COUNTS), True), ((22, "curl: (22) 404"), False), ((0, '{"reader": 7}'), False)],
)
def test_the_stand_in_for_a_chat_model_says_what_it_refused(
    world: World, said: tuple[int, str], *, told: bool
) -> None:
    """It is asked in its container, as no port of it is published; one of before says nothing."""
    world.services["models"] = service("models", **{"x-no-probe": "no port"})
    world.engine.state["containers"]["id-models"] = world.container("models")
    world.engine.state["checks"]["id-models"] = said

    facts = world.ask()

    assert ("chat-model-needed" in codes(facts)) is told
    rows = {row["area"]: row["detail"] for row in areas.document(facts)["areas"]}
    assert ("2 prompts answered, 1 refused" in rows["models"]) is told


@pytest.mark.parametrize("state", ["exited", "created", None])
def test_a_stack_that_is_down_is_no_fault(world: World, state: str | None) -> None:
    """Nor is one that was never made; the port is free then, or held by somebody else."""
    world.engine.state["containers"] = (
        {f"id-{name}": world.container(name, state) for name in world.services} if state else {}
    )
    world.services["milvus"] = {**probed("milvus", closed_port())}

    facts = world.ask()
    assert areas.document(facts)["exit_code"] == 0
    assert facts.logins == ()


def test_a_port_that_somebody_else_holds_is_fatal(world: World) -> None:
    """The container that should have it does not run."""
    del world.engine.state["containers"]["id-milvus"]

    assert codes(world.ask())["port-taken"] is True


def test_containers_of_another_checkout_are_fatal(world: World) -> None:
    """`up` would refuse."""
    folder = world.root / "elsewhere" / "docker"
    folder.mkdir(parents=True)
    other = made("etcd", "running", folder=str(folder), project="memos-test")
    world.engine.state["containers"]["id-etcd"] = other

    assert codes(world.ask())["other-checkout"] is True


def test_an_engine_without_limits_is_told_with_its_own_words(world: World) -> None:
    """As a rootless one on cgroup v1; one that says nothing of it has them."""
    assert "engine-unlimited" not in codes(world.ask())
    world.engine.state["info"] |= {"MemoryLimit": False, "Warnings": ["without cgroups"]}

    found = areas.document(world.ask())["findings"]

    (told,) = (one for one in found if one["code"] == "engine-unlimited")
    assert told["cause"].startswith("the engine limits no memory: ")
    assert (told["evidence"], told["fatal"]) == ("without cgroups", False)


def test_a_registry_is_asked_only_for_what_is_missing(world: World) -> None:
    """The fake one knows no image, so it cannot be used."""
    del world.engine.state["images"]["docker.io/library/etcd:1.2"]

    told = codes(world.ask())
    assert (told["registry"], told["images-missing"]) == (True, False)


def test_without_an_engine_this_machine_and_the_files_are_known(world: World) -> None:
    """One can be brought, so it is advice; what an engine would have to say is not known."""
    del world.environ["DOCKER_HOST"]

    facts = world.ask()
    assert codes(facts)["engine-absent"] is False
    assert codes(facts)["port-taken"] is True
    states = {row["area"]: row["state"] for row in areas.document(facts)["areas"]}
    assert (states["services"], states["machine"]) == ("unknown", "ok")
    assert facts.stack is not None


def test_without_an_engine_a_port_that_is_none_is_told(world: World) -> None:
    """Whose port is taken is then looked up among the values that can be."""
    del world.environ["DOCKER_HOST"]
    world.put("IMAGE_SOURCE=registry\nNEO4J_HTTP_PORT=http\n")

    assert codes(world.ask())["env-value"] is True
    assert codes(world.ask())["port-taken"] is True


def test_where_no_engine_can_be_brought_its_absence_is_fatal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even Compose is there: the ports are those of the settings."""
    monkeypatch.setattr(checkup, "this_system", lambda: USER)
    del world.environ["DOCKER_HOST"]
    world.runner.answer("compose version", exit_code=1)

    facts = world.ask()
    assert facts.stack is None
    assert facts.unknown["compose"] == "Docker Compose is not here yet"
    assert facts.ports_wanted == 13
    assert facts.engine.problem is not None
    assert "needs root" in str(facts.engine.problem)
    assert areas.document(facts)["exit_code"] == 5


def test_an_engine_that_is_named_and_does_not_answer_is_fatal(world: World) -> None:
    """Of its machine nothing is said; the rest goes on."""
    world.environ["DOCKER_HOST"] = "unix:///nowhere/engine.sock"

    facts = world.ask()
    assert facts.unknown["machine"] == "no engine to ask"
    assert facts.machine is None
    assert codes(world.ask())["engine-unusable"] is True


def test_an_engine_that_is_too_old_is_fatal(world: World) -> None:
    """It is not asked for more than its version."""
    world.engine.state["version"] = {"Version": "24.0.9", "ApiVersion": "1.43"}

    assert codes(world.ask())["engine-unusable"] is True
    assert world.engine.calls == ["GET /version"]


def test_an_engine_that_answers_nonsense_is_not_known(world: World) -> None:
    """No exception, whatever it says."""
    world.engine.state["containers"]["id-etcd"] = {**world.container("etcd"), "State": {}}

    facts = world.ask()
    assert facts.unknown["services"].endswith("about a container has another shape than it should")
    assert facts.look is None


def test_a_mistake_of_ours_is_not_told_as_an_answer() -> None:
    """It ends the checkup, as a bug that can be reported."""
    questions, answer = checkup.Questions({}), dict[str, str]()
    asked = questions.ask(lambda: answer["no such key"])
    questions.wait()

    with pytest.raises(KeyError):
        questions.answer("services", asked)


def test_an_engine_that_stops_answering_is_not_known(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it says in vain is told; a question without an answer in time is given up."""
    monkeypatch.setattr(checkup, "PATIENCE", 0.3)
    with tcp(silent) as port:
        world.put(f"IMAGE_SOURCE=registry\nOPENAI_API_BASE=http://127.0.0.1:{port}/v1\n")
        monkeypatch.setattr(ask_models, "TIMEOUT", 1.0)
        facts = world.ask()

    assert facts.unknown == {"models": "no answer within 0 s", "memories": NO_STORE}


def test_a_broken_env_is_told_line_by_line_and_the_rest_goes_on(world: World) -> None:
    """Wrong values are left out of what Compose is asked."""
    world.put("IMAGE_SOURCE registry\r\nNEO4J_HTTP_PORT=http\r\nMILVUS_PASSWORD=1\r\n")

    found = areas.document(facts := world.ask())
    causes = " ".join(one["cause"] for one in found["findings"] if one["fatal"])
    assert "line 1: 'IMAGE_SOURCE …' is no NAME=value" in causes
    assert "line 2: NEO4J_HTTP_PORT is 'http'" in causes
    assert "line 3: MILVUS_PASSWORD is too short" in causes
    assert facts.stack is not None
    assert facts.logins != ()
    config = next(call for call in world.runner.calls if "config" in call.argv)
    assert config.env["NEO4J_HTTP_PORT"] == "7474"
    assert str(world.root / ".env.example") in config.argv


def test_without_env_the_defaults_are_judged(world: World) -> None:
    """And nothing is made."""
    (world.root / ".env").unlink()

    assert codes(world.ask())["env-absent"] is False
    assert not (world.root / ".env").exists()


def test_an_env_file_that_is_named_and_not_there_is_fatal(world: World) -> None:
    """The example stands in, so that all else is known."""
    world.environ["ENV_FILE"] = "/nowhere/.env"

    assert world.ask().stack is not None
    assert codes(world.ask())["env-unreadable"] is True


def test_what_the_environment_overrides_is_known(world: World) -> None:
    """Only where it differs."""
    world.environ |= {"IMAGE_SOURCE": "packages", "MILVUS_PASSWORD": PASSWORD}

    assert world.ask().settings.exported == ("IMAGE_SOURCE",)


def test_a_compose_file_that_breaks_a_rule_is_fatal(world: World) -> None:
    """Then the services cannot be asked; one that is no YAML has no variables either."""
    del world.services["etcd"]["mem_limit"]

    facts = world.ask()
    assert facts.stack_problem is not None
    assert "mem_limit" in str(facts.stack_problem)
    assert facts.unknown["services"] == "the compose file is broken"
    (world.root / "docker" / "docker-compose.yml").write_text("services: [")
    assert codes(world.ask())["compose-file"] is True


def test_of_an_engine_elsewhere_the_machine_is_read_in_a_container(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ports are not ours to try, and nothing of this machine is taken for its."""
    text = "Filesystem 1024-blocks Used Available Capacity Mounted on\noverlay 9 4 5 44% /\n"
    text += "MemAvailable: 2048 kB\nprocessor : 0\nflags : avx\nprocessor : 1\n"
    monkeypatch.setattr("scripts.core.inventory.Engine.local", property(lambda _: False))
    answer = world.engine.respond

    def respond(request: Request) -> Answer:
        where = request.path.partition("?")[0].partition("/containers/")[2]
        if where == "create":
            refused = b"etcd" in request.body
            return (500, {"message": "no sh"}) if refused else (201, {"Id": "new"})
        if where.startswith("new"):
            deleted.append(request.method)
            if where.endswith("attach"):
                return 101, lambda connection: connection.sendall(framed(*text.splitlines()))
            return 200, b'{"StatusCode": 0}' if where.endswith("wait") else b""
        return answer(request)

    deleted: list[str] = []
    monkeypatch.setattr(world.engine, "respond", respond)
    with unix(respond, world.root / "e.sock") as endpoint:
        world.environ["DOCKER_HOST"] = endpoint
        facts = world.ask()
        world.engine.state["images"] = {}
        unknown = world.ask()

    assert facts.machine is not None
    assert (facts.machine.host.memory, facts.machine.host.disk_free) == (2048 * 1024, 5 * 1024)
    assert (facts.machine.host.cpus, set(facts.machine.host.cpu_flags)) == (2, {"avx"})
    assert facts.unknown["ports"] == "the engine is on another machine"
    assert deleted == ["POST", "POST", "POST", "DELETE"]
    assert unknown.machine is not None
    assert unknown.machine.host.disk_free == 0


Model = Callable[[Request], Answer]


def models(world: World, respond: Model, **variables: str) -> tuple[Facts, str]:
    """Return the facts, and the whole document, with the user's endpoint answering so."""
    with http(respond) as port:
        base = f"http://user:{KEY}@127.0.0.1:{port}/v1/"
        lines = {name: value.replace("BASE", base) for name, value in variables.items()}
        text = "".join(f"{name}={value}\n" for name, value in lines.items())
        world.put(f"IMAGE_SOURCE=registry\n{text}")
        facts = world.ask()
    return facts, json.dumps(areas.document(facts)) + repr(facts.endpoints)


def embedding(request: Request) -> Answer:
    """Answer with four numbers to who brings the key."""
    assert (request.method, request.path) == ("POST", "/v1/embeddings")
    assert json.loads(request.body) == {"input": ["dimension"], "model": "m"}
    known = request.headers["authorization"] == f"Bearer {KEY}"
    return (200, {"data": [{"embedding": [0.5] * 4}]}) if known else (401, f"bad key {KEY}")


EMBEDDER = {"MOS_EMBEDDER_API_BASE": "BASE", "MOS_EMBEDDER_MODEL": "m"}


@pytest.mark.parametrize(
    ("key", "dimension", "code"),
    [(KEY, "4", None), (KEY, "5", "model-dimension"), ("other", "4", "model-key")],
)
def test_the_embedding_model_is_asked_with_its_key(
    world: World, key: str, dimension: str, code: str | None
) -> None:
    """One word, one vector; the key and the login in the address are never shown."""
    facts, shown = models(
        world, embedding, **EMBEDDER, MOS_EMBEDDER_API_KEY=key, EMBEDDING_DIMENSION=dimension
    )

    told = codes(facts).keys()
    assert KEY not in shown
    assert told & {"model-dimension", "model-key", "model-endpoint"} == ({code} if code else set())
    assert "model-loopback" in told


@pytest.mark.parametrize("body", [b"<html>", {"data": []}, {"data": [{"embedding": None}]}])
def test_an_answer_without_a_vector_is_told(world: World, body: object) -> None:
    """Whatever it is instead."""
    facts, _ = models(world, lambda _: (200, body), **EMBEDDER, EMBEDDING_DIMENSION="4")

    assert facts.endpoints[0].problem == "no embedding in the answer"


@pytest.mark.parametrize(
    ("behave", "problem"),
    [
        (endless(b"x" * 65536), "its answer is longer than any should be"),
        (endless(b"x", pause=0.01), "no answer in time"),
        (saying(OK + b"\r\n" + b"[" * 100_000), "no embedding in the answer"),
        (saying(OK + b"Content-Encoding: gzip\r\n\r\n" + BOMB), "its answer is longer"),
        (saying(OK + b"Content-Length: 9999999999\r\n\r\n{"), "no answer"),
    ],
    ids=["endless", "drips", "deep", "bomb", "promises"],
)
def test_an_endpoint_whose_answer_does_not_end_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch, behave: Behave, problem: str
) -> None:
    """In time, and before it has taken the memory."""
    monkeypatch.setattr(ask_models, "TIMEOUT", 0.5)
    with tcp(behave) as port:
        lines = (f"MOS_EMBEDDER_API_BASE=http://127.0.0.1:{port}/v1", "EMBEDDING_DIMENSION=4")
        world.put("\n".join(("IMAGE_SOURCE=registry", *lines)))
        facts = world.ask()

    assert facts.endpoints[0].problem.startswith(problem)


def test_an_endpoint_that_drips_its_headers_keeps_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even at the end: the thread that asks is no one to wait for."""
    monkeypatch.setattr(checkup, "PATIENCE", 0.3)
    with tcp(endless(b"a: b\r\n", OK, pause=0.05)) as port:
        world.put(f"IMAGE_SOURCE=registry\nMEMRADER_API_BASE=http://127.0.0.1:{port}/v1\n")
        facts = world.ask()

    assert facts.unknown["models"] == "no answer within 0 s"
    left = [one for one in threading.enumerate() if "work" in one.name]
    assert all(one.daemon for one in left)


def test_chat_endpoints_are_asked_for_one_token(world: World) -> None:
    """Each with its own key and model; one that is empty, or names nobody, is not asked."""
    asked: list[tuple[str, str, str]] = []

    def respond(request: Request) -> Answer:
        model = json.loads(request.body)["model"]
        asked.append((request.path, request.headers["authorization"], model))
        return 200, {"choices": [{"message": {"role": "assistant", "content": "Y"}}]}

    facts, shown = models(
        world,
        respond,
        OPENAI_API_BASE="BASE",
        OPENAI_API_KEY=KEY,
        MOS_CHAT_MODEL="m-4",
        MEMRADER_API_BASE="http://127.0.0.1:9/v1",
    )

    assert asked == [("/v1/chat/completions", f"Bearer {KEY}", "m-4")]
    assert "model-endpoint" not in codes(facts)
    assert [(one.variable, one.status) for one in facts.endpoints] == [("OPENAI_API_BASE", 200)]
    assert KEY not in shown


@pytest.mark.parametrize("body", [b"<html>", {"data": []}, {"choices": [None]}, {"choices": []}])
def test_a_chat_endpoint_that_answers_nonsense_is_told(world: World, body: object) -> None:
    """What it lacks, which model was asked for, and what to mend."""
    facts, _ = models(world, lambda _: (200, body), MEMRADER_API_BASE="BASE", MEMRADER_MODEL="m-5")

    (told,) = (one for one in areas.document(facts)["findings"] if one["code"] == "model-endpoint")
    assert "no chat message in the answer, asked for the model m-5" in told["cause"]
    assert "MEMRADER_API_BASE" in told["next_step"]


@pytest.mark.parametrize(
    ("base", "problem"),
    [
        ("http://127.0.0.1:{closed}/v1", "connection refused"),
        ("http://[::1/v1", "it is no http:// or https:// address"),
    ],
)
def test_an_endpoint_that_cannot_be_asked_is_told(world: World, base: str, problem: str) -> None:
    """In words of ours: an error may quote the key."""
    base = base.format(closed=closed_port())
    world.put(f"IMAGE_SOURCE=registry\nMEMRADER_API_BASE={base}\nMEMRADER_API_KEY={KEY}\n")

    (one,) = world.ask().endpoints
    assert (one.status, one.problem) == (0, problem)


def test_ollama_is_not_asked_in_openais_words(world: World) -> None:
    """MemOS does not read that address then."""
    facts, _ = models(world, embedding, **EMBEDDER, MOS_EMBEDDER_BACKEND="ollama")

    assert facts.endpoints == ()


@pytest.mark.parametrize(
    ("environ", "hosts", "exempt"),
    [
        ({}, {}, False),
        ({"http_proxy": "http://u:p@proxy:3128"}, {"HTTP_PROXY": "proxy:3128"}, False),
        ({"HTTPS_PROXY": "proxy:1", "no_proxy": "a, 127.0.0.1"}, {"HTTPS_PROXY": "proxy:1"}, True),
    ],
)
def test_proxies_are_shown_without_their_logins(
    environ: dict[str, str], hosts: dict[str, str], exempt: object
) -> None:
    """In capitals or not, as programs take them."""
    found = ask_models.proxies(environ)

    assert (found.hosts, found.exempt) == (hosts, exempt)


def test_proxies_that_containers_will_get_are_known_before_there_are_any(tmp_path: Path) -> None:
    """The file's for the API, docker's own for all of them; no login is shown."""
    config = {"proxies": {"default": {"httpProxy": "http://u:p@proxy:8080"}}}
    (tmp_path / "config.json").write_text(json.dumps(config))

    environ = {"DOCKER_CONFIG": str(tmp_path)}
    found = ask_models.proxies(environ, "A=1\nHTTPS_PROXY=http://u:p@other:1\n")

    whose = f"httpProxy of {tmp_path / 'config.json'}"
    assert found.given == {"HTTPS_PROXY": "other:1", whose: "proxy:8080"}

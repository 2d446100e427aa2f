"""Each rule of `inv doctor` on facts, and what becomes of findings."""

from dataclasses import replace
from typing import Any

import pytest

from scripts.config.rules.schema import validate
from scripts.core.errors import ConfigError, StackError
from scripts.core.finding import Finding
from scripts.core.inventory import Engine, Host, ImageStatus
from scripts.core.look import Look, State
from scripts.core.stack import Link, Probe
from scripts.data.model import Command, Entry, Phase
from scripts.diagnosis.preflight import GIB, Conditions
from scripts.doctor.areas import AREAS, document
from scripts.doctor.facts import (
    DataFacts,
    Endpoint,
    EngineFacts,
    Facts,
    Login,
    Proxies,
    ReaderCounts,
    SettingsFile,
)
from scripts.doctor.rules import room_for_vectors
from scripts.engine.swarm.nodes import Node
from scripts.tell import views
from scripts.watch.memories.halves import Bare, Kind, Loose, Store
from tests.kit.builders import container, reading, service, stack

ENGINE = Engine(endpoint="unix:///e", env={}, private=False, version="28.0.1", api_version="1.48")
SEEN = EngineFacts(found=ENGINE, compose="", arch="amd64", can_build=True)
STACK = stack(service("neo4j"), service("memos", "neo4j"))
UP = Look(
    containers=(container("neo4j"), container("memos")),
    readings=(reading("neo4j"), reading("memos")),
)
HOST = Host(memory=8 * GIB, cpus=4, disk="/srv", disk_free=50 * GIB)
IMAGE = ImageStatus(
    service="neo4j", image="n:1", present=True, contains="real", architecture="amd64"
)
LOGIN = Login(
    service="neo4j",
    user="neo4j",
    right=reading("neo4j"),
    wrong=reading("neo4j", "401: it rejects the login", ok=False, final=True),
)
MODEL = Endpoint(variable="MOS_EMBEDDER_API_BASE", host="m:1", status=200, length=8, wanted=8)
PROBLEM = StackError("it is broken", next_step="mend it")
FINE = Facts(
    settings=SettingsFile(text="A=1\n", example="# a\nA=1\n"),
    engine=SEEN,
    image_source="packages",
    stack=STACK,
    machine=Conditions(host=HOST),
    ports_wanted=2,
    images=(IMAGE,),
    look=UP,
    logins=(LOGIN,),
    endpoints=(MODEL,),
    proxies=Proxies(hosts={"HTTP_PROXY": "p:3128"}),
    data=DataFacts(snapshots=2, size=2048),
    memories=Store(kinds=(Kind(cube="a", type="UserMemory", status="activated", nodes=2000),)),
)
NODE = Node(id="n2", name="two", memory=8 * GIB)


def judged(facts: Facts) -> list[tuple[str, str, bool]]:
    """Return code, service and weight of each finding; the document keeps its schema."""
    report = document(facts)
    assert validate(report, "doctor") == ()
    findings = report["findings"]
    return [(finding["code"], finding["service"], finding["fatal"]) for finding in findings]


def states(facts: Facts) -> dict[str, str]:
    """Return the state of each area."""
    return {row["area"]: row["state"] for row in document(facts)["areas"]}


def test_where_all_is_well_every_area_says_so() -> None:
    """And the exit code is 0."""
    assert judged(FINE) == []
    assert set(states(FINE).values()) == {"ok"}
    assert document(FINE)["exit_code"] == 0
    lines = list(map(str, views.checkup(document(FINE))))
    assert lines[1] == "ok  engine    28.0.1 (unix:///e), Compose not known"
    assert "ok  machine   8.0 GiB of memory free, 4 processors, 50.0 GiB free in /srv" in lines
    assert "ok  logins    neo4j: a wrong password is rejected" in lines
    assert "ok  data      2 snapshots, 2.0 KiB" in lines
    assert "ok  memories  2,000 in 1 cubes" in lines


def test_the_machines_of_a_swarm_are_told() -> None:
    """In the place of this one, on which little of it runs."""
    lines = list(map(str, views.checkup(document(replace(FINE, nodes=(NODE,))))))
    assert "ok  machine   a Swarm of two (8.0 GiB of memory)" in lines


def test_a_page_at_a_port_that_browsers_refuse_is_told() -> None:
    """It answers, and nobody can open it."""
    link = Link(label="Milvus panel", url="http://127.0.0.1:6000/")
    facts = replace(FINE, stack=stack(service("attu", links=(link,), probed=False)), look=None)

    (found,) = [one for one in document(facts)["findings"] if one["code"] == "port-unsafe"]
    assert found["cause"] == "Milvus panel is at port 6000, which browsers refuse to open"
    assert (found["service"], found["fatal"]) == ("attu", False)


def test_where_nothing_is_known_nothing_is_wrong() -> None:
    """Each area says that it is not known, and there is no exception."""
    assert judged(Facts(settings=SettingsFile(missing=True), engine=EngineFacts(absent=True))) == [
        ("env-absent", "", False),
        ("engine-absent", "", False),
    ]
    assert set(states(Facts()).values()) == {"ok", "unknown"}
    assert "?   machine   not known" in list(map(str, views.checkup(document(Facts()))))


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"engine": EngineFacts(absent=True, problem=PROBLEM)}, ("engine-absent", "", True)),
        ({"engine": EngineFacts(absent=True, can_build=True)}, ("engine-absent", "", False)),
        ({"engine": replace(SEEN, problem=PROBLEM)}, ("engine-unusable", "", True)),
        ({"engine": replace(SEEN, compose="2.26.1")}, ("compose-bugs", "", False)),
        (
            {"engine": replace(SEEN, found=replace(ENGINE, version="26.1.5", private=True))},
            ("engine-bugs", "", False),
        ),
        (
            {"engine": replace(SEEN, found=replace(ENGINE, version="27.5.1"))},
            ("engine-neighbours", "", False),
        ),
        ({"engine": replace(SEEN, unlimited=("memory",))}, ("engine-unlimited", "", False)),
        ({"foreign": ConfigError("x", next_step="y", code="moved")}, ("moved", "", False)),
        ({"stack_problem": PROBLEM}, ("compose-file", "", True)),
        ({"machine": Conditions(host=replace(HOST, cpus=1))}, ("cpu-count", "", False)),
        ({"machine": Conditions(host=replace(HOST, memory=GIB))}, ("memory", "", False)),
        ({"machine": Conditions(host=replace(HOST, disk_free=1))}, ("disk", "", True)),
        ({"machine": Conditions(holders={1: ("memos", "x")})}, ("port-taken", "memos", True)),
        ({"machine": Conditions(strangers={"memos": ("m", "old")})}, ("name-taken", "memos", True)),
        ({"nodes": (replace(NODE, problem="down"),)}, ("node-down", "", True)),
        ({"nodes": (replace(NODE, problem="drained"),)}, ("node-aside", "", False)),
        ({"nodes": (NODE,), "unasked": frozenset({"two"})}, ("node-unasked", "", False)),
        ({"foreign": PROBLEM}, ("other-checkout", "", True)),
        ({"images": (replace(IMAGE, present=False),)}, ("images-missing", "", False)),
        ({"images": (replace(IMAGE, architecture="arm64"),)}, ("architecture", "neo4j", False)),
        ({"registries": {"r": "429"}}, ("registry", "", False)),
        ({"registries": {"r": "429"}, "image_source": "registry"}, ("registry", "", True)),
        (
            {"logins": (replace(LOGIN, wrong=reading("neo4j")),)},
            ("authorization-off", "neo4j", True),
        ),
        ({"endpoints": (replace(MODEL, status=401),)}, ("model-key", "", False)),
        ({"endpoints": (replace(MODEL, status=0, problem="x"),)}, ("model-endpoint", "", False)),
        ({"endpoints": (replace(MODEL, status=404),)}, ("model-endpoint", "", False)),
        ({"endpoints": (replace(MODEL, problem="none"),)}, ("model-endpoint", "", False)),
        ({"endpoints": (replace(MODEL, length=7),)}, ("model-dimension", "", False)),
        ({"endpoints": (replace(MODEL, loopback=True),)}, ("model-loopback", "", False)),
        ({"proxies": Proxies(hosts={"HTTP_PROXY": "p:1"}, exempt=False)}, ("proxy", "", False)),
    ],
)
def test_each_rule_finds_its_own(change: dict[str, Any], wanted: tuple[str, str, bool]) -> None:
    """One thing is wrong, one finding tells it; only a fatal one changes the exit code."""
    facts = replace(FINE, **change)

    assert judged(facts) == [wanted]
    assert document(facts)["exit_code"] == (5 if wanted[2] else 0)
    assert ("fatal" if wanted[2] else "advice") in states(facts).values()


def test_what_the_stand_in_for_a_chat_model_refused_is_told() -> None:
    """Which calls, how often, and what they take; not what MemOS does without one unasked."""
    refused = {"feedback": 2, "chat": 1, "background work": 9}
    facts = replace(FINE, reader=ReaderCounts(answered={"memories": 3}, refused=refused))

    (found,) = document(facts)["findings"]
    assert (found["code"], found["fatal"]) == ("chat-model-needed", False)
    assert found["cause"].endswith("a chat model of your own: chat (1), feedback (2)")
    assert found["evidence"].endswith("no model; feedback answers success and keeps nothing")
    rows = {row["area"]: row["detail"] for row in document(facts)["areas"]}
    assert rows["models"].endswith("the reader stand-in: 3 prompts answered, 12 refused")
    quiet = ReaderCounts(refused={"background work": 9, "comparing preferences": 1})
    assert judged(replace(FINE, reader=quiet)) == []


def test_what_has_merely_stopped_does_not_stop_a_start() -> None:
    """What the diagnosis calls fatal stays so, unless `inv up` simply starts it again."""
    ended = Finding(code="ended", service="neo4j", cause="it ended", next_step="inv logs")
    rejected = replace(ended, code="login-rejected", service="memos")
    facts = replace(FINE, sick=(ended, rejected))

    assert judged(facts) == [("login-rejected", "memos", True), ("ended", "neo4j", False)]
    assert document(facts)["findings"][1]["next_step"] == "inv up starts it again"


def test_who_runs_and_does_not_answer_is_told_unless_somebody_else_is_the_cause() -> None:
    """A container that was not started is none of these."""
    silent = Look(
        containers=(container("neo4j"), container("memos")),
        readings=(reading("neo4j", "no answer in time", ok=False),),
    )
    victim = Finding(code="x", service="neo4j", cause="c", next_step="n", victims=("memos",))
    idle = Look(containers=(container("neo4j", "created"), container("memos", "exited")))

    assert [code for code, *_ in judged(replace(FINE, look=silent, logins=()))] == ["not-ready"] * 2
    assert judged(replace(FINE, look=silent, sick=(victim,))) == [("x", "neo4j", True)]
    assert judged(replace(FINE, look=idle)) == []
    rows = {row["area"]: row["detail"] for row in document(replace(FINE, look=idle))["areas"]}
    assert rows["services"] == "none runs; inv up starts them"


def test_a_debugger_that_is_on_is_told() -> None:
    """It has no login, so nobody shall forget it."""
    held = container("memos", debugger="127.0.0.1:5678")
    on = replace(UP, containers=(container("neo4j"), held))
    over = replace(UP, containers=(container("neo4j"), replace(held, state=State.EXITED)))

    (found,) = judged(replace(FINE, look=on))
    assert found == ("debugger", "memos", False)
    assert judged(replace(FINE, look=over)) == []


def test_details_say_what_made_the_vectors() -> None:
    """As Qdrant's probe was told; nothing when nothing is remembered."""
    told = reading("qdrant", "ready; c holds vectors of 384 numbers, made by e5")
    facts = replace(FINE, look=replace(UP, readings=(*UP.readings, told)))

    rows = {row["area"]: row["detail"] for row in document(facts)["areas"]}

    assert rows["models"] == "m:1 answers 200, 8 numbers; the stored vectors are made by e5"


def test_details_say_what_could_not_be_tried() -> None:
    """A wrong password that got no answer proves nothing; a question without an answer is named."""
    hung = replace(LOGIN, wrong=reading("neo4j", "no answer in time", ok=False))
    unknown = {"models": "no answer within 12 s", "ports": "elsewhere"}
    facts = replace(FINE, logins=(hung,), unknown=unknown, endpoints=())
    rows = {row["area"]: row for row in document(facts)["areas"]}

    assert rows["logins"]["detail"] == "neo4j: wrong one: no answer in time"
    assert rows["models"]["state"] == "unknown"
    assert rows["models"]["detail"].endswith("; not known: no answer within 12 s")
    assert rows["ports"]["detail"] == "not known: elsewhere"
    gone = replace(FINE, endpoints=(replace(MODEL, status=0, length=0, problem="x"),))
    assert {row["detail"] for row in document(gone)["areas"]} >= {"m:1 does not answer"}


def test_a_proxy_between_two_containers_is_told_with_who_has_it() -> None:
    """Whoever gave it to them: the settings' file, or docker's own configuration."""
    exempt: dict[str, Any] = {"no_proxy": frozenset({"neo4j-1"})}
    direct, inside = (
        replace(
            UP, containers=(container("neo4j"), container("memos", proxy="HTTP_PROXY=p:1", **more))
        )
        for more in (exempt, {})
    )

    assert ("proxy", "memos", False) not in judged(replace(FINE, look=direct))
    assert ("proxy", "memos", False) in judged(replace(FINE, look=inside))
    for look in (direct, inside):
        rows = {row["area"]: row for row in document(replace(FINE, look=look))["areas"]}
        assert "HTTP_PROXY=p:1 in memos" in rows["proxies"]["detail"]


def test_areas_have_names_of_their_own() -> None:
    """The schema lists them."""
    assert len({area.name for area in AREAS}) == len(AREAS) == 13


def test_data_commands_that_were_interrupted_and_snapshots_that_are_damaged_are_told() -> None:
    """Advice, because `inv up` finishes the one; a journal that cannot be read is fatal."""
    entry = Entry(command=Command.RESET, phase=Phase.DELETING, running=(), volumes={})
    data = DataFacts(snapshots=2, damaged=1, unfinished=entry)
    found = [("data-unfinished", "", False), ("snapshot-damaged", "", False)]
    assert judged(replace(FINE, data=data)) == found
    assert judged(replace(FINE, data=DataFacts(problem=PROBLEM))) == [("data-journal", "", True)]
    assert states(replace(FINE, data=None))["data"] == "unknown"


def test_memories_that_lack_a_half_are_advice() -> None:
    """Each kind says what makes it good."""
    store = Store(bare=(Bare(cube="a", id="1" * 32),), loose=(Loose(cube="a", id="2"),))

    found = judged(replace(FINE, memories=store))

    assert found == [("vectors-orphaned", "", False), ("memories-orphaned", "", False)]


def test_vectors_that_outgrow_the_memory_of_their_store_are_told_with_what_they_want() -> None:
    """Half as much again as their numbers take; a store without a limit may have all."""
    probe = Probe(kind="vectors", port=6333, size=1024)
    store = replace(service("qdrant"), probes=(probe,), memory=6 * 2**20)
    full, more = (Store(paired={"a": number}) for number in (1024, 1025))

    def told(memory: int, held: Store) -> list[str]:
        found = stack(replace(store, memory=memory))
        return [
            one.next_step for one in room_for_vectors(replace(FINE, stack=found, memories=held))
        ]

    assert told(6 * 2**20, full) == told(0, more) == []
    assert told(6 * 2**20, more) == ["QDRANT_MEMORY=1g in .env, then: inv up"]

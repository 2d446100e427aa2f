"""Services that run elsewhere: asked as ours are, and never started, stopped or deleted."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from scripts.core.files import Json
from tests.kit.changes import put
from tests.kit.checkout import DataCheckout as Checkout
from tests.kit.fake_bolt import FakeBolt
from tests.kit.fake_stack import FakeStack
from tests.kit.servers import Answer, Request, closed_port, http, tcp

KEY = "sesame-of-theirs"
QDRANT, NEO4J = "http://qdrant.example:6333", "bolt://neo4j.example"
SIZE = {"result": {"config": {"params": {"vectors": {"size": 384}}}}, "status": "ok"}


@dataclass(slots=True)
class Theirs:
    """A Qdrant that wants a key and a Neo4j that is spoken to over Bolt, and what they hold."""

    held: FakeStack = field(default_factory=FakeStack)
    bolt: FakeBolt = field(default_factory=FakeBolt)
    version: str = "1.15.3"
    size: int = 384
    model: str = ""
    asked: list[str] = field(default_factory=list)

    def qdrant(self, request: Request) -> Answer:
        """Answer one request to Qdrant."""
        self.asked.append(f"{request.method} {request.path}")
        if request.headers.get("api-key") != KEY:
            return 401, "Must provide an API key or an Authorization bearer token"
        params = {"vectors": {"size": self.size}}
        made_by = [{"payload": {"model": self.model}}] if self.model else []
        known: dict[str, Json] = {
            "/": {"title": "qdrant", "version": self.version},
            "/collections": {"result": {"collections": []}, "status": "ok"},
            "/collections/neo4j_vec_db": {"result": {"config": {"params": params}}},
            "/collections/memos_dev_vectors/points": {"result": made_by},
        }
        return (200, known[request.path]) if request.path in known else self.held.respond(request)

    def rows(self, statement: str, given: Json) -> list[list[Json]]:
        """Answer one statement to Neo4j."""
        if statement == "RETURN 1":
            return [[1]]
        asked = {"statements": [{"statement": statement, "parameters": given}]}
        request = Request(
            method="POST", path="/db/neo4j/tx/commit", headers={}, body=json.dumps(asked).encode()
        )
        _, answer = self.held.respond(request)
        assert isinstance(answer, dict)
        return [row["row"] for row in answer["results"][0]["data"]]


@pytest.fixture
def kind() -> type[Checkout]:
    """Its stack keeps data."""
    return Checkout


@pytest.fixture
def theirs(at: Checkout) -> Iterator[Theirs]:
    """Let Qdrant and Neo4j of the checkout run elsewhere, and the API keep its memories there."""
    theirs = Theirs()
    theirs.bolt.rows = theirs.rows
    with ExitStack() as servers:
        qdrant = servers.enter_context(http(theirs.qdrant))
        neo4j = servers.enter_context(tcp(theirs.bolt.behave))
        api = servers.enter_context(http(theirs.held.respond))
        for name, value in (
            ("EXTERNAL_QDRANT_URL", QDRANT),
            ("EXTERNAL_NEO4J_URL", NEO4J),
            ("QDRANT_API_KEY", KEY),
        ):
            put(name, value)(at)
        at.config["services"]["memos"]["ports"][0]["published"] = str(api)
        at.state["containers"]["id-memos"] = at.container("memos")
        lead(at, qdrant=qdrant, neo4j=neo4j)
        for name in ("qdrant", "neo4j"):
            del at.state["containers"][f"id-{name}"]
            del at.config["services"]["memos"]["depends_on"][name]
        yield theirs


def lead(at: Checkout, *, qdrant: int = 0, neo4j: int = 0, key: str = KEY) -> None:
    """Let the addresses of the checkout lead to these ports of this machine."""
    auth = {"kind": "api-key", "user": "QDRANT_API_KEY", "password": key}
    if qdrant:
        at.config["services"]["qdrant"] |= {
            "x-external": {
                "url": f"http://127.0.0.1:{qdrant}",
                "schemes": {"http": "plain", "https": "tls"},
                "targets": [6333],
                "needed-by": ["memos"],
                "version": {"path": "/", "field": "version", "least": "1.10"},
            },
            "x-probe": [
                {"kind": "http", "target": 6333, "path": "/collections", "auth": auth},
                {
                    "kind": "vectors",
                    "target": 6333,
                    "auth": auth,
                    "collection": "neo4j_vec_db",
                    "size": "384",
                    "marker": "memos_dev_vectors",
                    "model": "e5",
                },
            ],
        }
    if neo4j:
        login = {"kind": "basic", "user": "neo4j", "password": "12345678"}
        at.config["services"]["neo4j"] |= {
            "x-external": {
                "url": f"bolt://127.0.0.1:{neo4j}",
                "schemes": {"bolt": "plain"},
                "targets": [7474],
                "port": 7687,
                "needed-by": ["memos"],
                "version": {"least": "5.0"},
            },
            "x-probe": [{"kind": "bolt", "target": 7474, "auth": login, "database": "neo4j"}],
            "x-open": [],
        }


def test_up_starts_all_but_what_runs_elsewhere(at: Checkout, theirs: Theirs) -> None:
    """That is asked, waited for, and named."""
    assert at.inv("up", "--timeout", "20") == 0

    (made,) = (call for call in at.calls() if " create " in call)
    assert made.endswith(" --pull never etcd milvus memos")
    shown = at.shown()
    assert "qdrant runs elsewhere, at http://127.0.0.1:" in shown.err
    assert "s qdrant ready ready; neo4j_vec_db holds" in " ".join(shown.err.split())
    assert KEY not in shown.err + shown.out
    assert at.inv("up", "--timeout", "20") == 0  # and again: Compose is not asked
    assert [call for call in at.calls() if " create " in call] == [made]
    assert theirs.bolt.asked


def test_a_container_of_before_is_removed_and_its_data_stays(at: Checkout, theirs: Theirs) -> None:
    """Nobody asks it any more."""
    del theirs
    at.state["containers"]["id-qdrant"] = at.container("qdrant")

    assert at.inv("up", "--timeout", "20") == 0

    assert "qdrant runs elsewhere; its data stays" in at.shown().err
    assert at.inv("ps", "--format", "json") == 0
    rows = {row["service"]: row for row in at.document("ps")["services"]}
    assert rows["qdrant"]["state"] == "elsewhere"
    assert "qdrant_data" in at.held()


def test_ps_shows_where_it_is_and_what_it_answers(at: Checkout, theirs: Theirs) -> None:
    """The address, and no secret."""
    del theirs
    assert at.inv("ps", "--format", "json") == 0

    rows = {row["service"]: row for row in at.document("ps")["services"]}
    assert rows["qdrant"]["image"].startswith("http://127.0.0.1:")
    assert [(rows[one]["state"], rows[one]["ready"]) for one in ("qdrant", "neo4j")] == [
        ("elsewhere", True),
        ("elsewhere", True),
    ]
    assert rows["qdrant"]["ports"] == []
    assert at.inv("ps") == 0
    assert KEY not in at.shown().out


def wrong_key(at: Checkout, theirs: Theirs) -> None:
    """Have another key in `.env`."""
    del theirs
    at.config["services"]["qdrant"]["x-probe"][0]["auth"]["password"] = "wrong-one"


def nobody(at: Checkout, theirs: Theirs) -> None:
    """Name a place where nobody listens."""
    del theirs
    lead(at, qdrant=closed_port())


def other_size(at: Checkout, theirs: Theirs) -> None:
    """Let the vectors there have another size."""
    del at
    theirs.size = 768


def other_model(at: Checkout, theirs: Theirs) -> None:
    """Let the vectors there be another model's."""
    theirs.model = "bge"
    theirs.held.points["somebody"] = {"1": [0.5]}
    del at


def too_old(at: Checkout, theirs: Theirs) -> None:
    """Let it be a version that MemOS cannot search in."""
    del at
    theirs.version = "1.9.7"


def other_password(at: Checkout, theirs: Theirs) -> None:
    """Let Neo4j have another password."""
    del at
    theirs.bolt.login = ("neo4j", "another")


def old_neo4j(at: Checkout, theirs: Theirs) -> None:
    """Let it be a Neo4j of before Bolt 5."""
    del at
    theirs.bolt.server = "Neo4j/4.4.0"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (wrong_key, "rejects the login of .env"),
        (nobody, "connection refused"),
        (other_size, "wanted 384 (EMBEDDING_DIMENSION)"),
        (other_model, "wanted e5 (MOS_EMBEDDER_MODEL)"),
        (too_old, "in version 1.9.7, and MemOS needs 1.10 or newer"),
        (other_password, "rejects the login of .env"),
        (old_neo4j, "in version 4.4.0, and MemOS needs 5.0 or newer"),
    ],
)
def test_what_is_wrong_there_is_told_before_anything_starts(
    at: Checkout, theirs: Theirs, change: object, told: str
) -> None:
    """Waiting would not mend it, and nothing here can."""
    assert callable(change)
    change(at, theirs)

    assert at.inv("up", "--timeout", "20") == 5

    shown = at.shown()
    assert told in shown.err + shown.out
    assert "reset" not in shown.err + shown.out
    assert not [call for call in at.calls() if " create " in call]


@pytest.mark.parametrize(
    "words",
    [
        ("reset", "--yes", "--service", "qdrant"),
        ("snapshot.save", "--service", "qdrant"),
        ("restart", "--service", "qdrant"),
        ("down", "--service", "neo4j"),
        ("logs", "--service", "qdrant"),
    ],
)
def test_nothing_of_it_is_changed(at: Checkout, theirs: Theirs, words: tuple[str, ...]) -> None:
    """2, and whose it is."""
    del theirs
    before = at.held()

    assert at.inv(*words) == 2

    assert f"{words[-1]} runs elsewhere (" in at.shown().err
    assert at.held() == before


def test_reset_of_all_is_of_what_is_here(at: Checkout, theirs: Theirs) -> None:
    """Nothing is asked of those elsewhere but how they are."""
    assert at.inv("reset", "--all", "--yes", "--no-snapshot") == 0

    assert at.held()["etcd_data"] == ""
    assert at.held()["qdrant_data"] == "old"  # of before, and nobody's to delete with this
    assert not [call for call in theirs.asked if call.startswith(("DELETE", "PUT"))]


def test_down_with_volumes_says_what_it_does_not_delete(at: Checkout, theirs: Theirs) -> None:
    """Theirs stays."""
    del theirs
    assert at.inv("down", "--volumes", "--yes") == 0

    assert "its data is not this stack's" in at.shown().err


def test_restart_of_all_leaves_it_alone(at: Checkout, theirs: Theirs) -> None:
    """Compose is told the others."""
    del theirs
    assert at.inv("restart", "--timeout", "20") == 0

    (stop,) = (call for call in at.calls() if " stop " in call)
    assert stop.endswith(" stop etcd milvus memos")


def test_smoke_keeps_a_memory_there_and_removes_it(at: Checkout, theirs: Theirs) -> None:
    """Neo4j is asked over Bolt, Qdrant with the key."""
    assert at.inv("smoke") == 0

    assert any("user_name" in statement for statement, _ in theirs.bolt.asked)
    assert not any(theirs.held.nodes.values())
    assert not any(theirs.held.points.values())


def test_memories_counts_what_they_hold(at: Checkout, theirs: Theirs) -> None:
    """Both halves, from there."""
    theirs.held.nodes["alice"] = {"1": "a memory"}
    theirs.held.points["alice"] = {"1": [0.5]}

    assert at.inv("memories") == 0

    assert "alice" in at.shown().out


def test_no_repair_deletes_there(at: Checkout, theirs: Theirs) -> None:
    """What lacks its other half here may be another stack's, and no snapshot of ours has it."""
    theirs.held.points["of another stack"] = {"2": [0.5]}
    before = list(theirs.asked)

    assert at.inv("memories", "--repair", "--yes") == 2

    assert "neo4j runs elsewhere (" in at.shown().err
    assert theirs.held.points == {"of another stack": {"2": [0.5]}}
    assert theirs.asked == before


def test_no_repair_deletes_there_where_the_other_store_is_here(at: Checkout) -> None:
    """One of the two is enough."""
    put("EXTERNAL_QDRANT_URL", QDRANT)(at)
    with http(lambda _: (500, "asked")) as there:
        lead(at, qdrant=there)
        del at.state["containers"]["id-qdrant"]
        del at.config["services"]["memos"]["depends_on"]["qdrant"]

        assert at.inv("memories", "--repair", "--yes") == 2

    assert "qdrant runs elsewhere (" in at.shown().err


def test_consoles_ask_there(at: Checkout, theirs: Theirs) -> None:
    """And write only where that was allowed."""
    assert at.inv("console.qdrant", "GET /collections") == 0
    assert at.inv("console.neo4j", "RETURN 1") == 0
    assert theirs.bolt.asked[-1] == ("RETURN 1", {"mode": "r", "db": "neo4j"})
    at.shown()

    assert at.inv("console.neo4j", "CREATE (n)") == 2
    assert "--write" in at.shown().err


def test_a_second_stack_is_told_to_share_them(at: Checkout, theirs: Theirs) -> None:
    """Its other ports and names do not part the memories."""
    del theirs
    file = at.folder / "second.env"

    assert at.inv("env", "--offset", "2000", "--write", str(file)) == 0

    assert "both stacks will have the same neo4j, qdrant, elsewhere" in at.shown().err


@pytest.mark.parametrize(
    "words",
    [
        ("up", "--service", "qdrant"),
        ("up", "--format", "json", "--timeout", "20"),
        ("wait", "--service", "memos", "--timeout", "20"),
        ("ps", "--service", "qdrant"),
        ("graph",),
        ("images.status",),
        ("config",),
        ("env",),
        ("logs", "--tail", "1"),
        ("report", "report.json"),
        ("metrics",),
    ],
)
def test_every_look_knows_it(
    at: Checkout, theirs: Theirs, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is in the way of a command, and no secret is shown."""
    del theirs
    monkeypatch.chdir(at.folder)

    assert at.inv(*words) == 0

    shown = at.shown()
    assert KEY not in shown.out + shown.err
    for file in at.folder.glob("report.*"):
        assert KEY not in file.read_text()


def test_doctor_says_where_it_was_reached_from(at: Checkout, theirs: Theirs) -> None:
    """From here and from the API's container; and that a wrong login is rejected."""
    del theirs
    at.state["checks"] = {"id-memos": [0, ""]}

    assert at.inv("doctor") == 0

    shown = at.shown().out
    assert "in version 1.15.3, reached from the API too" in shown
    assert "qdrant: a wrong password is rejected" in shown
    assert shown.count("reached from the API too, its login unencrypted") == 2
    assert KEY not in shown


def test_doctor_says_where_only_this_machine_gets_there(at: Checkout, theirs: Theirs) -> None:
    """A name of this machine's may be none in a container."""
    del theirs
    at.state["checks"] = {"id-memos": [1, "gaierror: [Errno -2] Name or service not known"]}

    assert at.inv("doctor", "--format", "json") == 5

    document = at.document("doctor")
    details = {area["area"]: area["detail"] for area in document["areas"]}
    assert "reached from here only" in details["services"]
    (found, _) = (one for one in document["findings"] if one["fatal"])
    assert "but not from the container of the API" in found["cause"]
    assert found["evidence"] == "gaierror: [Errno -2] Name or service not known"

"""`inv memories`: what the stores hold, what lacks its half, and the repair of vectors."""

import json
import shlex
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from uuid import UUID

import pytest

from scripts.data import archive, transfer
from tests.kit.checkout import DataCheckout as Checkout
from tests.kit.checkout import services
from tests.kit.fakes import raising
from tests.kit.on_host import noted

SCROLL = "/collections/neo4j_vec_db/points/scroll"
EVIL = "\x1b[2Jevil\u202e"


def number(one: int) -> str:
    """Return an id as MemOS makes them."""
    return str(UUID(int=one))


WHOLE = {"alice": range(3), EVIL: range(3, 5)}
NODES = {
    cube: {number(one): f"text {one} {EVIL}\n" + "long " * 60 for one in some}
    for cube, some in WHOLE.items()
}
POINTS = {cube: {number(one): [1.0] for one in some} for cube, some in WHOLE.items()}
NODES["alice"][number(90)] = "a memory that nothing finds"
POINTS["alice"] |= {number(95): [1.0], number(96): [1.0]}


@pytest.fixture
def ports(request: pytest.FixtureRequest) -> Iterator[list[int]]:
    """Run services whose stores lack some halves, or what a test wants; give their ports."""
    with services(**getattr(request, "param", {"nodes": NODES, "points": POINTS})) as ports:
        yield ports


@pytest.fixture
def kind() -> type[Checkout]:
    """Its stack keeps data."""
    return Checkout


def model(at: Checkout) -> None:
    """Let the API's container have a model that gives vectors of the right size."""
    said = "import json, sys; print(json.dumps([[0.5] * 384 for _ in json.load(sys.stdin)]))"
    at.answer("exec --interactive", f"exec {shlex.quote(sys.executable)} -c {shlex.quote(said)}")


def vectors(ports: list[int]) -> set[str]:
    """Return the ids of all vectors, as the store itself has them."""
    connection = HTTPConnection("127.0.0.1", ports[0])
    connection.request("POST", SCROLL, json.dumps({"limit": 100}))
    found = json.loads(connection.getresponse().read())
    connection.close()
    return {point["id"] for point in found["result"]["points"]}


def test_each_cube_is_told_with_what_lacks_its_half(at: Checkout) -> None:
    """Advice does not change the exit code; no terminal obeys the name of a cube."""
    assert at.inv("memories") == 0

    shown = at.shown().out
    rows = [line.split()[:5] for line in shown.splitlines()[:3]]
    assert rows[1:] == [[r"\x1b[2Jevil\u202e", "2", "2", "0", "0"], ["alice", "4", "5", "1", "2"]]
    assert "2 cubes: 6 memories, 7 vectors" in shown
    assert "! 2 vectors in Qdrant have no memory in Neo4j" in shown
    assert "! 1 memories in Neo4j have no vector in Qdrant" in shown
    assert "\x1b" not in shown


def test_a_narrow_terminal_has_a_line_for_each_cube(at: Checkout) -> None:
    """Of 80 columns none is exceeded, and no memory takes more than two lines."""
    at.patch.setattr("scripts.tell.screen.PIPE_WIDTH", 80)

    assert at.inv("memories", "--cube", "alice") == 0

    lines = at.shown().out.splitlines()
    assert lines[0] == "alice  4 memories, 5 vectors, 1 without vector, 2 vectors without memory"
    assert lines[1].strip() == "LongTermMemory 4"
    assert [line[:9].strip() for line in lines[2:12:2]] == [
        *("no memory", "no memory", "no vector"),
        *("", ""),
    ]
    assert lines[2].split()[2] == number(95)
    assert lines[9].endswith("…")
    assert max(map(len, lines[:12])) == 80


def test_a_pipe_has_a_line_for_each_memory(at: Checkout) -> None:
    """As many as the limit says; the text is shortened, and what is left out is counted."""
    assert at.inv("memories", "--cube", "alice", "--limit", "5") == 0

    lines = at.shown().out.splitlines()[2:8]
    assert [number(one) in line for one, line in zip([95, 96, 90, 0, 1], lines, strict=False)] == [
        True
    ] * 5
    assert lines[3].startswith(" " * 10)
    assert r"text 0 \x1b[2Jevil\u202e long" in lines[3]
    assert lines[5] == "1 more: --limit 6 shows all"


def test_as_json_it_keeps_its_schema(at: Checkout) -> None:
    """With a cube its memories too; what a terminal would obey is escaped there as well."""
    assert at.inv("memories", "--format", "json") == 0
    document = at.document("memories")
    assert (document["nodes"], document["vectors"]) == (6, 7)
    assert "memories" not in document

    assert at.inv("memories", "--cube", EVIL, "--format", "json") == 0
    text = at.shown().out
    assert "\u202e" not in text
    found = json.loads(text)
    assert [row["cube"] for row in found["cubes"]] == [EVIL]
    assert [row["id"] for row in found["memories"]] == [number(3), number(4)]


def with_preferences(at: Checkout) -> None:
    """Turn preference memory on, with a Milvus that can keep it."""
    with at.env_file.open("a") as file:
        file.write("ENABLE_PREFERENCE_MEMORY=true\nCOMPOSE_PROJECT_NAME=memos-test\n")
    at.config["services"]["milvus"]["x-probe"][0]["path"] = "/v2/vectordb/collections/list"


def test_preferences_have_a_column_where_they_are_kept(at: Checkout) -> None:
    """A narrow terminal has no room for none."""
    with_preferences(at)

    assert at.inv("memories") == 0

    shown = at.shown()
    assert shown.err == ""
    assert "preferences" in shown.out.splitlines()[0]


def test_preferences_that_cannot_be_counted_are_told(at: Checkout) -> None:
    """With the next step, and all else is shown."""
    with_preferences(at)
    at.config["services"]["milvus"]["ports"][0]["published"] = "1"

    assert at.inv("memories") == 0

    shown = at.shown()
    assert "preferences are not counted: milvus does not answer at 127.0.0.1:1" in shown.err
    assert "next: inv up --service milvus" in shown.err
    assert "preferences" not in shown.out


def test_an_unknown_cube_is_2(at: Checkout) -> None:
    """With the nearest name, and those that there are."""
    assert at.inv("memories", "--cube", "alise") == 2

    told = at.shown().err
    assert "error: there is no cube 'alise'; did you mean alice?" in told
    assert r"next: one of: \x1b[2Jevil\u202e, alice" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--limit", "few"], "--limit is 'few', wanted a whole number"),
        (["--format", "xml"], "--format is 'xml', wanted text or json"),
        (["--repair", "--cube", "alice"], "--repair does not go with --cube"),
        (["--repair", "--format", "json"], "--repair does not go with --format"),
        (["--yes"], "--yes does not go without --repair"),
        (["--limit", "5"], "--limit does not go without --cube"),
    ],
    ids=["limit", "format", "repair of a cube", "repair as json", "yes to what", "limit of what"],
)
def test_a_wrong_flag_is_2(at: Checkout, words: list[str], told: str) -> None:
    """Before anything is asked."""
    assert at.inv("memories", *words) == 2

    assert told in at.shown().err


def test_a_database_that_is_down_is_5(at: Checkout) -> None:
    """With what starts both of them."""
    at.config["services"]["neo4j"]["ports"][0]["published"] = "1"

    assert at.inv("memories") == 5

    told = at.shown().err
    assert "error: neo4j does not answer at 127.0.0.1:1: connection refused" in told
    assert "next: inv up --service neo4j --service qdrant" in told


def test_doctor_tells_what_lacks_its_half(at: Checkout) -> None:
    """As advice."""
    assert at.inv("doctor", "--format", "json") == 0

    document = at.document("doctor")
    assert {"vectors-orphaned", "memories-orphaned"} <= {
        finding["code"] for finding in document["findings"]
    }
    (area,) = [area for area in document["areas"] if area["area"] == "memories"]
    assert (area["state"], area["detail"]) == ("advice", "6 in 2 cubes")


def test_a_repair_removes_and_adds_vectors_after_a_snapshot(at: Checkout, ports: list[int]) -> None:
    """The plan says all of it first; nothing else is touched, and the snapshot is whole."""
    before = vectors(ports)
    model(at)

    assert at.inv("memories", "--repair", "--yes") == 0

    shown = at.shown()
    (name,) = at.names()
    assert name.startswith("before-repair-neo4j-qdrant-")
    assert "removes   2 vectors without a memory (alice: 2)" in shown.err
    assert "adds      1 vectors of memories without one (alice: 1)" in shown.err
    assert f"snapshot  {name}, checked first: it keeps all, texts too" in shown.err
    assert "removed 2 vectors without a memory, added 1 vectors of a memory" in shown.out
    assert f"inv snapshot.restore {name} brings back how all was before" in shown.out
    after = vectors(ports)
    assert (before - after, after - before) == ({number(95), number(96)}, {number(90)})
    manifest = archive.manifest(at.kept / f"{name}.tar.zst")
    assert (manifest["command"], manifest["groups"]) == ("memories", ["neo4j", "qdrant"])

    assert at.inv("memories", "--repair", "--yes") == 0
    assert "nothing to repair: every memory has its vector" in at.shown().out
    assert len(at.names()) == 1


def test_without_a_model_vectors_are_removed_and_none_is_added(
    at: Checkout, ports: list[int]
) -> None:
    """What the model says is told, with the next step."""
    before = vectors(ports)
    at.answer("exec --interactive", "echo 'HTTPError: HTTP Error 401: no' >&2; exit 1")

    assert at.inv("memories", "--repair", "--yes") == 0

    shown = at.shown()
    assert "gives no vectors for memories: it says HTTPError: HTTP Error 401: no" in shown.err
    assert before - vectors(ports) == {number(95), number(96)}
    assert number(90) not in vectors(ports)
    at.shown()
    assert at.inv("memories", "--repair", "--yes") == 5
    assert "next: inv doctor asks it too" in at.shown().err


def test_where_the_api_does_not_run_nobody_reaches_the_model(at: Checkout) -> None:
    """Its vectors can be removed all the same."""
    at.state["containers"]["id-memos"]["State"]["Status"] = "exited"

    assert at.inv("memories", "--repair") == 7

    assert "only the API reaches the embedding model; it does not run" in at.shown().err


def test_of_an_api_on_this_machine_the_model_is_not_asked(at: Checkout) -> None:
    """Its container stands still; the next step starts it."""
    noted(at.root / ".cache" / "memos-test")

    assert at.inv("memories", "--repair") == 2

    told = at.shown().err
    assert "the API runs on this machine" in told
    assert "inv api.container, then again" in told


def test_a_model_that_is_not_spoken_here_is_told(at: Checkout) -> None:
    """Ollama has a protocol of its own."""
    lines = ("MOS_EMBEDDER_BACKEND=ollama", "OLLAMA_API_BASE=http://o:11434")
    with at.env_file.open("a") as file:
        file.write("\n".join([*lines, "EMBEDDING_DIMENSION=384", ""]))

    assert at.inv("memories", "--repair") == 7

    assert "MOS_EMBEDDER_BACKEND=ollama is not spoken here" in at.shown().err


@pytest.mark.parametrize("ports", [{"points": POINTS}], indirect=True, ids=["no nodes at all"])
def test_a_repair_warns_of_cubes_that_neo4j_may_have_lost(at: Checkout) -> None:
    """The texts of their vectors are nowhere else: it is no time to say yes without a thought."""
    assert at.inv("memories", "--repair") == 7

    told = at.shown().err
    assert "note: of 2 cubes Neo4j holds nothing any more; if they were lost, say no" in told
    assert at.inv("memories") == 0
    assert "if Neo4j lost what was in alice, " in at.shown().out


@pytest.mark.parametrize("ports", [{}], indirect=True, ids=["nothing"])
def test_where_nothing_is_stored_yet_nothing_is_wrong(at: Checkout) -> None:
    """A cube by name is unknown then, and there is nothing to repair."""
    assert at.inv("memories") == 0
    assert at.shown().out == "no memory is stored yet\n"
    assert at.inv("memories", "--cube", "alice") == 2
    assert "nothing is stored yet" in at.shown().err
    assert at.inv("memories", "--repair") == 0


@pytest.mark.parametrize(
    "ports", [{"nodes": {"a": {"7": "others wrote it"}}}], indirect=True, ids=["no UUID"]
)
def test_what_can_have_no_vector_is_not_called_whole(at: Checkout) -> None:
    """Nothing is stopped for it, and no snapshot is made."""
    assert at.inv("memories", "--repair", "--yes") == 0

    told = "nothing to repair; 1 memories have no UUID as their id, and can have no vector"
    assert told in at.shown().out
    assert at.names() == []


def test_a_repair_asks_first(at: Checkout, ports: list[int]) -> None:
    """7 where nobody is there to answer, and nothing was changed."""
    before = vectors(ports)
    model(at)

    assert at.inv("memories", "--repair") == 7

    assert vectors(ports) == before
    assert at.names() == []


def test_without_a_snapshot_nothing_is_changed(at: Checkout, ports: list[int]) -> None:
    """One that cannot be verified is none."""
    before = vectors(ports)
    model(at)
    at.patch.setattr(transfer, "verify", raising(OSError(28, "No space left on device", "x")))

    assert at.inv("memories", "--repair", "--yes") == 2

    assert vectors(ports) == before
    assert at.names() == []

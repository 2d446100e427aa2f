"""The smoke trial against servers that answer as the stack's do, well and ill."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from scripts.core.errors import BrokenError, ExitCode
from scripts.core.stack import Auth, Port, Probe, Stack
from scripts.watch import smoke
from scripts.watch.smoke import Stage, run
from tests.kit.builders import service, stack
from tests.kit.fake_stack import FakeStack
from tests.kit.servers import Answer, closed_port, http

CUBE = "smoke-0a1b"
CYPHER = "/db/neo4j/tx/commit"
SCROLL = "/collections/neo4j_vec_db/points/scroll"
SEARCH = "/product/search"
SWEEP = "/collections/neo4j_vec_db/points/delete"
V2_DELETE = "/v2/vectordb/entities/delete"
V1_CREATE, V1_DROP = "/v1/vector/collections/create", "/v1/vector/collections/drop"


@pytest.fixture
def world() -> FakeStack:
    """Return what the servers hold."""
    return FakeStack()


@pytest.fixture
def port(world: FakeStack) -> Iterator[int]:
    """Serve it; give the port."""
    with http(world.respond) as found:
        yield found


def stack_at(port: int, *, milvus: str = "/v1/vector/collections") -> Stack:
    """A stack whose four services are all behind one port; Milvus' probe names its version."""
    auth = Auth(kind="bearer", user="root", password="12345678")
    targets = {"memos": 8000, "neo4j": 7474, "qdrant": 6333, "milvus": 19530}
    return stack(
        *(
            replace(
                service(name, ports=(Port(host="127.0.0.1", published=port, target=target),)),
                probes=(Probe(kind="http", port=port, path=milvus, auth=auth),),
            )
            for name, target in targets.items()
        )
    )


def tried(at: Stack, *, preferences: bool = False) -> list[Stage]:
    """Run the whole trial."""
    return list(run(at, CUBE, dimension=384, preferences=preferences))


def empty(world: FakeStack) -> bool:
    """Say whether no trace is left in any database."""
    return not (world.nodes or world.points or world.tables)


@pytest.mark.parametrize("milvus", ["/v1/vector/collections", "/v2/vectordb/collections/list"])
def test_a_memory_is_found_everywhere_and_removed_again(
    world: FakeStack, port: int, milvus: str
) -> None:
    """Whichever version of Milvus' interface the stack speaks."""
    stages = tried(stack_at(port, milvus=milvus))

    assert empty(world)
    names = ["add", "get_all", "neo4j", "qdrant", "search", "defaults", "milvus", "removed"]
    assert [stage.name for stage in stages] == names
    assert stages[0].detail == f"memory 4f2c-2 in cube {CUBE}, 2 others beside it"
    assert stages[4].detail == "first for 'Who observes the boats at nightfall?', score 0.59"
    defaults = r"added with them, worked off after \d\.\d s, and found"
    assert re.fullmatch(defaults, stages[5].detail)
    assert any(path.startswith(milvus[:3]) for path in world.paths)


def test_with_preference_memory_milvus_must_have_got_one(
    world: FakeStack, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It arrives a little later than the memory, and is removed too."""
    monkeypatch.setattr(smoke, "SETTLE", 5.0)

    stages = tried(stack_at(port, milvus="/v2/vectordb/collections/list"), preferences=True)

    assert world.preferences == {}
    assert "2 preferences in Milvus" in [stage.detail for stage in stages]


def test_a_preference_that_never_arrives_blames_the_chat_model(
    world: FakeStack, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only that one makes preferences."""
    monkeypatch.setattr(smoke, "SETTLE", 0.0)
    world.preferences[CUBE] = 99

    with pytest.raises(BrokenError, match=f"no preference of cube {CUBE} arrived") as error:
        tried(stack_at(port, milvus="/v2/vectordb/collections/list"), preferences=True)

    assert "chat model" in error.value.next_step
    assert empty(world)


def test_the_question_shares_no_word_of_meaning_with_the_memory() -> None:
    """A search that only compares words would not find it."""
    asked, answer, *beside = (
        set(re.findall(r"\w+", text.lower())) - {"the"}
        for text in (smoke.QUESTION, smoke.TEXT, *smoke.BESIDE)
    )

    assert not asked & answer.union(*beside)


@pytest.mark.parametrize(
    "scores", [{"walnuts": 0.6, "lighthouse": 0.5, "": 0.1}, {"": 0.3}, {"": 0.0}]
)
def test_a_search_that_does_not_know_the_meaning_is_told(
    world: FakeStack, port: int, scores: dict[str, float]
) -> None:
    """Another memory is nearer, or all are as near, as with an embedding model that is none."""
    world.scores = scores

    with pytest.raises(BrokenError, match=r"memos: search for .* does not put") as error:
        tried(stack_at(port))

    assert "walnuts" in str(error.value)
    assert empty(world)


@pytest.mark.parametrize("times", [1, 2])
def test_a_memory_may_be_found_alone_or_twice(world: FakeStack, port: int, times: int) -> None:
    """Later releases drop what is far; another reader than ours keeps a memory twice."""
    memories = [{"memory": smoke.TEXT, "metadata": {"relativity": 0.5}}] * times
    world.faults[SEARCH] = (200, {"data": {"text_mem": [{"memories": memories}]}})

    stages = run(stack_at(port), CUBE, dimension=384, preferences=False)
    assert [next(stages).name for _ in range(5)][-1] == "search"


def test_a_search_that_finds_nothing_names_the_releases_that_are_known_for_it(
    world: FakeStack, port: int
) -> None:
    """The API says 200 and nothing; the error stands in its log alone."""
    world.faults[SEARCH] = (200, {"code": 200, "data": {"text_mem": []}})

    with pytest.raises(BrokenError) as error:
        tried(stack_at(port))

    assert error.value.exit_code == ExitCode.BROKEN
    assert "inv logs --service memos --level error" in error.value.next_step
    assert "docs/memos-versions.md" in error.value.next_step
    assert empty(world)


def test_a_memory_that_goes_again_names_the_releases_that_are_known_for_it(
    world: FakeStack, port: int
) -> None:
    """It was answered with its id, and is gone a moment later; its vector goes with the cube's."""
    world.keeps = False

    with pytest.raises(BrokenError, match=r"^memos: what .* was gone after \d\.\d s") as error:
        tried(stack_at(port))

    assert "docs/memos-versions.md" in error.value.next_step
    assert empty(world)


def test_a_memory_that_is_never_worked_off_is_told_as_such(
    world: FakeStack, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow chat model, or a release to come that keeps it as it is: it is there all the same."""
    monkeypatch.setattr(smoke, "SETTLE", 0.0)
    world.looks_in_vain = 99

    details = [stage.detail for stage in tried(stack_at(port)) if stage.name == "defaults"]

    assert "not worked off yet" in details[0]


@pytest.mark.parametrize("store", ["points", "scores"])
def test_a_memory_of_the_background_must_be_everywhere(
    world: FakeStack, port: int, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In Qdrant, and found by a search."""
    stages = run(stack_at(port), CUBE, dimension=384, preferences=False)
    while next(stages).name != "search":
        pass
    if store == "points":
        monkeypatch.setitem(world.faults, SCROLL, (200, {"result": {"points": []}}))
        words = r"qdrant: no vector of {'4f2c-5'}"
    else:
        monkeypatch.setitem(world.faults, SEARCH, (200, {"data": {"text_mem": []}}))
        words = "memos: search for 'Where is the spare key"

    with pytest.raises(BrokenError, match=words):
        next(stages)

    assert empty(world)


def test_a_search_that_finds_nothing_yet_is_asked_again(world: FakeStack, port: int) -> None:
    """Milvus shows what was inserted a moment later."""
    world.searches_in_vain = 1

    assert "milvus" in [stage.name for stage in tried(stack_at(port))]


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        ("/product/add", (200, {"code": 200, "data": []}), "memos: POST /product/add stored"),
        ("/product/add", (200, {"code": 500, "data": None}), "memos: POST /product/add stored"),
        ("/product/add", (500, {"detail": "x"}), "memos: POST /product/add answered 500"),
        ("/product/add", (200, "no JSON"), "memos: POST /product/add answered 200"),
        ("/product/get_all", (200, {"data": []}), "memos: get_all does not give it back"),
        (SCROLL, (200, {"result": {"points": []}}), f"qdrant: no point of cube {CUBE}"),
        (
            SCROLL,
            (200, {"result": {"points": [{"vector": [0.0] * 768}]}}),
            "qdrant: vectors of {768} numbers, wanted 384",
        ),
        (CYPHER, (200, {"results": [{"data": []}], "errors": []}), "neo4j: no node with it"),
        (CYPHER, (200, {"results": [], "errors": ["down"]}), "neo4j: MATCH"),
        (
            SEARCH,
            (200, {"code": 200, "data": {"text_mem": []}}),
            "memos: POST /product/search found",
        ),
        (SEARCH, (200, {"code": 500, "data": None}), "memos: POST /product/search found nothing"),
        (SEARCH, (500, {"detail": "x"}), "memos: POST /product/search answered 500"),
        (V1_CREATE, (200, {"code": 1, "message": "no"}), f"milvus: {V1_CREATE}"),
        ("/v1/vector/search", (200, {"code": 200, "data": [{"word": "far"}]}), "milvus: search"),
    ],
)
def test_what_is_broken_is_named_with_what_it_answered(
    world: FakeStack, port: int, path: str, answer: Answer, words: str
) -> None:
    """And whatever was stored until then is removed, as far as the databases let us."""
    world.faults[path] = answer

    with pytest.raises(BrokenError) as error:
        tried(stack_at(port))

    assert str(error.value).startswith(words)
    assert "inv logs --service" in error.value.next_step
    assert world.tables == {}
    assert world.points == {} or path == CYPHER


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (
            {"/product/add": (500, "down"), SWEEP: (404, "no collection")},
            "memos: POST /product/add",
        ),
        ({V1_CREATE: (200, {"code": 1}), V1_DROP: (200, {"code": 100})}, f"milvus: {V1_CREATE}"),
    ],
)
def test_a_failure_while_tidying_up_does_not_hide_the_first_one(
    world: FakeStack, port: int, faults: dict[str, Answer], words: str
) -> None:
    """The cause is what a user needs, not that its traces could not be removed."""
    world.faults |= faults

    with pytest.raises(BrokenError) as error:
        tried(stack_at(port))

    assert str(error.value).startswith(words)


def test_a_search_that_never_finds_anything_is_told(
    world: FakeStack, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was inserted does not show up in time."""
    monkeypatch.setattr(smoke, "SETTLE", 0.0)
    world.searches_in_vain = 99

    with pytest.raises(BrokenError, match=r"milvus: search gave \[\]"):
        tried(stack_at(port))

    assert empty(world)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {"result": {}, "status": "ok"}), "qdrant: the points could not be removed"),
        ((500, {"status": {"error": "read only"}}), f"qdrant: POST {SWEEP}"),
    ],
)
def test_traces_that_cannot_be_removed_fail_the_trial(
    world: FakeStack, port: int, answer: Answer, words: str
) -> None:
    """Though everything was found; a server may say yes and keep them."""
    world.faults[SWEEP] = answer

    with pytest.raises(BrokenError, match=words):
        tried(stack_at(port))


@pytest.mark.parametrize("path", [CYPHER, SWEEP, V2_DELETE])
def test_every_removal_is_tried_whatever_becomes_of_the_one_before(
    world: FakeStack, port: int, path: str
) -> None:
    """What can be removed is; the first failure is told."""
    at = stack_at(port, milvus="/v2/vectordb/collections/list")
    stages = run(at, CUBE, dimension=384, preferences=True)
    assert [next(stages).name for _ in range(7)][-1] == "preference"
    world.faults[path] = (500, {"message": "read only"})

    with pytest.raises(BrokenError, match=re.escape(f"POST {path}")):
        list(stages)

    left = {CYPHER: world.nodes, SWEEP: world.points, V2_DELETE: world.preferences}
    assert [where for where, kept in left.items() if kept] == [path]


def test_preferences_that_cannot_be_removed_fail_the_trial(world: FakeStack, port: int) -> None:
    """Milvus may say yes and keep them."""
    world.faults[V2_DELETE] = (200, {"code": 0, "data": {}})

    with pytest.raises(BrokenError, match="milvus: the preferences could not be removed"):
        tried(stack_at(port, milvus="/v2/vectordb/collections/list"), preferences=True)


def test_a_trial_that_is_left_early_leaves_no_trace(world: FakeStack, port: int) -> None:
    """Ctrl-C after the first stage."""
    stages = run(stack_at(port), CUBE, dimension=384, preferences=False)
    next(stages)
    assert CUBE in world.nodes

    stages.close()  # type: ignore[attr-defined]

    assert empty(world)


def test_a_stack_that_is_down_or_has_no_api_is_told_as_such() -> None:
    """The first service that was asked, and nobody answered; the port that nobody publishes."""
    with pytest.raises(BrokenError, match=r"answered 0: .connection refused"):
        tried(stack_at(closed_port()))
    with pytest.raises(BrokenError, match="no service publishes container port 8000"):
        tried(stack(service("db")))

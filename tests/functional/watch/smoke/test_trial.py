"""The smoke trial against servers that answer as the stack's do, well and ill."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from scripts.core.errors import BrokenError, ExitCode
from scripts.core.stack import Auth, Port, Probe, Stack
from scripts.watch.smoke import memories, stores, trial
from scripts.watch.smoke.memories import SYNC, Memory
from scripts.watch.smoke.stage import FAILED, LEFT_OUT, OK, Stage
from scripts.watch.smoke.trial import Scope, Trial
from tests.kit.builders import service, stack
from tests.kit.fake_stack import FakeStack
from tests.kit.servers import Answer, closed_port, http

CUBE = "smoke-0a1b"
CYPHER = "/db/neo4j/tx/commit"
SCROLL = "/collections/neo4j_vec_db/points/scroll"
SEARCH = "/product/search"
SWEEP = "/collections/neo4j_vec_db/points/delete"
V2 = "/v2/vectordb/collections/list"
V2_DELETE = "/v2/vectordb/entities/delete"
V1_CREATE, V1_DROP = "/v1/vector/collections/create", "/v1/vector/collections/drop"
ALL = (
    *("add", "defaults", "search", "chinese", "get_all", "neo4j", "qdrant", "milvus"),
    *("preference", "feedback", "delete", "removed"),
)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> FakeStack:
    """Return what the servers hold; nothing is waited for long."""
    for module, name in ((trial, "SETTLE"), (trial, "PATIENCE"), (stores, "VISIBLE")):
        monkeypatch.setattr(module, name, 2.0)
    monkeypatch.setattr(trial, "CUT_OFF", 0.1)
    return FakeStack()


@pytest.fixture
def port(world: FakeStack) -> Iterator[int]:
    """Serve it; give the port."""
    with http(world.respond) as found:
        yield found


def stack_at(
    port: int, *, milvus: str = "/v1/vector/collections", own_store: bool = False
) -> Stack:
    """A stack whose services are all behind one port; Milvus' probe names its version."""
    auth = Auth(kind="bearer", user="root", password="12345678")
    targets = {"memos": 8000, "neo4j": 7474, "qdrant": 6333, "milvus": 19530}
    targets |= {"preferences": 19531} if own_store else {}
    return stack(
        *(
            replace(
                service(name, ports=(Port(host="127.0.0.1", published=port, target=target),)),
                probes=(Probe(kind="http", port=port, path=milvus, auth=auth),),
            )
            for name, target in targets.items()
        )
    )


def trial_at(at: Stack, **scope: Any) -> Trial:
    """Return a trial of all but preferences, or of what `scope` says."""
    wanted = replace(Scope(dimension=384, no_preference="off"), **scope)
    return Trial(stack=at, cube=CUBE, scope=wanted, say=lambda _: None)


def tried(at: Stack, **scope: Any) -> list[Stage]:
    """Run the whole trial."""
    return list(trial_at(at, **scope).run())


def empty(world: FakeStack) -> bool:
    """Say whether no trace is left in any database."""
    return not (world.nodes or world.points or world.tables or world.preferences)


@pytest.mark.parametrize("milvus", ["/v1/vector/collections", V2])
def test_memories_are_found_everywhere_and_removed_again(
    world: FakeStack, port: int, milvus: str
) -> None:
    """Whichever version of Milvus' interface the stack speaks."""
    stages = tried(stack_at(port, milvus=milvus))

    assert empty(world)
    assert tuple(stage.name for stage in stages) == ALL
    assert {stage.name for stage in stages if stage.state != OK} == {"preference"}
    details = {stage.name: stage.detail for stage in stages}
    assert details["add"] == "memory 4f2c-2, 2 others beside it"
    assert re.fullmatch(r"kept, worked off after \d\.\d s", details["defaults"])
    assert details["search"].endswith("scores 0.59 and 0.66")
    assert details["qdrant"] == "vectors: 6, of 384 numbers, one for each node"
    assert all(stage.seconds > 0 for stage in stages if stage.state == OK)
    assert any(path.startswith(milvus[:3]) for path in world.paths)


def test_what_cannot_be_tried_is_left_out_and_says_why(world: FakeStack, port: int) -> None:
    """It fails nothing, and is never silent."""
    whys = {"no_chinese": "a", "no_milvus": "b", "no_delete": "c", "no_feedback": "d"}

    stages = tried(stack_at(port), **whys)

    left = {stage.name: stage.detail for stage in stages if stage.state == LEFT_OUT}
    assert left == {
        "chinese": "a",
        "milvus": "b",
        "delete": "c",
        "feedback": "d",
        "preference": "off",
    }
    assert not any(path.startswith(("/v1", "/product/feedback")) for path in world.paths)


def test_a_preference_is_found_by_a_search_a_little_later(world: FakeStack, port: int) -> None:
    """Over the API, and its traces are removed from Milvus too."""
    world.preferences[CUBE] = 1

    stages = tried(stack_at(port, milvus=V2), no_preference="", in_milvus=True)

    assert empty(world)
    (found,) = (stage.detail for stage in stages if stage.name == "preference")
    assert re.fullmatch(r"1 found by other words after 1\.\d s", found)


def test_preferences_in_a_store_of_their_own_are_removed_there(world: FakeStack, port: int) -> None:
    """Beside a Milvus of before 2.5, which is tried as ever."""
    world.preferences[CUBE] = 1

    stages = tried(stack_at(port, own_store=True), no_preference="", in_milvus=True)

    assert empty(world)
    assert {stage.name: stage.state for stage in stages}["milvus"] == OK
    world.faults[V2_DELETE] = (200, {"code": 0, "data": {}})
    world.preferences[CUBE] = 1
    with pytest.raises(BrokenError, match="preferences: the preferences could not be removed"):
        tried(stack_at(port, own_store=True), no_preference="", in_milvus=True)


def test_a_preference_that_never_arrives_blames_the_chat_model(
    world: FakeStack, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only that one makes preferences; it may still come, so the cube is not gone for good."""
    monkeypatch.setattr(trial, "SETTLE", 0.0)
    world.preferences[CUBE] = 99
    one = trial_at(stack_at(port, milvus=V2), no_preference="", in_milvus=True)

    with pytest.raises(BrokenError, match=f"no preference of cube {CUBE} was found") as error:
        list(one.run())

    assert "chat model" in error.value.next_step
    assert empty(world)
    assert not one.gone()


@pytest.mark.parametrize("memory", [memories.SYNC, memories.DEFAULTS, memories.PREFERENCE])
def test_a_question_shares_no_word_of_meaning_with_its_memory(memory: Memory) -> None:
    """A search that only compares words would not find it."""
    empty = {"the", "of", "to", "is", "in", "from", "what", "user"}
    texts = (memory.question, memory.text, *memories.BESIDE)
    asked, answer, *beside = (set(re.findall(r"\w+", text.lower())) - empty for text in texts)

    assert not asked & answer.union(*beside)


def test_the_chinese_question_shares_no_word_with_its_memory() -> None:
    """Nor two characters in a row, of which most words are made."""
    text, question = memories.CHINESE.text, memories.CHINESE.question

    assert not {text[at : at + 2] for at in range(len(text))} & {
        question[at : at + 2] for at in range(len(question) - 1)
    }


@pytest.mark.parametrize(
    "scores", [{"boats/walnuts": 0.6, "/lighthouse": 0.5, "/": 0.1}, {"/": 0.3}, {"/": 0.0}]
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
    one = trial_at(stack_at(port))
    one.ids[memories.DEFAULTS] = {"other words"}
    found = [
        {"id": "?", "memory": SYNC.text, "metadata": {"relativity": 0.5}},
        {"id": "other words", "memory": "In August there is no doctor", "metadata": {}},
    ]
    world.faults[SEARCH] = (200, {"data": {"text_mem": [{"memories": found[:1] * times}]}})
    run = one.run()
    while next(run).name != "defaults":
        pass

    with pytest.raises(BrokenError, match="search for 'When will the physician"):
        next(run)


def test_a_memory_that_a_chat_model_put_in_words_of_its_own_is_known_by_its_id(
    world: FakeStack, port: int
) -> None:
    """What is found is another text than what was said."""
    world.rewritten = ("Our doctor", "The user's doctor")

    assert [stage.state for stage in tried(stack_at(port))].count(OK) == len(ALL) - 1


def test_a_search_that_finds_nothing_names_the_releases_that_are_known_for_it(
    world: FakeStack, port: int
) -> None:
    """The API says 200 and nothing; the error stands in its log alone."""
    world.faults[SEARCH] = (200, {"code": 200, "data": {"text_mem": []}})

    with pytest.raises(BrokenError) as error:
        tried(stack_at(port))

    assert error.value.exit_code == ExitCode.BROKEN
    assert error.value.code == "search-empty"
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


def test_a_memory_that_is_worked_off_late_is_waited_for_before_all_is_removed(
    world: FakeStack, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow chat model: what came after the traces are removed would stay for good."""
    monkeypatch.setattr(trial, "SETTLE", 0.0)
    world.looks_in_vain = 6
    said: list[str] = []
    one = replace(trial_at(stack_at(port)), say=said.append)

    stages = {stage.name: stage.detail for stage in one.run()}

    assert "not worked off yet" in stages["defaults"]
    assert said == ["waiting until the API has worked off what was added"]
    assert stages["removed"] == "no trace of it left"
    assert one.gone()


def test_what_is_never_worked_off_is_told_as_such(
    world: FakeStack, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come at any time, so the cube is not gone for good."""
    monkeypatch.setattr(trial, "SETTLE", 0.0)
    monkeypatch.setattr(trial, "PATIENCE", 0.0)
    world.looks_in_vain = 99
    one = trial_at(stack_at(port))

    stages = {stage.name: stage.detail for stage in one.run()}

    assert "goes with the next inv smoke" in stages["removed"]
    assert not one.gone()


def test_whoever_does_not_wait_for_the_background_leaves_no_trace_all_the_same(
    world: FakeStack, port: int
) -> None:
    """A second Ctrl-C while it is waited for."""
    world.looks_in_vain = 99

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    one = replace(trial_at(stack_at(port)), say=interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(one.run())

    assert empty(world)
    assert not one.gone()


def test_a_vector_without_a_node_fails_the_trial(world: FakeStack, port: int) -> None:
    """As some releases leave one behind each add in the background."""
    run = trial_at(stack_at(port)).run()
    while next(run).name != "neo4j":
        pass
    world.points[CUBE]["orphan"] = [0.5] * 384

    with pytest.raises(BrokenError, match=r"vectors without a node in Neo4j: \{'orphan'\}"):
        next(run)


def test_a_node_without_a_vector_fails_the_trial(world: FakeStack, port: int) -> None:
    """It is stored, and no search will find it."""
    run = trial_at(stack_at(port)).run()
    while next(run).name != "neo4j":
        pass
    world.points[CUBE].pop("4f2c-1")

    with pytest.raises(BrokenError, match=r"no vector of \{'4f2c-1'\}"):
        next(run)


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        ("/product/delete_memory", (200, {"data": {"status": "success"}}), "left it in Neo4j"),
        ("/product/feedback", (200, {"data": [{"record": {"add": []}}]}), "changed nothing"),
    ],
)
def test_an_api_that_says_success_and_does_nothing_is_not_believed(
    world: FakeStack, port: int, path: str, answer: Answer, words: str
) -> None:
    """The databases are asked."""
    world.faults[path] = answer

    with pytest.raises(BrokenError, match=words):
        tried(stack_at(port))


def test_a_delete_that_leaves_the_vector_is_told(world: FakeStack, port: int) -> None:
    """Half of it is gone."""
    world.deletes = False

    with pytest.raises(BrokenError, match="delete_memory left the vector in Qdrant"):
        tried(stack_at(port))


def test_a_search_of_milvus_that_finds_nothing_yet_is_asked_again(
    world: FakeStack, port: int
) -> None:
    """It shows what was inserted a moment later."""
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
            (200, {"result": {"points": [{"id": 1, "vector": [0.0] * 768}]}}),
            "qdrant: vectors of {768} numbers, wanted 384",
        ),
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
    ("path", "answer", "name"),
    [
        ("/product/add", {"data": ["an id"]}, "memos"),
        (SEARCH, {"data": ["text"]}, "memos"),
        (
            SEARCH,
            {"data": {"text_mem": [{"memories": [{"metadata": {"relativity": "x"}}]}]}},
            "memos",
        ),
        ("/product/feedback", {"data": [{"record": 1}]}, "memos"),
        (CYPHER, {"status": "ok"}, "neo4j"),
        (CYPHER, {"errors": [], "results": [{"data": [{"row": []}]}]}, "neo4j"),
        (SCROLL, {"result": None}, "qdrant"),
    ],
)
def test_an_answer_of_another_shape_is_no_bug_of_ours(
    world: FakeStack, port: int, path: str, answer: dict[str, object], name: str
) -> None:
    """A checkout of MemOS may answer as it likes, and so may another program on a port."""
    world.faults[path] = (200, answer)

    with pytest.raises(BrokenError, match=f"^{name}: its answer has another shape") as error:
        tried(stack_at(port))

    assert error.value.next_step == f"inv logs --service {name}"


@pytest.mark.parametrize("status", [401, 403])
def test_a_rejected_login_is_told_as_one(world: FakeStack, port: int, status: int) -> None:
    """Its password in .env is another by now: its log would not help."""
    world.faults[CYPHER] = (status, {"errors": [{"message": "The client is unauthorized"}]})

    with pytest.raises(BrokenError) as error:
        tried(stack_at(port))

    assert str(error.value).startswith(f"neo4j rejects the stack's login ({status})")
    assert error.value.next_step == "put the former value back into .env; inv doctor says more"


def test_a_failed_stage_is_named_with_its_time(world: FakeStack, port: int) -> None:
    """For programs, beside those that were well."""
    world.faults[SEARCH] = (500, {"detail": "x"})
    one = trial_at(stack_at(port))
    with pytest.raises(BrokenError):
        list(one.run())

    failed = one.failed()
    assert (failed.name, failed.state) == ("search", FAILED)
    assert failed.seconds > 0


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


def test_a_search_of_milvus_that_never_finds_anything_is_told(
    world: FakeStack, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was inserted does not show up in time."""
    monkeypatch.setattr(stores, "VISIBLE", 0.0)
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
    one = trial_at(stack_at(port))

    with pytest.raises(BrokenError, match=words):
        list(one.run())

    assert not one.gone()


@pytest.mark.parametrize("path", [CYPHER, SWEEP, V2_DELETE])
def test_every_removal_is_tried_whatever_becomes_of_the_one_before(
    world: FakeStack, port: int, path: str
) -> None:
    """What can be removed is; the first failure is told."""
    stages = trial_at(stack_at(port, milvus=V2), no_preference="", in_milvus=True).run()
    while next(stages).name != "delete":
        pass
    world.faults[path] = (500, {"message": "read only"})

    with pytest.raises(BrokenError, match=re.escape(f"POST {path}")):
        list(stages)

    left = {CYPHER: world.nodes, SWEEP: world.points, V2_DELETE: world.preferences}
    assert [where for where, kept in left.items() if kept] == [path]


def test_preferences_that_cannot_be_removed_fail_the_trial(world: FakeStack, port: int) -> None:
    """Milvus may say yes and keep them."""
    world.faults[V2_DELETE] = (200, {"code": 0, "data": {}})

    with pytest.raises(BrokenError, match="milvus: the preferences could not be removed"):
        tried(stack_at(port, milvus=V2), no_preference="", in_milvus=True)


def test_a_trial_that_is_left_early_leaves_no_trace(world: FakeStack, port: int) -> None:
    """Ctrl-C after the first stage."""
    one = trial_at(stack_at(port))
    stages = one.run()
    next(stages)
    assert CUBE in world.nodes

    stages.close()

    assert empty(world)
    assert one.gone()


def test_what_a_call_brings_that_was_cut_off_is_removed_too(world: FakeStack, port: int) -> None:
    """Ctrl-C during an add: the API finishes it after the traces were removed."""
    one = trial_at(stack_at(port))
    one.run().close()
    world.nodes[CUBE], world.points[CUBE] = {"late": SYNC.text}, {"late": [0.5] * 384}

    assert one.gone()
    assert empty(world)


def test_a_stack_that_is_down_or_has_no_api_is_told_as_such() -> None:
    """The first service that was asked, and nobody answered; the port that nobody publishes."""
    with pytest.raises(BrokenError, match=r"memos: POST \S+ was not answered: connection refused"):
        tried(stack_at(closed_port()))
    with pytest.raises(BrokenError, match="no service publishes container port 8000"):
        tried(stack(service("db")))

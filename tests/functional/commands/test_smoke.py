"""`inv smoke`: the job, all the way through, and what an earlier one left."""

import base64
import json
from contextlib import ExitStack

import pytest

from scripts.core import files
from scripts.watch.smoke import trial
from tests.kit.checkout import Checkout
from tests.kit.fake_engine import framed
from tests.kit.servers import Answer, Request, http

STAGES = (
    *("add", "defaults", "search", "chinese", "get_all", "neo4j", "qdrant", "milvus"),
    *("preference", "feedback", "delete", "removed"),
)
MENDED = '{"memos": "2.0.6", "mended": ["1093", "2331"], "left": []}'
LEFT = '{"memos": "2.0.6", "mended": [], "left": ["1093", "2331"]}'


def notes(at: Checkout) -> list[str]:
    """Return the cubes that are noted as not gone."""
    found = files.read_json(at.root / ".cache" / "memos-test" / "smoke" / "cubes.json")
    return list(found or ())


def log(at: Checkout, *lines: str) -> None:
    """Have the API's log be these lines."""
    stamped = [f"2026-11-27T13:00:0{n}.000000001Z {line}" for n, line in enumerate(lines)]
    at.state["logs"]["id-memos"] = base64.b64encode(framed(*stamped)).decode()


def test_smoke_tells_each_stage_with_its_time(at: Checkout) -> None:
    """One line a stage on stdout, also of those that are left out."""
    at.state["files"] = {"id-memos": MENDED}

    assert at.inv("smoke") == 0

    lines = [line.split() for line in at.shown().out.splitlines()]
    assert tuple(words[1] for words in lines) == STAGES
    assert {words[1]: " ".join(words[2:]) for words in lines if words[0] == "--"} == {
        "preference": "left out: it is off (the default)",
        "feedback": "left out: it needs a chat model of your own",
    }
    assert all(words[3] == "s" for words in lines if words[0] == "ok")
    assert notes(at) == []


@pytest.mark.parametrize("command", ["smoke", "memories", "doctor"])
def test_a_login_is_told_to_nobody_who_took_the_place_of_a_service(
    at: Checkout, command: str
) -> None:
    """While the stack is down anybody may listen at its ports."""
    heard: list[Request] = []

    def note(request: Request) -> Answer:
        heard.append(request)
        return 200, {}

    with ExitStack() as squatters:
        for name in ("memos", "neo4j", "qdrant", "milvus"):
            port = squatters.enter_context(http(note))
            at.config["services"][name]["ports"][0]["published"] = str(port)
            at.state["containers"].pop(f"id-{name}")
        assert at.inv(command) in {5, 0}

    assert "does not run" in "".join(at.shown())
    assert heard == []


def test_smoke_as_json_keeps_its_schema(at: Checkout) -> None:
    """One document, with what was left out and why."""
    at.state["files"] = {"id-memos": LEFT}

    assert at.inv("smoke", "--format", "json") == 0

    document = at.document("smoke")
    assert tuple(stage["name"] for stage in document["stages"]) == STAGES
    details = {stage["name"]: stage["detail"] for stage in document["stages"]}
    assert details["delete"] == "delete_memory of MemOS 2.0.6 leaves data (#2331, not mended)"
    assert (document["errors"], document["finding"]) == ([], None)


def test_an_api_that_does_not_say_which_memos_it_is_is_not_asked_to_delete(at: Checkout) -> None:
    """An image of before, or one that was built elsewhere."""
    assert at.inv("smoke", "--format", "json") == 0

    details = {stage["name"]: stage["detail"] for stage in at.document()["stages"]}
    assert details["delete"] == "the API does not say which MemOS it is"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_failure_is_told_with_the_cause_that_the_log_knows(
    at: Checkout, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 5, the line of the log without secrets, the errors each once, and the next step."""
    monkeypatch.setattr(trial, "SETTLE", 0.0)
    at.env_file.write_text(
        "IMAGE_SOURCE=registry\nEMBEDDING_DIMENSION=768\n"
        "MOS_EMBEDDER_API_BASE=http://e/v1\nMOS_EMBEDDER_API_KEY=hush-hush-1\n"
    )
    error = "ab | path=/product/add | x - ERROR - y.py:1 - f - [ChatFast] error: Embeddings request"
    log(at, "INFO: hush-hush-1", *[f"{error} ended with error: hush-hush-1 is {n}" for n in (1, 2)])

    assert at.inv("smoke", "--format", form) == 5

    shown = at.shown()
    assert "hush" not in shown.out + shown.err
    assert "the embedding model does not answer MemOS: *** is 2" in shown.err
    assert "error: *** is 2 (2 times)" in shown.err
    assert "inv doctor (it asks your endpoint)" in shown.err
    if form == "json":
        document = json.loads(shown.out)
        assert document["exit_code"] == 5
        assert document["finding"]["code"] == "embedder-unreachable"
        assert document["errors"][0]["times"] == 2
        assert document["stages"][-1]["state"] == "failed"
    else:
        assert shown.out.splitlines()[-1].split()[:2] == ["✗", "qdrant"]
    assert notes(at) == []


def test_what_an_earlier_one_left_is_removed_first(at: Checkout) -> None:
    """It was killed, or outlived by a slow chat model; other cubes are nobody's to remove."""
    folder = at.root / ".cache" / "memos-test" / "smoke"
    files.write_json(folder / "cubes.json", ["everyday", 5, "smoke-0a1b2c3d4e5f"])

    assert at.inv("smoke") == 0

    shown = at.shown().err
    assert "removed what an earlier inv smoke left in cube smoke-0a1b2c3d4e5f" in shown
    assert "everyday" not in shown
    assert notes(at) == []


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("MOS_EMBEDDER_MODEL=all-MiniLM-L6-v2", "all-MiniLM-L6-v2 knows English only"),
        (
            "MOS_EMBEDDER_API_BASE=http://e/v1\nMOS_EMBEDDER_MODEL=m\nEMBEDDING_DIMENSION=384",
            "whether m knows Chinese is not known here",
        ),
    ],
)
def test_chinese_is_left_out_where_the_model_may_not_know_it(
    at: Checkout, setting: str, why: str
) -> None:
    """It says so; a foreign model is the user's own to know."""
    at.env_file.write_text(f"IMAGE_SOURCE=registry\n{setting}\n")

    assert at.inv("smoke", "--format", "json") == 0

    assert {stage["name"]: stage["detail"] for stage in at.document()["stages"]}["chinese"] == why


def test_a_preference_is_tried_without_milvus_too(at: Checkout) -> None:
    """From 2.0.8 on it is a memory like others."""
    at.env_file.write_text(
        "IMAGE_SOURCE=registry\nMEMOS_VERSION=2.0.33\nENABLE_PREFERENCE_MEMORY=true\n"
        "MEM_READER_BACKEND=multimodal_struct\n"
    )

    assert at.inv("smoke", "--format", "json") == 0

    states = {stage["name"]: stage["state"] for stage in at.document()["stages"]}
    assert states["preference"] == "ok"


def test_feedback_is_given_where_the_chat_models_are_the_users_own(at: Checkout) -> None:
    """The stand-in refuses what takes a model."""
    at.env_file.write_text(
        "IMAGE_SOURCE=registry\nOPENAI_API_BASE=http://c/v1\nMEMRADER_API_BASE=http://c/v1\n"
    )

    assert at.inv("smoke", "--format", "json") == 0

    details = {stage["name"]: stage["detail"] for stage in at.document()["stages"]}
    assert details["feedback"] == "changed 1 memories"


def test_two_at_once_do_not_remove_what_is_the_others(at: Checkout) -> None:
    """The second is refused, with who holds the lock."""
    with files.held(at.root / ".cache" / "memos-test" / "smoke", "smoke"):
        assert at.inv("smoke") == 4

    assert "another run holds the lock: inv smoke" in at.shown().err


def test_a_milvus_that_memos_does_not_need_and_that_does_not_run_is_left_out(at: Checkout) -> None:
    """Releases from 2.0.8 on keep preferences elsewhere."""
    at.state["containers"]["id-milvus"] = at.container("milvus", "exited")

    assert at.inv("smoke", "--format", "json") == 0

    details = {stage["name"]: stage["detail"] for stage in at.document()["stages"]}
    assert details["milvus"] == "it does not run, and MemOS needs none"


def test_a_wrong_format_is_refused(at: Checkout) -> None:
    """As with every command."""
    assert at.inv("smoke", "--format", "xml") == 2

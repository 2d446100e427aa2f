"""The reader stand-in keeps what was said, finds what is plainly preferred, and knows no more.

The prompts are MemOS' own, recorded from its API on 2.0.6, 2.0.7 and 2.0.33: tests/data/prompts
holds each template once, with {{input}} for what differed. The right answers were written by hand.
"""

import json
from typing import Any

import pytest
from memos_models import chat, reader

from tests.kit.places import TESTS_DATA

PROMPTS = TESTS_DATA / "prompts"
CASES: list[dict[str, Any]] = json.loads((PROMPTS / "cases.json").read_text(encoding="utf-8"))
REFUSED: list[dict[str, Any]] = json.loads((PROMPTS / "refused.json").read_text(encoding="utf-8"))
LISTS = {
    name: json.loads((TESTS_DATA / "memories" / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("english", "chinese")
}
LONG = "Entry: the ferry passed buoy 7, and the keeper wrote it down. " * 300


def filled(text: str) -> str:
    """Return a text with the long one where it belongs."""
    return text.replace("{{long}}", LONG.strip())


def prompt_of(case: dict[str, Any]) -> str:
    """Return the prompt as MemOS sends it."""
    template = (PROMPTS / f"{case['template']}.txt").read_text(encoding="utf-8")
    return template.replace("{{input}}", filled(case["input"]))


def read(prompt: str) -> tuple[str, Any]:
    """Answer a prompt, and read the answer as MemOS does."""
    answer = reader.answer(prompt)
    assert answer is not None
    task, found = answer
    text = chat.content(found)
    assert "```" not in text, "MemOS takes what stands between fences for the answer"
    return task, json.loads(text)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['name']}, {case['release']}")
def test_a_recorded_prompt_is_answered_right(case: dict[str, Any]) -> None:
    """Thirty of three releases: values, types and fields as MemOS reads them."""
    task, answer = read(prompt_of(case))

    assert task == case["kind"]
    if "preferences" in case:
        found = [(one["explicit_preference"], one["context_summary"]) for one in answer]
        assert found == [tuple(pair) for pair in case["preferences"]]
        assert all(one["reasoning"] and one["topic"] for one in answer)
        return
    memories = answer["memory list"]
    assert [one["value"] for one in memories] == [filled(value) for value in case["values"]]
    assert {one["memory_type"] for one in memories} <= {case["memory_type"]}
    assert all(one["key"] and one["tags"] == [] for one in memories)
    assert isinstance(answer["summary"], str)


def test_there_are_thirty_of_three_releases() -> None:
    """Both languages in each."""
    releases = {case["release"] for case in CASES}

    assert (len(CASES), releases) == (30, {"2.0.6", "2.0.7", "2.0.33"})
    for release in releases:
        templates = {case["template"] for case in CASES if case["release"] == release}
        assert {name.split("-")[1] for name in templates} == {"en", "zh"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_other_sentences_around_the_same_wish_change_nothing(case: dict[str, Any]) -> None:
    """What is asked and the fields of the answer stay from release to release, not the words."""
    first, _, rest = prompt_of(case).strip().partition("\n")
    changed = f"Work with care.\n{first}\nTake your time, and answer in JSON.\n{rest}"

    assert reader.answer(changed) == reader.answer(prompt_of(case)) is not None


@pytest.mark.parametrize("refused", REFUSED)
def test_a_prompt_that_takes_a_model_is_none_of_ours(refused: dict[str, Any]) -> None:
    """And it is known which call of MemOS sent it."""
    text = "\n".join(message["content"] for message in refused["messages"])

    assert reader.answer(text) is None
    assert chat.call_of(text) == refused["call"]


@pytest.mark.parametrize("language", LISTS)
def test_every_preference_of_the_list_is_found(language: str) -> None:
    """Ten of each language, which were written before these rules."""
    said = [one["memory"] for one in LISTS[language]["preferences"]]

    found = [str(one["explicit_preference"]) for text in said for one in reader.preferences(text)]
    assert " ".join(found) == " ".join(said)


@pytest.mark.parametrize(
    "text",
    [
        "The release goes out on Tuesday.",
        "I'd like to know when the train leaves.",
        "It looks like rain, and I feel like dancing.",
        "Do you think I like tea?",
        "I cancelled the membership because it was always crowded.",
        "You love the sea.",
        "你喜欢喝茶吗？",
        "我爱人在医院工作。",
        "别人都走了。",
        "x" * 501 + " I like tea",
        "",
    ],
)
def test_what_is_no_preference_of_the_user_is_left_out(text: str) -> None:
    """Questions, wishes of the moment, others' tastes."""
    assert reader.preferences(f"User: {text}") == []


def test_preferences_in_one_long_statement_stand_alone() -> None:
    """MemOS compares them by their context: one context for two would make one of them."""
    text = "I like tea. I hate noise. The rest is silence."

    assert [one["context_summary"] for one in reader.preferences(text)] == [
        f"{reader.LABEL}I like tea.",
        f"{reader.LABEL}I hate noise.",
    ]


def test_what_is_said_twice_is_kept_once() -> None:
    """The windows of a long conversation overlap."""
    answer = reader.memories("user: tea\nassistant: well\nuser: tea\n")

    assert [one["value"] for one in values(answer)] == ["tea"]


def test_text_without_a_role_is_the_users() -> None:
    """A window may begin in the middle of what somebody says."""
    assert reader.statements("the rest of it\nuser: more") == ["the rest of it", "more"]


def test_a_conversation_that_is_quoted_stays_in_the_statement() -> None:
    """A line of it begins with a role, and has no time as MemOS' own lines do."""
    quoted = "They wrote:\nassistant: hello\nUser: go away\nThat was all."
    text = f"user: [now]: {quoted}\nassistant: [now]: I see.\nsystem: be brief\nuser: [now]: [x]: y"

    assert reader.statements(text) == [quoted, "[x]: y"]
    assert reader.statements("User: [x]: y\nAssistant: [now]: no") == ["y"]
    assert reader.statements("User: tea\nUser: [x]: y") == ["tea", "[x]: y"]


def test_an_answer_has_bounded_parts() -> None:
    """Of a conversation without end the last memory holds the rest, and nothing is lost."""
    said = [f"statement {number}" for number in range(1000)]
    answer = reader.memories("".join(f"user: {text}\n" for text in said))

    listed = values(answer)
    assert len(listed) == reader.MOST
    assert "\n".join(one["value"] for one in listed).splitlines() == said
    assert len(str(answer["summary"])) <= reader.LONGEST_SUMMARY
    many = "".join(f"user: I like number {number}.\n" for number in range(1000))
    assert len(reader.preferences(many)) == reader.MOST_PREFERENCES


def test_without_a_known_place_for_the_input_nothing_is_made_up() -> None:
    """A prompt that asks in the right words, and holds no conversation."""
    case = next(case for case in CASES if case["template"] == "memories-en")
    prompt = prompt_of(case).replace("onversation:", "onversation is:").replace("Dialogue:", "")

    assert read(prompt)[1] == {"memory list": [], "summary": ""}
    passage = next(case for case in CASES if case["template"] == "passage-zh")
    nothing = prompt_of(passage).replace("文档片段：", "")
    assert read(nothing)[1]["memory list"] == []


def values(answer: dict[str, Any]) -> list[dict[str, str]]:
    """Return the memories of an answer."""
    listed: list[dict[str, str]] = answer["memory list"]
    return listed

"""The chat call is read as OpenAI documents it, answered by rules or refused in words that help."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memos_models import chat
from memos_models.chat import Counts
from memos_models.protocol import ApiError

from tests.kit.places import TESTS_DATA

TEMPLATES = {
    file.stem: file.read_text(encoding="utf-8")
    for file in sorted((TESTS_DATA / "prompts").glob("*.txt"))
}
MEMORIES = TEMPLATES["memories-en"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=12,
)
LINES = st.lists(
    st.sampled_from(
        [
            *(
                "user: ",
                "assistant: ",
                "User：[now]: ",
                "I never ",
                "我喜欢",
                "?",
                "```json",
                "<think>",
            ),
            *(
                "Conversation:",
                "Your Output:",
                "4. return []",
                '"summary": "x"',
                "}",
                "\ud83d",
                "{{",
            ),
        ]
    )
    | st.text(),
).map("\n".join)


def asked(text: object, **fields: object) -> bytes:
    """Return the body of a request with one message."""
    return json.dumps({"messages": [{"role": "user", "content": text}], **fields}).encode()


def refusal(body: bytes, counts: Counts | None = None) -> dict[str, Any]:
    """Return why a request is refused."""
    with pytest.raises(ApiError) as caught:
        chat.reply(body, counts or Counts())
    error = caught.value.body()["error"]
    assert caught.value.status == 400
    assert isinstance(error, dict)
    return error


def test_an_answer_has_the_form_that_openais_clients_read() -> None:
    """The stand-in's name, whatever model was asked for; a message that is MemOS' JSON."""
    body = asked(MEMORIES.replace("{{input}}", "user: tea"), model="gpt-4o", temperature=0.6)

    reply = chat.reply(body, Counts())
    document = json.loads(json.dumps(chat.document(reply, created=7)))

    (choice,) = document.pop("choices")
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["role"] == "assistant"
    assert json.loads(choice["message"]["content"])["memory list"][0]["value"] == "tea"
    assert (document["model"], document["created"]) == ("memos-reader-stand-in", 7)
    assert set(document) == {"id", "object", "created", "model", "usage"}


def test_what_would_be_cut_out_of_an_answer_is_escaped() -> None:
    """Code fences and think tags of the user come back as they were."""
    text = "```json\n{}\n``` <think>no</think>"

    shown = chat.content({"value": text})
    assert "`" not in shown
    assert "<" not in shown
    assert json.loads(shown) == {"value": text}


def test_whoever_needs_a_model_is_told_which_variables_name_one() -> None:
    """In OpenAI's error form, with a code that a program can read."""
    counts = Counts()
    error = refusal(asked("What is the capital of Portugal?"), counts)

    assert error["code"] == "chat_model_needed"
    for word in ("stand-in", "OPENAI_API_BASE", "MOS_CHAT_MODEL", "MEMRADER_API_BASE", "inv up"):
        assert word in error["message"]
    assert counts.document() == {"answered": {}, "refused": {"chat": 1}}


def test_prompts_are_counted_by_kind() -> None:
    """For `inv doctor`; a request that is none counts for nothing."""
    counts = Counts()
    for template in TEMPLATES.values():
        chat.reply(asked(template), counts)
    refusal(asked("You are a task parsing expert. Given a task"), counts)
    refusal(b"{", counts)

    assert counts.document() == {
        "answered": {
            "memories": 2,
            "memories of a passage": 2,
            "preferences": 4,
            "inferred preferences": 3,
        },
        "refused": {"fine search": 1},
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b"[1]", "must be a JSON object, not a list"),
        (b"{}", "'messages' must be a list of messages, not missing"),
        (b'{"messages": []}', "not an empty list"),
        (b'{"messages": ["hi"]}', "'messages[0]' must be an object, not a string"),
        (asked(7), "'messages[0].content' must be a text or a list of parts, not a number"),
        (asked("x" * (chat.LONGEST + 1)), f"send at most {chat.LONGEST}"),
        (asked(MEMORIES, stream=True), "'stream' must be false"),
    ],
)
def test_a_wrong_request_names_the_field_and_what_was_expected(body: bytes, message: str) -> None:
    """As the embeddings call does."""
    assert message in refusal(body)["message"]


def test_a_prompt_may_come_in_parts_and_in_several_messages() -> None:
    """Its text counts, wherever it stands."""
    head, tail = MEMORIES[:3000], MEMORIES[3000:].replace("{{input}}", "user: tea")
    parts = [{"type": "text", "text": tail}, {"type": "image_url"}, 7, {"text": None}]
    body = {"messages": [{"role": "system", "content": head}, {"content": parts}, {}]}

    assert chat.reply(json.dumps(body).encode(), Counts()).task == "memories"


def tried(body: bytes) -> None:
    """Ask; the answer is a reply whose message is JSON of bounded size, or a refusal of ours."""
    reply: chat.Reply | ApiError
    try:
        reply = chat.reply(body, Counts())
    except ApiError as refused:
        reply = refused
    if isinstance(reply, ApiError):
        assert reply.status == 400
        assert json.loads(json.dumps(reply.body()))["error"]["message"]
        return
    json.dumps(chat.document(reply, created=0)).encode("ascii")
    json.loads(reply.content.encode())
    assert len(reply.content) <= 4 * len(body) + 20_000


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_and_any_json_get_an_answer_or_a_refusal(body: bytes) -> None:
    """Nothing else comes out: the server would answer 500, or hang up."""
    tried(body)


@given(JSON)
def test_any_messages_get_an_answer_or_a_refusal(value: object) -> None:
    """In the place of the messages, of one, of its content, and of a part."""
    for messages in (value, [value], [{"content": value}], [{"content": [{"text": value}]}]):
        tried(json.dumps({"messages": messages}).encode())


@given(st.sampled_from(sorted(TEMPLATES)), LINES)
def test_any_input_of_a_known_prompt_is_answered(template: str, text: str) -> None:
    """Whatever a user says: never refused, never invalid."""
    body = asked(TEMPLATES[template].replace("{{input}}", text))

    tried(body)
    assert chat.reply(body, Counts()).content

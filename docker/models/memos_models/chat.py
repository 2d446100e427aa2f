"""The OpenAI chat call as plain values, answered by the reader stand-in or refused. No socket."""

import json
import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import NoReturn

from memos_models import reader
from memos_models.protocol import READER, ApiError, Json, kind

LONGEST = 2 * 1024 * 1024
"""Characters of a prompt: MemOS sends windows of some 1000 tokens, or one long message."""
OWN_MODEL = (
    "name a chat model of your own in .env: OPENAI_API_BASE, OPENAI_API_KEY, MOS_CHAT_MODEL, and"
    " MEMRADER_API_BASE, MEMRADER_API_KEY, MEMRADER_MODEL; then: inv up"
)
_CALLS = {
    "feedback": "answer quality analysis|回答质量分析|keyword replacement|关键词替换"
    "|newly acquired factual|新获取的事实|batch update|批量update",
    "suggestions": "suggestion quer|suggest a further|建议查询",
    "fine search": "task parsing|transform raw memories|precise ai assistant|returns results in a"
    " specific dictionary|特定字典格式|query rewriting|rewrite the original query",
    "background work": "intent recognition|keyword extraction|memory reranking"
    "|(?:relevance|redundancy|combined) filtering|answer ability",
    "comparing preferences": "content comparison|内容比较"
    "|preference memory (?:comparison|management)|偏好记忆(?:比较|管理)",
    "checking memories": "memory validator|memory manager|memory consolidation|记忆整合",
    "linking memories": "memory (?:clustering|organization|fusion|relationship)|two memory units",
    "skills": "skill abstraction|技能抽象|conversation records|上下文（历史对话",
    "tools": "tool experience|工具经验",
    "images": "provided image|提供的图像",
}
"""Calls of MemOS that take a chat model, by words in the first lines of their prompts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the stand-in answers: the kind of the prompt, and the text of the message."""

    task: str
    content: str
    read: int
    """Characters of the prompt."""

    @property
    def tokens(self) -> tuple[int, int]:
        """How many were read and written; a guess."""
        return self.read // 4, len(self.content) // 4


class Counts:
    """How many prompts of which kind were answered and refused since the start."""

    def __init__(self) -> None:
        """Start at none."""
        self._lock = threading.Lock()
        self._answered: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def answered(self, task: str) -> None:
        """Count one that was answered."""
        with self._lock:
            self._answered[task] += 1

    def refused(self, call: str) -> None:
        """Count one that takes a chat model."""
        with self._lock:
            self._refused[call] += 1

    def document(self) -> dict[str, dict[str, int]]:
        """Return both, for GET /healthz and `inv doctor`."""
        with self._lock:
            return {"answered": dict(self._answered), "refused": dict(self._refused)}


def reply(body: bytes, counts: Counts) -> Reply:
    """Answer a chat request by rules.

    Raises ApiError 400: for a request that is none, and for a prompt that takes a chat model.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        _refuse(f"the body is not JSON: {error}")
    if not isinstance(fields, dict):
        _refuse(f"the body must be a JSON object, not {kind(fields)}")
    prompt = _prompt(fields.get("messages"))
    if len(prompt) > LONGEST:
        _refuse(f"the messages have {len(prompt)} characters: send at most {LONGEST}")
    found = reader.answer(prompt)
    if found is None:
        call = call_of(prompt)
        counts.refused(call)
        raise ApiError(
            400,
            f"this is the reader stand-in, which has rules for MemOS' extraction prompts and no"
            f" model. This prompt ({call}) needs one: {OWN_MODEL}",
            code="chat_model_needed",
            log=f"refused a prompt ({call}): it takes a chat model of your own",
        )
    if fields.get("stream"):
        _refuse("'stream' must be false: the reader stand-in answers whole messages only")
    counts.answered(found[0])
    return Reply(task=found[0], content=content(found[1]), read=len(prompt))


def content(answer: object) -> str:
    """Return an answer as the text of a message.

    MemOS takes what stands between two code fences for the answer, and what stands in think tags
    for none of it, so both are escaped as JSON lets us: it reads them back as they were.
    """
    text = json.dumps(answer, ensure_ascii=False)
    return text.replace("`", "\\u0060").replace("<", "\\u003c")


def document(reply: Reply, *, created: int) -> Json:
    """Return the answer to a request as OpenAI's clients read it; tokens are guessed."""
    read, written = reply.tokens
    return {
        "id": f"chatcmpl-{READER}",
        "object": "chat.completion",
        "created": created,
        "model": READER,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": reply.content},
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        },
    }


def call_of(prompt: str) -> str:
    """Return which call of MemOS a prompt that cannot be answered belongs to, as far as known."""
    head = prompt[: reader.HEAD].lower()
    for call, words in _CALLS.items():
        if re.search(words, head):
            return call
    return "chat"


def _prompt(messages: object) -> str:
    """Return the text of all messages; MemOS sends its prompts as one."""
    if not isinstance(messages, list) or not messages:
        _refuse(f"'messages' must be a list of messages, not {kind(messages)}")
    texts: list[str] = []
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            _refuse(f"'messages[{index}]' must be an object, not {kind(message)}")
        texts.append(_text(message.get("content"), f"messages[{index}].content"))
    # half of a surrogate pair is valid JSON, but no database takes it
    return "\n".join(texts).encode(errors="replace").decode()


def _text(value: object, where: str) -> str:
    """Return the text of a message: a text, a list of parts of which some are text, or nothing."""
    if value is None or isinstance(value, str):
        return value or ""
    if not isinstance(value, list):
        _refuse(f"'{where}' must be a text or a list of parts, not {kind(value)}")
    parts = [part.get("text") for part in value if isinstance(part, dict)]
    return "\n".join(part for part in parts if isinstance(part, str))


def _refuse(message: str) -> NoReturn:
    raise ApiError(400, message)

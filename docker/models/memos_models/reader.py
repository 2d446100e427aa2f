"""A stand-in for the chat model that reads memories out of conversations: rules, and no model.

It knows the prompts by which MemOS asks for memories or preferences, from 2.0.6 to 2.0.33, in
English and Chinese: by what their first lines ask for and the fields that they want, not by their
exact words. It gives back what the user said, as it was said; it sums up and infers nothing.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Json = dict[str, object]

HEAD = 600
"""Characters at the start of a prompt that say what is asked for; every template has more."""
MOST = 256
"""Memories in one answer; what a longer conversation has more of stands in the last one."""
MOST_PREFERENCES = 64
LONGEST_KEY, LONGEST_SUMMARY = 60, 1000
LONGEST_SENTENCE = 500
"""Characters; what is longer is no sentence that states a preference."""
SHORT_STATEMENT = 300
"""Characters up to which a statement is the context of its only preference."""
LABEL = "PREFERENCE (用户的偏好): "
"""Before the context of a preference. A search drops what is nearly like another memory, by letters
(`_is_text_highly_similar_optimized` in MemOS), and the statement itself is a memory as well.
"""
WHY = "said in these words (a rule of the reader stand-in, no model)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one side said; `role` is empty where the prompt names none."""

    role: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A kind of prompt, how it is known, where its input stands, and what answers it."""

    name: str
    asks: re.Pattern[str]
    """Found in the first lines."""
    fields: tuple[str, ...]
    """Names of the answer's fields, all of which the prompt puts in quotes."""
    instructed: re.Pattern[str]
    """The instruction, or example, that comes last before the input."""
    answer: Callable[[str], Json | list[Json]]

    def fits(self, prompt: str) -> bool:
        """Say whether a prompt is of this kind."""
        asked = self.asks.search(prompt[:HEAD]) is not None
        return asked and all(f'"{field}"' in prompt for field in self.fields)


def answer(prompt: str) -> tuple[str, Json | list[Json]] | None:
    """Return the kind of a prompt and what answers it; None for one that takes a chat model."""
    for task in TASKS:
        if task.fits(prompt):
            return task.name, task.answer(given(prompt, task.instructed))
    return None


_LABEL = re.compile(
    r"^(?:Conversation|Dialogue|Input|(?:Document|Text) chunk|对话|输入|(?:文档|文本)片段)"
    r"[:：]\s*\n",
    re.MULTILINE,
)
_TAIL = re.compile(
    r"^(?:Your output|您的输出|Find ALL|找出所有|Output format|输出格式)",
    re.MULTILINE | re.IGNORECASE,
)


def given(prompt: str, instructed: re.Pattern[str]) -> str:
    """Return the input of a prompt: what stands between its last instruction and its end.

    The first instruction of that kind is the template's own, and the last end: what a user wrote
    stands between, whatever is in it. Examples have inputs too, before the last instruction.
    """
    last = instructed.search(prompt)
    labels = list(_LABEL.finditer(prompt, last.end() if last else 0))
    if not labels:
        return ""
    start = labels[0 if last else -1].end()
    ends = [tail.start() for tail in _TAIL.finditer(prompt, start)]
    return prompt[start : ends[-1] if ends else len(prompt)].strip()


_SPEAKER = re.compile(
    r"^(user|assistant|system|tool)[ \t]*[:：][ \t]*", re.MULTILINE | re.IGNORECASE
)
_TIME = re.compile(r"\[[^\]\n]{1,60}\][ \t]*[:：][ \t]*")


def turns(conversation: str) -> Iterator[Turn]:
    """Yield who said what; a line that begins with no role goes on with what was said before.

    Memories are asked for with a time after each role, MemOS' own where none was given. Where the
    first turn of user or assistant has one, a role without is part of what somebody says.
    """
    found = list(_SPEAKER.finditer(conversation))
    times = {speaker: _TIME.match(conversation, speaker.end()) for speaker in found}
    sides = (speaker for speaker in found if speaker[1].lower() in {"user", "assistant"})
    timed = next((times[speaker] is not None for speaker in sides), False)
    role, start = "", 0
    for speaker in found:
        time, side = times[speaker], speaker[1].lower()
        if timed and time is None and side in {"user", "assistant"}:
            continue
        yield from _said(role, conversation[start : speaker.start()])
        role, start = side, time.end() if timed and time else speaker.end()
    yield from _said(role, conversation[start:])


def _said(role: str, text: str) -> Iterator[Turn]:
    if text.strip():
        yield Turn(role=role, text=text.strip())


def statements(conversation: str) -> list[str]:
    """Return what the user said, each once; text without any role is the user's."""
    said = (turn.text for turn in turns(conversation) if turn.role in {"", "user"})
    return list(dict.fromkeys(said))


def memories(conversation: str) -> Json:
    """Keep each statement of the user as a memory of its own.

    Where only others speak, what they say is kept with their names: MemOS would lose it.
    """
    mine = statements(conversation)
    kind = "UserMemory" if mine else "LongTermMemory"
    said = mine or [f"{turn.role}: {turn.text}" for turn in turns(conversation)]
    return _memory_list(said, kind)


def passage(text: str) -> Json:
    """Keep a passage of a document whole; some releases read one memory, others a list."""
    listed = _memory_list([text] if text else [], "LongTermMemory")
    return listed if not text else {**_memory(text, "LongTermMemory"), **listed}


def _memory_list(said: list[str], kind: str) -> Json:
    kept = [*said[: MOST - 1], "\n".join(said[MOST - 1 :])] if len(said) > MOST else said
    summary = "\n".join(kept)[:LONGEST_SUMMARY]
    return {"memory list": [_memory(text, kind) for text in kept], "summary": summary}


def _memory(text: str, kind: str) -> Json:
    title = re.split(r"[。！？!?\n]|\.\s", text, maxsplit=1)[0].strip() or text
    return {"key": title[:LONGEST_KEY], "memory_type": kind, "value": text, "tags": []}


_ADVERB = (
    r"(?:really|also|just|still|much|quite|usually|generally|mostly|now|only|do|always|personally"
    r"|absolutely|definitely) "
)
_ENGLISH = re.compile(
    rf"\bI (?:{_ADVERB})*"
    r"(?:(?:like|love|enjoy|adore|prefer|favou?r|hate|dislike|detest|avoid|always|never)\b"
    rf"|(?:do not|don['’]t|can['’]t|cannot) (?:{_ADVERB})?"
    r"(?:like|want|enjoy|eat|drink|stand|bear)\b)"
    r"|\bI(?: would|['’]d) (?:much )?(?:rather|prefer)\b"
    r"|\bI(?:['’]ve| have) always (?:liked|loved|preferred|hated|wanted)\b"
    r"|\bI(?:['’]m| am) (?:not )?(?:fond of|a (?:big )?fan of|allergic to)\b"
    r"|\bmy (?:absolute )?(?:favou?rite|preferred)\b"
    r"|^(?:please,? )?(?:always|never|don['’]t|do not) \w",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"我[^，。,]{0,6}?(?:喜欢|喜爱|热爱|最爱|爱(?!人)|偏好|偏爱|倾向|更愿意|宁愿|宁可|习惯|讨厌|厌恶"
    r"|反感|受不了|总是|总要|从不|从来不|绝不|不要|不想|不吃|不喝)"
    r"|^(?:请|以后|麻烦|永远)*(?:总是|务必|千万|不要|别(?![人的墅]))"
)
_QUESTION = re.compile(r"[?？]|[吗呢]$")


def preferences(conversation: str) -> list[Json]:
    """Find sentences in which the user states a preference in plain words."""
    found: dict[str, str] = {}
    for statement in statements(conversation):
        mine = [sentence for sentence in sentences(statement) if states_preference(sentence)]
        whole = len(mine) == 1 and len(statement) <= SHORT_STATEMENT
        for sentence in mine:
            found.setdefault(sentence, statement if whole else sentence)
    return [
        {
            "explicit_preference": sentence,
            "context_summary": LABEL + context,
            "reasoning": WHY,
            "topic": "stated by the user",
        }
        for sentence, context in list(found.items())[:MOST_PREFERENCES]
    ]


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text, each with its mark at the end."""
    for part in re.split(r"(?<=[.!?])\s+|(?<=[。！？])|\n", text):
        if part.strip():
            yield part.strip()


def states_preference(sentence: str) -> bool:
    """Say whether a sentence is one of "I like", "I never", "我喜欢", and no question."""
    if len(sentence) > LONGEST_SENTENCE or _QUESTION.search(sentence):
        return False
    return any(rule.search(sentence) for rule in (_ENGLISH, _CHINESE))


_RETURN_NOTHING = re.compile(r"^\d+\. .*(?:return|返回).{0,3}\[\].*$", re.MULTILINE)
TASKS = (
    Task(
        name="preferences",
        asks=re.compile(r"explicit\w* .{0,20}preference|preferences? explicit|明确.{0,6}偏好"),
        fields=("explicit_preference", "context_summary", "topic"),
        instructed=_RETURN_NOTHING,
        answer=preferences,
    ),
    Task(
        name="inferred preferences",
        asks=re.compile(r"implicit preference|隐式偏好"),
        fields=("implicit_preference", "context_summary", "topic"),
        instructed=_RETURN_NOTHING,
        answer=lambda _: [],  # rules infer nothing
    ),
    Task(
        name="memories",
        asks=re.compile(
            r"(?=.*(?:conversation|dialogue|对话))(?:.*extract.{0,20}memor|.*提取.{0,4}记忆)",
            re.IGNORECASE | re.DOTALL,
        ),
        fields=("memory list", "key", "memory_type", "value", "tags", "summary"),
        instructed=re.compile(r"^(?:Always respond in the same|请始终使用).*$", re.MULTILINE),
        answer=memories,
    ),
    Task(
        name="memories of a passage",
        asks=re.compile(r"(?:document|text) chunk|(?:文档|文本)片段", re.IGNORECASE),
        fields=("key", "memory_type", "value", "tags"),
        # the end of the example, where there is one
        instructed=re.compile(r'^ *"summary": "[^"]*"\n\}$', re.MULTILINE),
        answer=passage,
    ),
)

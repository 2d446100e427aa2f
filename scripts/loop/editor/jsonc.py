"""Pure: JSON with comments, as VS Code keeps it; a change leaves every other byte as it was."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from scripts.core.foreign import documents
from scripts.core.foreign.documents import Json

BLANK = " \t\r\n"
STEP = "    "
"""How deep one level is indented where nothing shows it."""
MARK = "\ufeff"
"""What some editors begin a file with."""
_TOKEN = re.compile(
    r"""(?P<skipped> [ \t\r\n]+ | //[^\r\n]* | /\*.*?\*/ )
      | (?P<string> "(?: [^"\\\r\n] | \\[^\r\n] )*" )
      | (?P<word> [-+.\w]+ )
      | (?P<mark> [][{}:,] )""",
    re.DOTALL | re.VERBOSE,
)
_INDENT = re.compile(r"^([ \t]+)[\"{\[]", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value, which stands in `text[start:end]`."""

    start: int
    end: int
    value: Json
    parts: tuple["Node", ...] = ()
    """Of an array or an object: what it holds, in the order of the text."""
    names: tuple[str, ...] = ()
    """Of an object: the names of its parts."""
    comma: bool = False
    """A comma stands behind the last part, too."""

    def part(self, name: str) -> "Node | None":
        """Return what an object has of this name; of several the last, as VS Code does."""
        named = zip(self.names, self.parts, strict=True)
        return next((part for own, part in reversed([*named]) if own == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Entries of ours in one array of a document."""

    array: str
    """Its name."""
    key: str
    """What an entry is known by."""
    wanted: Sequence[Mapping[str, Json]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A text in the place of `text[start:end]`."""

    start: int
    end: int
    text: str


def parsed(text: str) -> Node | None:
    """Return the value of a text, None for one that holds comments at most.

    Raises ValueError, with line and column, for what is no JSON with comments.
    """
    return _Reader(text).document()


def merged(text: str, version: str, lists: Sequence[Entries]) -> str:
    """Return a text with these entries in its arrays, and all else as it was, comments too.

    An entry that is there under its name is replaced if it differs. What is missing is added:
    entries behind those of the user, arrays and the `version` behind the other members. Raises
    ValueError for what cannot be read, or has another shape.
    """
    root = parsed(text)
    if root is None:
        newline = _newline(text)
        start = text if not text.strip(BLANK + MARK) or text.endswith("\n") else text + newline
        return start + _fresh(version, lists).replace("\n", newline) + newline
    _require(text, root, dict, "an object was expected")
    style = _Style(text)
    edits: list[Edit] = []
    missing: list[str] = []
    if root.part("version") is None:
        missing.append(style.member("version", version))
    for one in lists:
        array = root.part(one.array)
        if array is None:
            missing.append(style.member(one.array, list(one.wanted)))
        else:
            _require(text, array, list, f"{one.array!r} was expected to be an array")
            edits += _into(text, array, one, style)
    edits += _appended(text, root, missing, style, 1)
    return changed(text, edits)


def changed(text: str, edits: Sequence[Edit]) -> str:
    """Return a text with edits made; of two at one place the first stands first."""
    pieces: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        pieces += (text[at : edit.start], edit.text)
        at = edit.end
    return "".join((*pieces, text[at:]))


def _into(text: str, array: Node, entries: Entries, style: "_Style") -> Iterator[Edit]:
    """Yield what brings entries into an array."""
    there = [part for part in array.parts if isinstance(part.value, dict)]
    missing = []
    for entry in entries.wanted:
        same = [part for part in there if part.value.get(entries.key) == entry[entries.key]]
        yield from (
            Edit(start=part.start, end=part.end, text=style.hanging(entry, 2))
            for part in same
            if part.value != entry
        )
        missing += [] if same else [style.drawn(entry)]
    yield from _appended(text, array, missing, style, 2)


def _appended(
    text: str, node: Node, added: Sequence[str], style: "_Style", depth: int
) -> Iterator[Edit]:
    """Yield what adds parts behind the last one of an array or an object, and its comments."""
    if not added:
        return
    close = node.end - 1
    at = node.start + 1 + len(text[node.start + 1 : close].rstrip(BLANK))
    drawn = [style.newline + style.indented(one, depth) for one in added]
    last = "" if "\n" in text[at:close] else style.newline + style.step * (depth - 1)
    if node.parts and not node.comma:
        end = node.parts[-1].end
        yield Edit(start=end, end=end, text=",")
    yield Edit(start=at, end=at, text=",".join(drawn) + last)


class _Style:
    """How a text is laid out: its line ends, and how deep a level is indented."""

    def __init__(self, text: str) -> None:
        self.newline = _newline(text)
        shown = _INDENT.search(text)
        self.step = shown[1] if shown else STEP

    def drawn(self, value: Json) -> str:
        """Return a value as it stands where nothing is indented."""
        return json.dumps(value, ensure_ascii=False, indent=self.step)

    def member(self, name: str, value: Json) -> str:
        """Return a member of an object."""
        return f"{self.drawn(name)}: {self.drawn(value)}"

    def indented(self, text: str, depth: int) -> str:
        """Return lines, each indented so many levels more."""
        return self.newline.join(self.step * depth + line for line in text.split("\n"))

    def hanging(self, value: Json, depth: int) -> str:
        """Return a value in the place of another one, so many levels deep."""
        return self.indented(self.drawn(value), depth).removeprefix(self.step * depth)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _fresh(version: str, lists: Sequence[Entries]) -> str:
    members = {one.array: list(one.wanted) for one in lists}
    return json.dumps({"version": version, **members}, ensure_ascii=False, indent=STEP)


def _require(text: str, node: Node, kind: type, wanted: str) -> None:
    if not isinstance(node.value, kind):
        raise _wrong(text, node.start, wanted)


def _wrong(text: str, at: int, what: str) -> ValueError:
    before = text[:at]
    line, column = before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1
    return ValueError(f"line {line}, column {column}: {what}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass
class _Reader:
    """Reads one text from its beginning to its end."""

    text: str
    tokens: Iterator[_Token] = field(init=False)
    ahead: _Token = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self._tokens()
        self.ahead = next(self.tokens)

    def document(self) -> Node | None:
        if not self.ahead.text:
            return None
        node = self._value(1)
        if self.ahead.text:
            self._refuse("nothing more was expected")
        return node

    def _value(self, depth: int) -> Node:
        token = self._take()
        if token.text in {"{", "["}:
            if depth > documents.DEPTH:
                raise _wrong(self.text, token.start, f"deeper than {documents.DEPTH} levels")
            return self._container(token, depth)
        if token.kind not in {"string", "word"}:
            raise _wrong(self.text, token.start, "a value was expected")
        return Node(start=token.start, end=token.end, value=self._scalar(token))

    def _container(self, opening: _Token, depth: int) -> Node:
        named = opening.text == "{"
        closing = "}" if named else "]"
        names: list[str] = []
        parts: list[Node] = []
        comma = False
        while self.ahead.text != closing:
            if parts and not comma:
                self._refuse(f"a comma or {closing} was expected")
            names += [self._name()] if named else []
            parts.append(self._value(depth + 1))
            comma = self.ahead.text == ","
            if comma:
                self._take()
        values = [part.value for part in parts]
        return Node(
            start=opening.start,
            end=self._take().end,
            value=dict(zip(names, values, strict=True)) if named else values,
            parts=tuple(parts),
            names=tuple(names),
            comma=comma,
        )

    def _name(self) -> str:
        if self.ahead.kind != "string":
            self._refuse("a name in double quotes was expected")
        name = self._scalar(self._take())
        if self.ahead.text != ":":
            self._refuse("a colon was expected")
        self._take()
        return str(name)

    def _scalar(self, token: _Token) -> Json:
        try:
            return documents.parsed(token.text)
        except ValueError:
            raise _wrong(self.text, token.start, "a value of JSON was expected") from None

    def _take(self) -> _Token:
        taken = self.ahead
        self.ahead = next(self.tokens, taken)
        return taken

    def _refuse(self, what: str) -> NoReturn:
        raise _wrong(self.text, self.ahead.start, what)

    def _tokens(self) -> Iterator[_Token]:
        """Yield what is no blank and no comment, and at last an empty one."""
        at = len(MARK) if self.text.startswith(MARK) else 0
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None:
                raise _wrong(self.text, at, "no part of JSON")
            if (kind := match.lastgroup or "") != "skipped":
                yield _Token(kind=kind, text=match[0], start=at, end=match.end())
            at = match.end()
        yield _Token(kind="end", text="", start=at, end=at)

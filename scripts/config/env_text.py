"""A settings file as it is written: its lines, and what its readers make of each.

Three read it: Compose (compose-go's dotenv), python-dotenv (MemOS, outside of a container) and we.
A line that they read differently has a problem, so that what runs is always what was checked.
"""

import re
import shlex
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core.errors import ConfigError

if TYPE_CHECKING:
    from dotenv.parser import Binding

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PLAIN = re.compile(r"(?:#[^\r]*|([A-Za-z_][A-Za-z0-9_]*)=([!%&(-\[\]-~]*))?")
"""A line that reads the same however it is read: empty, a comment, or a value without blanks,
quotes, backslashes, # and $."""
_BLANK = "\t\v\f\r \x85\xa0"
"""What Compose takes for a blank within a line (compose-go's `isSpace`)."""
_SPACE = f"\n{_BLANK}\u1680{''.join(map(chr, range(0x2000, 0x200B)))}\u2028\u2029\u202f\u205f\u3000"
"""What Go's `unicode.IsSpace` takes for one; Python knows more."""
_ASSIGNED = re.compile(
    rf"(?:export[\t\f\r ][{_BLANK}]*)?[A-Za-z_][A-Za-z0-9_]*[{_BLANK}]*=[{_BLANK}]*(?P<value>.*)",
    re.DOTALL,
)
_QUOTED = re.compile(
    r"""(?P<quote>["'])(?P<inner>(?:\\.|(?!(?P=quote))[^\\])*)(?P=quote)""", re.DOTALL
)
_REPLACED = re.compile(r"\$(?:\$|\{|[A-Za-z_])")
"""What Compose replaces, unless single quotes stand around the value (compose-go's template)."""
_REPLACED_BY_DOTENV = re.compile(r"\$\{[^}:]*(?::-[^}]*)?\}")
"""What python-dotenv replaces, whatever stands around the value."""
_ESCAPES = dict(zip('abfnrtv"\\', '\a\b\f\n\r\t\v"\\', strict=True))
"""What Compose makes of a letter behind a backslash, in double quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvLine:
    """One assignment of a file, or (without a name) a line that is none."""

    number: int
    text: str
    name: str = ""
    value: str = ""
    problem: str = ""
    """Why it cannot be used, as a sentence that shows no value, and what to write instead."""


def text_of(file: Path) -> str:
    """Return a file's text.

    ConfigError says whose it is when this user may not read it, and which line is not UTF-8.
    """
    try:
        data = file.read_bytes()
    except PermissionError as error:
        raise unreadable(file) from error
    try:
        text, before = data.decode("utf-8-sig"), data.find(b"\0")
    except UnicodeDecodeError as error:
        text, before = "", error.start
    if before < 0:
        return text
    encoding = _encoding(data)
    line = 1 if encoding == "UTF-16" else data.count(b"\n", 0, before) + 1
    if data[before] == 0 and encoding != "UTF-16":
        raise ConfigError(
            f"{file.name} line {line} holds a NUL byte", next_step=f"edit {file}: leave it out"
        )
    raise ConfigError(
        f"{file.name} line {line} is not UTF-8 (it looks like {encoding})",
        next_step=f"save {file} as UTF-8; what is meant"
        f" shows: iconv -f {encoding} -t UTF-8 {shlex.quote(str(file))}",
    )


def _encoding(data: bytes) -> str:
    """Guess how a text that is not UTF-8 is encoded, in the words of iconv."""
    if _utf16(data):
        return "UTF-16"
    # a usual Chinese character is two bytes with such a first one, a letter of the West one alone
    if re.fullmatch(rb"(?:[\0-\x7f]|[\xa1-\xa3\xb0-\xd7][\xa1-\xfe])*", data):
        return "GBK"
    return "WINDOWS-1252"


def _utf16(data: bytes) -> bool:
    return data[:2] in {b"\xff\xfe", b"\xfe\xff"} or data.count(0) > len(data) // 4


def unreadable(file: Path) -> ConfigError:
    """Say whose it is that cannot be read."""
    try:
        owner = file.owner()
    except (KeyError, OSError):  # a user without a name, or a folder above that hides it
        owner = "another user"
    return ConfigError(
        f"{file} belongs to {owner}, and you may not read it",
        next_step=f"run this as {owner}, or let ENV_FILE name a file of your own",
    )


@cache
def lines(text: str) -> tuple[EnvLine, ...]:
    """Return the assignments of a file's text, and the lines that should be one, numbered from 1.

    Most commands read the same text several times. As python-dotenv reads it, which is asked only
    where a line is not plain: it takes longer than all else that is read.
    """
    plain = _plain_lines(text)
    return _dotenv_lines(text) if plain is None else plain


def _plain_lines(text: str) -> tuple[EnvLine, ...] | None:
    """Return the assignments of a text whose lines are plain; None when one is not."""
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        if (match := _PLAIN.fullmatch(line)) is None:
            return None
        if name := match[1]:
            found.append(EnvLine(number=number, text=line, name=name, value=match[2]))
    return tuple(found)


def _dotenv_lines(text: str) -> tuple[EnvLine, ...]:
    # dotenv ends a bad line at \r, and would count the \n as one more
    bindings = _bindings(text.replace("\r\n", "\n"))
    found = (_line(one) for one in bindings if one.error or one.key is not None)
    windows = "\r\n" in text
    return tuple(_of_windows(line) if windows and "\n" in line.value else line for line in found)


def _bindings(text: str) -> "tuple[Binding, ...]":
    from dotenv.parser import parse_stream

    return tuple(parse_stream(StringIO(text)))


def _line(binding: "Binding") -> EnvLine:
    own = binding.original.string.strip()
    # dotenv counts from the blank lines before it
    number = binding.original.line + binding.original.string.partition(own)[0].count("\n")
    name, value = binding.key, binding.value
    if binding.error or name is None or value is None or not _NAME.match(name):
        # what follows the name may be a key
        shown = re.sub(r"([=\s]).*", r"\1…", own.splitlines()[0])
        return EnvLine(number=number, text=own, problem=f"{shown!r} is no NAME=value")
    problem = "" if _reads_alike(binding.original.string, value) else _difference(name, own, value)
    return EnvLine(number=number, text=own, name=name, value=value, problem=problem)


def _of_windows(line: EnvLine) -> EnvLine:
    problem = f"{line.name} holds a line end of Windows, which Compose keeps; wanted one line"
    return EnvLine(
        number=line.number, text=line.text, name=line.name, value=line.value, problem=problem
    )


def _reads_alike(written: str, value: str) -> bool:
    """Say whether Compose and python-dotenv with its replacements both read this value."""
    # only python-dotenv ends a line there
    alone = "\r" in written
    return not alone and not _REPLACED_BY_DOTENV.search(value) and value == _by_compose(written)


def _by_compose(written: str) -> str | None:
    """Return the value that Compose reads in an assignment; None where it is no such value.

    That is: it refuses, would read on in the next line, or would replace a part of it.
    """
    assigned = _ASSIGNED.fullmatch(written.strip(_SPACE))
    if assigned is None:
        return None
    value = assigned["value"]
    if value[:1] not in {'"', "'"}:
        value = value.partition(" #")[0].rstrip(_SPACE)
        return None if _REPLACED.search(value) else value
    quoted = _QUOTED.match(value)
    if quoted is None or value[quoted.end() :].lstrip(_SPACE)[:1] not in {"", "#"}:
        return None
    quote = quoted["quote"]
    if quote == "'":
        return re.sub(r"\\(.)", lambda one: one[1] if one[1] == quote else one[0], quoted["inner"])
    if "$" in quoted["inner"]:
        return None
    # octal ones, and those that stay as they are, are read otherwise by python-dotenv
    return re.sub(
        r"\\(.)", lambda one: _ESCAPES.get(one[1], one[0]), quoted["inner"], flags=re.DOTALL
    )


def _difference(name: str, own: str, value: str) -> str:
    """Say how the readers of a line differ, and what they would all read alike."""
    if "$" in value:
        told = f"{name} holds a $: Compose would put something else in its place"
    elif "#" in own:
        told = f"{name} is followed by a comment, or begins with one, as not every reader sees it"
    else:
        told = f"{name} is written so that Compose and python-dotenv read it differently"
    match form(name, value):
        case None:
            wanted = "another value: no file can hold this one so that all read it alike"
        case plain if plain == value:
            wanted = f"{name}=VALUE, with nothing around it and nothing behind"
        case _:
            wanted = f"single quotes around the value: {name}='…'"
    return f"{told}; wanted {wanted}"


def form(name: str, value: str) -> str | None:
    """Return how a value is written so that all read it alike: plain, in quotes, or in no way."""
    for one in (value, f"'{value}'"):
        (binding, *more) = _bindings(f"{name}={one}")
        if not more and binding.value == value and _reads_alike(f"{name}={one}", value):
            return one
    return None

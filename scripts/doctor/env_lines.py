"""Pure rules about `.env` as it is written, line by line, held against `.env.example`."""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches

from scripts.config.env_text import EnvLine, form, lines
from scripts.config.rules.written import read_example
from scripts.core.finding import Finding, advice, fatal
from scripts.core.foreign import documents
from scripts.core.stack import MEMOS
from scripts.doctor.facts import SettingsFile

LIKE = 0.85
"""How alike two names must be to be taken for one and a typing error (difflib's ratio)."""
NAMES_SHOWN = 8
_PLACEHOLDER = re.compile(
    r"(<.*>|\$?\{.*\}|x{3,}|\.{3}|sk-(x+|\.+|\*+)|(your|my)[-_ ].*|change[-_]?me.*|todo)\Z",
    re.IGNORECASE,
)
_QDRANT = ("QDRANT_URL", "QDRANT_PATH")
"""MemOS reads them before QDRANT_HOST, inside the container too."""


def judge(settings: SettingsFile) -> Iterator[Finding]:
    """Yield what is wrong with the file; its text is empty where there is none."""
    file, entries = settings.file, tuple(lines(settings.text))
    example = read_example(settings.example)
    if problem := settings.unreadable:
        yield fatal("env-unreadable", str(problem), problem.next_step)
    elif settings.missing:
        cause = f"there is no {file} yet; the defaults of .env.example hold"
        yield advice("env-absent", cause, "inv up makes it")
    if settings.exported:
        exported = " ".join(settings.exported)
        cause = f"the environment beats {file}: {exported}"
        yield advice("env-exported", cause, f"unset {exported}, unless you mean it")
    yield from _unusable(file, entries)
    yield from _values(settings)
    yield from _breaks_memos(file, entries)
    yield from _unknown(file, entries, {variable.name for variable in example} | settings.used)
    yield from _written(file, entries)
    yield from _twice(file, entries)
    if "\r" in settings.text:
        cause = f"{file} has the line ends of Windows (CRLF)"
        yield advice("env-crlf", cause, f"sed -i 's/\\r$//' {file}")
    here = {line.name for line in entries}
    absent = [variable.name for variable in example if not (variable.off or variable.name in here)]
    if absent and not settings.missing and not settings.unreadable:
        cause = f"{file} lacks {_many(absent)} of .env.example"
        step = "nothing, if you like their defaults: inv env shows what holds"
        yield advice("env-missing", cause, step, evidence=_shown(absent))


def _unusable(file: str, entries: tuple[EnvLine, ...]) -> Iterator[Finding]:
    """Lines that `inv up` would refuse with exit code 2."""
    for line in entries:
        if line.problem:
            cause = f"{file} line {line.number}: {line.problem}"
            step = f"edit {file}; .env.example shows the form"
            yield fatal("env-read" if line.name else "env-line", cause, step)


def _values(settings: SettingsFile) -> Iterator[Finding]:
    """Values that `inv up` would refuse with exit code 2."""
    for problem in settings.problems:
        yield fatal("env-value", str(problem), settings.step)


def _breaks_memos(file: str, entries: tuple[EnvLine, ...]) -> Iterator[Finding]:
    """Variables that MemOS takes from the file, and that end its start."""
    for line in entries:
        if line.name in _QDRANT and line.value:
            why = "beats QDRANT_HOST, and MemOS would not find the stack's Qdrant"
        elif line.name == "MOS_RERANKER_HEADERS_EXTRA" and not _is_json(line.value):
            why = "is no JSON, and MemOS ends with JSONDecodeError when it starts"
        else:
            continue
        cause = f"{file} line {line.number}: {line.name} {why}"
        step = f"remove {line.name} from {file}"
        yield fatal("env-breaks-memos", cause, step, service=MEMOS)


def _is_json(text: str) -> bool:
    try:
        documents.parsed(text or "{}")
    except ValueError:
        return False
    return True


def _unknown(file: str, entries: tuple[EnvLine, ...], known: set[str]) -> Iterator[Finding]:
    unlike = {}
    for line in entries:
        if not line.name or line.name in known:
            continue
        if near := get_close_matches(line.name, sorted(known), n=1, cutoff=LIKE):
            cause = f"{file} line {line.number}: nothing reads {line.name}"
            yield advice("env-unknown", cause, f"did you mean {near[0]}? Then edit {file}")
        else:
            unlike[line.name] = f"{line.name} (line {line.number})"
    if unlike:
        cause = f"{file} has {_many(unlike)} that .env.example does not know"
        step = "nothing, if MemOS itself reads them; else remove them"
        yield advice("env-unknown", cause, step, evidence=_shown(unlike.values()))


def _written(file: str, entries: tuple[EnvLine, ...]) -> Iterator[Finding]:
    """What one reader of the file takes for the value and another does not."""
    for line in entries:
        for code, what, wanted in () if line.problem else _defects(line):
            cause = f"{file} line {line.number}: {what} {line.name}"
            yield advice(code, cause, f"edit {file}: {wanted}")


def _defects(line: EnvLine) -> Iterator[tuple[str, str, str]]:
    name, _, raw = line.text.partition("=")
    value = raw.strip()
    if value.startswith("#") or line.value.startswith("#"):
        yield "env-comment", "a comment stands as the value of", "put it on a line of its own"
    elif re.search(r"\s#", value):
        yield "env-comment", "a comment follows the value of", "put it on a line of its own"
    if value[:1] in {'"', "'"} and form(line.name, line.value) == line.value:
        yield "env-quotes", "quotes stand around the value of", "leave them out; some keep them"
    if name != name.rstrip() or raw[:1].isspace() or line.value != line.value.strip():
        yield "env-blanks", "blanks stand around the name or value of", "leave them out"
    if _PLACEHOLDER.match(line.value.strip()):
        yield "env-placeholder", "a placeholder stands for the value of", "a value, or nothing"


def _twice(file: str, entries: tuple[EnvLine, ...]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for line in entries:
        if line.name and first.setdefault(line.name, line.number) != line.number:
            cause = f"{file} sets {line.name} in line {first[line.name]} and line {line.number}"
            yield advice("env-twice", cause, f"edit {file}: leave one; the last one holds")


def _many(names: Collection[str]) -> str:
    return f"{len(names)} variable{'' if len(names) == 1 else 's'}"


def _shown(names: Collection[str]) -> str:
    """Return the names, not all of many."""
    rest = len(names) - NAMES_SHOWN
    return ", ".join([*names][:NAMES_SHOWN]) + (f", and {rest} more" if rest > 0 else "")

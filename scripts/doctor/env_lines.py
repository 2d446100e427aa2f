"""Pure rules about `.env` as it is written, line by line, held against `.env.example`."""

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from scripts.config.rules.written import read_example
from scripts.config.settings import EnvLine, lines
from scripts.core.finding import Finding
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
    """Yield what is wrong with the file; `seen.text` is empty where there is none."""
    if settings.unreadable:
        problem = settings.unreadable
        yield Finding(code="env-unreadable", cause=problem.cause, next_step=problem.next_step)
    elif settings.missing:
        yield Finding(
            code="env-absent",
            cause=f"there is no {settings.file} yet; the defaults of .env.example hold",
            next_step="inv up makes it",
            fatal=False,
        )
    if settings.exported:
        exported = " ".join(settings.exported)
        yield Finding(
            code="env-exported",
            cause=f"the environment has other values than {settings.file}, and they win:"
            f" {exported}",
            next_step=f"unset {exported}, unless you mean it",
            fatal=False,
        )
    entries = tuple(lines(settings.text))
    known = {variable.name for variable in read_example(settings.example)} | settings.used
    yield from _no_assignment(settings.file, entries)
    yield from _values(settings, entries)
    yield from _breaks_memos(settings.file, entries)
    yield from _unknown(settings.file, entries, known)
    yield from _written(settings.file, entries)
    yield from _twice(settings.file, entries)
    if "\r" in settings.text:
        yield Finding(
            code="env-crlf",
            cause=f"{settings.file} has the line ends of Windows (CRLF)",
            next_step=f"sed -i 's/\\r$//' {settings.file}",
            fatal=False,
        )
    if not settings.missing and not settings.unreadable:
        yield from _absent(settings, entries)


def _no_assignment(file: str, entries: tuple[EnvLine, ...]) -> Iterator[Finding]:
    for line in entries:
        if not line.name:
            # the rest of the line may be a secret
            shown = re.sub(r"[\s=].*", " …", line.text, flags=re.DOTALL)
            yield Finding(
                code="env-line",
                cause=f"{file} line {line.number} is no NAME=value",
                evidence=shown,
                next_step=f"edit {file}; .env.example shows the form",
            )


def _values(settings: SettingsFile, entries: tuple[EnvLine, ...]) -> Iterator[Finding]:
    """What `inv up` would refuse with exit code 2."""
    where = {line.name: line.number for line in entries}
    for problem in settings.problems:
        number = where.get(problem.partition(" ")[0], 0)
        yield Finding(
            code="env-value",
            cause=f"{settings.file} line {number}: {problem}" if number else problem,
            next_step=f"edit {settings.file}; .env.example explains every variable",
        )


def _breaks_memos(file: str, entries: tuple[EnvLine, ...]) -> Iterator[Finding]:
    """Variables that MemOS takes from the file, and that end its start."""
    for line in entries:
        if line.name in _QDRANT and line.value:
            cause = f"{line.name} beats QDRANT_HOST, and MemOS would not find the stack's Qdrant"
        elif line.name == "MOS_RERANKER_HEADERS_EXTRA" and not _is_json(line.value):
            cause = f"{line.name} is no JSON, and MemOS ends with JSONDecodeError when it starts"
        else:
            continue
        yield Finding(
            code="env-breaks-memos",
            service="memos",
            cause=f"{file} line {line.number}: {cause}",
            next_step=f"remove {line.name} from {file}",
        )


def _is_json(text: str) -> bool:
    try:
        json.loads(text or "{}")
    except ValueError:
        return False
    return True


def _unknown(file: str, entries: tuple[EnvLine, ...], known: set[str]) -> Iterator[Finding]:
    others = {}
    for line in entries:
        if not line.name or line.name in known:
            continue
        near = get_close_matches(line.name, sorted(known), n=1, cutoff=LIKE)
        if not near:
            others[line.name] = line.number
            continue
        yield Finding(
            code="env-unknown",
            cause=f"{file} line {line.number}: nothing reads {line.name}",
            next_step=f"did you mean {near[0]}? Then edit {file}",
            fatal=False,
        )
    if others:
        yield Finding(
            code="env-unknown",
            cause=f"{file} has {_many(others, 'variable')} that .env.example does not know",
            evidence=_named(others),
            next_step="nothing, if MemOS itself reads them; else remove them",
            fatal=False,
        )


def _written(file: str, entries: tuple[EnvLine, ...]) -> Iterator[Finding]:
    """What one reader of the file takes for the value and another does not."""
    for line in entries:
        for code, what, wanted in _defects(line) if line.name else ():
            yield Finding(
                code=code,
                cause=f"{file} line {line.number}: {what} {line.name}",
                next_step=f"edit {file}: {wanted}",
                fatal=False,
            )


def _defects(line: EnvLine) -> Iterator[tuple[str, str, str]]:
    name, _, raw = line.text.partition("=")
    value = raw.strip()
    if value.startswith("#") or line.value.startswith("#"):
        yield "env-comment", "a comment stands as the value of", "put it on a line of its own"
    elif re.search(r"\s#", value):
        yield "env-comment", "a comment follows the value of", "put it on a line of its own"
    if value[:1] in {'"', "'"}:
        yield "env-quotes", "quotes stand around the value of", "leave them out; some keep them"
    if name != name.rstrip() or raw[:1].isspace() or line.value != line.value.strip():
        yield "env-blanks", "blanks stand around the name or value of", "leave them out"
    if _PLACEHOLDER.match(line.value.strip()):
        yield "env-placeholder", "a placeholder stands for the value of", "a value, or nothing"


def _twice(file: str, entries: tuple[EnvLine, ...]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for line in entries:
        if line.name and first.setdefault(line.name, line.number) != line.number:
            yield Finding(
                code="env-twice",
                cause=f"{file} sets {line.name} in line {first[line.name]} and line {line.number}",
                next_step=f"edit {file}: leave one; the last one holds",
                fatal=False,
            )


def _absent(settings: SettingsFile, entries: tuple[EnvLine, ...]) -> Iterator[Finding]:
    here = {line.name for line in entries}
    wanted = [variable.name for variable in read_example(settings.example) if not variable.off]
    absent = dict.fromkeys((name for name in wanted if name not in here), 0)
    if absent:
        yield Finding(
            code="env-missing",
            cause=f"{settings.file} lacks {_many(absent, 'variable')} of .env.example",
            evidence=_named(absent),
            next_step="nothing, if you like their defaults: inv env shows what holds",
            fatal=False,
        )


def _many(names: Mapping[str, int], what: str) -> str:
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'}"


def _named(names: Mapping[str, int]) -> str:
    """Return the names, with the number of the line where it is known; not all of many."""
    shown = [f"{name} (line {line})" if line else name for name, line in names.items()]
    rest = len(shown) - NAMES_SHOWN
    return ", ".join(shown[:NAMES_SHOWN]) + (f", and {rest} more" if rest > 0 else "")

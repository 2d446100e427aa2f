"""Pure: what is shown of a text that is not ours, the line that tells and no secret."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from urllib.parse import quote, quote_plus, urlsplit

from scripts.core.foreign.documents import Json, parsed

_SECRET = re.compile(
    r"PASSWORD|SECRET|(^|_)(TOKEN|KEY)$|HEADERS_EXTRA$"
    r"|^(AK|SK|CHAT_MODEL_LIST|NEO4J_AUTH|OSS_ACCESS_KEY_ID)$"
)
MASK = "********"
"""What stands for a secret."""
_NONE = frozenset({"", "EMPTY"})
"""Values that stand for no secret."""
_OPEN = frozenset({"backend", "api_base", "model_name_or_path", "support_models"})
"""What an entry of CHAT_MODEL_LIST has beside its key."""
_LONG = 8
"""Characters from which a text in a secret JSON document is one itself, whatever it is called."""
MOST_SHOWN = 60
"""Characters of a value that a message shows."""
_CODED = re.compile("%[0-9A-F]{2}")
"""A byte as a URL has it; its letters may be small too."""
_LOGIN = re.compile(r"""(:(?:\\?/){2})[^\s/"'<>]+@""")
"""Of a URL; JSON of some writers has a backslash before each stroke."""
_SHORT = 4
"""Characters from which a secret is masked wherever it stands: a shorter one is in other words."""


def last(lines: Iterable[str], *patterns: str) -> re.Match[str] | None:
    """Return the last match of the first of these patterns that any line matches."""
    return _last(tuple(lines), patterns)


@lru_cache(maxsize=1024)
def _last(lines: tuple[str, ...], patterns: tuple[str, ...]) -> re.Match[str] | None:
    """Search once: while a stack starts most logs are the ones of the look before."""
    # nearly all patterns are in no line: a search through the whole text says so twice as fast
    text = "\n".join(lines)
    there = (pattern for pattern in patterns if re.search(pattern, text, re.MULTILINE))
    matches = (re.search(pattern, line) for pattern in there for line in reversed(lines))
    return next((match for match in matches if match), None)


_LOADER = re.compile(r"ERROR: ld\.so: .* from LD_PRELOAD cannot be preloaded")


def empty_talk(line: str) -> bool:
    """Say whether a line tells nothing: blank, or the loader's about an LD_PRELOAD of the image's.

    That of Milvus 2.5.4 is wrong, and so every program that starts in it begins with such an error.
    """
    return not line.strip() or bool(_LOADER.match(line))


def telling(lines: Iterable[str], *patterns: str) -> str:
    """Return the last line with the first of these patterns that is in any, or else the last line.

    It is empty when nothing was said (`empty_talk`).
    """
    spoken = [line for line in lines if not empty_talk(line)]
    match = last(spoken, *patterns)
    return (match.string if match else next(reversed(spoken), "")).strip()


def printable(text: str) -> str:
    """Return a text that no terminal obeys, on one line: what it would obey is written as escape.

    A character that reverses the direction of what follows is one of these too.
    """
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def shown(text: str) -> str:
    """Return a text of several lines, with tabs, that no terminal obeys; the rest is as above."""
    if text.isprintable():
        return text
    return "\n".join("\t".join(map(printable, one.split("\t"))) for one in text.split("\n"))


def hanging(text: str) -> str:
    """Return a text whose further lines are indented: none of them looks like a line of ours."""
    first, *others = text.split("\n")
    return "\n".join([first, *(one if one.startswith("  ") else f"  {one}" for one in others)])


def escaped(text: str) -> str:
    """Return JSON that no terminal obeys; it means the same."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)


def host(address: str) -> str:
    """Return host and port of an address; what stands before them may be a login."""
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
    except ValueError:  # brackets of an IPv6 address that is none
        return "an address that is none"
    return parts.netloc.rpartition("@")[2]


def _shown(one: str) -> str:
    """Return one character: as it is, a blank for every kind of blank, or else its escape."""
    if one.isprintable():
        return one
    return " " if one.isspace() else repr(one)[1:-1]


def short(text: str, most: int = MOST_SHOWN) -> str:
    """Return a text, or its beginning where it is longer than a message should show."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def is_secret(name: str) -> bool:
    """Say whether the value of this variable is a secret, going by its name."""
    return bool(_SECRET.search(name))


def secrets_in(name: str, value: str) -> Iterator[str]:
    """Yield what must not be shown of a variable's value; of JSON also each text in it."""
    if not is_secret(name) or value in _NONE:
        return
    if name == "NEO4J_AUTH":  # user/password, or none
        yield from filter(None, [value.partition("/")[2]])
        return
    yield value
    with suppress(ValueError):
        yield from _texts_in(parsed(value), name)


def _texts_in(found: Json, name: str) -> Iterator[str]:
    """Yield the secrets in a document that stands under this name."""
    if isinstance(found, dict):
        for key, one in found.items():
            if key not in _OPEN:
                yield from _texts_in(one, key)
    elif isinstance(found, list):
        for one in found:
            yield from _texts_in(one, name)
    elif isinstance(found, str):
        for one in (found, found.rpartition(" ")[2]):  # "Bearer KEY"
            if one not in _NONE and (len(one) >= _LONG or is_secret(name.upper())):
                yield one


def masked(text: str, secrets: Iterable[str], mask: str = MASK) -> str:
    """Return `text` with every secret value replaced by the mask.

    One shorter than 4 characters is replaced only between blanks or quotes, as a value stands.
    """
    pattern = _hiding(tuple(secrets))
    return pattern.sub(mask, text) if pattern else text


@lru_cache(maxsize=64)
def _hiding(secrets: tuple[str, ...]) -> re.Pattern[str] | None:
    """Return what finds these secrets in whatever form; None where there are none."""
    forms = {form for secret in secrets if secret for form in _written(secret)}
    # the longest first: one secret may begin with another
    pattern = "|".join(map(_pattern, sorted(forms, key=len, reverse=True)))
    return re.compile(pattern) if pattern else None


def _written(secret: str) -> Iterator[str]:
    """Yield the forms of a secret: itself, as YAML and JSON have it between quotes, in a URL."""
    quoted = {secret, secret.replace("'", "''")}
    for ascii_only in (False, True):
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        quoted |= {once, json.dumps(once)[1:-1]}  # JSON may be a text in JSON
    for form in quoted:
        yield form
        yield form.replace("$", "$$")  # as Compose writes it
    for coded in (quote, quote_plus):
        for safe in ("", "/"):
            form = coded(secret, safe=safe, errors="replace")
            yield form
            yield _CODED.sub(lambda code: code[0].lower(), form)


def without_logins(text: str, mask: str = MASK) -> str:
    """Return `text` with the login of every URL in it replaced by the mask."""
    return _LOGIN.sub(rf"\1{mask}@", text)


def _pattern(form: str) -> str:
    pattern = re.escape(form)
    return rf"(?<![^\s'\"]){pattern}(?![^\s'\"])" if len(form) < _SHORT else pattern

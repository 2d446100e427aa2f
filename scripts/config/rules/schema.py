"""Validate a document against schemas/NAME.schema.json, and say what is wrong in one line a breach.

A sub-schema's `description` completes the sentence "found …, wanted …", so what is wanted is
written once, beside the rule.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core.errors import ConfigError
from scripts.core.files import Json

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"

_SECRET = ("password", "secret", "token", "key")
_LONGEST = 60
_STEP = "correct them in the compose file, then run `nox -s schema`"


@dataclass(frozen=True, slots=True)
class Breach:
    """A rule that a document breaks: where, what was found there and what is wanted."""

    key: str
    found: str
    wanted: str
    _: KW_ONLY
    service: str = ""
    file: str = ""

    def __str__(self) -> str:
        """Return the one line that a user reads."""
        places = (self.file, self.service and f"service {self.service}", self.key)
        where = "".join(f"{place}: " for place in places if place)
        return f"{where}found {self.found}, wanted {self.wanted}"


def require(breaches: Iterable[Breach], step: str = _STEP) -> None:
    """Raise ConfigError that names all breaches, a line each; nothing without any."""
    lines = [str(breach) for breach in breaches]
    if lines:
        rules = "one rule is" if len(lines) == 1 else f"{len(lines)} rules are"
        message = "\n  ".join((f"{rules} broken", *lines))
        raise ConfigError(message, next_step=step)


def validate(document: object, schema_name: str, file: str = "") -> tuple[Breach, ...]:
    """Return what in `document` breaks schemas/SCHEMA_NAME.schema.json, in the order of the keys.

    `file` is what the breaches call the document. FileNotFoundError when there is no such schema.
    """
    return _sorted(_validator(schema_name, SCHEMAS), document, file)


def against(rules: Mapping[str, Json], document: object, file: str = "") -> tuple[Breach, ...]:
    """Return what in `document` breaks a schema that lies in no file, as `validate` does."""
    return _sorted(_kind()(rules), document, file)


def _sorted(validator: "Draft202012Validator", document: object, file: str) -> tuple[Breach, ...]:
    errors = validator.iter_errors(document)
    breaches = [breach for error in errors for breach in _breaches(_deepest(error), file)]
    return tuple(sorted(dict.fromkeys(breaches), key=lambda breach: (breach.service, breach.key)))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known words for a message, the one that `word` may have meant first."""
    from difflib import get_close_matches

    words = list(known)
    listed = f"one of {', '.join(words)}" if words else "no such key"
    likely = get_close_matches(word, words, n=1)
    return f"{likely[0]} ({listed})" if likely and len(words) > 1 else listed


def as_tree(value: object) -> Mapping[str, object]:
    """Return a mapping as it is, and anything else as an empty one."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> list[object]:
    """Return a list as it is, and anything else as an empty one."""
    return value if isinstance(value, list) else []


def describe(value: object) -> str:
    """Return `value` as a message shows it: shortened, and never what is inside a mapping."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
        return f"a list of {len(value)}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


@cache
def _validator(name: str, folder: Path) -> "Draft202012Validator":
    text = (folder / f"{name}.schema.json").read_text(encoding="utf-8")
    return _kind()(json.loads(text))


@cache
def _kind() -> "type[Draft202012Validator]":
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    _extended: Callable[..., Json] = extend  # its stubs say nothing of what it takes
    # 1.0 and 1e300 are integers to JSON Schema, and none to who counts with them
    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    kind: type[Draft202012Validator] = _extended(Draft202012Validator, type_checker=types)
    return kind


def _is_integer(_: object, value: object) -> bool:
    return type(value) is int


def _deepest(error: "ValidationError") -> "ValidationError":
    """Of an `anyOf` or `oneOf`, give the error in the branch that fits best."""
    if _description(error):
        return error
    from jsonschema.exceptions import best_match

    return best_match([error]) or error


def _breaches(error: "ValidationError", file: str) -> Iterator[Breach]:
    """Turn one error of jsonschema into breaches: one for each missing or unknown key."""
    path = tuple(error.absolute_path)
    present: Json = error.instance
    rule: Json = error.validator_value
    if "propertyNames" in error.absolute_schema_path:
        yield _breach(file, (*path, str(present)), "a key that is not known", _wanted(error))
    elif error.validator == "required":
        for name in rule:
            if name not in present:
                yield _breach(file, (*path, name), "nothing", _wanted_key(error, name))
    elif error.validator == "additionalProperties":
        known = as_tree(as_tree(error.schema).get("properties"))
        for name in present.keys() - known.keys():
            yield _breach(file, (*path, name), "a key that is not known", nearest(name, known))
    else:
        yield _breach(file, path, _found(path, present), _wanted(error))


def _breach(file: str, path: tuple[str | int, ...], found: str, wanted: str) -> Breach:
    """Name the service where the path leads through one; the rest of the path is the key."""
    match path:
        case ("services", str(service), *steps):
            pass
        case _:
            service, steps = "", [*path]
    key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return Breach(key.removeprefix("."), found, wanted, service=service, file=file)


def _found(path: tuple[str | int, ...], value: object) -> str:
    """Describe the value, or only its kind where its name says that it is a secret."""
    last = str(path[-1]).lower() if path else ""
    if not last.endswith(_SECRET) or value in (None, "") or isinstance(value, Mapping):
        return describe(value)
    kind = "text" if isinstance(value, str) else "value of another type"
    return f"a {kind} that is not shown"


def _wanted(error: "ValidationError") -> str:
    """Return the rule's own description, else one made of the rule; never jsonschema's message.

    Its messages quote the value, which may be a secret.
    """
    rule: Json = error.validator_value
    match error.validator:
        case _ if text := _description(error):
            return text
        case "enum":
            return nearest(str(error.instance), map(str, rule))
        case "type":
            return " or ".join([rule] if isinstance(rule, str) else rule)
        case "const":
            return describe(rule)
        case _ if error.schema is False:
            return "no such key"
        case _:
            return f"{error.validator} {describe(rule)}"


def _wanted_key(error: "ValidationError", name: str) -> str:
    """Return the description of a missing key, else that of the rule that demands it."""
    described = as_tree(as_tree(as_tree(error.schema).get("properties")).get(name))
    return str(described.get("description") or _description(error) or f"the key {name}")


def _description(error: "ValidationError") -> str:
    return str(as_tree(error.schema).get("description", ""))

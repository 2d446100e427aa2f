"""A compose file as it is written: YAML with Compose's tags, and variables not yet replaced."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache

import yaml

try:
    from yaml import CSafeLoader as SafeLoader  # eight times as fast
except ImportError:  # pragma: no cover - built without libyaml
    from yaml import SafeLoader  # type: ignore[assignment] # the same to its users

from scripts.core.errors import ConfigError
from scripts.core.foreign import documents

UNREADABLE = (yaml.YAMLError, ValueError, ArithmeticError, RecursionError)
"""What a text raises that is no YAML: also a number or a date that is none, or too deep a tree."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACED = re.compile(rf"(?P<name>{_NAME.pattern})(?P<operator>:.?|.?)(?P<argument>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of a variable, `${NAME OPERATOR ARGUMENT}`; a bare one has no operator."""

    name: str
    operator: str = ""
    argument: str = ""
    service: str = ""
    """Where it stands; empty outside `services`."""
    key: str = ""


class _Loader(SafeLoader):
    """A safe loader that knows Compose's own tags."""


def _override(loader: yaml.SafeLoader, node: yaml.Node) -> object:
    """Return what stands behind `!override`, as if the tag were not there."""
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return node.value


_Loader.add_constructor("!override", _override)
_Loader.add_constructor("!reset", lambda *_: None)  # whatever stands behind it


@cache
def parse(text: str, file: str) -> Mapping[str, object]:
    """Return a compose file as it is written; ConfigError when it is not YAML, or no mapping."""
    try:
        document = _loaded(text, _Loader)
    except UNREADABLE as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"{file}: not YAML: {problem}", next_step=f"correct {file}") from error
    if not isinstance(document, Mapping):
        kind = "is empty" if document is None else f"holds a {type(document).__name__}"
        raise ConfigError(f"{file}: {kind}, wanted a mapping", next_step=f"correct {file}")
    return document


def plain(text: str) -> object:
    """Return a document without Compose's tags, such as Compose prints; None for none."""
    try:
        return _loaded(text, SafeLoader)
    except UNREADABLE:
        return None


def _loaded(text: str, loader: type[SafeLoader]) -> object:
    """Return a document that a recursion can go through; UNREADABLE for any other."""
    depth = 0
    for event in yaml.parse(text, Loader=SafeLoader):  # building it is a recursion, of C
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > documents.DEPTH:
            raise ValueError(f"it is deeper than {documents.DEPTH} levels")
    document = loader(text).get_single_data()
    documents.require_shallow(document)
    return document


def dumped(document: object) -> str:
    """Return a document as YAML, its keys in their order."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=2**16)


def uses(document: object) -> Iterator[Use]:
    """Yield every use of a variable in the values of a document; Compose leaves keys alone."""
    for path, text in _texts(document):
        inside = path[:1] == ("services",)
        key = ".".join(path[2:] if inside else path).replace(".[", "[")
        for use in variables(text):
            yield replace(use, service=path[1] if inside else "", key=key)


def variables(text: str, levels: int = documents.DEPTH) -> Iterator[Use]:
    """Yield the variables that Compose would replace in `text`, those inside defaults too.

    `levels` deep at most: one default within another.
    """
    at = text.find("$")
    while at >= 0:
        end = at + 2  # of `$$`, or of a dollar sign that means itself
        if text[at + 1 : at + 2] == "{":
            end = _closing(text, at)
            yield from _braced(text[at + 2 : end - 1], levels)
        elif name := _NAME.match(text, at + 1):
            end = name.end()
            yield Use(name=name.group())
        at = text.find("$", end)


def _closing(text: str, start: int) -> int:
    """Return the place after the brace that closes the one after `start`; past the end without."""
    depth = 0
    for place in range(start + 1, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    return len(text) + 1


def _braced(inside: str, levels: int) -> Iterator[Use]:
    if levels and (match := _BRACED.fullmatch(inside)):
        yield Use(**match.groupdict())
        yield from variables(match["argument"], levels - 1)


def _texts(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every text in a document, with the keys that lead to it."""
    match value:
        case str():
            yield path, value
        case Mapping():
            for key, item in value.items():
                yield from _texts(item, (*path, str(key)))
        case list():
            for index, item in enumerate(value):
                yield from _texts(item, (*path, f"[{index}]"))
        case _:
            pass

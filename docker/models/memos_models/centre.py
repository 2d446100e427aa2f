"""Vectors moved apart: what all texts have in common is taken out of them, then all scores raised.

The vectors of multilingual-e5-small lie in a narrow cone. Texts that have nothing to do with each
other score 0.77 in English and 0.83 in Chinese, right answers 0.83 and 0.88; MemOS drops what
scores less than 0.45 (from 2.0.7 on), and takes for the same what scores more than 0.92. So the
mean of sentences about anything is taken out, and what tells English from Chinese. What is left of
the cosine, 0.02 and 0.35 in the median, is raised alike for all: the order is the same.

The sentences and the number are part of the model: with others, give it another name.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from memos_models.bert import Array, unit

RAISED = 0.6
"""Every score c becomes (c + RAISED) / (1 + RAISED): unrelated ones then lie at 0.39, most right
ones above 0.45, and the same text still at 1."""
SENTENCES: list[tuple[str, str]] = json.loads(
    Path(__file__).with_name("sentences.json").read_text(encoding="utf-8")
)
"""The same in both languages, about nothing in particular: pairs of English and Chinese."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Centre:
    """The mean of all texts, and the unit vector from one language to the other."""

    mean: Array
    language: Array

    @classmethod
    def of(cls, one: Array, other: Array) -> Self:
        """Find both from the unit vectors of the same sentences in two languages."""
        means = np.stack([one.mean(axis=0), other.mean(axis=0)])
        return cls(mean=means.mean(axis=0), language=unit(means[1:] - means[:1])[0])

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read what `prepare` wrote."""
        mean, language = np.load(file)
        return cls(mean=mean, language=language)

    def apart(self, rows: Array) -> Array:
        """Move unit vectors apart; give unit vectors."""
        common = unit(without(self.mean[np.newaxis], self.language))[0]
        own = without(without(rows - self.mean, self.language), common)
        return unit(unit(own) + np.float32(RAISED**0.5) * common)


def without(rows: Array, direction: Array) -> Array:
    """Take out of rows what lies in the direction of a unit vector."""
    left: Array = rows - np.outer(rows @ direction, direction)
    return left

"""Text cut into pieces of a SentencePiece unigram vocabulary: the likeliest of all ways to cut it.

In Python, since it is small: the tokenizers package takes 1 s and 200 MB for these 250,000 pieces.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

BLANK = "▁"
"""What a blank is in the vocabulary; also the beginning of a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unigram:
    """A vocabulary; `cut` may be called from any thread."""

    pieces: Mapping[str, int]
    scores: Sequence[float]
    """The logarithm of how likely each piece is, by its id."""
    worst: float
    """That of one unknown character."""
    replaced: Mapping[int, str]
    """What stands for a character, by its number, before a text is cut."""
    unknown: int
    longest: int
    """Characters of the longest piece."""

    def cut(self, text: str, limit: int) -> list[int]:
        """Return the ids of the first `limit` pieces of a text.

        What lies behind the characters that so many pieces can hold is not looked at.
        """
        most = limit * self.longest
        words = text[:most].translate(self.replaced)[:most].split(" ")
        marked = BLANK + BLANK.join(word for word in words if word)
        return self._likeliest(marked)[:limit]

    def _likeliest(self, text: str) -> list[int]:
        """Find the best cut by the best cuts of all beginnings (Viterbi)."""
        scores = [0.0] + [float("-inf")] * len(text)
        ways = [(0, self.unknown)] * (len(text) + 1)
        for begin in range(len(text)):
            so_far = scores[begin]
            for end in range(begin + 1, min(begin + self.longest, len(text)) + 1):
                piece = self.pieces.get(text[begin:end])
                if piece is None and end > begin + 1:
                    continue
                score = so_far + (self.worst if piece is None else self.scores[piece])
                if score > scores[end]:
                    scores[end] = score
                    ways[end] = (begin, self.unknown if piece is None else piece)
        found = []
        end = len(text)
        while end:
            end, piece = ways[end]
            found.append(piece)
        return found[::-1]

"""What is put in, and how it is asked for: in other words, so that only its meaning finds it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A memory, and a question that it answers."""

    text: str
    question: str


SYNC = Memory(
    text="The lighthouse keeper counts the ships every evening.",
    question="Who observes the boats at nightfall?",
)
DEFAULTS = Memory(
    text="Our doctor is on holiday until the end of August.",
    question="When will the physician be back from vacation?",
)
CHINESE = Memory(text="奶奶每个星期天都烤核桃面包。", question="谁会在周末做糕点")
PREFERENCE = Memory(
    text="I always prefer green tea to coffee in the morning.",
    question="What does the user like to drink at breakfast?",
)
BESIDE = (
    "Grandmother bakes bread with walnuts on Sundays.",
    "The train to the mountains leaves from platform nine.",
)
"""Memories that answer none of the questions in English."""
BESIDE_CHINESE = "开往山里的火车从九号站台出发。"
"""One that does not answer the Chinese question.

The local models score 0.60 and 0.65 for the two in English, 0.52 and more for the preference, for
what does not answer at most 0.44 (all-MiniLM-L6-v2: 0.23); the one that knows Chinese, 0.58 and
0.41 there. From 2.0.7 on MemOS drops what has less than 0.45.
"""

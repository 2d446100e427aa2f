"""What was asked of the models since the start, in Prometheus' text format: GET /metrics."""

import threading
import time
from collections.abc import Iterator, Mapping

CONTENT = "text/plain; version=0.0.4; charset=utf-8"
"""https://prometheus.io/docs/instrumenting/exposition_formats/"""
STARTED = "memos_models_start_time_seconds"
CALLS, SECONDS = "memos_models_calls_total", "memos_models_seconds_total"
TEXTS, TOKENS = "memos_models_texts_total", "memos_models_tokens_total"
REFUSED = "memos_models_refused_total"
MEANINGS = {
    STARTED: "Since when all is counted, in seconds since 1970",
    CALLS: "Calls that were answered",
    SECONDS: "Seconds that calls took in all",
    TEXTS: "Texts that were embedded, or prompts that were answered",
    TOKENS: "Tokens read and written; those of the chat stand-in are guessed from letters",
    REFUSED: "Prompts that take a chat model, by what MemOS wanted",
}
Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Numbers by their names and labels; several threads add to them."""

    def __init__(self) -> None:
        """Begin now."""
        self._lock = threading.Lock()
        self._values: dict[str, dict[Labels, float]] = {name: {} for name in MEANINGS}
        self.add(STARTED, round(time.time(), 3))

    def add(self, name: str, amount: float = 1, /, **labels: str) -> None:
        """Add to one of them."""
        key = tuple(labels.items())
        with self._lock:
            self._values[name][key] = self._values[name].get(key, 0) + amount

    def text(self, refused: Mapping[str, int]) -> bytes:
        """Return all of them, with the prompts that were refused."""
        with self._lock:
            found = {name: dict(values) for name, values in self._values.items()}
        found[REFUSED] = {(("call", call),): float(count) for call, count in refused.items()}
        return "".join(line + "\n" for name in found for line in _lines(name, found[name])).encode()


def _lines(name: str, values: Mapping[Labels, float]) -> Iterator[str]:
    yield f"# HELP {name} {MEANINGS[name]}"
    yield f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}"
    for labels, value in values.items():
        # all of them are our own words: none holds a quote or a backslash
        pairs = ",".join(f'{label}="{word}"' for label, word in labels)
        yield f"{name}{{{pairs}}} {value}" if pairs else f"{name} {value}"

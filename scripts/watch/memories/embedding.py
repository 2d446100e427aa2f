"""Vectors of texts by the model that MemOS is configured with, asked where MemOS asks it.

Only the API's container reaches every such model, with the key and through the network that are
MemOS' own; so a few lines run there. What is said goes over stdin: an argument is seen by all.
"""

import json
from collections.abc import Callable, Sequence

from scripts.core.errors import BrokenError
from scripts.core.foreign import documents
from scripts.core.process import Completed, last_words
from scripts.core.texts import printable

OLLAMA = "ollama"
"""The MOS_EMBEDDER_BACKEND that does not speak OpenAI's protocol."""
SCRIPT = """
import json, os, sys, urllib.request

def setting(name):
    return os.environ.get("MOS_EMBEDDER_" + name) or ""

def vectors(texts):
    question = {"model": setting("MODEL"), "input": texts}
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + setting("API_KEY")}
    address = setting("API_BASE").rstrip("/") + "/embeddings"
    request = urllib.request.Request(address, json.dumps(question).encode(), headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        rows = json.load(answer)["data"]
    return [row["embedding"] for row in sorted(rows, key=lambda row: row["index"])]

try:
    print(json.dumps(vectors(json.load(sys.stdin))))
except Exception as error:
    # the text of a ValueError may quote a header, and so the key
    quoted = "" if isinstance(error, ValueError) else ": " + str(error)
    sys.exit(type(error).__name__ + quoted)
"""
TIMEOUT = 180.0
"""Seconds for one batch."""

Embed = Callable[[Sequence[str]], list[list[float]]]
"""Gives a vector for each text."""


def embedder(run: Callable[[Sequence[str], str], Completed], dimension: int) -> Embed:
    """Return what embeds texts; `run` runs words in the API's container and gives them a stdin.

    It raises BrokenError where the model gives no vectors of that many numbers.
    """

    def embed(texts: Sequence[str]) -> list[list[float]]:
        done = run(["python", "-c", SCRIPT], json.dumps(list(texts)))
        if done.exit_code:
            raise _useless(f"it says {printable(last_words(done))}")
        try:
            found: list[list[float]] = documents.parsed(done.stdout)
            sizes = {len(vector) for vector in found}
        except (ValueError, TypeError) as error:
            raise _useless("its answer has another shape than it should") from error
        if len(found) != len(texts) or sizes != {dimension}:
            numbers = ", ".join(map(str, sorted(sizes)))
            raise _useless(f"{len(found)} vectors of {numbers} numbers, wanted {dimension}")
        return found

    return embed


def _useless(why: str) -> BrokenError:
    return BrokenError(
        f"the embedding model gives no vectors for memories: {why}",
        next_step="inv doctor asks it too; MOS_EMBEDDER_API_BASE in .env names it",
    )

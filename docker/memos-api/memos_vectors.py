"""What made the stored vectors: remembered in Qdrant beside them, and compared before MemOS starts.

Vectors of two models with the same dimension fit into one collection, and nothing breaks: a search
just finds anything. So the model's name stands in a collection of its own, which goes wherever the
vectors go: into snapshots, back with a restore, away with a reset.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

TIMEOUT = 5.0
"""Seconds for one call."""
VECTORS = "neo4j_vec_db"
"""The collection of MemOS."""
MARKER = "memos_dev_vectors"
"""Ours: one point, its payload says what made the others' vectors."""
POINT = 1
LOCAL = "http://memos-models:8080/v1"
"""The stack's own models; the compose file has the address."""
FIRST_LOCAL = "all-MiniLM-L6-v2"
"""The one local model of the time when nothing was remembered."""
MISSING = 404


class OtherModelError(Exception):
    """The stored vectors are another model's than the one that is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Qdrant:
    """The REST API of the server that MemOS uses."""

    base: str
    key: str = field(default="", repr=False)

    def ask(self, method: str, path: str, body: object = None) -> object:
        """Make a call and return its result; None for what is not there. Raises OSError."""
        request = urllib.request.Request(
            f"{self.base.rstrip('/')}/collections/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "api-key": self.key},
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
                found: object = json.load(answer).get("result")
        except urllib.error.HTTPError as error:
            if error.code == MISSING:
                return None
            raise
        return found

    def filled(self) -> bool:
        """Say whether MemOS' collection holds a vector."""
        page = self.ask("POST", f"{VECTORS}/points/scroll", {"limit": 1, "with_payload": False})
        return isinstance(page, dict) and bool(page.get("points"))

    def made_by(self) -> str:
        """Return the model that is remembered, or nothing."""
        found = self.ask("POST", f"{MARKER}/points", {"ids": [POINT], "with_payload": True})
        points = found if isinstance(found, list) else []
        return next((str(point["payload"].get("model", "")) for point in points), "")

    def remember(self, model: str) -> None:
        """Note what makes the vectors from now on."""
        if self.ask("GET", MARKER) is None:
            self.ask("PUT", MARKER, {"vectors": {"size": 1, "distance": "Dot"}})
        point = {"id": POINT, "vector": [1.0], "payload": {"model": model}}
        self.ask("PUT", f"{MARKER}/points?wait=true", {"points": [point]})


def check(env: Mapping[str, str], say: Callable[[str], object]) -> None:
    """Remember the model that is set, or raise OtherModelError when the vectors are another's.

    A Qdrant that cannot tell is MemOS' own matter: the log says so, and nothing is stopped.
    """
    if env.get("QDRANT_PATH"):
        return
    host = f"{env.get('QDRANT_HOST', 'localhost')}:{env.get('QDRANT_PORT', '6333')}"
    base = env.get("QDRANT_URL") or f"http://{host}"
    qdrant = Qdrant(base=base, key=env.get("QDRANT_API_KEY", ""))
    model = env.get("MOS_EMBEDDER_MODEL", "")
    try:
        made_by, filled = qdrant.made_by(), qdrant.filled()
        if filled and (other := differing(env, made_by)):
            raise OtherModelError(told(other, model))
        if made_by != model:
            qdrant.remember(model)
            say(f"vectors are made by {model} from now on, as {MARKER} in Qdrant remembers")
    except (OSError, ValueError) as error:
        say(f"what made the stored vectors is not known: {error}")


def differing(env: Mapping[str, str], made_by: str) -> str:
    """Return the model that made the stored vectors if it is not the one that is set.

    `MOS_EMBEDDER_SAME_AS` is a name under which the same model was known.
    """
    if not made_by and env.get("MOS_EMBEDDER_API_BASE") == LOCAL:
        made_by = FIRST_LOCAL
    known = {env.get("MOS_EMBEDDER_MODEL", ""), env.get("MOS_EMBEDDER_SAME_AS", ""), ""}
    return "" if made_by in known else made_by


def told(made_by: str, model: str) -> str:
    """Return the words by which `inv` knows it too (scripts/diagnosis/causes/memos.py)."""
    return f"{VECTORS} holds vectors of the model {made_by}, wanted {model} (MOS_EMBEDDER_MODEL)"

"""Milvus over its REST interface, and what stands in for it, in the words of its version 2.

https://milvus.io/api-reference/restful/v2.5.x/About.md; version 1, which Milvus 2.3 alone has, is
called by the same words.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from scripts.core.foreign import documents
from scripts.core.foreign.documents import Json
from scripts.loop.console.answer import Answer, tabled
from scripts.loop.console.door import FIRST_ERROR, Door
from scripts.loop.console.rest import request
from scripts.watch.published import shaped

V2 = "v2/vectordb"
V1 = "/v1/vector"
FIRST: Mapping[str, str] = {
    "collections/list": "collections",
    "collections/describe": "collections/describe",
    "collections/create": "collections/create",
    "collections/drop": "collections/drop",
    **{f"entities/{word}": word for word in ("query", "search", "get", "insert", "delete")},
}
"""The paths of version 1 by the words of version 2."""
ASKED = frozenset({"collections/list", "collections/describe"})
"""Those of version 1 that are asked with GET."""
READS = frozenset(
    {
        *("list", "describe", "has", "get", "get_stats", "get_load_state", "get_progress"),
        *("query", "search", "hybrid_search", "advanced_search"),
    }
)
"""Last words of the paths that change nothing."""
GOOD = frozenset({0, 200})
"""Codes of a good answer, of version 2 and 1."""
NOT_NOW = range(1, 10)
"""Codes of a server that is not ready, or has too much to do."""
HELP = """\
A path below /v2/vectordb/ and JSON, as in Milvus' REST reference; always a POST:
  collections/list
  collections/describe {"collectionName": "explicit_preference"}
  entities/query {"collectionName": "explicit_preference", "filter": "id != \\"\\"", "limit": 3}"""


@dataclass(frozen=True, slots=True)
class Milvus:
    """The console of Milvus."""

    door: Door
    help: str = HELP

    def ask(self, query: str) -> Answer:
        """Make a call; errors as `Console.ask`."""
        asked = request(query, self.door.task)
        words = asked.path.removeprefix(V2).strip("/")
        if not (self.door.write or reads(words)):
            raise self.door.read_only(words)
        status, answer = self._call(words, asked.body or "{}")
        if status >= FIRST_ERROR or not isinstance(answer, dict):
            raise self.door.judged(status, f"it answered {status}: {_words(answer)}")
        with shaped(self.door.name):
            if (code := int(answer.get("code", 0))) in GOOD:
                return tabled(answer.get("data"))
        said = f"{_words(answer)} ({code})"
        raise self.door.cannot(said) if code in NOT_NOW else self.door.wrong(said)

    def _call(self, words: str, body: str) -> tuple[int, Json]:
        if self.door.probe.path.startswith("/v2/"):
            return self.door.call("POST", f"/{V2}/{words}", body)
        if words not in FIRST:
            known = ", ".join(FIRST)
            raise self.door.wrong(f"this Milvus has no {words}; its REST interface knows {known}")
        path = f"{V1}/{FIRST[words]}"
        if words not in ASKED:
            return self.door.call("POST", path, body)
        given = documents.parsed(body)
        pairs = "&".join(f"{quote(str(k))}={quote(str(v))}" for k, v in given.items())
        return self.door.call("GET", f"{path}?{pairs}" if pairs else path)


def reads(words: str) -> bool:
    """Say whether a call changes nothing, going by the last word of its path."""
    return words.rpartition("/")[2] in READS


def _words(answer: Json) -> str:
    match answer:
        case {"message": str(words)}:
            return words
        case str():
            return answer
        case _:
            return json.dumps(answer, ensure_ascii=False)

"""Qdrant over its REST interface: https://api.qdrant.tech/api-reference."""

import json
import re
from dataclasses import dataclass

from scripts.core.foreign.documents import Json
from scripts.loop.console.answer import Answer, tabled, tabled_rows
from scripts.loop.console.door import FIRST_ERROR, Door
from scripts.loop.console.rest import Request, request

READS = re.compile(
    r"collections/[^/]+/(?:facet|points(?:/(?:"
    r"scroll|count|"
    r"(?:query|search|recommend)(?:/(?:batch|groups))?|"
    r"discover(?:/batch)?|search/matrix/(?:pairs|offsets)"
    r"))?)\Z"
)
"""Paths at which a POST reads; all others change something."""
HELP = """\
A method of HTTP, a path and JSON, as in Qdrant's API reference; without a method GET, or with JSON
POST:
  GET /collections
  POST /collections/neo4j_vec_db/points/scroll {"limit": 3}
  POST /collections/neo4j_vec_db/points/count {}"""


@dataclass(frozen=True, slots=True)
class Qdrant:
    """The console of Qdrant."""

    door: Door
    help: str = HELP

    def ask(self, query: str) -> Answer:
        """Make a call; errors as `Console.ask`."""
        asked = request(query, self.door.task)
        if not (self.door.write or reads(asked)):
            raise self.door.read_only(asked.named)
        more = f"?{asked.query}" if asked.query else ""
        status, answer = self.door.call(asked.method, f"/{asked.path}{more}", asked.body)
        if status >= FIRST_ERROR:
            raise self.door.judged(status, f"{_words(answer)} ({status})")
        if isinstance(answer, str):  # its metrics, for instance
            return tabled_rows(answer.splitlines(), {})
        return tabled(answer.get("result", answer) if isinstance(answer, dict) else answer)


def reads(asked: Request) -> bool:
    """Say whether a request changes nothing."""
    return asked.method == "GET" or (asked.method == "POST" and bool(READS.match(asked.path)))


def _words(answer: Json) -> str:
    """Return what the server says is wrong."""
    match answer:
        case {"status": {"error": str(words)}}:
            return words
        case str():
            return answer
        case _:
            return json.dumps(answer, ensure_ascii=False)

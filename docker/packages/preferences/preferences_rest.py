"""The part of Milvus' REST interface that asks: collections and what is in them, and a deletion.

https://milvus.io/api-reference/restful/v2.5.x/About.md
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from preferences_door import Answer, Question
from preferences_login import REFUSED, Login

Lite: TypeAlias = Any
"""Milvus Lite's storage, which is not installed where types are checked."""
Body: TypeAlias = Mapping[str, Any]
Do: TypeAlias = Callable[[Callable[[Lite], object]], object]
NO_COLLECTION, WRONG, NOT_IN = 100, 1100, 1800
"""Milvus' codes: no such collection, a wrong parameter, not logged in."""
MOST = 16384
"""Rows of one answer, Milvus' limit for offset and limit together."""
AS_ASKED = 100
"""Rows of one answer where no limit is given, as in Milvus."""

log = logging.getLogger("preferences")


class RefusedError(Exception):
    """A question that is answered with a code of Milvus other than 0."""

    def __init__(self, code: int, text: str) -> None:
        """Keep the code beside the text."""
        super().__init__(text)
        self.code = code


def parsed(text: bytes) -> Body:
    """Return the object of a body; nothing is an empty one."""
    body = json.loads(text or b"{}")
    if not isinstance(body, dict):
        raise RefusedError(WRONG, "the body is no JSON object")
    return body


def collection(lite: Lite, body: Body) -> Lite:
    """Return the collection that a question names."""
    name, database = body.get("collectionName"), body.get("dbName") or "default"
    if not isinstance(name, str) or not name:
        raise RefusedError(WRONG, "collectionName is missing")
    if not lite.has_database(database) or not lite.has_collection(name, database):
        text = f"can't find collection[database={database}][collection={name}]"
        raise RefusedError(NO_COLLECTION, text)
    return lite.get_collection(name, database)


def list_collections(lite: Lite, body: Body) -> list[str]:
    """Return the names of all collections."""
    return list(lite.list_collections(body.get("dbName") or "default"))


def describe(lite: Lite, body: Body) -> dict[str, object]:
    """Return a collection's fields, with the number of dimensions of its vectors."""
    found = collection(lite, body)
    fields = [
        {
            "name": field.name,
            "primaryKey": field.is_primary,
            "type": field.dtype.name,
            "params": [{"key": "dim", "value": str(field.dim)}] if field.dim else [],
        }
        for field in found.schema.fields
    ]
    return {"collectionName": found.name, "fields": fields, "load": found.load_state}


def statistics(lite: Lite, body: Body) -> dict[str, object]:
    """Return how many rows a collection has."""
    return {"rowCount": collection(lite, body).num_entities}


def query(lite: Lite, body: Body) -> list[dict[str, object]]:
    """Return the rows that a filter lets through."""
    found = collection(lite, body)
    limit, offset = body.get("limit") or AS_ASKED, body.get("offset") or 0
    if not (isinstance(limit, int) and isinstance(offset, int) and 0 < limit + offset <= MOST):
        raise RefusedError(WRONG, f"limit and offset together must be 1 to {MOST}")
    rows: list[dict[str, object]] = found.query(
        expr=body.get("filter") or None,
        output_fields=body.get("outputFields") or None,
        limit=limit,
        offset=offset,
    )
    return rows


def delete(lite: Lite, body: Body) -> dict[str, object]:
    """Delete the rows that a filter lets through."""
    found = collection(lite, body)
    chosen = body.get("filter")
    if not chosen:
        raise RefusedError(WRONG, "filter is missing")
    key = found.pk_field
    found.delete([row[key] for row in found.query(expr=chosen, output_fields=[key])])
    return {}


ROUTES: Mapping[str, Callable[[Lite, Body], object]] = {
    "/v2/vectordb/collections/list": list_collections,
    "/v2/vectordb/collections/describe": describe,
    "/v2/vectordb/collections/get_stats": statistics,
    "/v2/vectordb/entities/query": query,
    "/v2/vectordb/entities/delete": delete,
}


@dataclass(frozen=True, slots=True)
class Rest:
    """Answers questions of REST from the store."""

    do: Do
    login: Login
    health: Callable[[], str]
    """Makes a real call; why it failed, or an empty text."""

    async def answer(self, question: Question) -> Answer:
        """Answer a question; what is wrong is an answer too, in Milvus' form."""
        return await asyncio.to_thread(self._answer, question)

    def _answer(self, question: Question) -> Answer:
        if question.path == "/healthz":
            why = self.health()
            return Answer(status=503 if why else 200, content={"status": why or "OK"})
        if not self.login.fits_header(question.authorization):
            return Answer(status=401, content={"code": NOT_IN, "message": REFUSED})
        route = ROUTES.get(question.path)
        if route is None or question.method != "POST":
            text = f"this stand-in for Milvus does not offer {question.method} {question.path}"
            return Answer(status=404, content={"code": 404, "message": text})
        try:
            body = parsed(question.body)
            return Answer(content={"code": 0, "data": self.do(lambda lite: route(lite, body))})
        except RefusedError as error:
            return Answer(content={"code": error.code, "message": str(error)})
        except Exception as error:  # noqa: BLE001 - a filter that does not parse, a disk that is full
            log.warning("%s: %s", question.path, error)
            return Answer(content={"code": WRONG, "message": str(error)[:300]})

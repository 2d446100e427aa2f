"""The stores of a stack as their clients speak to them, over the ports that they publish."""

from dataclasses import replace
from typing import Any

import requests
import yaml

from scripts.config import compose
from scripts.core.files import Json
from scripts.watch import probes
from scripts.watch.calls.milvus_rest import V1, V2, MilvusWords
from tests.e2e.kit.checkout import Checkout
from tests.kit.places import ROOT

PATIENCE = 120.0
"""Seconds for one answer; the first ones of a cold store are slow."""


def asked(stack: Checkout, service: str, password: str) -> bool:
    """Put a service's own probe with another password; say whether it was let in."""
    document = yaml.safe_load(stack.resolved())
    probe = compose.parse(document, ROOT / "docker").service(service).probes[0]
    assert probe.auth is not None
    answer = probes.call(replace(probe, auth=replace(probe.auth, password=password)), timeout=10)
    assert answer[0] in {200, 401, 403}
    # Milvus 2.5 rejects with status 200 and a code
    return answer[0] == 200 and (not isinstance(answer[1], dict) or "message" not in answer[1])


def cypher(stack: Checkout, statement: str, **parameters: object) -> list[list[Any]]:
    """Run a statement in Neo4j; give its rows."""
    answer = requests.post(
        stack.url("NEO4J_HTTP_PORT", "/db/neo4j/tx/commit"),
        json={"statements": [{"statement": statement, "parameters": parameters}]},
        auth=("neo4j", stack.values()["NEO4J_PASSWORD"]),
        timeout=PATIENCE,
    ).json()
    assert not answer["errors"], answer["errors"]
    return [row["row"] for row in answer["results"][0]["data"]]


def qdrant(stack: Checkout, method: str, path: str, body: object) -> Json:
    """Call Qdrant at a path below its collections; give its answer, whatever it says."""
    url = stack.url("QDRANT_HTTP_PORT", f"/collections/{path}")
    return requests.request(method, url, json=body, timeout=PATIENCE).json()


def milvus_words(stack: Checkout) -> MilvusWords:
    """Return the words of the Milvus that the stack has: 2.3 knows the first version only."""
    return V1 if stack.values()["IMAGE_SOURCE"] == "packages" else V2


def milvus(stack: Checkout, path: str, body: object) -> Json:
    """Call Milvus, logged in; give the data of its answer, which must be a good one."""
    answer = _milvus(stack, path, body)
    assert answer["code"] in {0, 200}, answer
    return answer["data"]


def milvus_rows(stack: Checkout, collection: str, where: str, fields: list[str]) -> list[Any]:
    """Return up to a thousand rows; none while there is no such collection, or it still loads."""
    path = milvus_words(stack).insert.replace("insert", "query")
    body = {"collectionName": collection, "filter": where, "outputFields": fields, "limit": 1000}
    return list(_milvus(stack, path, body).get("data") or ())


def milvus_collections(stack: Checkout) -> list[str]:
    """Return the names of all collections."""
    if milvus_words(stack) is V1:
        return list(_milvus(stack, "/v1/vector/collections", {}, method="GET")["data"])
    return list(milvus(stack, "/v2/vectordb/collections/list", {}))


def _milvus(stack: Checkout, path: str, body: object, *, method: str = "POST") -> Json:
    headers = {"Authorization": f"Bearer root:{stack.values()['MILVUS_PASSWORD']}"}
    url = stack.url("MILVUS_PORT", path)
    return requests.request(method, url, json=body, headers=headers, timeout=PATIENCE).json()

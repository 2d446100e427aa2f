"""Asks one Milvus, read-only, by calls that Milvus 2.3 has too; five seconds for each."""

import importlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import milvus_values as values
from milvus_problem import TIMEOUT_SECONDS, Address, Problem, explain
from milvus_values import Value

PREVIEW_ROWS = 100
_NO_CELL = values.Cell(text="", kind="none")
_STATES = {"Loaded": "loaded", "Loading": "loading", "NotLoad": "not loaded"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What is used of pymilvus: what makes a client, and the errors it raises."""

    connect: Callable[..., Any]
    errors: tuple[type[Exception], ...]


def load_pymilvus() -> Library:
    """Import pymilvus, on the first login only: it costs half a second and 90 MB."""
    pymilvus = importlib.import_module("pymilvus")
    # it logs each error with a traceback; the page and its own log line say it once, in plain words
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    errors = (pymilvus.MilvusException, importlib.import_module("grpc").RpcError)
    return Library(connect=pymilvus.MilvusClient, errors=errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A line of the list; rows are None when `problem` kept Milvus from counting them."""

    name: str
    state: str
    rows: int | None
    note: str = ""
    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """Everything that a collection's page shows; rows are there only for a loaded collection."""

    summary: Summary
    facts: Mapping[str, str]
    fields: list[values.Field]
    indexes: list[values.Index]
    columns: Mapping[str, str] = field(default_factory=dict)
    rows: list[list[values.Cell]] = field(default_factory=list)
    problem: Problem | None = None

    @property
    def vectors_without_index(self) -> list[str]:
        """Names of the vector fields that need an index before the collection can be loaded."""
        indexed = {index.field for index in self.indexes}
        return [f.name for f in self.fields if "VECTOR" in f.type and f.name not in indexed]


class Reader:
    """One user's connection to one Milvus; every method raises Problem when Milvus refuses."""

    def __init__(self, library: Library, address: Address, user: str, password: str) -> None:
        """Connect and prove the login by a real call: on old releases a connect proves nothing."""
        self.address, self.user, self._errors = address, user, library.errors
        uri = f"{address.scheme}://{address.host}:{address.port}"
        # dedicated: never share a connection with somebody who logged in with another password
        options = {"uri": uri, "user": user, "password": password, "dedicated": True}
        self._client = self._ask(library.connect, **options)
        try:
            self.names()
        except Problem:
            self._client.close()
            raise

    def _ask(self, call: Callable[..., Value], *args: str, **options: object) -> Value:
        try:
            return call(*args, timeout=TIMEOUT_SECONDS, **options)
        except self._errors as error:
            raise explain(error, self.address) from error

    def close(self) -> None:
        """Drop the connection and the password with it."""
        self._client.close()

    def names(self) -> list[str]:
        """Name the collections of the default database, sorted."""
        return sorted(self._ask(self._client.list_collections))

    def summaries(self) -> list[Summary]:
        """Return the list page; a collection that fails alone says so in its line."""
        # counts may be a few seconds old here: an exact one costs 0.2 s for each collection
        return [self._summary_or_problem(name, "Bounded") for name in self.names()]

    def _summary_or_problem(self, name: str, consistency: str) -> Summary:
        try:
            return self._summary(name, consistency)
        except Problem as problem:
            if problem.status == HTTPStatus.GATEWAY_TIMEOUT:  # the next one would not answer either
                raise
            return Summary(name=name, state="unknown", rows=None, problem=problem)

    def _summary(self, name: str, consistency: str) -> Summary:
        answer = self._ask(self._client.get_load_state, name)
        key = values.type_name(answer["state"])
        state = _STATES.get(key, key)
        if state == "loaded":
            options = {"filter": "", "output_fields": ["count(*)"]}
            found = self._ask(self._client.query, name, consistency_level=consistency, **options)
            return Summary(name=name, state=state, rows=int(found[0]["count(*)"]))
        stored = self._ask(self._client.get_collection_stats, name)
        note = f"{answer['progress']} % loaded" if "progress" in answer else ""
        return Summary(name=name, state=state, rows=int(stored["row_count"]), note=note)

    def details(self, name: str) -> Details:
        """Describe one collection with its first rows; Problem (404) when it does not exist."""
        described = self._ask(self._client.describe_collection, name)
        names = self._ask(self._client.list_indexes, name)
        found = [self._ask(self._client.describe_index, name, index) for index in names]
        summary = self._summary_or_problem(name, "Strong")
        parts: dict[str, Any] = {
            "summary": summary,
            "facts": _facts(described),
            "fields": [values.field(entry) for entry in described["fields"]],
            "indexes": [values.index(index) for index in found if index],
        }
        if summary.state != "loaded":
            return Details(**parts, problem=summary.problem)
        try:
            return Details(**parts, **self._preview(name, parts["fields"]))
        except Problem as problem:
            return Details(**parts, problem=problem)

    def _preview(self, name: str, fields: list[values.Field]) -> dict[str, Any]:
        options = {"filter": "", "output_fields": ["*"], "limit": PREVIEW_ROWS}
        rows = self._ask(self._client.query, name, consistency_level="Strong", **options)
        columns = values.columns(fields, rows)
        cells = [
            [
                values.cell(row[key], kind) if key in row else _NO_CELL
                for key, kind in columns.items()
            ]
            for row in rows
        ]
        return {"columns": columns, "rows": cells}


def _facts(described: Mapping[str, Any]) -> dict[str, str]:
    facts = {
        "Description": described.get("description"),
        "Dynamic fields": "allowed" if described.get("enable_dynamic_field") else "not allowed",
        "Consistency": described.get("consistency_level_name")
        or described.get("consistency_level"),
        "Shards": described.get("num_shards"),
        "Partitions": described.get("num_partitions"),
        "Aliases": ", ".join(described.get("aliases") or []),
    }
    return {name: str(value) for name, value in facts.items() if value not in (None, "")}

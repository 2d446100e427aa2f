"""Pure: what a store has answered, whichever it is: rows below the names of columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts.core.foreign.documents import Json

ONLY = "result"
"""The column of what has no name of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The rows of one answer, and what stands beside them."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Json, ...], ...] = ()
    rest: Mapping[str, Json] = field(default_factory=dict)
    """What the store has counted or changed, where the next page begins."""

    def document(self, service: str, limit: int | None, *, write: bool, seconds: float) -> Json:
        """Return what `schemas/console.schema.json` describes, of `limit` rows at most."""
        return {
            "service": service,
            "write": write,
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows[:limit]],
            "count": len(self.rows),
            "rest": dict(self.rest),
            "seconds": round(seconds, 3),
        }


def tabled(result: Json) -> Answer:
    """Return any JSON as rows: those of its one list of objects, or itself where it has none."""
    if not result and isinstance(result, (dict, list)):
        return Answer()
    if isinstance(result, dict):
        name, found = _list_of(result)
        if name:
            return tabled_rows(found, {k: v for k, v in result.items() if k != name})
        return tabled_rows([result], {})
    if isinstance(result, list):
        return tabled_rows(result, {})
    return Answer(columns=(ONLY,), rows=((result,),))


def tabled_rows(found: Sequence[Json], rest: Mapping[str, Json]) -> Answer:
    """Return objects as rows, each key a column; what is no object has a column alone."""
    if not all(isinstance(one, dict) for one in found):
        return Answer(columns=(ONLY,), rows=tuple((one,) for one in found), rest=rest)
    columns = tuple(dict.fromkeys(str(key) for one in found for key in one))
    rows = tuple(tuple(one.get(key) for key in columns) for one in found)
    return Answer(columns=columns, rows=rows, rest=rest)


def _list_of(result: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """Return the name and the value of the one list among plain values; an empty name for none."""
    parts = {name: value for name, value in result.items() if isinstance(value, (dict, list))}
    if len(parts) != 1:
        return "", []
    ((name, value),) = parts.items()
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return name, value
    return "", []

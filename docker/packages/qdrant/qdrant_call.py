"""One request, as those who answer it see it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import qdrant_edge as core
from qdrant_json import Body, Json, fields
from qdrant_storage import Collection, Storage


@dataclass(frozen=True, slots=True)
class Call:
    """The path's parts, whether to wait for the write, and the JSON body."""

    storage: Storage
    path: Mapping[str, str]
    wait: bool
    body: Json

    @property
    def collection(self) -> Collection:
        """The collection that the path names; 404 when there is none."""
        return self.storage.get(self.path["name"])

    def fields(self, *known: str) -> Body:
        """The body as an object that holds only `known` keys."""
        return fields(self.body, "the body", *known)

    def write(self, *operations: core.UpdateOperation) -> Body:
        """Apply the operations; all is on disk before the answer, whatever `wait` says."""
        number = self.collection.update(*operations)
        return {"operation_id": number, "status": "completed" if self.wait else "acknowledged"}


Handler = Callable[[Call], object]
Routes = Mapping[tuple[str, str], Handler]
"""Who answers which method and path."""

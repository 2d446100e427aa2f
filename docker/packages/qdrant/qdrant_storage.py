"""The collections under one storage folder: opened, made, deleted and written.

Layout: `collections/NAME` holds one shard of the storage core each, `partial` what is being made or
deleted (emptied at the next start, so that a kill leaves a whole collection or none), `.lock` keeps
a second process out. A collection that cannot be opened stays as it is, and keeps no other from it.

Nothing here locks between threads: the core keeps Python's interpreter lock for the whole of every
call (measured with 0.9.0), so threads would gain nothing, and the server has one.
"""

import fcntl
import itertools
import logging
import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import qdrant_edge as core
from qdrant_filter import Filters
from qdrant_json import RefusedError, unfit_name
from qdrant_vectors import Shape

log = logging.getLogger("qdrant")


class StorageError(Exception):
    """The storage folder cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Collection:
    """One open collection, and what vectors it has."""

    path: Path
    shard: core.EdgeShard
    shape: Shape
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @classmethod
    def load(cls, path: Path) -> "Collection":
        """Open what lies at `path`; the core replays its log, which takes milliseconds.

        Raises the core's bare Exception, OSError, ValueError or KeyError when it is damaged.
        """
        return cls(path, core.EdgeShard.load(str(path)), Shape.of(path))

    @property
    def filters(self) -> Filters:
        """What reads its filters, with the indexes that it has now."""
        schema = self.shard.info().payload_schema
        text = core.PayloadSchemaType.Text
        return Filters(frozenset(key for key, one in schema.items() if one.data_type == text))

    def update(self, *operations: core.UpdateOperation) -> int:
        """Apply them, put all on disk (5 ms at 10,000 points) and return their number."""
        try:
            for operation in operations:
                self.shard.update(operation)
        finally:
            if operations:
                self.shard.flush()
        return next(self._numbers)


@dataclass(frozen=True, slots=True)
class Storage:
    """An open storage folder, and the collections in it by name."""

    root: Path
    collections: dict[str, Collection]
    damaged: dict[str, str]
    """Why a collection cannot be opened."""
    _lock: IO[str]

    @classmethod
    def open(cls, root: Path) -> "Storage":
        """Take the folder and load every collection that can be opened.

        Raises StorageError when another process has it, and OSError when it cannot be written.
        """
        (root / "collections").mkdir(parents=True, exist_ok=True)
        lock = (root / ".lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StorageError(
                f"storage {root} is in use by another process: stop that one, "
                "or name another folder in QDRANT__STORAGE__STORAGE_PATH"
            ) from None
        shutil.rmtree(root / "partial", ignore_errors=True)
        (root / "partial").mkdir()
        storage = cls(root, {}, {}, lock)
        for path in sorted((root / "collections").iterdir()):
            storage._load(path)
        return storage

    def _load(self, path: Path) -> None:
        try:
            self.collections[path.name] = Collection.load(path)
        # The core raises nothing more exact, and its panics are no Exception.
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            self.damaged[path.name] = f"collection {path} cannot be opened: {error!r}"
            log.error("%s", self.damaged[path.name])  # noqa: TRY400 - a known cause

    def names(self) -> list[str]:
        """The names of all collections, also of those that cannot be opened."""
        return [*self.collections, *self.damaged]

    def get(self, name: str) -> Collection:
        """The collection `name`; 404 in Qdrant's words, or 500 when it cannot be opened."""
        if name in self.damaged:
            remedy = "Restore a snapshot, or delete this collection to go on without it"
            raise RefusedError(500, f"Service internal error: {self.damaged[name]}. {remedy}")
        try:
            return self.collections[name]
        except KeyError:
            raise RefusedError(404, f"Not found: Collection `{name}` doesn't exist!") from None

    def create(self, name: str, config: core.EdgeConfig) -> None:
        """Make an empty collection; 409 when there is one, 422 when the name is unfit."""
        if name in self.names():
            raise RefusedError(409, f"Wrong input: Collection `{name}` already exists!")
        if unfit_name(name):
            raise RefusedError(
                422, f"Validation error in path parameters: [name: {name!r} is unfit]"
            )
        partial = self.root / "partial" / uuid.uuid4().hex
        core.EdgeShard.create(str(partial), config).close()
        path = partial.rename(self.root / "collections" / name)
        self.collections[name] = Collection.load(path)

    def delete(self, name: str) -> bool:
        """Delete a collection, also one that cannot be opened; False when there is none."""
        if name not in self.names():
            return False
        collection = self.collections.pop(name, None)
        if collection is not None:
            collection.shard.close()
        path = self.root / "collections" / name
        shutil.rmtree(path.rename(self.root / "partial" / uuid.uuid4().hex))
        self.damaged.pop(name, None)
        return True

    def close(self) -> None:
        """Flush and close every collection, then let the folder go."""
        for collection in self.collections.values():
            collection.shard.flush()
            collection.shard.close()
        self._lock.close()

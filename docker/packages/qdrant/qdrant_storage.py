"""The collections under one storage folder: opened, made, deleted and written.

Layout: `collections/NAME` holds one shard of the storage core each, `partial` what is being made or
deleted (emptied at the next start, so that a kill leaves a whole collection or none), `.lock` keeps
a second process out.

Nothing here locks between threads: the core keeps Python's interpreter lock for the whole of every
call (measured with 0.9.0), so threads would gain nothing, and the server has one.
"""

import fcntl
import itertools
import json
import os
import re
import shutil
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import qdrant_edge as core
from qdrant_translate import RefusedError

# What Qdrant refuses in a name, and the two names that a folder cannot have.
UNFIT_NAME = re.compile(r'[<>:"/\\|?*\0\x1f]|^\.{0,2}$')
LONGEST_NAME = 255  # bytes, of a folder's name


class StorageError(Exception):
    """The storage folder cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Collection:
    """One open collection; its vectors have `size` numbers, compared by `distance`."""

    path: Path
    shard: core.EdgeShard
    size: int
    distance: str
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @classmethod
    def load(cls, path: Path) -> "Collection":
        """Open what lies at `path`; the core replays its log, which takes milliseconds.

        Raises the core's bare Exception, OSError, ValueError or KeyError when it is damaged.
        """
        shard = core.EdgeShard.load(str(path))
        params = json.loads((path / "edge_config.json").read_text())["vectors"][""]
        return cls(path, shard, params["size"], params["distance"])

    def update(self, operation: core.UpdateOperation) -> int:
        """Apply `operation`, put it on disk (5 ms at 10,000 points) and return its number."""
        self.shard.update(operation)
        self.shard.flush()
        return next(self._numbers)


@dataclass(frozen=True, slots=True)
class Storage:
    """An open storage folder, and the collections in it by name."""

    root: Path
    collections: dict[str, Collection]
    _lock: IO[str]

    @classmethod
    def open(cls, root: Path) -> "Storage":
        """Take the folder and load every collection.

        Raises StorageError when another process has it or a collection cannot be read, and OSError
        when the folder cannot be written.
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
        paths = sorted((root / "collections").iterdir())
        return cls(root, {path.name: _load_or_explain(path) for path in paths}, lock)

    def get(self, name: str) -> Collection:
        """The collection `name`, or 404 in Qdrant's words."""
        try:
            return self.collections[name]
        except KeyError:
            raise RefusedError(404, f"Not found: Collection `{name}` doesn't exist!") from None

    def create(self, name: str, params: core.EdgeVectorParams) -> None:
        """Make an empty collection; 409 when there is one, 422 when the name is unfit."""
        if name in self.collections:
            raise RefusedError(409, f"Wrong input: Collection `{name}` already exists!")
        if UNFIT_NAME.search(name) or len(os.fsencode(name)) > LONGEST_NAME:
            raise RefusedError(
                422, f"Validation error in path parameters: [name: {name!r} is unfit]"
            )
        partial = self.root / "partial" / uuid.uuid4().hex
        core.EdgeShard.create(str(partial), core.EdgeConfig(vectors=params)).close()
        path = partial.rename(self.root / "collections" / name)
        self.collections[name] = Collection.load(path)

    def delete(self, name: str) -> bool:
        """Delete a collection; False when there is none."""
        collection = self.collections.pop(name, None)
        if collection is None:
            return False
        collection.shard.close()
        shutil.rmtree(collection.path.rename(self.root / "partial" / uuid.uuid4().hex))
        return True

    def close(self) -> None:
        """Flush and close every collection, then let the folder go."""
        for collection in self.collections.values():
            collection.shard.flush()
            collection.shard.close()
        self._lock.close()


def _load_or_explain(path: Path) -> Collection:
    try:
        return Collection.load(path)
    except Exception as error:  # the core raises nothing more exact
        raise StorageError(
            f"collection {path} cannot be opened: {error!r}. Restore a snapshot, "
            "or move the folder away to start without it"
        ) from error

"""Pure: which memories are whole, and which lack the node or the vector.

MemOS keeps the text of a memory as a node in Neo4j and what a search compares as a vector in
Qdrant, both under one id (`add_node` in src/memos/graph_dbs/neo4j_community.py, 2.0.0 to 2.0.33).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from scripts.core.errors import ConfigError
from scripts.core.finding import Finding, advice
from scripts.core.texts import printable

UUID_BYTES = 16
COUNTED = ("nodes", "vectors", "nodes_without_vector", "vectors_without_node")
NAMED = 10
"""Cubes that a message names."""
MOST = 3
"""Cubes that the evidence of a finding names."""

Key = bytes | int | str
"""What makes two ids the same; a UUID is kept as its bytes, of which 100,000 are 5 MB."""


def key(number: object) -> Key:
    """Return the key of an id: Qdrant writes a UUID in one way, a node may have it in others."""
    if isinstance(number, int):
        return number
    text = str(number)
    try:
        found = bytes.fromhex(text.replace("-", ""))
    except ValueError:
        return text
    return found if len(found) == UUID_BYTES else text


def written(one: Key) -> int | str:
    """Return a key as Qdrant writes the id."""
    return str(UUID(bytes=one)) if isinstance(one, bytes) else one


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How many nodes of one cube have the same type and status."""

    cube: str
    type: str
    """MemOS' word: LongTermMemory, UserMemory, WorkingMemory, ..."""
    status: str
    """MemOS' word: activated, archived, resolving, deleted."""
    nodes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """Nodes of one kind, with their ids; one that others have made may be without."""

    kind: Kind
    ids: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    """A node without a vector: no search by meaning finds it."""

    cube: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loose:
    """A vector without a node: it takes the place of a memory in a search.

    Besides the vector it holds what the node held when it was written.
    """

    id: int | str
    cube: str
    type: str = ""
    status: str = ""
    created: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What was found in both databases at one moment."""

    kinds: tuple[Kind, ...] = ()
    paired: Mapping[str, int] = field(default_factory=dict)
    """How many vectors have a node, by cube."""
    nameless: Mapping[str, int] = field(default_factory=dict)
    """How many nodes have no id, and so no vector, by cube."""
    bare: tuple[Bare, ...] = ()
    loose: tuple[Loose, ...] = ()
    preferences: Mapping[str, int] | None = None
    """How many each cube has beside its memories; None where that is not known, or none can be."""

    @property
    def mendable(self) -> tuple[Bare, ...]:
        """The nodes for which a vector can be made: Qdrant takes no id but a UUID."""
        return tuple(one for one in self.bare if isinstance(key(one.id), bytes))

    @property
    def unmendable(self) -> int:
        """How many nodes lack a vector for good."""
        return sum(self.nameless.values()) + len(self.bare) - len(self.mendable)

    @property
    def cubes(self) -> tuple[str, ...]:
        """The names of all cubes, in order."""
        stored = {kind.cube for kind in self.kinds} | {one.cube for one in self.loose}
        return tuple(sorted(stored | set(self.preferences or ())))

    def only(self, name: str) -> "Store":
        """Return what is of this cube; ConfigError when there is none, with the nearest name."""
        names, known = [cube for cube in self.cubes if cube], self.preferences
        if name in names:
            return Store(
                kinds=tuple(one for one in self.kinds if one.cube == name),
                paired={name: self.paired.get(name, 0)},
                nameless={name: self.nameless.get(name, 0)},
                bare=tuple(one for one in self.bare if one.cube == name),
                loose=tuple(one for one in self.loose if one.cube == name),
                preferences=known and {name: known.get(name, 0)},
            )
        near = get_close_matches(name, names, n=1, cutoff=0.5)
        guess = f"; did you mean {printable(near[0])}?" if near else ""
        shown = ", ".join(map(printable, names[:NAMED]))
        more = f" and {len(names) - NAMED} more: inv memories" if len(names) > NAMED else ""
        raise ConfigError(
            f"there is no cube {printable(name)!r}{guess}",
            next_step=f"one of: {shown}{more}" if names else "inv memories: nothing is stored yet",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What a comparison of the ids in both databases gives; as in `Store`."""

    paired: Mapping[str, int]
    nameless: Mapping[str, int]
    bare: Sequence[Bare]
    loose: AbstractSet[Key]


def split(groups: Iterable[Nodes], vectors: AbstractSet[Key]) -> Split:
    """Compare the ids of nodes with those of vectors.

    A vector of two nodes is counted once: with the cube whose name comes first.
    """
    paired: Counter[str] = Counter()
    nameless: Counter[str] = Counter()
    bare, loose = [], set(vectors)
    for group in sorted(groups, key=lambda group: group.kind.cube):
        cube = group.kind.cube
        nameless[cube] += group.kind.nodes - len(group.ids)
        for number in group.ids:
            found = key(number)
            if found in loose:
                loose.remove(found)
                paired[cube] += 1
            elif found not in vectors:
                bare.append(Bare(cube=cube, id=number))
    return Split(paired=paired, nameless=nameless, bare=bare, loose=loose)


def counts(ones: Iterable[Bare | Loose]) -> dict[str, int]:
    """Return how many of these each cube has, most first."""
    found = Counter(one.cube for one in ones)
    return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))


def findings(store: Store) -> Iterator[Finding]:
    """Yield what lacks its other half, as advice."""
    if store.loose:
        cause = (
            f"{len(store.loose):,} vectors in Qdrant have no memory in Neo4j: they take the places"
            " of memories in a search"
        )
        step = "inv memories --repair removes them, after a snapshot"
        if lost := lost_cubes(store):
            step = (
                f"if Neo4j lost what was in {_named(lost)}: inv snapshot.restore, as these vectors"
                f" alone hold its texts; else {step}"
            )
        yield advice("vectors-orphaned", cause, step, evidence=where(store.loose))
    if mendable := store.mendable:
        cause = (
            f"{len(mendable):,} memories in Neo4j have no vector in Qdrant: no search finds them"
        )
        step = "inv memories --repair has the embedding model make them, after a snapshot"
        yield advice("memories-orphaned", cause, step, evidence=where(mendable))
    if store.unmendable:
        cause = (
            f"{store.unmendable:,} memories in Neo4j have no UUID as their id, and so no vector in"
            " Qdrant: no search finds them"
        )
        step = "whoever wrote them into Neo4j can add their texts over the API: POST /product/add"
        yield advice("memories-foreign", cause, step)


def lost_cubes(store: Store) -> tuple[str, ...]:
    """Return the cubes that have vectors, and not one node any more."""
    alive = {kind.cube for kind in store.kinds}
    return tuple(cube for cube in counts(store.loose) if cube not in alive)


def _named(cubes: Sequence[str]) -> str:
    names = [printable(cube) or "(no cube)" for cube in cubes[:MOST]]
    more = [f"{len(cubes) - MOST} cubes more"] if len(cubes) > MOST else []
    return ", ".join([*names, *more])


def where(ones: Sequence[Bare | Loose]) -> str:
    """Name the cubes that most of these are in."""
    found = list(counts(ones).items())
    most = [f"{printable(cube) or '(no cube)'}: {count:,}" for cube, count in found[:MOST]]
    more = [f"{len(found) - MOST} cubes more"] if len(found) > MOST else []
    return ", ".join([*most, *more])


def document(project: str, store: Store) -> dict[str, Any]:
    """Return what `inv memories --format json` prints (schemas/memories.schema.json)."""
    bare, loose, known = counts(store.bare), counts(store.loose), store.preferences
    kinds: dict[str, list[Kind]] = {cube: [] for cube in store.cubes}
    for kind in store.kinds:
        kinds[kind.cube].append(kind)
    rows = [
        {
            "cube": cube,
            "nodes": sum(kind.nodes for kind in found),
            "vectors": store.paired.get(cube, 0) + loose.get(cube, 0),
            "nodes_without_vector": store.nameless.get(cube, 0) + bare.get(cube, 0),
            "vectors_without_node": loose.get(cube, 0),
            "preferences": None if known is None else known.get(cube, 0),
            "kinds": [
                {"type": kind.type, "status": kind.status, "nodes": kind.nodes}
                for kind in sorted(found, key=lambda kind: (kind.type, kind.status))
            ],
        }
        for cube, found in kinds.items()
    ]
    return {
        "project": project,
        **{name: sum(row[name] for row in rows) for name in COUNTED},
        "preferences": None if known is None else sum(known.values()),
        "cubes": rows,
    }

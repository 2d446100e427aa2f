"""What is read from points: by id, page by page, counted, and found by a query."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import qdrant_edge as core
from qdrant_call import Call, Routes
from qdrant_groups import GROUPED, groups, matrix_offsets, matrix_pairs
from qdrant_json import (
    Answer,
    Body,
    RefusedError,
    fields,
    id_json,
    items,
    payload_selector,
    point_id,
    point_ids,
    required,
    text,
    whole,
    wrong,
)
from qdrant_query import ASKED, discover, found, order_by, recommend, search
from qdrant_vectors import point_json, selector

OLD = ("filter", "limit", "offset", "with_payload", "with_vector", "score_threshold", "params")
OLD_EXAMPLES = (*OLD, "using", "lookup_from")


def retrieve(call: Call) -> object:
    """Points by id, in the order asked for; missing ones are left out."""
    body = call.fields("ids", "with_payload", "with_vector")
    records = call.collection.shard.retrieve(
        point_ids(required(body, "ids")),
        payload_selector(body.get("with_payload"), default=True),
        selector(body.get("with_vector")),
    )
    return [point_json(record) for record in records]


def retrieve_one(call: Call) -> object:
    """One point by its id, with all that it has; 404 when it is not there."""
    given = call.path["id"]
    one = point_id(int(given) if given.isdecimal() and given.isascii() else given)
    records = call.collection.shard.retrieve([one], with_payload=True, with_vector=True)
    if not records:
        raise RefusedError(404, f"Not found: Point with id {given} does not exists!")
    return point_json(records[0])


def scroll(call: Call) -> object:
    """A page of points by id or by a payload field, and where the next page starts."""
    body = call.fields("offset", "limit", "filter", "with_payload", "with_vector", "order_by")
    offset, order = body.get("offset"), body.get("order_by")
    if offset is not None and order is not None:
        raise wrong("Cannot use an `offset` when using `order_by`")
    asked = core.ScrollRequest(
        offset=None if offset is None else point_id(offset),
        limit=whole(body, "limit", 10, 1),
        filter=call.collection.filters.read(body.get("filter")),
        with_payload=payload_selector(body.get("with_payload"), default=True),
        with_vector=selector(body.get("with_vector")),
        order_by=None if order is None else order_by(order),
    )
    records, following = call.collection.shard.scroll(asked)
    return {
        "points": [point_json(record) for record in records],
        "next_page_offset": id_json(following),
    }


def count(call: Call) -> object:
    """How many points fit a filter; always exact."""
    chosen = call.collection.filters.read(call.fields("filter", "exact").get("filter"))
    return {"count": call.collection.shard.count(core.CountRequest(exact=True, filter=chosen))}


def facet(call: Call) -> object:
    """The values of an indexed field, and how many points have each; always exact."""
    body = call.fields("key", "limit", "filter", "exact")
    asked = core.FacetRequest(
        text(body, "key"),
        limit=whole(body, "limit", 10, 1),
        exact=True,
        filter=call.collection.filters.read(body.get("filter")),
    )
    hits = call.collection.shard.facet(asked).hits
    return {"hits": [{"value": hit.value, "count": hit.count} for hit in hits]}


@dataclass(frozen=True, slots=True)
class _Form:
    """A way to ask for points: what a body may hold, and how it is put as a query of today."""

    known: tuple[str, ...]
    renewed: Callable[[Body], Body]
    answer: Callable[[list[Answer]], object] = list

    def asked(self, call: Call, body: object) -> object:
        query = self.renewed(fields(body, "the body", *self.known))
        return self.answer(found(call.storage, call.collection, query))

    def one(self, call: Call) -> object:
        return self.asked(call, call.body)

    def batch(self, call: Call) -> object:
        asked = items(required(call.fields("searches"), "searches"), "searches")
        return [self.asked(call, one) for one in asked]

    def grouped(self, call: Call) -> object:
        asked = self.renewed(call.fields(*self.known, *GROUPED))
        return {"groups": groups(call.storage, call.collection, asked)}


FORMS: Mapping[str, _Form] = {
    "query": _Form(ASKED, dict, lambda points: {"points": points}),
    "search": _Form(("vector", *OLD), search),
    "recommend": _Form(("positive", "negative", "strategy", *OLD_EXAMPLES), recommend),
    "discover": _Form(("target", "context", *OLD_EXAMPLES), discover),
}


POINTS = "/collections/{name}/points"
ROUTES: Routes = {
    ("POST", POINTS): retrieve,
    ("GET", f"{POINTS}/{{id}}"): retrieve_one,
    ("POST", f"{POINTS}/scroll"): scroll,
    ("POST", f"{POINTS}/count"): count,
    ("POST", "/collections/{name}/facet"): facet,
    ("POST", f"{POINTS}/search/matrix/pairs"): matrix_pairs,
    ("POST", f"{POINTS}/search/matrix/offsets"): matrix_offsets,
    **{("POST", f"{POINTS}/{kind}"): form.one for kind, form in FORMS.items()},
    **{("POST", f"{POINTS}/{kind}/batch"): form.batch for kind, form in FORMS.items()},
    **{
        ("POST", f"{POINTS}/{kind}/groups"): FORMS[kind].grouped
        for kind in ("query", "search", "recommend")
    },
}

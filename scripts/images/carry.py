"""Carries images from one engine to another: only what that lacks, and no file is made of it."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from scripts.core.errors import RefusedError
from scripts.core.progress import Step, counted, meter
from scripts.engine.api import Api, shaped
from scripts.images.bundle.unpacking import refusals
from scripts.images.layers import Chain, there_already, without

NEWEST = 32
"""So many of the other images that an engine has are asked for their layers."""
BESIDE = 8
"""Questions at once: an answer from elsewhere is mostly waiting."""

Identity = tuple[str, tuple[str, ...]]
"""When an image was made, and its layers: its id is another one in a containerd image store."""


@shaped("an image")
def identities(api: Api, names: Iterable[str]) -> dict[str, tuple[Identity, int]]:
    """Return those of these images that an engine has, each with its bytes."""
    named = tuple(names)
    with ThreadPoolExecutor(max_workers=BESIDE) as pool:
        answers = pool.map(lambda name: api.get(f"/images/{name}/json"), named)
        found = dict(zip(named, answers, strict=True))
    return {
        name: (
            (str(image["Created"]), tuple(map(str, image["RootFS"]["Layers"]))),
            int(image.get("Size", 0)),
        )
        for name, image in found.items()
        if image is not None
    }


def lacking(
    here: Mapping[str, tuple[Identity, int]], there: Mapping[str, tuple[Identity, int]]
) -> tuple[str, ...]:
    """Return the images of this engine that the other one has not, or has as another one."""
    return tuple(name for name, one in here.items() if there.get(name, (None,))[0] != one[0])


@shaped("what an engine has")
def _foundations(api: Api, names: Iterable[str]) -> Iterator[Chain]:
    """Yield the layers of images that an engine has, as far as it finds them for itself.

    One that keeps images as containerd does wants every layer again.
    """
    status = dict((api.get("/info") or {}).get("DriverStatus") or ())
    if "containerd" not in str(status.get("driver-type", "")):
        rows = (api.get("/images/json") or ())[:NEWEST]
        every = identities(api, {*names, *(str(row["Id"]) for row in rows)})
        yield from (layers for (_, layers), _ in every.values())


def carry(source: Api, target: Api, names: Iterable[str], step: Step, what: str) -> tuple[str, ...]:
    """Bring the images to `target` that it lacks, and return their names.

    They go in one stream, so that a layer of several goes once, and without the layers that it has;
    it takes all of them or, where the stream breaks, none. `what` is whom the steps are about.
    Raises RefusedError when it does not take them, EngineError when either makes no progress.
    """
    wanted = tuple(dict.fromkeys(names))
    here = identities(source, wanted)
    missing = lacking(here, identities(target, wanted))
    if not missing:
        return ()
    total = sum(here[name][1] for name in missing)
    archive = source.stream("/images/get", endless=True, names=missing)
    chains = [here[name][0][1] for name in missing]
    pieces = without(archive, there_already(chains, _foundations(target, wanted)))
    sent = counted(pieces, meter(partial(step, what), "carried", total))
    answer = b"".join(target.send("/images/load", sent, None, quiet=True))
    if errors := refusals(answer):
        raise RefusedError(
            f"the engine of {what} did not take the images: {errors[0]}",
            next_step="is its disk full? Then the same again",
        )
    return missing

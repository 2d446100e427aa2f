"""Carries images from one engine to another: only what that lacks, and no file is made of it."""

from collections.abc import Iterable, Mapping
from functools import partial

from scripts.core.errors import RefusedError
from scripts.core.progress import Step, counted, meter
from scripts.engine.api import Api, shaped
from scripts.images.bundle.unpacking import refusals

Identity = tuple[str, tuple[str, ...]]
"""When an image was made, and its layers: its id is another one in a containerd image store."""


@shaped("an image")
def identities(api: Api, names: Iterable[str]) -> dict[str, tuple[Identity, int]]:
    """Return those of these images that an engine has, each with its bytes."""
    found = {name: api.get(f"/images/{name}/json") for name in names}
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


def carry(source: Api, target: Api, names: Iterable[str], step: Step, what: str) -> tuple[str, ...]:
    """Bring the images to `target` that it lacks, and return their names.

    They go in one stream, so that a layer of several goes once; `what` is whom the steps are about.
    Raises RefusedError when it does not take them, EngineError when either makes no progress.
    """
    wanted = tuple(dict.fromkeys(names))
    here = identities(source, wanted)
    missing = lacking(here, identities(target, wanted))
    if not missing:
        return ()
    total = sum(here[name][1] for name in missing)
    pieces = source.stream("/images/get", names=missing)
    sent = counted(pieces, meter(partial(step, what), "carried", total))
    answer = b"".join(target.send("/images/load", sent, None, quiet=True))
    if errors := refusals(answer):
        raise RefusedError(
            f"the engine of {what} did not take the images: {errors[0]}",
            next_step="is its disk full? Then the same again",
        )
    return missing

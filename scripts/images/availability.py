"""Asks for images: which are there, what they contain, and whether registries have the others.

`status` and `unreachable` ask; what stands below them decides by values.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from scripts.core.errors import ConfigError, EngineError, RefusedError
from scripts.core.files import Json
from scripts.core.inventory import PACKAGES_LABEL, VERSION_LABEL, ImageStatus
from scripts.core.stack import Service
from scripts.engine.api import Api, shaped
from scripts.images.recipes import RECIPE_LABEL, recipe

CONTAINS_LABEL = "dev.memos.contains"
ELSEWHERE = "elsewhere"
"""What the image of a service contains that runs elsewhere: it has none."""
DESCRIPTION_LABEL = "org.opencontainers.image.description"
REGISTRY_PATIENCE = 6.0
"""Seconds for a registry to answer."""


def status(api: Api, service: Service) -> ImageStatus:
    """Ask the engine for a service's image."""
    return statuses(api, [service])[0]


def statuses(api: Api, services: Iterable[Service]) -> list[ImageStatus]:
    """Ask the engine for the images of services."""
    wanted = tuple(services)
    here = [one for one in wanted if not one.elsewhere]
    found = api.each(f"/images/{one.image}/json" for one in here)
    known = {one.name: _status(one, image) for one, image in zip(here, found, strict=True)}
    return [known.get(one.name) or _none(one) for one in wanted]


def _none(service: Service) -> ImageStatus:
    return ImageStatus(service=service.name, image="", present=True, contains=ELSEWHERE)


@shaped("an image")
def _status(service: Service, image: Json) -> ImageStatus:
    build = service.build
    absent = ImageStatus(
        service=service.name, image=service.image, present=False, built_here=build is not None
    )
    if image is None:
        return absent
    labels = image_labels(image)
    return replace(
        absent,
        present=True,
        contains=str(labels.get(CONTAINS_LABEL, "official")),
        version=str(labels.get(VERSION_LABEL, "")),
        description=str(labels.get(DESCRIPTION_LABEL, "")),
        size=int(image.get("Size", 0)),
        stale=build is not None and labels.get(RECIPE_LABEL) != recipe(build),
        architecture=str(image.get("Architecture", "")),
        id=str(image.get("Id", "")),
        packages=tuple(labels.get(PACKAGES_LABEL, "").split()),
    )


def require_architecture(images: Iterable[ImageStatus], api: Api) -> None:
    """Raise ConfigError where an engine is for another processor than one of these images."""
    theirs = str((api.get("/version") or {}).get("Arch", ""))
    wrong = next((one for one in images if theirs not in {"", one.architecture}), None)
    if wrong is not None:
        raise ConfigError(
            f"the engine is for {theirs}, and {wrong.image} is for {wrong.architecture}",
            next_step="IMAGE_SOURCE=registry in .env: official images are pulled, the API is built",
        )


def image_labels(image: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the labels of an image that the engine describes."""
    return (image.get("Config") or {}).get("Labels") or {}


def unreachable(api: Api, images: Sequence[str]) -> dict[str, str]:
    """Ask the registry behind each image for it, through the engine, and give those that fail.

    One image a registry is enough; the value says why. Waits a few seconds at most.
    """
    firsts = {_registry(image): image for image in reversed(images)}
    patient = api.within(REGISTRY_PATIENCE)

    def ask(image: str) -> str:
        try:
            answer = patient.get(f"/distribution/{image}/json")
        except EngineError:  # it waits for the registry
            return f"no answer within {REGISTRY_PATIENCE:.0f} s"
        except RefusedError as error:
            return str(error)
        return "" if answer else "it does not know the image"

    with ThreadPoolExecutor(max_workers=len(firsts) or 1) as pool:
        answers = dict(zip(firsts, pool.map(ask, firsts.values()), strict=True))
    return {registry: reason for registry, reason in answers.items() if reason}


@shaped("the layers of an image")
def unpacked(api: Api, names: Iterable[str]) -> int:
    """Return the bytes of these images' layers, those that several share counted once.

    A layer is known by all steps up to it: the engine gives sizes by step, and no layer's id.
    """
    layers: dict[tuple[object, ...], int] = {}
    for name in names:
        steps: tuple[object, ...] = ()
        for one in reversed(api.get(f"/images/{name}/history") or ()):
            steps = (steps, one["Created"], one["CreatedBy"])
            layers[steps] = int(one["Size"])
    return sum(layers.values())


def needed(
    statuses: Sequence[ImageStatus], *, rebuild: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the services whose image is to be built, and those whose image is to be pulled."""
    absent = [one for one in statuses if not one.present or (one.built_here and one.stale)]
    to_build = [one for one in statuses if one.built_here and (one in absent or rebuild)]
    to_pull = [one for one in absent if not one.built_here]
    return tuple(one.service for one in to_build), tuple(one.service for one in to_pull)


def _registry(image: str) -> str:
    """Return the host in an image's name, going by the rule that Docker has for it."""
    first, slash, _ = image.partition("/")
    named = slash and (first == "localhost" or "." in first or ":" in first)
    return first if named else "docker.io"

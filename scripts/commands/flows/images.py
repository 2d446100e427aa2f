"""What is done to the images alone: built, pulled, packed into a bundle, brought out of one."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scripts.config import selection, workspace
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError, EngineError
from scripts.core.files import held
from scripts.engine import discovery
from scripts.engine.api import Api
from scripts.images import availability, supply
from scripts.images.bundle import bundle_file, packing, unpacking
from scripts.images.jobs import Jobs
from scripts.start import prepare
from scripts.tell.report import Report


def build(checkout: Checkout, services: Sequence[str], tell: Report) -> None:
    """Build the images of these services that are built here; quick where nothing changed."""
    with Jobs(tell.step, tell.state) as jobs:
        space = prepare.for_builds(checkout, jobs)
        named = map(space.stack.service, selection.here(space.stack, services))
        chosen = [service for service in named if service.build is not None]
        if not chosen:
            tell.say(
                f"nothing to build: with IMAGE_SOURCE={space.image_source} use inv images.pull"
            )
        supply.build(space, chosen, jobs, tell)


def pull(checkout: Checkout, services: Sequence[str], tell: Report) -> None:
    """Pull the official images of these services."""
    with Jobs(tell.step, tell.state) as jobs:
        space = prepare.for_builds(checkout, jobs, builds=False)
        named = map(space.stack.service, selection.here(space.stack, services))
        chosen = [service for service in named if service.build is None]
        if not chosen:
            tell.say(
                f"nothing to pull: with IMAGE_SOURCE={space.image_source} use inv images.build"
            )
        supply.pull(space, chosen, jobs, tell)


def send(checkout: Checkout, services: Sequence[str], tell: Report) -> None:
    """Carry the images of these services from an engine of this machine to the remote one.

    Raises ConfigError where the engine in use is no remote one, or is for another processor,
    EngineError where none runs here.
    """
    from scripts.images import carry

    space = prepare.prepared(checkout)
    if not space.engine.remote:
        raise ConfigError(
            "the engine in use is the one of this machine: there is nowhere to send images to",
            next_step="REMOTE=user@host in .env, then: inv images.send",
        )
    running = discovery.here(checkout.root, checkout.environ, checkout.runner)
    if running is None:
        raise EngineError(
            "no engine runs on this machine, whose images could be sent",
            next_step="inv up, which has them made there; or: inv images.load FILE",
        )
    here, chosen = Api.of(running), selection.services(space.stack, services)
    named = [*map(space.stack.service, chosen)]
    usable = [
        one
        for one in (availability.status(here, service) for service in named)
        if one.present and not one.stale
    ]
    far = Api.of(space.engine)  # of a Swarm the manager, which is what they are sent to
    availability.require_architecture(usable, far)
    with held(space.shared_cache, "images.send"), tell.board([space.engine.remote]):
        names = [one.image for one in usable]
        sent = carry.carry(here, far, names, tell.step, space.engine.remote)
    tell.say(f"sent: {', '.join(sent) or 'none, all that is here is there'}")
    there = [availability.status(far, service) for service in named]
    tell.images(there)
    if lacking := [name for names in availability.needed(there, rebuild=False) for name in names]:
        tell.say(f"neither here nor there as wanted: {', '.join(lacking)}; inv up has them made")


def save(
    checkout: Checkout, target: Path, tell: Report, *, pythons: Sequence[str], engine: bool
) -> None:
    """Pack wheels, engine and images into a bundle, a file that is not there yet."""
    packing.require_new(target)
    space = workspace.look(checkout)
    with held(space.shared_cache, "images.save"), tell.board(packing.STEPS):
        begun = packing.Packing(
            space=space, engine=engine, pythons=pythons, runner=checkout.runner, step=tell.step
        )
        made = packing.save(begun, target)
    tell.bundle(target, made)


def load(checkout: Checkout, source: Path, tell: Report) -> None:
    """Bring the images of a bundle to the engine, after checking every byte."""
    bundle = bundle_file.read(source)
    named = {**checkout.environ, bundle_file.VARIABLE: str(source)}
    space = prepare.prepared(replace(checkout, environ=named))
    supply.load(bundle, space, tell)
    wanted = map(space.stack.service, space.stack.here(space.stack.wanted()))
    statuses = availability.statuses(space.api, wanted)
    unpacking.require_all(bundle, statuses)
    tell.images(statuses)

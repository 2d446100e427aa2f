"""Tasks that have, build and pull images."""

from scripts.commands import flags
from scripts.commands.command import checkout, command, look, report


@command("status")
def images_status() -> None:
    """Show which images the stack wants, which are here, and what they contain."""
    from scripts.config import workspace
    from scripts.images import availability

    tell = report()
    space = look(tell)
    names = space.stack.here(workspace.present(space, ()))
    tell.images(availability.statuses(space.api, map(space.stack.service, names)))


@command("build")
def images_build(*, service: list[str]) -> None:
    """Build the images that are built here; quick where nothing changed."""
    from scripts.commands.flows import images

    tell = report()
    images.build(checkout(tell), service, tell)


@command("pull")
def images_pull(*, service: list[str]) -> None:
    """Pull the official images, through IMAGE_REGISTRY when it is set."""
    from scripts.commands.flows import images

    tell = report()
    images.pull(checkout(tell), service, tell)


@command("send")
def images_send(*, service: list[str]) -> None:
    """Carry the images of the engine here to the remote one; layers that are there stay."""
    from scripts.commands.flows import images

    tell = report()
    images.send(checkout(tell), service, tell)


@command(
    "save",
    file="the bundle to make, such as memos-dev.tar",
    python="wheels for this version too, such as 3.13; may be repeated",
    engine="with the private engine's packages, also when another engine is used",
)
def images_save(file: str, *, python: list[str], engine: bool = False) -> None:
    """Make a bundle of wheels, engine and images, for a machine without any network."""
    from scripts.commands.flows import images
    from scripts.core import files

    tell, target = report(), files.expanded(file).absolute()
    pythons = flags.pythons(python)
    images.save(checkout(tell), target, tell, pythons=pythons, engine=engine)


@command("load", file="a bundle, as images.save makes it")
def images_load(file: str) -> None:
    """Bring the images of a bundle to the engine, after checking every byte."""
    from scripts.commands.flows import images
    from scripts.core import files

    tell, source = report(), files.expanded(file).absolute()
    images.load(checkout(tell), source, tell)

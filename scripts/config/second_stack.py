"""The settings of a second stack beside the present one: other ports, other names, else the same.

All is pure but `create` and `write`.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from scripts.config.env_text import text_of
from scripts.config.settings import HOST_ENDING, Settings, changed_text, load
from scripts.config.workspace import read_settings
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError
from scripts.core.stack import LAST_PORT, REFUSED_BY_BROWSERS, Port
from scripts.machine.ports import processes

STEP = 100
"""Between the offsets that are tried for a suggestion."""
Holders = Mapping[int, tuple[str, str]]
"""Ports that are taken now, each with its variable and who holds it."""
PORT = re.compile(r"[0-9]{1,5}")
_NUMBERED = re.compile(r"(.*)-([0-9]+)\Z")


def create(checkout: Checkout, offset: int, file: Path) -> tuple[Mapping[str, str], Sequence[str]]:
    """Make the settings file of a second stack whose ports are `offset` from these.

    Returns the variables that differ, and those that the environment would overrule. Raises
    ConfigError for ports that are taken and for a file that is there.
    """
    # all else that the environment says holds for both stacks, and does not belong into a file
    own = {name: value for name, value in checkout.environ.items() if name == "ENV_FILE"}
    present = read_settings(replace(checkout, environ=own))
    address = present.get("BIND_ADDRESS")
    pairs = (
        (name, Port(host=address, published=port, target=0))
        for name, port in ports(present, offset).items()
        if port <= LAST_PORT
    )
    named = other_files(checkout.root, present.file)
    require(present, offset, {**named, **processes(pairs)})
    changed = changes(present, offset)
    write(file, changed_text(text_of(present.file), changed))
    if present.elsewhere:
        names = ", ".join(present.elsewhere)
        checkout.say(f"both stacks will have the same {names}, elsewhere, and so the same memories")
    return changed, [name for name in changed if name in checkout.environ]


def other_files(root: Path, own: Path) -> Holders:
    """Return the ports that the other settings files of a checkout name, which may not run now."""
    found: dict[int, tuple[str, str]] = {}
    every = {*root.glob(".env*"), *root.glob("*.env")} - {own, root / ".env.example"}
    for file in sorted(file for file in every if file.suffix != HOST_ENDING):
        with suppress(ConfigError, OSError):  # what cannot be read starts nothing
            other = load(root, {"ENV_FILE": str(file)}, strict=False)
            for name in other.port_names():
                if PORT.fullmatch(value := other.get(name)):
                    found[int(value)] = (name, f"{name} of {file.name}")
    return found


def changes(settings: Settings, offset: int) -> dict[str, str]:
    """Return the variables that differ in a second stack, with their values there.

    The offset is part of its name, so that a third one made of it has a name of its own too.
    """
    base, number = settings.get("COMPOSE_PROJECT_NAME"), offset
    if named := _NUMBERED.match(base):
        base, number = named[1], int(named[2]) + offset
    project = f"{base}-{number}"
    changed = {name: str(port) for name, port in ports(settings, offset).items()}
    changed |= {"COMPOSE_PROJECT_NAME": project, "CONTAINER_PREFIX": f"{project}-"}
    if settings.memos_src:  # a relative one is seen from the file, which may lie elsewhere
        changed["MEMOS_SRC"] = str(settings.memos_src)
    return changed


def ports(settings: Settings, offset: int) -> dict[str, int]:
    """Return every port variable with its value in the second stack."""
    return {name: port + offset for port, name in settings.port_variables().items()}


def require(settings: Settings, offset: int, holders: Holders) -> None:
    """Raise ConfigError with every port that the second stack could not have."""
    problems = list(_problems(settings, offset, holders))
    if problems:
        others = range(STEP, LAST_PORT, STEP)
        fits = (one for one in others if one != offset and not [*_problems(settings, one, holders)])
        raise ConfigError(
            "\n".join((f"--offset {offset} does not fit:", *problems)),
            next_step=f"another --offset, such as {next(fits, 'a smaller one')}",
        )


def _problems(settings: Settings, offset: int, holders: Holders) -> Iterator[str]:
    present = settings.port_variables()
    for name, port in ports(settings, offset).items():
        if port > LAST_PORT:
            yield f"  {name} would be {port}, and {LAST_PORT} is the last port"
        elif port in present:
            yield f"  {name} would be {port}, which is {present[port]} of the present stack"
        elif port in holders:
            yield f"  {name} would be {port}, which is taken by {holders[port][1]}"
        elif port in REFUSED_BY_BROWSERS:
            yield f"  {name} would be {port}, which browsers refuse to open"


def write(file: Path, text: str) -> None:
    """Make a file that only its owner may read; ConfigError where there is one already."""
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(
            f"there is a file {file} already, and it is not overwritten",
            next_step="another name after --write, or remove that file",
        ) from None
    with os.fdopen(number, "w", encoding="utf-8") as opened:
        opened.write(text)

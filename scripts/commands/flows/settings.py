"""What is set, where it is set, and what the containers that run were given of it."""

from collections.abc import Mapping

from scripts.config import resolving, settings, workspace
from scripts.config.settings import Settings
from scripts.core.checkout import Checkout
from scripts.core.errors import StackError
from scripts.core.texts import is_secret, short
from scripts.engine import containers
from scripts.tell.report import Report

COLUMNS = ("variable", "value", "from", "in the containers")
SAME, OTHER = "the same", "≠"
"""What a container was given, beside what it would be given now."""
Facts = Mapping[str, Mapping[str, str]]
"""Of each service, by the key of the compose file, such as `environment.NEO4J_AUTH`."""


def show(checkout: Checkout, tell: Report) -> None:
    """Tell every variable; what the containers were given, where an engine and a stack are."""
    present = workspace.shown_settings(checkout)
    given = _given(checkout, present, tell)
    tell.table(COLUMNS, ((*row, given.get(row[0], "")) for row in settings.rows(present)))


def _given(checkout: Checkout, present: Settings, tell: Report) -> dict[str, str]:
    """Return what to say of each variable that reaches a container that runs."""
    try:
        space = workspace.resolved(
            checkout, present, workspace.required_engine(checkout, present), present.source
        )
        running = containers.given(space.api, space.stack.project)
    except StackError as error:
        tell.say(f"no container was asked: {str(error).splitlines()[0]}")
        return {}
    now = resolving.facts(space.resolved)
    told: dict[str, str] = {}
    for name, places in resolving.places(space.compose.files, now).items():
        found = [_compared(name, place, now, running) for place in places if place[0] in running]
        differs = [one for one in found if one != SAME]
        if found:
            told[name] = f"{OTHER} {'; '.join(dict.fromkeys(differs))}" if differs else SAME
    return told


def _compared(name: str, place: tuple[str, str], now: Facts, running: Facts) -> str:
    """Return how the container differs at a place from what it would be given now."""
    service, key = place
    had = running[service].get(key, "")
    if had == now[service][key]:
        return SAME
    # another key's value may hold the variable's among others
    shown = short(had) if not is_secret(name) and not is_secret(key.rpartition(".")[2]) else ""
    return f"{service} has {shown or 'another'}"

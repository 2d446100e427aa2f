"""All that is known of a stack at one moment, to hand over; what cannot be asked is said."""

import platform
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from scripts.config import settings as env_file
from scripts.config import workspace
from scripts.config.rules import env as settings_rules
from scripts.config.settings import Settings
from scripts.core.checkout import Checkout
from scripts.core.errors import EngineError, RefusedError, unexpected
from scripts.core.files import Json
from scripts.core.texts import short
from scripts.core.units import SECOND, written
from scripts.doctor import areas, ask, ask_settings
from scripts.doctor.facts import Facts
from scripts.engine import containers
from scripts.engine.api import Api
from scripts.live import masks
from scripts.live.history import History
from scripts.live.masks import Mask
from scripts.machine.system import this_system
from scripts.start.history import ready_moments, runs, timeline
from scripts.watch import on_host, status
from scripts.watch.inside import Wanted
from scripts.watch.logs import LogReader
from scripts.watch.memories import halves

FORMAT = 1
LINES = 200
"""Of each service's log, from the end."""
LONGEST = 4000
"""Characters of a line."""
STARTS = 5
PATIENCE = 10.0
"""Seconds for git to say what it knows."""


def document(checkout: Checkout) -> Json:
    """Return what `inv report` writes, without secrets; schemas/report.schema.json explains it.

    Raises ConfigError for a checkout without `.env.example`.
    """
    settings, _ = ask_settings.ask(checkout.root, checkout.environ)
    project = settings_rules.sound(settings)[0].get("COMPOSE_PROJECT_NAME")
    facts = ask.ask(checkout)
    project = facts.stack.project if facts.stack else project
    cache = workspace.cache(checkout.root, project)
    unknown, logs = dict(facts.unknown), list[Json]()
    try:
        logs = _logs(facts, project, cache)
    except Exception as error:  # noqa: BLE001 - all the rest is reported
        unknown["logs"] = str(unexpected(error))
    found = {
        "report": FORMAT,
        "at": written(time.time()),
        "project": project,
        "checkout": str(checkout.root),
        "versions": dict(_versions(checkout, facts)),
        "services": _services(facts, settings, cache),
        "checkup": areas.document(facts),
        "starts": [timeline.document(run) for run in runs.read(cache)[:STARTS]],
        "memories": facts.memories and halves.document(project, facts.memories),
        "past": History(cache, writes=False).past(),
        "settings": [
            {"variable": name, "value": value, "origin": origin}
            for name, value, origin in env_file.rows(settings)
        ],
        "logs": logs,
        "unknown": unknown,
    }
    engine = facts.engine.usable
    given = masks.given(Api.of(engine), project) if engine is not None else ()
    mask = Mask(settings, given, facts.stack.names() if facts.stack else ())
    masked = mask.document(found)
    for log in masked["logs"]:  # not before: of half a secret nobody would know that it is one
        for line in log["lines"]:
            line["text"] = short(line["text"], LONGEST)
    return masked


def _services(facts: Facts, settings: Settings, cache: Path) -> list[Json]:
    """Return the rows of `inv ps`; none where the engine did not say."""
    if facts.stack is None or facts.look is None or facts.images is None:
        return []
    look = ready_moments.added(cache, facts.look)
    about = {"image_source": facts.image_source, "memos": settings.memos.described}
    rows: list[Json] = status.document(facts.stack, look, facts.images, about)["services"]
    return rows


def _logs(facts: Facts, project: str, cache: Path) -> list[Json]:
    """Return the last lines of each container of the project; errors as `LogReader.lines`."""
    engine = facts.engine.usable
    if engine is None:
        raise EngineError("no engine to ask", next_step="inv up")
    api = Api.of(engine)
    names = sorted(
        {one.service for one in on_host.seen(cache, containers.containers(api, project))}
    )
    found: dict[str, list[Json]] = {name: [] for name in names}
    with closing(LogReader(api, project, names, Wanted(tail=LINES), cache=cache)) as reader:
        for one in reader.lines():
            level = "mark" if one.mark else one.level
            line = {"at": written(one.at / SECOND), "level": level, "text": one.text}
            found[one.service].append(line)
    return [{"service": name, "lines": lines} for name, lines in found.items()]


def _versions(checkout: Checkout, facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield what runs here, by the names that people know."""
    yield "workspace", _commit(checkout) or "not known"
    yield "MemOS", facts.memos.described if facts.memos else "not known"
    engine = facts.engine.found
    if engine is not None:
        kind = "private" if engine.private else engine.place
        yield "engine", f"{engine.version} (API {engine.api_version}, {kind})"
    yield "Compose", facts.engine.compose or "not known"
    yield "Python", platform.python_version()
    yield "system", f"{this_system().name}, {this_system().machine}"


def _commit(checkout: Checkout) -> str:
    """Return the commit of this checkout; nothing where it is none, or there is no git."""
    git = ["git", "--git-dir", str(checkout.root / ".git"), "--work-tree", str(checkout.root)]
    try:
        last = checkout.runner([*git, "log", "-1", "--format=%h of %cI"], timeout=PATIENCE)
        changed = checkout.runner([*git, "status", "--porcelain"], timeout=PATIENCE)
    except RefusedError:
        return ""
    count = len(changed.stdout.splitlines())
    return last.stdout.strip() + (f", {count} files changed" if count else "")

"""`inv timeline` and `inv graph`: drawn on the terminal, and both as a page."""

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from scripts.commands import flags
from scripts.config import selection, workspace
from scripts.config.workspace import Workspace
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError, EngineError
from scripts.core.look import ALIVE
from scripts.core.units import SECOND, nanoseconds
from scripts.engine.containers import containers
from scripts.start.history import runs
from scripts.start.history import timeline as bars
from scripts.start.history.timeline import Run
from scripts.tell import drawing, page
from scripts.tell.report import Report
from scripts.watch.observer import Observer


def timeline(checkout: Checkout, number: int, tell: Report) -> None:
    """Draw a start that is kept, 1 for the last; ConfigError when there is no such.

    The page shows the stack too, for which an engine is asked. A start that got no engine has none.
    """
    space, why = None, ""
    try:
        space = workspace.look(checkout)
        kept = runs.read(space.cache)
    except EngineError as error:
        kept = runs.read(workspace.cache(checkout.root, workspace.look_project(checkout)))
        if not kept:
            raise
        why = str(error)
    if space and not kept:
        # a start that starts nothing is not kept
        up = any(one.state in ALIVE for one in containers(space.api, space.stack.project))
        step = "inv restart (what runs is stopped and started)" if up else "inv up"
        raise ConfigError("no start has been kept yet", next_step=step)
    run = flags.chosen("run", number, kept)
    if run.going:
        run = replace(run, seconds=time.time() - nanoseconds(run.began) / SECOND)
    if tell.form == "json":
        tell.json_line(bars.document(run))
    else:
        tell.text("\n".join(drawing.timeline(run, tell.out.width)))
        if space is None:
            tell.say(f"not written as a page: {why}")
            return
        _page(space, (run, *kept[number:]), {bar.service: bar.state for bar in run.bars}, tell)


def graph(space: Workspace, services: Sequence[str], tell: Report) -> None:
    """Draw these services and all that they need, each as it is now."""
    names = space.stack.closure(selection.services(space.stack, services))
    with closing(Observer(space.api, space.stack, cache=space.cache)) as observer:
        states = drawing.states(space.stack, observer.look(names))
    for line in drawing.graph(space.stack, names, states):
        tell.text(line)
    _page(space, runs.read(space.cache), states, tell)


def _page(space: Workspace, kept: Sequence[Run], states: Mapping[str, str], tell: Report) -> None:
    """Write both drawings as a page, and say where."""
    try:
        file = page.write(space.cache, space.stack, kept, states, time.time())
    except OSError as error:  # a checkout that this user may only read
        tell.say(f"not written as a page: {error.strerror}")
    else:
        tell.say(f"the same as a page: {file}")

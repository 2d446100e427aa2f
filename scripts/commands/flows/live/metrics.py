"""What services tell of themselves, once."""

import time

from scripts.commands.flags import FORMATS as USUAL
from scripts.config.workspace import Workspace
from scripts.engine.containers import containers
from scripts.tell.report import Report
from scripts.watch import metrics, on_host

RAW = "prometheus"
FORMATS = (*USUAL, RAW)


def show(space: Workspace, tell: Report, *, raw: bool) -> None:
    """Tell the numbers of all that tell any; with `raw` their texts, one after the other."""
    there = on_host.seen(space.cache, containers(space.api, space.stack.project))
    told = metrics.ask(space.api, space.stack, there)
    if not raw:
        tell.metrics(metrics.document(space.stack.project, told, time.time()))
        return
    for one in told:
        if one.error:
            tell.say(f"{one.service}: {one.error}; next: {tell.origins.step(one.next)}")
        else:
            tell.text(one.text)

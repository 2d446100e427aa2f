"""The way to the engine of a node: a socket here, or a link over ssh."""

import os
import time
from pathlib import Path

from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError, EngineError, RefusedError
from scripts.core.process import run
from scripts.engine.remote import link
from scripts.engine.remote.state import Phase


def forwarded(root: Path, written: str) -> str:
    """Return the endpoint here of the engine at an address: over ssh by a link of the checkout.

    Raises EngineError where there is none, at once where one is broken, or what ssh refused.
    """
    state = link.seen(root, written)
    if state.phase is Phase.BROKEN:
        raise EngineError(link.told_break(state, time.time_ns()), next_step="inv remote")
    here = Checkout(root=root, environ=os.environ, runner=run, say=lambda _: None)
    try:
        return link.forwarded(here, written)
    except (ConfigError, RefusedError) as error:
        raise EngineError(str(error), next_step=error.next_step) from error

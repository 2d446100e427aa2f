"""The way to the engine of a node, and to ports of its containers: a socket here, or a link."""

import os
import socket
import time
from pathlib import Path

from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError, EngineError, RefusedError, StackError
from scripts.core.process import run
from scripts.engine.api import Api, shaped
from scripts.engine.remote import address, link
from scripts.engine.remote.doors import BRIDGE
from scripts.engine.remote.state import Phase


def forwarded(root: Path, written: str) -> str:
    """Return the endpoint here of the engine at an address: over ssh by a link of the checkout.

    Raises EngineError where there is none, at once where one is broken, or what ssh refused.
    """
    state = link.seen(root, written)
    if state.phase is Phase.BROKEN:
        raise EngineError(link.told_break(state, time.time_ns()), next_step="inv remote")
    try:
        return link.forwarded(_checkout(root), written)
    except (ConfigError, RefusedError) as error:
        raise EngineError(str(error), next_step=error.next_step) from error


def brought(root: Path, endpoint: str) -> bool:
    """Say whether a link brings ports of an engine's containers to 127.0.0.1, and have it opened.

    Not where its machine is another one all the same, as with Docker Desktop or a rootless engine.
    """
    if not endpoint.startswith(address.HERE):
        return False
    try:
        if not _is_here(Api(endpoint)):
            return False
        link.opened(_checkout(root), address.noted(endpoint))
    except StackError:
        return False
    return True


def _is_here(api: Api) -> bool:
    """Say whether the bridge that an engine's tasks have their way out by is of this machine."""
    with shaped("its bridge"):
        found = api.get(f"/networks/{BRIDGE}") or {}
        gateway = str(found["IPAM"]["Config"][0]["Gateway"]) if found else ""
    if not gateway:
        return False
    try:
        with socket.socket(type=socket.SOCK_DGRAM) as own:
            own.bind((gateway, 0))
    except OSError:
        return False
    return True


def _checkout(root: Path) -> Checkout:
    return Checkout(root=root, environ=os.environ, runner=run, say=lambda _: None)

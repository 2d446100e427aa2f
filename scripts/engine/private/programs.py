"""Docker's programs without an engine: Compose resolves files also where none runs."""

from collections.abc import Mapping

from scripts.core.checkout import Checkout
from scripts.core.errors import RefusedError
from scripts.engine.places import client_env, places
from scripts.engine.private.files import bring, present
from scripts.machine.system import this_system


def have(checkout: Checkout) -> Mapping[str, str]:
    """Return the environment in which `docker compose` is found; fetch it where there is none.

    Raises RefusedError and ConfigError as a fetch does.
    """
    env = found(checkout)
    if env is not None:
        return env
    at = places(checkout.root)
    bring(
        at,
        this_system(),
        runner=checkout.runner,
        say=lambda line: checkout.say(f"engine: {line}"),
    )
    return client_env(at, checkout.environ)


def found(checkout: Checkout) -> Mapping[str, str] | None:
    """Return the environment in which `docker compose` is found; None where it would be fetched."""
    try:
        asked = checkout.runner(["docker", "compose", "version", "--short"], timeout=30.0)
    except RefusedError:
        pass
    else:
        if asked.exit_code == 0:
            return {}
    at = places(checkout.root)
    return client_env(at, checkout.environ) if present(at, this_system()) else None

"""Docker's programs without an engine: Compose resolves files also where none runs."""

from collections.abc import Mapping
from pathlib import Path

from scripts.core.errors import RefusedError
from scripts.core.process import Runner
from scripts.core.progress import Say
from scripts.engine.places import client_env, places
from scripts.engine.private.files import bring, present
from scripts.machine.system import this_system


def have(root: Path, environ: Mapping[str, str], runner: Runner, say: Say) -> Mapping[str, str]:
    """Return the environment in which `docker compose` is found; fetch it where there is none.

    Raises RefusedError and ConfigError as a fetch does.
    """
    env = found(root, environ, runner)
    if env is not None:
        return env
    at = places(root)
    bring(at, this_system(), runner=runner, say=lambda line: say(f"engine: {line}"))
    return client_env(at, environ)


def found(root: Path, environ: Mapping[str, str], runner: Runner) -> Mapping[str, str] | None:
    """Return the environment in which `docker compose` is found; None where it would be fetched."""
    try:
        asked = runner(["docker", "compose", "version", "--short"], timeout=30.0)
    except RefusedError:
        pass
    else:
        if asked.exit_code == 0:
            return {}
    at = places(root)
    return client_env(at, environ) if present(at, this_system()) else None

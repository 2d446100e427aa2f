"""Finds the engine to use: the user's own first, else this checkout's private one."""

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scripts.core import files
from scripts.core.checkout import Checkout
from scripts.core.errors import EngineError, RefusedError, as_user, owner, owner_of
from scripts.core.foreign import answers, documents
from scripts.core.inventory import Engine
from scripts.core.process import TLS_NAMES, Runner
from scripts.engine.api import Connection, ahead
from scripts.engine.places import Places, client_env, docker_settings, places
from scripts.engine.remote.address import SCHEME, VARIABLE
from scripts.engine.versions import PODMAN_LACKS, named, numbers
from scripts.machine.system import install_hint, obstacle, this_system

REMOTE = "remote-"
"""How the codes begin of what is wrong with that."""
DEFAULT_SOCKET = Path("/var/run/docker.sock")
ROOTLESS = "docker.sock"
"""Of a user's own engine, below XDG_RUNTIME_DIR (docs.docker.com/engine/security/rootless)."""
PODMAN = "podman/podman.sock"
"""As above, and below /run where it is root's."""
PATIENCE = 10.0
"""Seconds for an engine to answer."""
FORWARDS = "/memos-dev-"
"""In the path of every socket that a link forwards (`remote.state.sockets`)."""
OLDEST_API = (1, 44)
"""Engine 25.0, the first with `start_interval`."""
OLDEST_COMPOSE = (2, 24, 4)
"""The first that reads everything in our compose files (`!override`)."""
INSTALLING = "docs.docker.com/engine/install"


def discover(
    checkout: Checkout, remote: str = "", *, default: Path = DEFAULT_SOCKET
) -> Engine | None:
    """Return the engine to use, or None when there is none yet.

    What the user names (`remote`, which is REMOTE of the settings, DOCKER_HOST, DOCKER_CONTEXT, the
    current context) is taken, or raises EngineError when it does not answer, ConfigError when ssh
    is not let in: never another engine without a word. Only then come the default socket, a
    rootless engine of this user, and a running private engine of the checkout, unless the checkout
    was moved since that was started.
    """
    environ, runner = checkout.environ, checkout.runner
    at = places(checkout.root)
    if remote:
        return _remote(remote, VARIABLE, checkout)
    if host := environ.get("DOCKER_HOST"):
        if host == at.endpoint:  # set by `engine.env`
            return None if at.before else _private(at, environ, runner)
        if address := _forwarded(host, checkout.root):  # set by it, too
            return _remote(address, "DOCKER_HOST", checkout)
        tls = {name: environ[name] for name in TLS_NAMES if name in environ}
        return _named(host, tls, f"DOCKER_HOST={host}", checkout)
    context = environ.get("DOCKER_CONTEXT") or _current_context(environ)
    if context not in {"", "default"}:
        return _of_context(context, checkout)
    return _found(at, environ, runner, default)


def _found(at: Places, environ: Mapping[str, str], runner: Runner, default: Path) -> Engine | None:
    """Return an engine of this machine, by where such are; Podman where there can be no other."""
    own = runtime(environ)
    usual = _usual((default, own / ROOTLESS, own / PODMAN, Path("/run") / PODMAN), runner)
    if usual and not usual.podman:
        return usual
    private = None if at.before else _private(at, environ, runner)
    return private or (usual if obstacle(this_system()) else None)


def runtime(environ: Mapping[str, str]) -> Path:
    """Return the folder of this user's sockets; `su` may leave the name of another user's."""
    uid = os.geteuid()
    with suppress(OSError):
        named = Path(environ.get("XDG_RUNTIME_DIR", ""))
        if named.is_absolute() and named.stat().st_uid == uid:
            return named
    return Path(f"/run/user/{uid}")


def here(
    root: Path, environ: Mapping[str, str], runner: Runner, *, default: Path = DEFAULT_SOCKET
) -> Engine | None:
    """Return an engine of this machine, whatever engine the user names; None where none runs."""
    with suppress(EngineError):
        return _found(places(root), environ, runner, default)
    return None


def check_versions(engine: Engine, runner: Runner) -> str:
    """Return the version of Compose; raises EngineError as the two below do."""
    check_engine(engine)
    return check_compose(engine, runner)


def check_engine(engine: Engine) -> None:
    """Raise EngineError when the engine is too old, or Podman."""
    if engine.podman:
        raise EngineError(
            f"the engine at {engine.place} is {engine.version}, which this stack does not get ready"
            f" with: {PODMAN_LACKS}",
            next_step=f"DOCKER_HOST=unix:///PATH of a Docker Engine; {install_hint(this_system())}",
            code="engine-podman",
        )
    if numbers(engine.api_version) < OLDEST_API:
        raise EngineError(
            f"the engine at {engine.place} is {engine.version} (API {engine.api_version}); "
            "wanted is 25.0 (API 1.44) or newer",
            next_step=f"upgrade it there: {INSTALLING}"
            if engine.remote
            else install_hint(this_system()),
            code="engine-old",
        )


def check_compose(engine: Engine, runner: Runner) -> str:
    """Return the version of Compose; raises EngineError when it is too old, or not there."""
    hint = install_hint(this_system())
    # PATH is looked up in our environment, not in the engine's
    docker = shutil.which("docker", path=engine.env.get("PATH")) or "docker"
    try:
        asked = runner([docker, "compose", "version", "--short"], env=engine.env, timeout=30)
    except RefusedError as error:
        raise EngineError(str(error), next_step=hint) from error
    if asked.exit_code:
        raise EngineError(f"{docker} has no compose plugin", next_step=hint)
    if numbers(asked.stdout) < OLDEST_COMPOSE:
        raise EngineError(
            f"Docker Compose is {asked.stdout.strip()}; wanted is 2.24.4 or newer", next_step=hint
        )
    return asked.stdout.strip()


def _private(at: Places, environ: Mapping[str, str], runner: Runner) -> Engine | None:
    engine = _ask(at.endpoint, client_env(at, environ), runner, private=True)[0]
    return replace(engine, moved_from=str(at.before)) if engine and at.before else engine


def _usual(sockets: Sequence[Path], runner: Runner) -> Engine | None:
    """Return the first engine that answers, Podman if no other does.

    EngineError where only that at the first socket does, and it is for others.
    """
    closed, podman = False, None
    for socket in sockets:
        endpoint = f"unix://{socket}"
        engine, why = _ask(endpoint, {"DOCKER_HOST": endpoint}, runner)
        if engine and not engine.podman:
            return engine
        podman = podman or engine
        closed = closed or (isinstance(why, PermissionError) and socket == sockets[0])
    if closed:
        raise EngineError(
            f"this user may not use the engine at {sockets[0]}",
            next_step='sudo usermod --append --groups docker "$USER", then log in again',
        )
    return podman


def _remote(written: str, name: str, checkout: Checkout) -> Engine:
    """Return the engine of a machine that ssh leads to; errors as in `link.opened`."""
    from scripts.engine.remote import link

    engine = link.opened(checkout, link.parsed(written, name)).engine(written)
    ahead(engine)
    own = places(checkout.root)
    if not own.docker.exists():
        return engine
    # where a private engine was brought the user's own docker has none, and maybe no Compose
    return replace(engine, env={**client_env(own, checkout.environ), **engine.env})


def has_docker(engine: Engine, checkout: Checkout) -> bool:
    """Say whether there is a docker on this machine to speak to an engine."""
    path = engine.env.get("PATH") or checkout.environ.get("PATH")
    return shutil.which("docker", path=path) is not None


def _forwarded(endpoint: str, root: Path) -> str:
    """Return the ssh address behind a socket that a link of this checkout forwards."""
    if FORWARDS not in endpoint:
        return ""
    from scripts.engine.remote import link

    return next((one.address for one in link.noted(root) if one.endpoint == endpoint), "")


def _named(endpoint: str, tls: Mapping[str, str], name: str, checkout: Checkout) -> Engine:
    if endpoint.startswith(SCHEME):
        return _remote(endpoint, name.partition("=")[0], checkout)
    engine, why = _ask(endpoint, {"DOCKER_HOST": endpoint, **tls}, checkout.runner)
    if engine is None:
        step = "start that engine, or unset DOCKER_HOST and choose: docker context use default"
        raise EngineError(f"{name} is set, but no engine answers there: {why}", next_step=step)
    return engine


def ssh_address(checkout: Checkout, remote: str = "") -> str:
    """Return the ssh address of the engine that `discover` would use, as it is written; empty for
    an engine that needs none. Nothing is opened."""
    environ = checkout.environ
    host = environ.get("DOCKER_HOST", "")
    context = environ.get("DOCKER_CONTEXT") or _current_context(environ)
    if remote or host:
        return remote or (host if host.startswith(SCHEME) else _forwarded(host, checkout.root))
    if context in {"", "default"}:
        return ""
    address = _context(context, checkout.runner)[0]
    return address if address.startswith(SCHEME) else ""


def _of_context(name: str, checkout: Checkout) -> Engine:
    address, tls = _context(name, checkout.runner)
    return _named(address, tls, f"docker context {name} ({address})", checkout)


def _context(name: str, runner: Runner) -> tuple[str, dict[str, str]]:
    """Return the address of a context, and what docker needs to log in there."""
    asked = runner(["docker", "context", "inspect", name, "--format", "{{json .}}"], timeout=30)
    try:
        context = documents.parsed(asked.stdout)
        endpoint = context["Endpoints"]["docker"]
        address = str(endpoint["Host"])
    except (ValueError, LookupError, TypeError):
        raise EngineError(
            f"there is no docker context {name!r}: {asked.stderr.strip()}",
            next_step="docker context ls, then: docker context use NAME",
        ) from None
    tls = {}
    if (context.get("TLSMaterial") or {}).get("docker"):
        tls["DOCKER_CERT_PATH"] = str(Path(context["Storage"]["TLSPath"]) / "docker")
        if not endpoint.get("SkipTLSVerify"):
            tls["DOCKER_TLS_VERIFY"] = "1"
    return address, tls


def _current_context(environ: Mapping[str, str]) -> str:
    config = files.read_object(docker_settings(environ) / "config.json")
    return str(config.get("currentContext", ""))


def _ask(
    endpoint: str, env: Mapping[str, str], runner: Runner, *, private: bool = False
) -> tuple[Engine | None, Exception | str]:
    """Return the engine that answers; or None, and why it says nothing."""
    local = urlsplit(endpoint).scheme == "unix"
    found, why = ask_socket(endpoint) if local else _ask_docker(env, runner)
    if not found:
        return None, why
    version, api_version = (str(found.get(name, "")) for name in ("Version", "ApiVersion"))
    engine = Engine(
        endpoint=endpoint, env=env, private=private, version=version, api_version=api_version
    )
    return engine, ""


def _ask_docker(
    env: Mapping[str, str], runner: Runner
) -> tuple[Mapping[str, Any] | None, Exception | str]:
    """Let docker ask, which knows TLS and the like."""
    asked = runner(["docker", "version", "--format", "{{json .Server}}"], env=env, timeout=PATIENCE)
    try:
        return _object(asked.stdout), asked.stderr.strip()
    except ValueError:
        return None, asked.stderr.strip() or f"no answer within {PATIENCE:.0f} s"


def ask_socket(endpoint: str) -> tuple[Mapping[str, Any] | None, Exception | str]:
    """Ask the engine behind a socket for its versions; or return why it says nothing.

    Without a version in the path, so that one of any age answers.
    """
    connection = Connection(endpoint, PATIENCE, whole=True)
    try:
        connection.request("GET", "/version")
        return _object(answers.body(connection.getresponse())), ""
    except (OSError, HTTPException, ValueError) as error:
        return None, error
    finally:
        connection.close()


def _object(text: str | bytes) -> Mapping[str, Any] | None:
    """Return the object that an engine says of itself, None for null; ValueError for all else."""
    found = documents.parsed(text)
    if found is not None and not isinstance(found, dict):
        raise ValueError("it answers with what is no object")
    return found and {**found, "Version": named(found)}


def required(checkout: Checkout, remote: str = "") -> Engine:
    """Return the engine to use; raise EngineError when none runs. `remote` as in `discover`.

    That of a checkout that was moved answers as long as it is only asked.
    """
    engine, at = discover(checkout, remote), places(checkout.root)
    if engine is None and at.before:
        engine = _private(at, checkout.environ, checkout.runner)
    if engine is None:
        why = obstacle(system := this_system())
        if why and at.home.exists() and (other := owner(at.home)) != owner_of(system.uid):
            raise EngineError(
                f"the private engine of this checkout belongs to {other}",
                next_step=as_user(other),
            )
        raise EngineError(
            "no engine is running",
            next_step=install_hint(system) if why else "inv up, or: inv engine.start",
        )
    return engine

"""The engine: the user's own, or a private one of this checkout under `.engine/`."""

import os
import re
import shlex
from dataclasses import replace
from pathlib import Path

from scripts.core.checkout import Checkout
from scripts.core.errors import EngineError, StackError
from scripts.core.inventory import Engine, EngineStatus
from scripts.core.process import Runner
from scripts.engine.discovery import discover
from scripts.engine.places import places
from scripts.engine.private import lifecycle, processes
from scripts.engine.private.programs import present
from scripts.machine.system import install_hint, obstacle, this_system

ANONYMOUS = re.compile("[0-9a-f]{64}")


def ensure(checkout: Checkout) -> Engine:
    """Return the engine to use; start the private one when there is no other.

    Raises EngineError when there is none and this machine cannot have a private one, with the
    line that installs one.
    """
    engine = discover(checkout)
    if engine is None:
        system = this_system()
        if why := obstacle(system):
            raise EngineError(f"no engine is running; {why}", next_step=install_hint(system))
        checkout.say("engine: none is running, bringing a private one")
        engine = start(checkout)
    return engine


def start(checkout: Checkout) -> Engine:
    """Start this checkout's private engine, also beside another; errors as in `lifecycle`."""
    lifecycle.start(checkout)
    at = places(checkout.root)  # it may have got its mark just now
    environ = {**checkout.environ, "DOCKER_HOST": at.endpoint}
    engine = discover(replace(checkout, environ=environ))
    if engine is None:
        raise EngineError(f"the engine at {at.endpoint} is gone", next_step=f"read {at.log}")
    return engine


def kept_volumes(root: Path) -> tuple[str, ...]:
    """Return the names of the private engine's named volumes, which removing it deletes.

    They are read from its files, so this also holds while it is stopped. Raises EngineError when
    this user may not read them.
    """
    folder = places(root).data / "volumes"
    try:
        names = [path.name for path in folder.glob("*/")]
    except PermissionError:
        raise EngineError(
            f"this user may not read {folder}", next_step="sudo ./dev inv engine.remove"
        ) from None
    return tuple(sorted(name for name in names if not ANONYMOUS.fullmatch(name)))


def status(checkout: Checkout, remote: str = "") -> EngineStatus:
    """Look at the engines, changing nothing; what is wrong is in `problems`.

    `remote` as `discover` has it.
    """
    at, system, runner = places(checkout.root), this_system(), checkout.runner
    problems = []
    found = None
    try:
        found = discover(checkout, remote)
    except StackError as error:
        problems.append(f"{error}; next: {error.next_step}")
    if found is None and (why := obstacle(system)):
        problems.append(f"{why}; next: {install_hint(system)}")
    pid = processes.daemon(at)
    if pid is not None and at.before:
        problems.append(f"it works in {at.before}, where this checkout was; next: inv engine.start")
    left = processes.ours(at)
    if pid is None and left:
        problems.append(f"{len(left)} processes are left of a crash; next: inv engine.start")
    return EngineStatus(
        found=found,
        files=present(at, system),
        running=pid is not None,
        pid=pid,
        uptime=processes.uptime(pid) if pid else 0.0,
        size=_size(at.tree, runner),
        data_size=_size(at.data, runner),
        cache_size=_size(at.cache, runner),
        socket=at.socket,
        log=at.log,
        problems=tuple(problems),
    )


def shell_env(engine: Engine) -> str:
    """Return shell lines that point a plain `docker` at the engine: eval "$(inv engine.env)"."""
    return "\n".join(
        f"export {name}={shlex.quote(value)}" for name, value in sorted(engine.env.items())
    )


def _size(folder: Path, runner: Runner) -> int:
    """Ask du, which is told not to count what is mounted inside: containers' file systems."""
    if not folder.exists():
        return 0
    argv = ["du", "--summarize", "--block-size=1", "--one-file-system", os.fspath(folder)]
    words = runner(argv, timeout=60).stdout.split()
    return int(words[0]) if words else 0

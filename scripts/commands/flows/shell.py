"""A shell in a container: the terminal is handed over, and Ctrl-C reaches what runs there."""

import os
import secrets
import sys
from collections.abc import Sequence

from scripts.config import selection
from scripts.config.workspace import Workspace
from scripts.core.errors import ConfigError, ExitCode
from scripts.core.process import Completed, attached
from scripts.loop import shell as calls

PATIENCE = 10.0
"""Seconds for the signal to be sent."""


def shell(space: Workspace, named: Sequence[str], words: tuple[str, ...], *, root: bool) -> int:
    """Run a shell, or these words, in the container of a service; give the exit code of that.

    After Ctrl-C it is 130. Raises ConfigError unless one service is named, and its container runs.
    """
    stack = space.stack
    if len(found := selection.services(stack, named) if named else ()) != 1:
        given = " and ".join(found) or "none"
        raise ConfigError(
            f"a shell is for one service, and --service names {given}",
            next_step=f"--service with one of: {', '.join(stack.names())}",
        )
    service = stack.service(found[0])
    container = calls.running(space.api, stack.project, service, space.cache)
    if not words:
        calls.require_shell(space.api, container, service)
    looked_at = sys.stdin.isatty() and sys.stdout.isatty()
    call = calls.Call(
        container=container,
        words=words,
        user=calls.ROOT if root else service.shell_user,
        terminal=os.environ.get("TERM", "xterm") if looked_at else "",
        mark=secrets.token_hex(8),
    )
    env, runner = space.engine.env, space.compose.runner
    sent: list[Completed] = []

    def interrupt() -> None:
        sent.append(runner(call.interrupt, env=env, timeout=PATIENCE))

    code = attached(call.argv, env=env, interrupted=interrupt)
    # that of docker says nothing then: 26.1 is ended by the signal, 28.5 leaves with 0
    return ExitCode.INTERRUPTED if sent else code

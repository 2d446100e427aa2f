"""What a step of a GitHub workflow hands to those after it: variables, and secrets to be masked.

The words of it: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
"""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from scripts.core.errors import ConfigError
from scripts.core.stack import Stack
from scripts.core.texts import secrets_in
from scripts.watch.published import API, serving

FILE = "GITHUB_ENV"
"""Names the file that the variables are added to; a runner sets it anew for each step."""
URL = "MEMOS_URL"
"""Where the API answers, as MemOS' own evaluation reads it."""
REFUSED = ("GITHUB_", "RUNNER_", "NODE_OPTIONS")
"""How names begin that a runner does not take from a step."""
ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
"""What a line for the runner has instead."""


def file(environ: Mapping[str, str]) -> Path:
    """Return the file that the variables are added to; ConfigError outside a workflow."""
    if not environ.get(FILE):
        raise ConfigError(
            f"--github is for a step of a GitHub workflow, and {FILE} names no file",
            next_step='eval "$(inv env --host)"',
        )
    return Path(environ[FILE])


def address(stack: Stack) -> dict[str, str]:
    """Return where the API is asked; nothing where the stack has none that is published."""
    service = serving(stack, API)
    if service is None or not service.links:
        return {}
    link = urlsplit(service.links[0].url)
    return {URL: f"{link.scheme}://{link.netloc}"}


def masks(given: Mapping[str, str], known: Iterable[str]) -> str:
    """Return the lines that have a runner mask all secrets in its logs, the longest first."""
    found = {*known, *(one for name, value in given.items() for one in secrets_in(name, value))}
    return "\n".join(f"::add-mask::{_line(one)}" for one in sorted(found, key=len, reverse=True))


def export(given: Mapping[str, str], target: Path) -> None:
    """Add the variables to the file, whatever their values hold."""
    with target.open("a", encoding="utf-8") as out:
        out.writelines(_assignments(given))


def _assignments(given: Mapping[str, str]) -> Iterator[str]:
    for name, value in given.items():
        if not name.startswith(REFUSED):
            end = f"end-{secrets.token_hex(16)}"  # nothing that a value could hold
            yield f"{name}<<{end}\n{value}\n{end}\n"


def _line(text: str) -> str:
    return "".join(ESCAPES.get(one, one) for one in text)

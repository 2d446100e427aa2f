"""A file of variables that a shell and python-dotenv read alike, whatever the values hold.

`.env` itself is none: a value with blanks is no single word to a shell.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.core import files
from scripts.core.errors import ConfigError

HEADER = "# Written anew by inv api.host and inv env --host; the settings are in {name}.\n"
SPARE = {"$": "MEMOS_DEV_DOLLAR", "`": "MEMOS_DEV_BACKTICK", "": "MEMOS_DEV_NOTHING"}
"""Characters that a shell acts upon within double quotes, and that python-dotenv does not let us
write otherwise: variables of these names stand for them. The last one stands between a backslash
and the quote that ends a value, where python-dotenv reads on."""
_WORD = re.compile(r"[A-Za-z0-9_./:,@%+-]+")
"""A value that needs no quotes."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def write(file: Path, settings: Path, variables: Mapping[str, str]) -> None:
    """Write the file, for its owner only; ConfigError for a value that no such file can hold."""
    files.write(file, HEADER.format(name=settings.name) + text(variables))


def text(variables: Mapping[str, str]) -> str:
    """Return the assignments; a name that no shell takes is left out."""
    named = {name: value for name, value in variables.items() if _NAME.match(name)}
    rows = {name: _form(name, value) for name, value in named.items()}
    used = [one for one in SPARE if any(_spare(one) in row for row in rows.values())]
    lines = [*(f"{SPARE[one]}='{one}'" for one in used), *(f"{k}={v}" for k, v in rows.items())]
    return "\n".join(lines) + "\n"


def _form(name: str, value: str) -> str:
    """Return a value as both read it: plain, in single quotes, or in double ones."""
    if "\r" in value or "\0" in value:
        raise ConfigError(
            f"{name} holds a carriage return, which no file of variables can hold",
            next_step=f"another value for {name}; inv env says where it comes from",
        )
    if _WORD.fullmatch(value):
        return value
    # python-dotenv takes a backslash for an escape in both, and replaces ${…} in both
    if not {"'", "\\"} & {*value} and "${" not in value:
        return f"'{value}'"
    last = _spare("") if value.endswith("\\") else ""
    return f'"{"".join(_quoted(value))}{last}"'


def _quoted(value: str) -> Iterator[str]:
    for one in value:
        if one in SPARE:
            yield _spare(one)
        else:
            yield f"\\{one}" if one in '"\\' else one


def _spare(one: str) -> str:
    return f"${{{SPARE[one]}}}"


def shell_lines(file: Path) -> str:
    """Return what a shell evaluates to have the variables; none of them stands in it."""
    return f"set -a; . {shlex.quote(str(file))}; set +a"

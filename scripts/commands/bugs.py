"""What nobody expected is a bug of ours: its traceback is kept, for whoever mends it."""

import hashlib
import os
import platform
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from scripts.config import settings
from scripts.core import files
from scripts.core.errors import BugError
from scripts.core.texts import masked, shown

FOLDER = "bugs"
"""In the checkout's cache."""
VARIABLE = "MEMOS_DEV_DEBUG"
"""With the value 1 the traceback is shown too."""


def told(error: Exception, root: Path) -> BugError:
    """Return a bug as it is told, in one line; its traceback is in a file below the cache."""
    secrets = _secrets(root)
    text = masked(_writable(_text(error)), secrets)
    if os.environ.get(VARIABLE) == "1":
        sys.stderr.write(shown(text))
    file = _kept(root / ".cache" / FOLDER / _name(error), text)
    where = f"with {file}" if file else f"with what {VARIABLE}=1 shows before the command"
    line = " ".join(_writable(f"{type(error).__name__}: {error}").split())
    return BugError(
        f"a bug in this workspace: {masked(line, secrets)}", next_step=f"report it, {where}"
    )


def _text(error: BaseException) -> str:
    """Return what helps to mend a bug: what was typed, on what, and the traceback."""
    words = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    where = f"Python {platform.python_version()} on {platform.platform()}"
    return f"{words}\n{where}\n\n{''.join(traceback.format_exception(error))}"


def _writable(text: str) -> str:
    """Return a text without what is no UTF-8, such as a part of a path may be."""
    return text.encode(errors="backslashreplace").decode()


def _secrets(root: Path) -> Iterable[str]:
    with suppress(Exception):  # whatever is wrong with them too, the bug is what is told
        return settings.load(root, os.environ).secrets()
    return ()


def _name(error: Exception) -> str:
    """Return a name by where it happened: one that comes each second fills no disk."""
    where = "".join(traceback.format_tb(error.__traceback__))
    return f"{type(error).__name__}-{hashlib.sha256(_writable(where).encode()).hexdigest()[:8]}.txt"


def _kept(file: Path, text: str) -> Path | None:
    """Write it down for its owner alone, in the place of the last one; None where that fails."""
    try:
        files.write(file, text)
    except OSError:
        return None
    return file

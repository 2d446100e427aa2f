"""What is unexpected is a bug of ours: its traceback is kept, for whoever mends it."""

import platform
import sys
import time
import traceback
from pathlib import Path

FOLDER = "bugs"
"""In the checkout's cache."""
VARIABLE = "MEMOS_DEV_DEBUG"
"""With the value 1 the traceback is shown too."""


def written(error: BaseException) -> str:
    """Return what helps to mend a bug: what was typed, on what, and the traceback."""
    where = f"Python {platform.python_version()} on {platform.platform()}"
    words = " ".join(Path(word).name if place == 0 else word for place, word in enumerate(sys.argv))
    return f"{words}\n{where}\n\n{''.join(traceback.format_exception(error))}"


def keep(folder: Path, text: str) -> Path | None:
    """Write a bug's text down below the cache, for its owner; None where that fails."""
    file = folder / FOLDER / time.strftime("%Y%m%d-%H%M%S.txt")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
    except OSError:
        return None
    return file

"""One command at a time may change a stack."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.core.errors import RefusedError


@contextmanager
def held(folder: Path, command: str) -> Iterator[None]:
    """Hold the lock of a stack while the block runs; the kernel frees it when we die.

    Raises RefusedError with who holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise RefusedError(
                f"another run holds the lock: {file.read().strip() or 'not known who'} ({path})",
                next_step="wait for it to end, then try again",
                code="locked",
            ) from None
        file.seek(0)
        file.truncate()
        file.write(f"inv {command}, pid {os.getpid()}\n")
        file.flush()
        yield
        file.seek(0)
        file.truncate()

"""`inv` on another checkout, as a process: python -m tests.kit.inv_at ROOT WORDS..."""

import sys
from pathlib import Path

from scripts.commands import command, program
from scripts.live import tasks


def main(root: str) -> None:
    """Let what is typed, by us too, work on the checkout at `root`."""
    command.ROOT = Path(root)
    tasks.PROGRAM = (sys.executable, "-m", "tests.kit.inv_at", root)
    program.run()


if __name__ == "__main__":
    main(sys.argv.pop(1))

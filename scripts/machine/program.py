"""What .venv/bin/inv does, as the words of a process of its own."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
# a shell starts what is in the background deaf to Ctrl-C, and children inherit that
CODE = f"""\
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {str(HERE)!r})
from scripts.commands import program
program.run()
"""
PROGRAM: tuple[str, ...] = (sys.executable, "-c", CODE)
"""Before what is typed."""

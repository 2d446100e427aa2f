"""Where the session keeps what it finds, and what one input may cost."""

from tests.kit.places import ROOT

FOLDER = ROOT / ".cache" / "fuzz"
SLOW = 10
"""Seconds after which one input is a fault: it hangs, or what it costs grows with its square."""
MEMORY = 2000
"""MiB of a target's process at most."""

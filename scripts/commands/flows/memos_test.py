"""MemOS' own tests, beside the stack."""

from collections.abc import Sequence

from scripts.config import workspace
from scripts.core import process
from scripts.core.checkout import Checkout
from scripts.loop import memos_tests


def run(checkout: Checkout, words: Sequence[str]) -> int:
    """Run the tests of MEMOS_SRC to their end; give pytest's exit code."""
    settings = workspace.told_settings(checkout)
    tests = memos_tests.prepared(settings, words, checkout)
    checkout.say(tests.told)
    return process.attached(tests.argv, folder=tests.folder, env=tests.variables)

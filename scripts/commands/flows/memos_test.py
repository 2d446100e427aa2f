"""MemOS' own tests, beside the stack."""

from collections.abc import Mapping, Sequence

from scripts.config import workspace
from scripts.config.settings import Settings
from scripts.core import process
from scripts.core.checkout import Checkout
from scripts.core.errors import StackError
from scripts.core.look import State
from scripts.engine import containers
from scripts.loop import host_variables, memos_tests


def run(checkout: Checkout, words: Sequence[str]) -> int:
    """Run the tests of MEMOS_SRC to their end; give pytest's exit code."""
    settings = workspace.told_settings(checkout)
    tests = memos_tests.prepared(settings, words, checkout)
    given = _given(checkout, settings)
    checkout.say(tests.told)
    return process.attached(tests.argv, folder=tests.folder, env={**given, **tests.variables})


def _given(checkout: Checkout, settings: Settings) -> Mapping[str, str]:
    """Return what the API of the stack is given, as `inv api.host` would give it.

    Most tests call nothing, so they are run without it too; that is told.
    """
    try:
        engine = workspace.required_engine(checkout, settings)
        space = workspace.resolved(checkout, settings, engine, settings.source)
        given = host_variables.variables(space, checkout.environ)
        host_variables.write(space, given, checkout.runner)
        found = containers.containers(space.api, space.stack.project)
    except (StackError, OSError) as error:  # or a disk that is full
        checkout.say(f"without the stack's variables: {str(error).splitlines()[0]}")
        return {}
    runs = {one.service for one in found if one.state is State.RUNNING}
    if down := [name for name in space.stack.wanted() if name not in runs]:
        what = ", ".join(down) if runs else "the stack"
        checkout.say(f"not running: {what}; tests that call it fail; next: inv up")
    return given

"""An error that the engine or Compose refused with, as its cause: code, next step and exit code."""

import re

from scripts.core.errors import EngineError, StackError
from scripts.diagnosis.causes import catalogue, pulls

NO_ENGINE = (
    r"[Cc]annot connect to the Docker daemon|error during connect"
    r"|trying to connect to the [Dd]ocker"
)
"""How Compose says that the engine has gone meanwhile, or is not for this user."""


def explained(error: StackError) -> StackError:
    """Return the error with what is known of the words in it; as it is where nothing is known."""
    if not error.said:
        return error
    if re.search(NO_ENGINE, error.said):
        return EngineError(str(error), next_step="inv engine.status")
    if (found := catalogue.refused(error.said)) is None:
        return error
    kind = pulls.kind(found.code)
    return kind(f"{found.cause}: {error}", next_step=found.next_step, code=found.code)

"""Pure: which variables are secrets, and a text without them."""

import json
import re
from collections.abc import Iterable

_SECRET = re.compile(r"PASSWORD|SECRET|(^|_)(TOKEN|KEY)$|^AK$|^SK$")
_SHORT = 4
"""Characters from which a secret is masked wherever it stands: a shorter one is in other words."""


def is_secret(name: str) -> bool:
    """Say whether the value of this variable is a secret, going by its name."""
    return bool(_SECRET.search(name))


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with every secret value replaced by asterisks.

    One shorter than 4 characters is replaced only between blanks or quotes, as a value stands.
    """
    for secret in secrets:
        for written in _written(secret):
            pattern = re.escape(written)
            if len(secret) < _SHORT:
                pattern = rf"(?<![^\s'\"]){pattern}(?![^\s'\"])"
            text = re.sub(pattern, "********", text)
    return text


def _written(secret: str) -> set[str]:
    """Return the forms of a secret: itself, and as Compose writes it between quotes in YAML."""
    quoted = (secret, secret.replace("'", "''"), json.dumps(secret, ensure_ascii=False)[1:-1])
    return {secret, *(form.replace("$", "$$") for form in quoted)}

"""Nothing secret leaves, whoever asks, and however it is written."""

from collections.abc import Iterable
from contextlib import suppress

from scripts.config.settings import Settings
from scripts.core import texts
from scripts.core.errors import StackError
from scripts.core.foreign.documents import Json
from scripts.engine import containers
from scripts.engine.api import Api


class Mask:
    """Hides what `inv env` hides, and the login of every URL."""

    def __init__(self, settings: Settings, more: Iterable[str] = ()) -> None:
        """Hide the secrets of these settings, and `more`: what runs may have others still."""
        self.secrets: tuple[str, ...] = tuple(dict.fromkeys((*settings.secrets(), *more)))

    def mask(self, text: str) -> str:
        """Return a text without secrets, as texts, JSON and URLs have them."""
        return texts.without_logins(texts.masked(text, self.secrets))

    def document(self, value: Json) -> Json:
        """Return a document with each of its texts masked; its keys are names of ours."""
        match value:
            case str():
                return self.mask(value)
            case dict():
                return {key: self.document(one) for key, one in value.items()}
            case list() | tuple():
                return [self.document(one) for one in value]
            case _:
                return value


def given(api: Api, project: str) -> set[str]:
    """Return the secrets that a stack's containers were made with; the settings may have others.

    None where the engine does not say: then nothing of theirs is read either.
    """
    with suppress(StackError):
        return {
            secret
            for service in containers.given(api, project, stopped=True).values()
            for name, value in service.items()
            for secret in texts.secrets_in(name.rpartition(".")[2], value)
        }
    return set()

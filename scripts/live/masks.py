"""Nothing secret leaves, whoever asks, and however it is written."""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache

from scripts.config.rules.schema import SCHEMAS
from scripts.config.settings import Settings
from scripts.core import texts
from scripts.core.errors import StackError
from scripts.core.foreign.documents import Json
from scripts.engine import containers
from scripts.engine.api import Api
from scripts.live.actions import OFFERS


class Mask:
    """Hides what `inv env` hides, and the login of every URL."""

    def __init__(
        self, settings: Settings, more: Iterable[str] = (), names: Iterable[str] = ()
    ) -> None:
        """Hide the secrets of these settings, and `more`: what runs may have others still.

        In a document a text that is no more than a word of ours, or one of these `names`, stays: a
        password "milvus" must not make another document of it, and nobody learns one by that.
        """
        self._words = {*_words(), *names}
        self.secrets: tuple[str, ...] = tuple(dict.fromkeys((*settings.secrets(), *more)))

    def mask(self, text: str) -> str:
        """Return a text without secrets, as texts, JSON and URLs have them."""
        return texts.without_logins(texts.masked(text, self.secrets))

    def document(self, value: Json) -> Json:
        """Return a document with each of its texts masked; its keys are names of ours."""
        match value:
            case str() if value in self._words:
                return value
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


@cache
def _words() -> frozenset[str]:
    """Return the names of tasks, and what the schemas of our documents allow as a value."""
    found = (json.loads(file.read_text("utf-8")) for file in SCHEMAS.glob("*.schema.json"))
    return frozenset(OFFERS).union(*map(_allowed, found))


def _allowed(schema: Json) -> Iterator[str]:
    """Yield each text that a schema lists as a value."""
    if isinstance(schema, dict):
        listed = schema.get("enum")
        yield from (one for one in listed or () if isinstance(one, str))
        schema = [*schema.values()]
    if isinstance(schema, list):
        for one in schema:
            yield from _allowed(one)

"""Pure: nothing secret leaves, whoever asks, and however it is written."""

from scripts.config.settings import Settings
from scripts.core import texts
from scripts.core.foreign.documents import Json


class Mask:
    """Hides what `inv env` hides, and the login of every URL."""

    def __init__(self, settings: Settings, before: "Mask | None" = None) -> None:
        """Hide the secrets of these settings, and what was hidden `before`: it may run still."""
        earlier = before.secrets if before is not None else ()
        self.secrets: tuple[str, ...] = tuple(dict.fromkeys((*settings.secrets(), *earlier)))

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

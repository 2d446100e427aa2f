"""What MemOS' known defects are mended in the API that runs, as it said itself when it started."""

from dataclasses import dataclass, replace

from scripts.core.foreign import documents
from scripts.core.foreign.documents import Json
from scripts.core.look import Look, State
from scripts.engine.api import Api
from scripts.engine.containers import file_of
from scripts.watch.on_host import SERVICE

FILE = "/app/mends.json"
"""Written by docker/memos-api/memos_mends.py; a log goes round, and costs more to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mends:
    """Which MemOS runs, and the numbers of the issues that are mended in it, or left in it."""

    version: str
    mended: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def mark(self) -> str:
        """The least of it: whether mended or not, and the issues; empty when there are none."""
        how, issues = ("mended", self.mended) if self.mended else ("not mended", self.left)
        return f"{how}: {', '.join(f'#{issue}' for issue in issues)}" if issues else ""

    @property
    def detail(self) -> str:
        """One line of it for people; empty when MemOS is as it was released."""
        return f"MemOS {self.version}, {self.mark} (docs/memos-versions.md)" if self.mark else ""


def read(api: Api, look: Look) -> Mends | None:
    """Return what is in force; None where no API runs, or one of an image that does not say."""
    container = look.container(SERVICE)
    if container is None or container.state is not State.RUNNING:
        return None
    document = _object(file_of(api, container, FILE))
    return (
        Mends(
            version=str(document["memos"]),
            mended=tuple(map(str, document["mended"])),
            left=tuple(map(str, document["left"])),
        )
        if {"memos", "mended", "left"} <= set(document)
        else None
    )


def told(api: Api, look: Look) -> str:
    """Return one line of what is in force for people; empty where nothing is known or mended."""
    found = read(api, look)
    return found.detail if found is not None else ""


def added(api: Api, look: Look) -> Look:
    """Return the look with what is mended in the API."""
    found = read(api, look)
    return replace(look, mended={SERVICE: found.mark}) if found is not None else look


def _object(text: bytes) -> dict[str, Json]:
    try:
        document = documents.parsed(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}

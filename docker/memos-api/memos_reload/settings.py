"""What the supervisor is told, all of it by its environment."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from memos_reload.listening import Address, address

EXIT = "exit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One supervisor's settings."""

    source: Path
    """The folder that is watched: one with packages in it, or a package itself."""
    state: Path
    """The file that tells others; what is learned is kept beside it."""
    python: str
    """Of template and versions: the one that has MemOS' packages."""
    calls: Address
    """Where the API is asked."""
    metrics: Address | None
    """Where it tells of itself, if it does."""
    gives_up: bool
    """Ends when its first version fails, for whoever starts it again and tells why."""

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Settings":
        """Read them; raises KeyError and ValueError for what cannot be read."""
        metrics = env.get("MEMOS_RELOAD_METRICS")
        return cls(
            source=Path(env["MEMOS_RELOAD_SOURCE"]),
            state=Path(env["MEMOS_RELOAD_STATE"]),
            python=env.get("MEMOS_RELOAD_PYTHON") or sys.executable,
            calls=address(env["MEMOS_RELOAD_BIND"]),
            metrics=address(metrics) if metrics else None,
            gives_up=env.get("MEMOS_RELOAD_FIRST") == EXIT,
        )

    @property
    def modules(self) -> Path:
        """The names of the modules that a template loads, as versions told them."""
        return self.state.with_name(f"{self.state.stem}-modules.json")

    @property
    def bytecode(self) -> Path:
        """Folder for the byte code of the source, which may be read-only and is the user's."""
        return self.state.with_name(f"{self.state.stem}-bytecode")


def path_entry(source: Path) -> Path:
    """Return what of a source belongs on `sys.path`: of a package the folder that it lies in."""
    return source.parent if (source / "__init__.py").exists() else source

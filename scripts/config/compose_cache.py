"""Keeps what `docker compose config` gave, as long as nothing changes that it was made from.

Asking Compose again costs 0.2 s of every command. What is kept holds passwords, as `.env` does, so
only its owner may read it.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from scripts.config.compose import Compose
from scripts.core import files
from scripts.engine.places import docker_settings

FILE = "resolved.json"
"""In the stack's cache."""
RULES = (Path(__file__).parents[1], Path(__file__).parents[2] / "schemas")
"""What a resolved file was checked by, and how it is read."""
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")
_PLUGINS = (
    *("/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins"),
    *("/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins"),
)
"""Where docker looks for `compose`, after its own folder (docker/cli, manager_unix.go)."""


def fingerprint(composed: Compose, environ: Mapping[str, str]) -> str:
    """Return a text that is another one when Compose could resolve the files to something else.

    It covers the files and the settings by their contents, the variables that these name and those
    that mean something to Compose, and the programs and rules by their age.
    """
    texts = [_text(file) for file in (*composed.files, composed.env_file)]
    named = {name for text in texts for name in _VARIABLE.findall(text)}
    variables = {
        name: value
        for name, value in environ.items()
        if name in named or name.startswith(("COMPOSE_", "DOCKER_"))
    }
    # of PATH only what it finds matters: each shell has another
    own = {name: value for name, value in composed.env.items() if name != "PATH"}
    parts: list[object] = [composed.argv(), texts, sorted({**variables, **own}.items())]
    parts += map(_age, _programs(composed.env, environ))
    return _digest([*parts, written(composed.files)])


def written(files: Iterable[Path]) -> str:
    """Return a text that is another one when these files, or the rules about them, have changed."""
    return _digest([*map(_text, files), *map(_age, rules())])


def approved(folder: Path, composes: Iterable[Path]) -> bool:
    """Say whether the resolved file that is kept was made from these files, which keep the rules.

    Compose may resolve them to something else by now.
    """
    return bool(files.read_own(folder / FILE).get("written") == written(composes))


def read(folder: Path, inputs: str) -> tuple[str, dict[str, Any]] | None:
    """Return the resolved file that was made from these inputs, as text and document, if kept."""
    return _kept(folder, lambda kept: bool(kept["inputs"] == inputs))


def last(folder: Path) -> tuple[str, dict[str, Any]] | None:
    """Return the resolved file that was kept last, whatever it was made from."""
    return _kept(folder, lambda _: True)


def _kept(
    folder: Path, wanted: Callable[[Mapping[str, Any]], bool]
) -> tuple[str, dict[str, Any]] | None:
    kept = files.read_own(folder / FILE)
    try:
        return (kept["text"], kept["document"]) if wanted(kept) else None
    except (LookupError, TypeError):  # never written, or by hand
        return None


def keep(
    folder: Path, inputs: str, text: str, document: Mapping[str, Any], *, written: str = ""
) -> None:
    """Keep the resolved file that was made from these inputs; where that fails, none is kept."""
    known = {"written": written, "inputs": inputs, "text": text, "document": document}
    kept = json.dumps(known, default=str)
    with suppress(OSError):
        files.write(folder / FILE, kept)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _programs(env: Mapping[str, str], environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the docker that is run, and where its Compose may be."""
    seen = {**environ, **env}
    yield Path(shutil.which("docker", path=seen.get("PATH")) or "docker")
    for folder in (docker_settings(seen) / "cli-plugins", *_PLUGINS):
        yield Path(folder) / "docker-compose"


def rules() -> Iterator[Path]:
    """Yield the files that read and check a resolved file."""
    for top in RULES:
        for folder, _, names in sorted(os.walk(top)):  # Path.rglob takes longer
            found = sorted(name for name in names if name.endswith((".py", ".json")))
            yield from (Path(folder, name) for name in found)


def _digest(parts: list[object]) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _age(file: Path) -> tuple[str, int, int]:
    try:
        status = file.stat()
    except OSError:
        return str(file), 0, 0
    return str(file), status.st_mtime_ns, status.st_size

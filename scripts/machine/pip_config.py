"""The host's pip settings, read without pip: a .venv that uv made has none.

`dev` runs this before anything is installed, so it needs the standard library only.
"""

import os
import shlex
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from configparser import Error, RawConfigParser
from pathlib import Path

from scripts.core.errors import ConfigError, report

GLOBAL = (
    Path("/Library/Application Support/pip/pip.conf"),  # macOS
    Path("/etc/xdg/pip/pip.conf"),
    Path("/etc/pip.conf"),
)
"""Files for all users (https://pip.pypa.io/en/stable/topics/configuration/), the last one wins."""
BUNDLED = Path(".cache", "bundle", "wheels")
"""Below the root: where `dev --bundle` brings wheels, for a pip without a network."""
FOR_UV = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "trusted-host": ("UV_INSECURE_HOST",),
}
"""uv's variable for a setting of pip, and an older name that a user may have set instead."""


def settings(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return every setting that holds for `pip install`, by its name on pip's command line.

    Variables beat files, and the section [install] beats [global]. A list is one line.
    """
    sections: dict[str, dict[str, str]] = defaultdict(dict)
    for file in _files(environ, home):
        parser = _parsed(file)
        for section in parser.sections():
            sections[section].update(parser.items(section))
    variables = {
        name.removeprefix("PIP_").lower(): value
        for name, value in environ.items()
        if name.startswith("PIP_")
    }
    return {
        name.replace("_", "-"): " ".join(value.split())
        for values in (sections["global"], sections["install"], variables)
        for name, value in values.items()
        if value.strip()
    }


def home() -> Path:
    """Return the user's home; "/" for one who has neither HOME nor a name, as in a container."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def for_uv(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """The variables that make uv use the same indexes, and the CA certificates of this machine.

    What the user has set for uv stays.
    """
    variables = indexes_for_uv(environ, home)
    if not environ.get("UV_NATIVE_TLS"):
        variables["UV_NATIVE_TLS"] = "true"
    return variables


def indexes_for_uv(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """The variables that make uv use the same indexes; what the user has set for uv stays."""
    pip = settings(environ, home)
    variables = {
        names[0]: pip[setting]
        for setting, names in FOR_UV.items()
        if setting in pip and not any(environ.get(name) for name in names)
    }
    if "UV_INDEX" in variables and not environ.get("UV_INDEX_STRATEGY"):
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # pip's; our pins have hashes
    return variables


def exports(variables: Mapping[str, str]) -> str:
    """Return variables as lines for a shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def main() -> int:
    """Print uv's variables as lines for a shell; give the exit code."""
    try:
        variables = for_uv(os.environ, home())
    except ConfigError as error:
        return report(error)
    sys.stdout.write(exports(variables))
    return 0


def _files(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Yield the files that pip would read, the strongest last."""
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    yield from GLOBAL
    if not (named and Path(named).exists()):
        yield home / ".pip" / "pip.conf"
        yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
        yield home / "Library" / "Application Support" / "pip" / "pip.conf"
    yield Path(sys.prefix) / "pip.conf"
    if named:
        yield Path(named)


def _parsed(file: Path) -> RawConfigParser:
    parser = RawConfigParser()
    try:
        parser.read(file, encoding="utf-8")
    except (Error, UnicodeDecodeError) as error:
        # its text would quote the line, and an index address may hold a password
        raise ConfigError(
            f"{file} is no pip configuration: {type(error).__name__}",
            next_step=f"edit {file}: lines NAME = value below a line [global]",
        ) from None
    return parser


if __name__ == "__main__":
    sys.exit(main())

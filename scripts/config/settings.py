"""`.env`: read, made from the example, and what it means for Compose."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.config import release
from scripts.config.choice import Choice, choose
from scripts.config.release import Memos, Source
from scripts.core import files
from scripts.core.errors import ConfigError
from scripts.core.inventory import ImageSource
from scripts.core.texts import is_secret

if TYPE_CHECKING:
    from dotenv.parser import Binding

WORKSPACE_VARIABLES = (
    *("IMAGE_SOURCE", "ALLOW_WITHOUT_LOGIN", "SNAPSHOTS_KEEP", "ENV_FILE", "BUNDLE_FILE"),
)
"""Variables that the workspace itself reads; all others are read by the compose file."""
LOCAL_MODELS = ("multilingual-e5-small-centred", "all-MiniLM-L6-v2")
"""The embedding models in the image of the stack's own model service (docker/models)."""
LOCAL_DIMENSION = "384"
"""How many numbers their vectors have."""
CHAT_BASES = ("OPENAI_API_BASE", "MEMRADER_API_BASE")
NOBODY = "http://127.0.0.1:9/v1"
"""What stood for "no chat endpoint" in files that were made until 2026-11; it counts as none."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PLAIN = re.compile(r"(?:#[^\r]*|([A-Za-z_][A-Za-z0-9_]*)=([!$-&(-\[\]-~]*))?")
"""A line that reads the same however it is read: empty, a comment, or a value without blanks,
quotes, backslashes and #."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The variables of one stack, from a file with the process environment over it."""

    root: Path
    file: Path
    """The file that was read: `.env`, what ENV_FILE names, or `.env.example` for want of both."""
    missing: bool
    """There is no `.env` yet; the values are the example's."""
    values: Mapping[str, str]
    defaults: Mapping[str, str]
    """The values of `.env.example`."""

    def get(self, name: str) -> str:
        """Return a variable's value, the example's when it is empty or unset."""
        return self.values.get(name) or self.defaults.get(name, "")

    @property
    def image_source(self) -> ImageSource | None:
        """Where images come from; None as long as that was not chosen, or for another word."""
        written = self.get("IMAGE_SOURCE")
        return next((source for source in ImageSource if source == written), None)

    @property
    def source(self) -> ImageSource:
        """Where images come from; the registry as long as that was not chosen."""
        return self.image_source or ImageSource.REGISTRY

    @property
    def local_embedder(self) -> bool:
        """Say whether the stack's own small embedding model answers: no other one is named."""
        # it speaks OpenAI's protocol only
        ollama = self.get("MOS_EMBEDDER_BACKEND") == "ollama"
        return not ollama and not self.get("MOS_EMBEDDER_API_BASE")

    @property
    def stand_in_chats(self) -> tuple[str, ...]:
        """Variables of chat endpoints that name none: the reader stand-in answers there."""
        return tuple(name for name in CHAT_BASES if self.get(name) in {"", NOBODY})

    @property
    def memos_src(self) -> Path | None:
        """The src/ of the user's own MemOS, seen from the file; None for the released.

        The checkout itself may be named, too.
        """
        source = self.get("MEMOS_SRC")
        if not source:
            return None
        folder = (self.file.parent / Path(source).expanduser()).resolve()
        return folder / "src" if (folder / "src" / "memos").is_dir() else folder

    @property
    def locks(self) -> Path:
        """The folder with the locks of the pinned releases."""
        return self.root / release.LOCKS

    @property
    def memos_source(self) -> Source | None:
        """The user's own MemOS, read; None for the released."""
        folder = self.memos_src
        return release.checkout(folder, release.extras(self.locks)) if folder else None

    @property
    def memos(self) -> Memos:
        """The MemOS that runs."""
        return release.memos(self.get("MEMOS_VERSION"), self.memos_source, self.locks)

    @property
    def choice(self) -> Choice:
        """What the stack is put together from."""
        return choose(
            self.memos,
            with_milvus=self.get("WITH_MILVUS"),
            local_models=self.local_embedder or bool(self.stand_in_chats),
            preferences=self.preferences,
        )

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return int(LOCAL_DIMENSION if self.local_embedder else self.get("EMBEDDING_DIMENSION"))

    def port_variables(self) -> dict[int, str]:
        """Return which variable each host port comes from."""
        names = (name for name in sorted(self.defaults) if name.endswith("_PORT"))
        return {int(self.get(name)): name for name in names}

    @property
    def build_settings(self) -> Path:
        """The folder for what builds need of this host, shared by the checkout's stacks."""
        return self.root / ".cache" / "build-settings"

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must never be printed, the longest first."""
        names = {*self.values, *self.defaults}
        values = {self.get(name) for name in names if is_secret(name)} - {"", "EMPTY"}
        return tuple(sorted(values, key=len, reverse=True))

    @property
    def preferences(self) -> bool:
        """Say whether preference memory is on."""
        return self.get("ENABLE_PREFERENCE_MEMORY") == "true"

    def for_compose(self) -> dict[str, str]:
        """Return the variables that Compose must see beside the file's own."""
        variables = {"ENV_FILE": str(self.file), "BUILD_SETTINGS": str(self.build_settings)}
        # empty, the compose file's own default holds
        variables |= dict.fromkeys(self.stand_in_chats, "")
        if self.local_embedder:
            variables["EMBEDDING_DIMENSION"] = LOCAL_DIMENSION
        if profiles := self.choice.profiles:
            variables["COMPOSE_PROFILES"] = ",".join(profiles)
        if (source := self.memos.source) is not None:
            variables |= {"MEMOS_SRC": str(source.folder), "MEMOS_VERSION": self.memos.tag}
            if not self.memos.packages:
                variables["MEMOS_PROJECT"] = str(self.memos_project)
        return variables

    @property
    def memos_project(self) -> Path:
        """The folder for the checkout's pyproject.toml as a build gets it, and nothing else."""
        return self.root / ".cache" / "memos" / self.memos.tag


def rows(settings: Settings, environ: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return every variable with its value, secrets masked, and where the value comes from."""
    table = []
    for name in sorted({*settings.defaults, *settings.values}):
        value = settings.get(name)
        hidden = is_secret(name) and value not in {"", "EMPTY"}
        source = "environment" if name in environ else settings.file.name
        source = source if settings.values.get(name) else "default"
        table.append((name, "********" if hidden else value, source))
    return table


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvLine:
    """One assignment of a file, or (without a name) a line that is none."""

    number: int
    text: str
    name: str = ""
    value: str = ""


def load(root: Path, environ: Mapping[str, str], *, strict: bool = True) -> Settings:
    """Read `.env`, or the file that ENV_FILE names, or the example when there is no `.env`.

    Raises ConfigError for a file that ENV_FILE names and that is not there, for one that cannot be
    read, and, unless told otherwise with `strict`, for a line that is no assignment.
    """
    example = root / ".env.example"
    named = environ.get("ENV_FILE", "")
    file = (Path.cwd() / Path(named).expanduser()).resolve() if named else root / ".env"
    missing = not _is_there(file)
    if missing and named:
        raise ConfigError(
            f"ENV_FILE names {named!r}, and there is no such file",
            next_step=f"cp {example} {file}, or unset ENV_FILE",
        )
    return _over(root, example if missing else file, environ, missing=missing, strict=strict)


def of_example(root: Path, environ: Mapping[str, str]) -> Settings:
    """Return the example's settings, where the user's own cannot be read."""
    return _over(root, root / ".env.example", environ, missing=True)


def _over(
    root: Path, file: Path, environ: Mapping[str, str], *, missing: bool, strict: bool = True
) -> Settings:
    """Return the settings of a file with the process environment over it."""
    defaults, values = _read(root / ".env.example"), _read(file, strict=strict)
    known = {*defaults, *values}
    values |= {name: value for name, value in environ.items() if name in known}
    return Settings(root=root, file=file, missing=missing, values=values, defaults=defaults)


def create(root: Path) -> Path:
    """Make `.env` from the example, readable by its owner only; give its path."""
    file = root / ".env"
    files.write(file, (root / ".env.example").read_bytes().decode())
    return file


def choose_source(settings: Settings, source: ImageSource) -> None:
    """Write the image source into the settings' file, so that it never changes silently."""
    from dotenv import set_key

    set_key(settings.file, "IMAGE_SOURCE", source, quote_mode="never")
    settings.file.chmod(0o600)


def _is_there(file: Path) -> bool:
    """Say whether the file exists; ConfigError for a folder, and where nobody lets us look."""
    try:
        if file.is_dir():
            raise ConfigError(
                f"{file} is a folder, wanted a file of NAME=value lines",
                next_step=f"ls -la {file}, and move it away",
            )
        return file.is_file()
    except PermissionError as error:
        raise _unreadable(file.parent) from error


def _unreadable(file: Path) -> ConfigError:
    """Say whose it is that cannot be read."""
    try:
        owner = file.owner()
    except (KeyError, OSError):  # a user without a name, or a folder above that hides it
        owner = "another user"
    return ConfigError(
        f"{file} belongs to {owner}, and you may not read it",
        next_step=f"run this as {owner}, or let ENV_FILE name a file of your own",
    )


@cache
def lines(text: str) -> tuple[EnvLine, ...]:
    """Return the assignments of a file's text, and the lines that should be one, numbered from 1.

    Most commands read the same text several times. As python-dotenv reads it, which is asked only
    where a line is not plain: it takes longer than all else that is read.
    """
    plain = _plain_lines(text)
    return _dotenv_lines(text) if plain is None else plain


def _plain_lines(text: str) -> tuple[EnvLine, ...] | None:
    """Return the assignments of a text whose lines are plain; None when one is not."""
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        if (match := _PLAIN.fullmatch(line)) is None:
            return None
        if name := match[1]:
            found.append(EnvLine(number=number, text=line, name=name, value=match[2]))
    return tuple(found)


def _dotenv_lines(text: str) -> tuple[EnvLine, ...]:
    from dotenv.parser import parse_stream

    # dotenv ends a bad line at \r, and would count the \n as one more
    bindings = parse_stream(StringIO(text.replace("\r\n", "\n")))
    return tuple(_line(binding) for binding in bindings if binding.error or binding.key is not None)


def _line(binding: "Binding") -> EnvLine:
    own = binding.original.string.strip()
    # dotenv counts from the blank lines before it
    number = binding.original.line + binding.original.string.partition(own)[0].count("\n")
    name, value = binding.key, binding.value
    if binding.error or name is None or value is None or not _NAME.match(name):
        return EnvLine(number=number, text=own)
    return EnvLine(number=number, text=own, name=name, value=value)


def text_of(file: Path) -> str:
    """Return a file's text; ConfigError says whose it is when this user may not read it."""
    try:
        return file.read_bytes().decode("utf-8-sig", errors="replace")
    except PermissionError as error:
        raise _unreadable(file) from error


def _read(file: Path, *, strict: bool = True) -> dict[str, str]:
    values: dict[str, str] = {}
    for line in lines(text_of(file)):
        if line.name:
            values[line.name] = line.value
        elif strict:
            # what follows the name may be a key
            shown = re.sub(r"([=\s]).*", r"\1…", line.text.splitlines()[0])
            raise ConfigError(
                f"{file.name} line {line.number}: {shown!r} is no NAME=value",
                next_step=f"edit {file}; .env.example shows the form",
            )
    return values

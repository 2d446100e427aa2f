"""`.env`: read, made from the example, and what it means for Compose.

Each value has one origin: the environment, a line of the file, or the example's default.
"""

import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.config import release
from scripts.config.choice import Choice, choose, with_elsewhere
from scripts.config.env_text import EnvLine, form, lines, text_of, unreadable
from scripts.config.release import Memos, Source
from scripts.config.rules.addresses import VARIABLE
from scripts.core import files
from scripts.core.errors import ConfigError
from scripts.core.inventory import ImageSource
from scripts.core.texts import MASK, host, is_secret, secrets_in, short, without_logins

GIVEN = "MEMOS_DEV_GIVEN"
"""Names the variables of an environment that `.env.host` has filled: they are one stack's, made for
the API, and no settings of a command that is typed there, perhaps about another stack."""
WORKSPACE_VARIABLES = (
    *("IMAGE_SOURCE", "ALLOW_WITHOUT_LOGIN", "SNAPSHOTS_KEEP", "ENV_FILE", "BUNDLE_FILE"),
    *("MEMOS_DEBUG", "REMOTE", "DEPLOY", "NODES"),
)
"""Variables that the workspace itself reads; all others are read by the compose file."""
ENVIRONMENT, DEFAULT = "the environment", "the default"
"""Where a value comes from, if not from a line of the file."""
LOCAL_MODELS = ("multilingual-e5-small-centred", "all-MiniLM-L6-v2")
"""The embedding models in the image of the stack's own model service (docker/models)."""
LOCAL_DIMENSION = "384"
"""How many numbers their vectors have."""
EVERYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound here
"""An address to listen on, and none to be called at."""
CHAT_BASES = ("OPENAI_API_BASE", "MEMRADER_API_BASE")
NOBODY = "http://127.0.0.1:9/v1"
"""What stood for "no chat endpoint" in files that were made until 2026-11; it counts as none."""
CONTAINER_NO_PROXY = "CONTAINER_NO_PROXY"
"""What containers call past a proxy, beside the stack's own names."""
HOST_ENDING = ".host"
"""Of the file of variables that `inv api.host` writes beside a settings file: `.env.host`."""
NO_PROXY = ("NO_PROXY", "no_proxy")
"""What a user writes beside HTTP_PROXY; in the containers these hold the stack's names too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The variables of one stack: those of a file, the environment over it, the defaults below."""

    root: Path
    file: Path
    """The file that was read: `.env`, what ENV_FILE names, or `.env.example` for want of both."""
    missing: bool
    """There is no `.env` yet; the values are the example's."""
    lines: Mapping[str, EnvLine] = field(default_factory=dict)
    """The file's, by variable; the last of a variable counts."""
    exported: Mapping[str, str] = field(default_factory=dict)
    """What the environment says of the variables that it may set: those of `.env.example`. All
    others of the file reach MemOS as they are written, whatever the environment says."""
    defaults: Mapping[str, str]
    """The values of `.env.example`."""

    def get(self, name: str) -> str:
        """Return a variable's value, the example's when it is empty or unset."""
        if name in self.exported:
            return self.exported[name] or self.default(name)
        return self.in_file(name)

    def in_file(self, name: str) -> str:
        """Return the value that a variable has without the environment."""
        return (self.lines[name].value if name in self.lines else "") or self.default(name)

    def default(self, name: str) -> str:
        """Return the example's value."""
        return self.defaults.get(name, "")

    def names(self) -> list[str]:
        """Return the variables that have a value, or could have one."""
        return sorted({*self.defaults, *self.lines, *self.exported})

    def origin(self, name: str) -> str:
        """Say where a variable's value comes from."""
        value, where = "", DEFAULT
        if name in self.exported:
            value, where = self.exported[name], ENVIRONMENT
        elif name in self.lines:
            value = self.lines[name].value
            where = f"{self.file.name} line {self.lines[name].number}"
        return where if value or not self.default(name) else DEFAULT

    def place(self, name: str) -> str:
        """Say where the file sets a variable, and to what, or that it does not."""
        if name not in self.lines:
            return f"by default {short(self.default(name)) or 'empty'}"
        line = self.lines[name]
        return f"line {line.number}: {short(without_login(name, line.value)) or 'empty'}"

    def shown(self, name: str) -> str:
        """Return a variable with its value, as a message has it: masked, and never long."""
        value = self.get(name)
        if not value:
            return f"{name} is empty"
        shown = without_login(name, value)
        return f"{name} is {'set' if is_secret(name) else repr(short(shown))}"

    def told(self, name: str) -> str:
        """Return what `shown` does and where the value comes from, within a sentence."""
        return f"{self.shown(name)} ({self.origin(name)})"

    def step(self, names: Iterable[str]) -> str:
        """Return what to do about wrong values of these variables."""
        named = tuple(dict.fromkeys(names))
        outside = [name for name in named if self.origin(name) == ENVIRONMENT]
        inside = [name for name in named if name not in outside]
        parts = []
        if outside:
            parts.append(f"unset {' '.join(outside)}, or export what is wanted")
        if inside:
            file = self.root / ".env" if self.missing else self.file
            parts.append(f"edit {file}; .env.example explains every variable")
        return "; ".join(parts)

    def overruled(self) -> list[str]:
        """Return the variables that would have another value without the environment."""
        return [name for name in sorted(self.exported) if self.get(name) != self.in_file(name)]

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
    def swarm(self) -> bool:
        """Say whether the stack is a Swarm's, on one machine or several."""
        return self.get("DEPLOY") == "swarm"

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
        folder = files.absolute(source, self.file.parent)
        return folder / "src" if files.is_folder(folder / "src" / "memos") else folder

    @property
    def reloads(self) -> bool:
        """Say whether the API takes edits while it runs: of MEMOS_SRC, unless RELOAD is no."""
        said = self.get("RELOAD")
        return said == "yes" or (said != "no" and self.memos_src is not None)

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
        chosen = choose(
            self.memos,
            with_milvus=self.get("WITH_MILVUS"),
            local_models=self.local_embedder or bool(self.stand_in_chats),
            preferences=self.preferences,
            debugged=bool(self.debugger),
        )
        return with_elsewhere(chosen, self.elsewhere)

    @property
    def elsewhere(self) -> dict[str, str]:
        """The addresses of services that run elsewhere, by service (EXTERNAL_NAME_URL)."""
        found = ((VARIABLE.match(name), self.get(name)) for name in sorted(self.defaults))
        return {named[1].lower(): value for named, value in found if named and value}

    @property
    def debugger(self) -> str:
        """Where an editor may attach a debugger to the API; empty where it may not."""
        on = self.get("MEMOS_DEBUG") == "yes"
        return f"127.0.0.1:{self.get('MEMOS_DEBUG_PORT')}" if on else ""

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return int(LOCAL_DIMENSION if self.local_embedder else self.get("EMBEDDING_DIMENSION"))

    def port_variables(self) -> dict[int, str]:
        """Return which variable each host port comes from."""
        return {int(self.get(name)): name for name in self.port_names()}

    def port_names(self) -> list[str]:
        """Return the variables of host ports."""
        return sorted(name for name in self.defaults if name.endswith("_PORT"))

    @property
    def build_settings(self) -> Path:
        """The folder for what builds need of this host, shared by the checkout's stacks."""
        return self.root / ".cache" / "build-settings"

    @property
    def host_file(self) -> Path:
        """The file with what the API's container gets, as a process of this machine needs it."""
        file = self.root / ".env" if self.missing else self.file
        return file.with_name(file.name + HOST_ENDING)

    def secrets(self) -> tuple[str, ...]:
        """Return the values that must never be printed, the longest first."""
        values = {
            secret
            for name in self.names()
            for value in (self.get(name), self.in_file(name))
            for secret in secrets_in(name, value)
        }
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
        away = [host(address).partition(":")[0] for address in self.elsewhere.values()]
        if away or any(map(self.get, NO_PROXY)):
            named = (*map(self.get, (CONTAINER_NO_PROXY, *NO_PROXY)), *away)
            variables[CONTAINER_NO_PROXY] = ",".join(dict.fromkeys(filter(None, named)))
        # also without any: the environment may name those of another project
        variables["COMPOSE_PROFILES"] = ",".join(self.choice.profiles)
        if not self.get("NEO4J_ADVERTISED_HOST") and self.get("BIND_ADDRESS") == EVERYWHERE:
            variables["NEO4J_ADVERTISED_HOST"] = os.uname().nodename
        if (source := self.memos.source) is not None:
            variables |= {"MEMOS_SRC": str(source.folder), "MEMOS_VERSION": self.memos.tag}
            if not self.memos.packages:
                variables["MEMOS_PROJECT"] = str(self.memos_project)
        return variables

    @property
    def memos_project(self) -> Path:
        """The folder for the checkout's pyproject.toml as a build gets it, and nothing else."""
        return self.root / ".cache" / "memos" / self.memos.tag


def rows(settings: Settings) -> list[tuple[str, str, str]]:
    """Return every variable with its value, secrets masked, and where the value comes from."""
    table = []
    for name in settings.names():
        value = settings.get(name)
        hidden = is_secret(name) and value not in {"", "EMPTY"}
        shown = MASK if hidden else without_login(name, value)
        table.append((name, shown, settings.origin(name)))
    return table


def without_login(name: str, value: str) -> str:
    """Return a value with no login that stands in an address, where none should."""
    return MASK if VARIABLE.match(name) and "@" in value else without_logins(value)


def load(root: Path, environ: Mapping[str, str], *, strict: bool = True) -> Settings:
    """Read `.env`, or the file that ENV_FILE names, or the example when there is no `.env`.

    Raises ConfigError for a file that ENV_FILE names and that is not there, for one that cannot be
    read, and, unless told otherwise with `strict`, for a line that is no assignment.
    """
    example = root / ".env.example"
    named = environ.get("ENV_FILE", "")
    file = files.absolute(named, Path.cwd()) if named else root / ".env"
    missing = not _is_there(file)
    if missing and named:
        raise ConfigError(
            f"ENV_FILE names {short(named)!r}, and there is no such file",
            next_step=f"{shlex.join(['cp', str(example), str(file)])}, or unset ENV_FILE",
        )
    return _over(root, example if missing else file, environ, missing=missing, strict=strict)


def of_example(root: Path, environ: Mapping[str, str]) -> Settings:
    """Return the example's settings, where the user's own cannot be read."""
    return _over(root, root / ".env.example", environ, missing=True)


def _over(
    root: Path, file: Path, environ: Mapping[str, str], *, missing: bool, strict: bool = True
) -> Settings:
    """Return the settings of a file with the process environment over it."""
    example = lines(text_of(root / ".env.example"))
    defaults = {line.name: line.value for line in example if line.name}
    written = () if missing else lines(text_of(file))
    wrong = [line for line in written if line.problem]
    if wrong and strict:
        raise ConfigError(
            "\n".join(f"{file.name} line {line.number}: {line.problem}" for line in wrong),
            next_step=f"edit {file}; .env.example shows the form",
        )
    given = environ.get(GIVEN, "").split()
    return Settings(
        root=root,
        file=file,
        missing=missing,
        lines={line.name: line for line in written if line.name},
        exported={n: value for n, value in environ.items() if n in defaults and n not in given},
        defaults=defaults,
    )


def create(root: Path) -> Path:
    """Make `.env` from the example, readable by its owner only; give its path."""
    file = root / ".env"
    files.write(file.resolve(), (root / ".env.example").read_bytes().decode())
    return file


def choose_source(settings: Settings, source: ImageSource) -> None:
    """Write the image source into the settings' file, so that it never changes silently."""
    file = settings.file.resolve()  # what a link points to, and not the link
    files.write(file, changed_text(text_of(file), {"IMAGE_SOURCE": source}))


def changed_text(text: str, changed: Mapping[str, str]) -> str:
    """The text of a settings file with other values; a variable it lacks comes at its end."""
    for name, value in changed.items():
        line = f"{name}={form(name, value) or value}"
        literal = line.replace("\\", r"\\")
        text, count = re.subn(rf"(?m)^(export +)?{name} *=.*$", literal, text)
        if not count:
            text += ("" if not text or text.endswith("\n") else "\n") + f"{line}\n"
    return text


def _is_there(file: Path) -> bool:
    """Say whether the file exists; ConfigError for what is none, and where nobody lets us look."""
    try:
        folder = file.is_dir()
        if folder or (file.exists() and not file.is_file()):
            kind = "a folder" if folder else "a device or a pipe"
            raise ConfigError(
                f"{file} is {kind}, wanted a file of NAME=value lines",
                next_step=f"ls -la {shlex.quote(str(file))}; then another name, or move it away",
            )
        return file.is_file()
    except PermissionError as error:
        raise unreadable(file.parent) from error

"""The template of now: what it loads, and when there must be another one."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from memos_reload.processes import GoneError, Template, Version, start
from memos_reload.settings import Settings
from memos_reload.state import Loaded
from memos_reload.wire import Message

PACKAGES = (".dist-info", ".egg-info", ".egg-link", ".pth")
LIMIT = 120.0
"""Seconds for a template to load all packages."""
LOADING = "the packages are being loaded"
OFFENDERS = 3
"""So many packages that start threads are left to the versions; with more each is a full start."""
REQUIREMENTS = ("pyproject.toml", "poetry.lock", "uv.lock", "requirements.txt")
"""Files beside a source that say which packages it wants."""


class Loading:
    """Forks versions from a template, and has it load what versions had to import themselves."""

    def __init__(
        self,
        settings: Settings,
        listening: Sequence[int],
        env: Mapping[str, str],
        tell: Callable[[Loaded], object],
        say: Callable[[str], object],
    ) -> None:
        """Begin with the modules that an earlier supervisor wrote down."""
        self.settings, self.listening, self.env = settings, listening, env
        self.tell, self.say = tell, say
        self.modules = read(settings.modules)
        self.offenders: list[str] = []
        self.full = ""
        """Why nothing is loaded, and each version is a full start."""
        self._template: Template | None = None
        self._grounds: tuple[object, ...] = ()
        self._turn = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None

    async def fork(self, number: int) -> Version:
        """Return a new version, forked when all that can be loaded is; raises GoneError."""
        for _ in range(OFFENDERS + 2):  # each of them may cost one, and so may what comes after
            template = await self.template()
            try:
                await asyncio.wait_for(template.settled.wait(), LIMIT)
                return await template.fork(number)
            except TimeoutError:
                self.full = f"the packages did not load within {LIMIT:.0f} s"
                template.kill()
                await template.gone.wait()
            except GoneError:
                self.say("the template has ended, it is started again")
        raise GoneError("the template ends again and again")

    async def template(self) -> Template:
        """Return the template; another one where it is gone, or its packages are others now."""
        async with self._turn:
            if self._template is not None and self._grounds != self._now(self._template):
                self.say("the packages, or what the source wants of them, have changed:")
                self.say("all is loaded anew, a full start")
                self._template.kill()
                self._template = None
            if self._template is None or self._template.gone.is_set():
                self._template = await start(
                    self.settings.python, self.listening, self.env, self._told
                )
                self._grounds = self._now(self._template)
                self.load()
            return self._template

    def learn(self, names: list[str]) -> None:
        """Keep the names of modules that a version had to import itself."""
        kept = {*self.modules}
        new = [one for one in names if one not in kept and package(one) not in self.offenders]
        if new:
            self.modules += new
            write(self.settings.modules, self.modules, self.say)
            self.tell(Loaded(why=self.full or LOADING))

    def load(self) -> None:
        """Have the template load what it has not yet."""
        if self._template is None or self.full:
            self.tell(Loaded(why=self.full))
        elif self.modules:
            self._template.load(self.settings.modules)
        else:
            self.tell(Loaded(why="no version has told yet what is to be loaded"))

    def leave(self) -> None:
        """End the template."""
        if self._template is not None:
            self._template.kill()

    def _told(self, message: Message) -> None:
        if "loaded" in message:
            self.tell(Loaded(ready=True, modules=message["loaded"], why=""))
        elif "threads" in message:
            self._spoiled(message["threads"])

    def _spoiled(self, module: str) -> None:
        """Give up a template that has a second thread: its versions could hang for ever."""
        name = package(module)  # each of its modules imports the package itself
        if name:
            self.offenders.append(name)
            self.modules = [one for one in self.modules if package(one) != name]
            write(self.settings.modules, self.modules, self.say)
            self.say(f"{name} starts a thread when it is imported: each version imports it itself")
        if not name:
            self.full = "a package starts a thread some time after it was imported"
        elif len(self.offenders) > OFFENDERS:
            self.full = f"{', '.join(self.offenders)} start threads when they are imported"
        if self.full:
            self.say(f"each version is a full start: {self.full}")
        if self._template is not None:
            self._template.kill()
            self._template = None
        self.tell(Loaded(why=self.full or LOADING))
        self._background = asyncio.create_task(self._prepare())

    async def _prepare(self) -> None:
        with suppress(GoneError, OSError):  # the next version meets it again, and tells
            await self.template()

    def _now(self, template: Template) -> tuple[object, ...]:
        beside = [self.settings.source.parent / name for name in REQUIREMENTS]
        return (*map(installed, map(Path, template.sites)), *map(changed, beside))


def package(module: str) -> str:
    """Return the package that a module is of, the outermost one."""
    return module.partition(".")[0]


def installed(site: Path) -> frozenset[str]:
    """Return the packages in a folder, each with its version in its name; none where it is gone.

    The folder's own time is that of its byte code, too.
    """
    try:
        return frozenset(one.name for one in site.iterdir() if one.suffix in PACKAGES)
    except OSError:
        return frozenset()


def changed(file: Path) -> float:
    """Return when a file has changed; 0 where there is none."""
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def read(file: Path) -> list[str]:
    """Return the modules that a file names; none where it cannot be read."""
    try:
        names = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def write(file: Path, names: list[str], say: Callable[[str], object]) -> None:
    """Write the names of modules for a template, and for the next supervisor."""
    try:
        file.write_text(json.dumps(names), encoding="utf-8")
    except OSError as error:
        say(f"{file} cannot be written: {error}")

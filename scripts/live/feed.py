"""What is going on, for all who follow it: one observer, in one thread, while anybody does."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event as Signal
from threading import RLock, Thread
from typing import Any

from scripts.config import settings as env_file
from scripts.config import workspace
from scripts.config.settings import Settings
from scripts.config.workspace import Workspace
from scripts.core import files
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError, StackError, unexpected
from scripts.core.foreign.documents import Json
from scripts.core.process import run_beside
from scripts.core.units import written
from scripts.live import masks, state, usage
from scripts.live.changes import Changes, Event
from scripts.live.history import History
from scripts.live.looking.moments import Moments
from scripts.live.looking.scene import Scene, Source
from scripts.live.looking.starts import Starts
from scripts.live.masks import Mask
from scripts.live.patch import without_nulls
from scripts.live.usage import Ring

AGAIN = 1.0
"""Seconds until what could not be asked is asked again."""
PAUSE = 2.0
"""Seconds without news after which a follower looks whether it still has to."""
SHARE = 100
"""A source that takes long is asked as seldom as it takes to be a hundredth of a processor."""
SPAN = usage.KEPT * usage.EVERY
"""Seconds of use that whoever comes is told of."""

Wake = Callable[[], object]
Judged = Callable[[Exception], StackError]


class Cursor:
    """How far one follower is."""

    def __init__(self, number: int | None = None) -> None:
        """Begin behind the change of that number; None for who knows nothing."""
        self.number = number
        self.used: int | None = None
        """The number of the last row of use; None before it was told of any."""


def loosely(checkout: Checkout) -> Settings:
    """Return the settings as far as they can be read; ConfigError where ENV_FILE names none."""
    try:
        return env_file.load(checkout.root, checkout.environ, strict=False)
    except ConfigError:
        if checkout.environ.get("ENV_FILE"):
            raise
        return env_file.of_example(checkout.root, checkout.environ)


class Feed:
    """The document of one stack, and who follows it; any thread may call.

    Nothing is asked while nobody follows. What cannot be asked is told in the document, which keeps
    what was seen last.
    """

    def __init__(
        self,
        checkout: Checkout,
        *,
        sources: Sequence[Source] = (),
        read_only: bool = False,
        keep: bool = False,
        judged: Judged = unexpected,
    ) -> None:
        """Follow the stack of a checkout; with `keep` also for whoever follows after our end.

        `judged` makes an error of ours of any exception.
        """
        self._said: list[str] = []
        self._checkout = replace(checkout, runner=run_beside, say=self._said.append)
        self._sources, self._judged = sources, judged
        settings = loosely(checkout)
        self._project = project = settings.get("COMPOSE_PROJECT_NAME")
        self.cache = workspace.cache(checkout.root, project)
        self.mask = Mask(settings)
        self._changes = Changes()
        self._ring = Ring(self.cache / usage.FILE if keep else None)
        self._starts = Starts(self.cache)
        self.history = History(self.cache, writes=keep)
        self._moments = Moments(self.history.since())
        self._lock = RLock()
        self._parts: dict[str, object] = {}
        self._shown: dict[str, Any] = {}
        """The parts as they may be seen: without nulls and secrets."""
        self._followers: list[Wake] = []
        self._thread: Thread | None = None
        self._fresh = False
        """It was looked since somebody followed."""
        self._scene: Scene | None = None
        self._wanted = Signal()
        """Set to end a pause of the thread."""
        self._asking: set[str] = set()
        """Sources that have not answered yet."""
        self._taken: dict[str, float] = {}
        """Seconds of a processor that a source took the last time."""
        root = str(checkout.root)
        past = self.history.past()
        self.put(project=project, checkout=root, language="", read_only=read_only, past=past)

    @property
    def looking(self) -> bool:
        """Say whether anybody is asked anything now."""
        return self._thread is not None

    def follow(self, over: Callable[[], bool]) -> Iterator[Event]:
        """Yield what happens, the state first, until it is `over`: that is asked now and then."""
        news, cursor = Signal(), Cursor()
        with self.followed(news.set):
            while not over():
                yield from self.news(cursor)
                news.wait(PAUSE)
                news.clear()

    @contextmanager
    def followed(self, wake: Wake) -> Iterator[None]:
        """Have the stack looked at while the block runs; `wake` is called when there is news."""
        with self._lock:
            self._followers.append(wake)
            if self._thread is None:
                self._fresh = False
                self._thread = Thread(target=self._work, name="feed", daemon=True)
                self._thread.start()
        wake()
        try:
            yield
        finally:
            with self._lock:
                self._followers.remove(wake)
            self._wanted.set()
            if (scene := self._scene) is not None:
                scene.wake()

    def news(self, cursor: Cursor) -> list[Event]:
        """Return what a follower has not been told; nothing before the first look."""
        if not self._fresh:
            return []
        events, now = self._changes.since(cursor.number), time.time()
        if events and events[0][1] == "state":
            number, kind, document = events[0]
            events = [(number, kind, document | {"now": written(now)})]
        cursor.number = events[-1][0] if events else cursor.number or 0
        known = cursor.used
        numbered = self._ring.after(known or 0)
        cursor.used = numbered[-1][0] if numbered else known or 0
        rows = [row for _, row in numbered]
        if known is None:
            rows = [row for row in rows if row["at"] > now - SPAN]
            return [*events, (cursor.number, "usages", {"rows": rows})]
        return [*events, *((cursor.number, "usage", row) for row in rows)]

    def judged(self, error: Exception) -> StackError:
        """Return an error of ours for any, whatever goes wrong with that too."""
        try:
            return self._judged(error)
        except Exception:  # noqa: BLE001 - a full disk, for instance
            return unexpected(error)

    def masked(self, document: Json) -> Json:
        """Return a document without the secrets of the settings as they are now."""
        return self.mask.document(document)

    def knows(self, space: Workspace) -> None:
        """Hide also what the containers of this stack were made with, before they are heard.

        Raises ConfigError for a workspace of another stack.
        """
        self._is_of(space.settings)
        secrets = masks.given(space.api, space.stack.project)
        with self._lock:
            more = (*self.mask.secrets, *secrets)
            self.mask = Mask(space.settings, more, space.stack.names())
            self._show(self._parts)

    def still(self) -> None:
        """Raise ConfigError where the settings name another stack by now: nothing is done to it."""
        self._is_of(env_file.load(self._checkout.root, self._checkout.environ, strict=False))

    def _is_of(self, settings: Settings) -> None:
        project = settings.get("COMPOSE_PROJECT_NAME")
        if project != self._project:
            raise other_stack(self._project, project)

    def put(self, **parts: object) -> None:
        """Let the document have these parts from now on, None for none."""
        with self._lock:
            changed = {
                name: value for name, value in parts.items() if self._parts.get(name) != value
            }
            self._parts |= changed
            self._show(changed)
            if self.history.saw({name: self._shown.get(name) for name in changed}):
                self.put(past=self.history.past())

    def _show(self, parts: dict[str, object]) -> None:
        """Have the document tell of these parts what may be seen."""
        for name in parts:
            self._shown.pop(name, None)
        self._shown |= self.mask.document(without_nulls(parts))
        if self._changes.become(self._shown):
            self._tell()

    def _tell(self) -> None:
        for wake in tuple(self._followers):
            wake()

    def _work(self) -> None:
        """Look as long as anybody follows; whatever goes wrong is told, and tried again."""
        while not self._left():
            self._wanted.clear()
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 - told; a thread that ended would tell nothing
                self._failed(error)
                self._wanted.wait(AGAIN)

    def _failed(self, error: Exception) -> None:
        """Tell what went wrong, as far as that goes: what fails here too ends nothing.

        All of it at once, so that the first state a follower gets is whole.
        """
        parts = {"engine": state.silent(self.judged(error)), "notes": list(self._said)}
        with suppress(Exception):
            parts |= self._starts.parts()
        with suppress(Exception):
            self._take(**parts)

    def _left(self) -> bool:
        """Say whether nobody follows any more; then this thread is no longer the one that looks."""
        with self._lock:
            if not self._followers:
                self._thread = None
            return self._thread is None

    def _look(self) -> None:
        """Look at the stack as its settings are now, until they change or nobody follows."""
        before = inputs(self._checkout)
        self._said.clear()
        with self._lock:
            self.mask = Mask(loosely(self._checkout), self.mask.secrets)
            self._show(self._parts)
        space = workspace.look(self._checkout)
        self.knows(space)
        facts = {
            "project": space.stack.project,
            "engine": state.engine(space.engine),
            "notes": list(self._said),
        }
        with closing(Scene(space, moments=self._moments)) as scene:
            self._scene = scene
            while self._followers and inputs(self._checkout) == before:
                self._take(**facts, **scene.parts(), **self._starts.parts())
                if scene.is_due("usage", usage.EVERY):
                    self._aside("usage", partial(self._use, scene))
                for source in self._sources:
                    pause = max(source.seconds, SHARE * self._taken.get(source.name, 0.0))
                    if scene.is_due(source.name, pause):
                        self._aside(source.name, partial(self._ask, source, scene))
                scene.nap()

    def _take(self, **parts: object) -> None:
        self.put(**parts)
        if not self._fresh:
            self._fresh = True
            self._tell()

    def _use(self, scene: Scene) -> None:
        if self._ring.add(scene.used(), time.time()) is not None:
            self._tell()

    def _ask(self, source: Source, scene: Scene) -> None:
        found = None  # after an error too: what was known once is not told as if it were so now
        try:
            found = source.ask(scene.space, scene.look)
        finally:
            self.put(**{source.name: found})

    def _aside(self, name: str, ask: Callable[[], None]) -> None:
        """Ask in a thread, so that no event waits for it, unless that asks still."""

        def work() -> None:
            began = time.thread_time()
            try:
                ask()
            except Exception as error:  # noqa: BLE001 - a bug is kept where `judged` keeps it
                self.judged(error)
            finally:
                self._taken[name] = time.thread_time() - began
                self._asking.discard(name)

        if name not in self._asking:
            self._asking.add(name)
            Thread(target=work, daemon=True).start()


def other_stack(before: str, now: str) -> ConfigError:
    """Return what is wrong where the settings name another stack than the one that is followed."""
    return ConfigError(
        f"COMPOSE_PROJECT_NAME is {now} by now; what is followed here is {before}",
        next_step=f"COMPOSE_PROJECT_NAME={before} inv page --stop, then: inv page",
    )


def inputs(checkout: Checkout) -> list[tuple[str, int]]:
    """Return the ages of the files that say what the stack is."""
    root, named = checkout.root, checkout.environ.get("ENV_FILE")
    composes = sorted((root / "docker").glob("docker-compose*.yml"))
    settings = files.absolute(named, Path.cwd()) if named else root / ".env"
    return [(str(file), _age(file)) for file in (settings, *composes)]


def _age(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0

"""One stack as the tasks see it: its settings, the engine, Compose, and the resolved file."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.config import compose, compose_cache, selection
from scripts.config import settings as env_file
from scripts.config.choice import REMOTE
from scripts.config.compose import Compose
from scripts.config.rules import env as settings_rules
from scripts.config.settings import Settings
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError
from scripts.core.files import Json
from scripts.core.inventory import FOREIGN, Engine, ImageSource
from scripts.core.process import Runner
from scripts.core.stack import Stack
from scripts.core.texts import is_secret
from scripts.engine import containers, discovery
from scripts.engine.api import Api
from scripts.engine.discovery import check_compose, check_engine
from scripts.engine.remote.address import VARIABLE

if TYPE_CHECKING:
    from scripts.engine.swarm.cluster import Cluster

CACHE = ".cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Everything that a task needs, asked once."""

    settings: Settings
    image_source: ImageSource
    engine: Engine
    compose: Compose
    resolved: str
    """The resolved compose file, YAML."""
    stack: Stack
    inputs: str = ""
    """What the resolved file was made from, as `compose_cache.fingerprint` gives it."""

    @property
    def api(self) -> Api:
        """The way to the engine's API, or to the nodes of its Swarm in the place of one."""
        return self.cluster if self.settings.swarm else Api.of(self.engine)

    @property
    def cluster(self) -> "Cluster":
        """The way to the nodes of the Swarm that the engine is a manager of."""
        from scripts.engine.swarm import nodes
        from scripts.engine.swarm.cluster import Cluster, memory_of

        return Cluster(
            self.engine.endpoint,
            env=self.engine.env,
            ways=nodes.ways(self.settings.get(nodes.NODES)),
            forward=self._forwarded,
            brought=self._brought,
            remote=self.engine.remote,
            memory=memory_of(self.engine.endpoint),
            project=self.stack.project,
        )

    def _forwarded(self, address: str) -> str:
        """Return the endpoint of a node's engine; what ssh takes is loaded only for one."""
        if not address.startswith("ssh://"):
            return address
        from scripts.engine.swarm import ways

        return ways.forwarded(self.settings.root, address)

    def _brought(self) -> bool:
        """Say whether a link brings ports of the manager's own containers to this machine."""
        from scripts.engine.swarm import ways

        return self.engine.local and ways.brought(self.settings.root, self.engine.endpoint)

    @property
    def cache(self) -> Path:
        """The folder for what can be made again, one for each stack of this checkout."""
        return cache(self.settings.root, self.stack.project)

    @property
    def shared_cache(self) -> Path:
        """The folder for what all stacks of this checkout share."""
        return self.settings.root / CACHE


def cache(root: Path, project: str) -> Path:
    """Return `Workspace.cache` where no engine is asked; the lock of the stack lies there too."""
    return root / CACHE / project


def read_settings(checkout: Checkout) -> Settings:
    """Read and check the settings; when there is no `.env`, say that the defaults are used."""
    settings = env_file.load(checkout.root, checkout.environ)
    if settings.missing:
        checkout.say("there is no .env yet: using the defaults of .env.example")
    settings_rules.check(settings)
    return settings


def shown_settings(checkout: Checkout) -> Settings:
    """Like `read_settings`, for who wants to see them: what is wrong in them is told, no error."""
    try:
        return read_settings(checkout)
    except ConfigError as wrong:
        settings = env_file.load(checkout.root, checkout.environ, strict=False)
        checkout.say(f"{wrong}\nnext: {wrong.next_step}")
        return settings


def told_settings(checkout: Checkout) -> Settings:
    """Like `read_settings`, and tell in a line what the environment changes."""
    settings = read_settings(checkout)
    for line in notes(settings, checkout):
        checkout.say(line)
    return settings


def notes(settings: Settings, checkout: Checkout) -> Iterator[str]:
    """Yield a line where the environment beats the file, and one where it has no say."""
    if overruled := [one for one in settings.overruled() if one not in checkout.by_flag]:
        told = ", ".join(
            name if is_secret(name) else f"{settings.shown(name)} ({settings.place(name)})"
            for name in overruled
        )
        file = ".env" if settings.missing else settings.file.name
        yield f"the environment beats {file}: {told}"
    if foreign := sorted(FOREIGN & checkout.environ.keys()):
        yield f"of the environment these do not count here: {', '.join(foreign)}"


def made_settings(checkout: Checkout) -> Settings:
    """Like `read_settings`, and make `.env` when there is none."""
    if env_file.load(checkout.root, checkout.environ).missing:
        env_file.create(checkout.root)
        checkout.say("made .env from .env.example")
    return told_settings(checkout)


def as_set(checkout: Checkout) -> Workspace:
    """Return the workspace as the settings have it, changing nothing.

    Raises EngineError when no engine runs; ConfigError as `settings_rules.check` and the schema do.
    """
    settings = told_settings(checkout)
    return resolved(checkout, settings, required_engine(checkout, settings), settings.source)


def required_engine(checkout: Checkout, settings: Settings) -> Engine:
    """Return the engine that these settings mean; errors as `discovery.required` raises them."""
    return discovery.required(checkout, settings.get(VARIABLE))


def looked_engine(checkout: Checkout) -> Engine:
    """Return the engine where no stack is looked at; only what names it must be right."""
    return discovery.required(checkout, remote_of(checkout))


def remote_of(checkout: Checkout) -> str:
    """Return REMOTE of the settings, whatever else in them is wrong; ConfigError for no address."""
    settings = env_file.load(checkout.root, checkout.environ, strict=False)
    if settings_rules.ambiguous(settings, (VARIABLE,)):
        read_settings(checkout)  # which says what is wrong
    return settings.get(VARIABLE)


def look(checkout: Checkout) -> Workspace:
    """Like `as_set`, for what only looks or stops: nothing that only a start needs is in its way.

    What is wrong is told, and the stack taken as it was last; or with defaults, where nothing is
    kept of that. Raises ConfigError where it is not known which stack is meant.
    """
    try:
        return as_set(checkout)
    except ConfigError as error:
        if error.code.startswith(discovery.REMOTE):  # no other stack is meant instead
            raise
        wrong = error
    settings = env_file.load(checkout.root, checkout.environ, strict=False)
    if settings_rules.ambiguous(settings):
        raise wrong
    checkout.say(str(wrong))
    settings, over = settings_rules.sound(settings)
    running, source = required_engine(checkout, settings), settings.source
    running = replace(running, env={**running.env, **over})
    kept = compose_cache.last(cache(settings.root, settings.get("COMPOSE_PROJECT_NAME")))
    if kept is not None:
        checkout.say(f"this is the stack as it was last; for a start: {wrong.next_step}")
        composed = compose_project(settings, running.env, checkout.runner, source, running.remote)
        return _workspace(settings, running, source, composed, kept)
    try:
        space = resolved(checkout, settings, running, source, keep=not over)
    except ConfigError:
        raise wrong from None
    checkout.say(f"this is the stack with the default instead; for a start: {wrong.next_step}")
    return space


def look_project(checkout: Checkout) -> str:
    """Return the name of the stack's project; errors as in `look`, and no engine is asked."""
    settings = env_file.load(checkout.root, checkout.environ, strict=False)
    if settings_rules.ambiguous(settings, ("COMPOSE_PROJECT_NAME",)):
        read_settings(checkout)  # which says what is wrong
    return settings.get("COMPOSE_PROJECT_NAME")


def compose_project(
    settings: Settings,
    env: Mapping[str, str],
    runner: Runner,
    source: ImageSource,
    remote: str = "",
) -> Compose:
    """Return the project as Compose is told about it; `env` is what reaches the engine.

    `remote` as an `Engine` has it.
    """
    return Compose(
        files=files(settings, source, remote),
        env_file=settings.file,
        env={**env, **settings.for_compose()},
        runner=runner,
    )


def files(settings: Settings, source: ImageSource, remote: str = "") -> tuple[Path, ...]:
    """Return the compose files for these settings and an engine here, or elsewhere."""
    overlays = settings.choice.overlays
    return compose.files(settings.root, source, (*overlays, REMOTE) if remote else overlays)


def resolved(
    checkout: Checkout,
    settings: Settings,
    running: Engine,
    source: ImageSource,
    *,
    keep: bool = True,
) -> Workspace:
    """Return the workspace on this engine; Compose is asked only after a change.

    What it says is kept for the next time, but not of settings of which some were left out.
    ConfigError for a compose file that breaks a rule, EngineError for an engine that is too old.
    """
    check_engine(running)
    composed = compose_project(settings, running.env, checkout.runner, source, running.remote)
    folder = cache(settings.root, settings.get("COMPOSE_PROJECT_NAME"))
    inputs = compose_cache.fingerprint(composed, checkout.environ)
    if (known := compose_cache.read(folder, inputs)) is None:
        from scripts.config import resolving

        check_compose(running, checkout.runner)
        written = compose_cache.written(composed.files)
        known = resolving.resolved(composed, settings)
        if keep:
            compose_cache.keep(folder, inputs, *known, written=written)
    return replace(_workspace(settings, running, source, composed, known), inputs=inputs)


def _workspace(
    settings: Settings,
    running: Engine,
    source: ImageSource,
    composed: Compose,
    known: tuple[str, dict[str, Json]],
) -> Workspace:
    """Return the workspace with this resolved file, as text and as document."""
    stack = compose.parse(known[1], composed.files[0].parent)
    if running.remote:  # by its folder the link knows which ports it may bring here
        cache(settings.root, stack.project).mkdir(parents=True, exist_ok=True)
    return Workspace(
        settings=settings,
        image_source=source,
        engine=running,
        compose=composed,
        resolved=known[0],
        stack=stack if running.answers_here else without_probes(stack),
    )


def described(
    settings: Settings, env: Mapping[str, str], runner: Runner, source: ImageSource
) -> Stack:
    """Return the stack where no engine runs; `env` by `programs.have`, errors as in `resolved`."""
    from scripts.config import resolving

    composed = compose_project(settings, env, runner, source)
    return compose.parse(resolving.resolved(composed, settings)[1], composed.files[0].parent)


def present(
    space: Workspace, named: Sequence[str], there: Callable[[], Collection[str]] | None = None
) -> tuple[str, ...]:
    """Return the services that are named; for none those that start by themselves or are there.

    `there` is who knows which have a container, else the engine is asked. Raises ConfigError as
    `selection.services` does.
    """
    stack = space.stack
    if named or stack.wanted() == stack.names():
        return selection.services(stack, named)
    have = there() if there is not None else containers.services(space.api, stack.project)
    return tuple(one.name for one in stack.services if one.wanted or one.name in have)


def without_probes(stack: Stack) -> Stack:
    """Return the stack for an engine at tcp://: its ports are out of reach, health is believed."""
    services = (one if one.elsewhere else replace(one, probes=()) for one in stack.services)
    return replace(stack, services=tuple(services))


def with_all_profiles(space: Workspace) -> Workspace:
    """Return the same workspace with what only a profile starts, too."""
    composed = replace(space.compose, env={**space.compose.env, "COMPOSE_PROFILES": "*"})
    return replace(space, compose=composed)


def every_volume(space: Workspace) -> tuple[str, ...]:
    """Return the names of the volumes of all services, also of those that only a profile starts."""
    try:
        every = compose.text(with_all_profiles(space).compose)
        written = compose.document(every).get("volumes") or {}
    except ConfigError:  # the file is wrong by now; see `look`
        return tuple(volume.name for volume in space.stack.volumes)
    own = {key: volume or {} for key, volume in written.items()}
    # as Compose has it, one that the user made himself is never deleted with a stack
    return tuple(str(one.get("name", key)) for key, one in own.items() if not one.get("external"))

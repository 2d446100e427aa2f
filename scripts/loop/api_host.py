"""`inv api.host`: the API as a process of this machine, with its databases in their containers."""

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from scripts.config import release
from scripts.config.settings import Settings
from scripts.config.workspace import Workspace
from scripts.core import files, process
from scripts.core.checkout import Checkout
from scripts.core.errors import BrokenError, ConfigError, ExitCode, RefusedError
from scripts.core.finding import Finding
from scripts.core.look import GONE, HostProcess, Look, State
from scripts.core.polling import until_none
from scripts.core.stack import LOOPBACK, Port
from scripts.diagnosis.readiness import answers, last_answer
from scripts.diagnosis.rules import diagnose
from scripts.engine.containers import containers
from scripts.loop import environment, host_variables, packages
from scripts.loop.environment import Environment
from scripts.loop.host_log import HostLog
from scripts.loop.packages import Contents
from scripts.machine import ports, processes
from scripts.start import guards
from scripts.start.starter import Starter
from scripts.watch import mends, on_host
from scripts.watch.log_lines import clean
from scripts.watch.observer import Observer
from scripts.watch.on_host import SERVICE
from scripts.watch.published import API, serving

SUPERVISOR = "memos_reload"
"""Beside what starts the API; it needs nothing but Python, and watchfiles if there is one."""
LOG, STATE, COMMAND = "log", "reload.json", "command"
"""In the folder where the process works; of a command, which says nothing of itself, in one below
that is not there."""
SAID = (STATE, Path(mends.FILE).name)
"""What it says of itself."""
ASKED = frozenset({0, -signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGINT})
"""Exit codes of what ended because somebody asked it to."""
WATCHER = "watchfiles"
"""The package that tells of file events; MemOS' fastapi[all] brings it."""
FREE = 5.0
"""Seconds for the engine to give the port back."""
BACK = "inv api.container brings its container back"
LINES = 400
"""Lines of its log that are searched for why it ended."""


class Reporter(Protocol):
    """Who is told, and what."""

    def say(self, line: str) -> None: ...

    def text(self, text: str) -> None: ...

    def finding(self, finding: Finding) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to run in the place of the container, as it was typed."""

    words: Sequence[str] = ()
    """A command; none means the API, under the supervisor of its container."""
    debug: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the process runs, and with what."""

    source: Path
    """The src/ of the checkout."""
    found: Environment | None
    port: Port
    variables: Mapping[str, str]
    path: str
    """The user's PATH."""
    supervisor: Path = Path(sys.executable)
    """The Python of the supervisor: the checkout's, where that tells it of file events."""
    debug_port: int | None = None
    metrics_port: int | None = None

    @property
    def checkout(self) -> Path:
        """The checkout that src/ is of."""
        return release.top(self.source)


def host(start: Starter, here: Checkout, wanted: Wanted, tell: Reporter) -> int:
    """Stop the API's container and run it, or a command, on this machine; give the exit code.

    Nothing is stopped before all is there that it takes: raises ConfigError, BrokenError and
    RefusedError for what is missing, broken, or held by another run.
    """
    space = start.space
    place = _place(space, here, wanted)
    with ExitStack() as lock:
        lock.enter_context(files.held(space.cache, "api.host"))
        guards.require_own(space)
        _require_alone(space)
        _require_ready(space)
        _require_ports(space, place.debug_port)
        for word in wanted.words[:1]:  # before the container is stopped for it
            process.located(word, _environment(place), place.checkout)
        file = host_variables.write(space, place.variables, here.runner)
        tell.say(f"wrote {file}: what the container gets, with the addresses of this machine")
        _stop_container(start, place.port)

        def begun(pid: int, log: Path) -> HostProcess:
            found = HostProcess(
                pid=pid,
                started=processes.birth(pid),
                folder=place.checkout,
                port=place.port.published,
                log=log,
                state=log.with_name(STATE),
                debug_port=place.debug_port,
                metrics_port=place.metrics_port,
            )
            on_host.note(space.cache, found)
            lock.close()
            return found

        if wanted.words or place.found is None:
            return _command(space, place, wanted.words, begun, tell)
        return _api(space, place, here.environ, begun, tell)


Begun = Callable[[int, Path], HostProcess]
"""Notes a process by its number and its log, and lets other commands begin."""


def _place(space: Workspace, here: Checkout, wanted: Wanted) -> Place:
    """Find what the process runs with, and look whether it is whole."""
    settings = space.settings
    source, service = settings.memos_src, serving(space.stack, API)
    if source is None:
        raise ConfigError(
            "MEMOS_SRC is empty, so there is no MemOS to run on this machine",
            next_step=f"MEMOS_SRC=/path/to/MemOS in {settings.file}, then: inv api.host",
        )
    if service is None:
        raise ConfigError(f"no service publishes port {API}", next_step="inv config")
    if wanted.debug and wanted.words:
        raise ConfigError(
            "--debug is for the API itself, and not for a command",
            next_step="inv api.host --debug; or the command without --debug",
        )
    debugged = not wanted.words and (wanted.debug or bool(settings.debugger))
    found = environment.found(release.top(source), here.environ, here.runner)
    contents = None
    if found is not None:
        here.say(f"the Python is {found.python} ({found.origin})")
        contents = packages.read(found, here.runner)
        if other := packages.drift(contents, settings):
            here.say(f"other versions than this MemOS wants: {'; '.join(other)}")
    if not wanted.words:
        _require_whole(found, contents, settings, *(("debugpy",) if debugged else ()))
    port = next(port for port in service.ports if port.target == API)
    events = contents and contents.python >= environment.OLDEST and WATCHER in contents.packages
    return Place(
        source=source,
        found=found,
        # at the other machine's address nobody listens here
        port=replace(port, host=LOOPBACK) if space.engine.remote else port,
        variables=host_variables.variables(space, here.environ),
        path=here.environ.get("PATH", ""),
        supervisor=found.python if found is not None and events else Path(sys.executable),
        debug_port=int(settings.get("MEMOS_DEBUG_PORT")) if debugged else None,
        metrics_port=None if wanted.words else ports.free(LOOPBACK),
    )


def _require_whole(
    found: Environment | None, contents: Contents | None, settings: Settings, *extra: str
) -> None:
    """Raise ConfigError unless there is an environment with all that the API imports."""
    folder = release.top(settings.memos_src) if settings.memos_src else settings.root
    if found is None or contents is None:
        raise ConfigError(
            f"there is no environment with what MemOS imports: neither .venv in {folder}, nor one"
            " of uv or poetry, nor an activated one",
            next_step=f"{packages.made_by(folder, settings)}; then the same again",
        )
    packages.require(found, contents, settings, *extra)


def _require_alone(space: Workspace) -> None:
    if (other := on_host.read(space.cache)) is not None:
        raise RefusedError(
            f"{SERVICE} runs on this machine already: pid {other.pid}, of {other.folder}",
            next_step=f"inv logs --service {SERVICE} --follow shows what it does; Ctrl-C where it"
            " runs ends it, or: inv api.container",
            code="locked",
        )


def _require_ready(space: Workspace) -> None:
    """Raise BrokenError unless all answers that the API needs."""
    stack = space.stack
    needs = tuple(name for name in stack.closure((SERVICE,)) if name != SERVICE)
    with closing(Observer(space.api, stack)) as observer:
        look = observer.look(needs)
    missing = [name for name in needs if not answers(stack.service(name), look)]
    if missing:
        told = "; ".join(f"{name}: {last_answer(look, name)}" for name in missing)
        words = " ".join(f"--service {name}" for name in missing)
        raise BrokenError(
            f"{SERVICE} needs what does not answer: {told}", next_step=f"inv up {words}"
        )


def _require_ports(space: Workspace, debug_port: int | None) -> None:
    service = space.stack.service(SERVICE)
    more = () if debug_port is None else (Port(host=LOOPBACK, published=debug_port, target=0),)
    wanted = replace(service, ports=(*service.ports, *more))
    stack = replace(space.stack, services=(wanted,))
    for port, (_, holder) in guards.holders_here(space, stack, (SERVICE,)).items():
        name = space.settings.port_variables().get(port, "the API")
        raise BrokenError(
            f"port {port} is taken by {holder}",
            next_step=f"stop it, or give {name} another port in {space.settings.file}",
            code="port-taken",
        )


def _stop_container(start: Starter, port: Port) -> None:
    """Stop the API's container: the engine starts none again that was stopped by a call."""
    space = start.space
    start.data_context().stop((SERVICE,))
    for left in containers(space.api, space.stack.project, SERVICE):
        if left.state not in GONE | {State.CREATED}:
            raise BrokenError(
                f"its container does not stop: {left.name} is {left.state}",
                next_step=f"inv logs --service {SERVICE}; inv down ends all, and the data stays",
            )

    def held() -> bool:
        return ports.taken(port.host, port.published)

    until_none(held, timeout=FREE, interval=0.05)


def _environment(place: Place) -> dict[str, str]:
    """Return the variables of a process: as in an environment that is activated."""
    if place.found is None:
        return {**place.variables}
    home, programs = place.found.folder, place.found.python.parent
    return {**place.variables, "VIRTUAL_ENV": str(home), "PATH": f"{programs}:{place.path}"}


def _command(
    space: Workspace, place: Place, words: Sequence[str], begun: Begun, tell: Reporter
) -> int:
    """Run a command in the checkout, on our own terminal; give its exit code."""
    nowhere = host_variables.folder(space) / COMMAND / LOG
    try:
        return process.attached(
            words,
            folder=place.checkout,
            env=_environment(place),
            begun=lambda pid: begun(pid, nowhere),
        )
    finally:
        on_host.forget(space.cache)
        tell.say(BACK)


def _api(
    space: Workspace, place: Place, environ: Mapping[str, str], begun: Begun, tell: Reporter
) -> int:
    """Run the API under its supervisor until Ctrl-C, or until it ends."""
    folder = host_variables.folder(space)
    for said in SAID:  # of an earlier one
        (folder / said).unlink(missing_ok=True)
    log = HostLog(folder / LOG)

    def heard(line: str) -> None:
        log.write(line)
        for _, shown in clean(0, line.encode()):
            tell.text(shown)

    program = space.settings.root / host_variables.CODE / SUPERVISOR
    more = {
        "MEMOS_RELOAD_SOURCE": str(place.source),
        "MEMOS_RELOAD_STATE": str(folder / STATE),
        "MEMOS_RELOAD_PYTHON": str(place.found.python if place.found else place.supervisor),
        "MEMOS_RELOAD_BIND": f"{place.port.host}:{place.port.published}",
        "MEMOS_RELOAD_METRICS": f"{LOOPBACK}:{place.metrics_port}",
    }
    if place.debug_port is not None:
        more |= {"MEMOS_DEBUG": "yes", "MEMOS_DEBUG_BIND": f"{LOOPBACK}:{place.debug_port}"}
    with closing(log), process.ended_by(signal.SIGTERM, signal.SIGHUP):
        env = {**place.variables, **more, **host_variables.compiled(space, environ)}
        running = process.Relayed(
            [str(place.supervisor), str(program)], folder=folder, env=env, heard=heard
        )
        found = None
        try:
            found = begun(running.pid, folder / LOG)
            code = running.wait()
        except KeyboardInterrupt:
            processes.end(running.pid)
            code = running.wait() and 0
        except OSError:  # nobody would know of it
            processes.end(running.pid)
            running.wait()
            raise
        finally:
            on_host.forget(space.cache)
    if found is None or code in ASKED:
        tell.say(f"{SERVICE} has ended on this machine; {BACK}")
        return ExitCode.OK
    for finding in _why(space, found, code):
        tell.finding(finding)
    tell.say(BACK)
    return ExitCode.BROKEN


def _why(space: Workspace, found: HostProcess, code: int) -> tuple[Finding, ...]:
    """Return why a process ended, as its log says it."""
    lines = tuple(text for _, text in on_host.lines(found, tail=LINES))
    ended = on_host.container(found, State.EXITED, code)
    return diagnose(space.stack, (SERVICE,), Look(containers=(ended,), logs={SERVICE: lines}))


def end(cache: Path, say: Callable[[str], None]) -> bool:
    """End what runs in the container's place, if anything does; say whether it did.

    ConfigError where it belongs to another user, or this very command runs in it.
    """
    found = on_host.read(cache)
    if found is None:
        return False
    if os.getpid() in processes.family(found.pid):
        raise ConfigError(
            f"this runs in what is to be ended: {SERVICE} on this machine (pid {found.pid})",
            next_step="leave that, as a shell by exit; then the same again",
        )
    say(f"ending {SERVICE} on this machine (pid {found.pid})")
    try:
        processes.end(found.pid)
    except PermissionError as error:
        raise ConfigError(
            f"process {found.pid}, which runs {SERVICE} here, belongs to another user",
            next_step=f"sudo kill {found.pid}; then the same again",
        ) from error
    if on_host.read(cache) is not None:
        raise BrokenError(
            f"process {found.pid}, which runs {SERVICE} here, does not end",
            next_step=f"ps -o pid,stat,cmd -p {found.pid} shows what it waits for",
        )
    on_host.forget(cache)
    return True


def container(start: Starter) -> ExitCode:
    """End what runs in the container's place, start the container and wait until it answers.

    Raises ConfigError where there is no container.
    """
    space = start.space
    with files.held(space.cache, "api.container"):
        guards.require_own(space)
        guards.require_created(space, (SERVICE,))
        end(space.cache, start.tell.say)
        if code := start.finish_interrupted():
            return code
        names = space.stack.closure((SERVICE,))
        code = start.follow(names)
    if code is ExitCode.OK:
        start.tell.ready(space.stack, (SERVICE,), space.settings)
    return code

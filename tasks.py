"""The MemOS development stack: start it, look at it, stop it. `inv up` is the beginning.

Imports stand in the tasks that need them, so that `inv --list` and a Tab stay fast.
"""

import atexit
import functools
import gc
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from scripts.core.errors import ConfigError, ExitCode, StackError, known

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scripts.config.workspace import Workspace
    from scripts.core.inventory import ImageStatus
    from scripts.core.look import Look
    from scripts.core.stack import Service
    from scripts.data.recovery import Site
    from scripts.images.bundle.bundle_file import Bundle
    from scripts.images.jobs import Jobs
    from scripts.start.timeline import Run
    from scripts.tell.data_report import DataReport
    from scripts.tell.report import Report

ROOT = Path(__file__).resolve().parent
BEGAN = time.time()
"""When this command began: the first of the moments that `inv timeline` shows."""
SERVICE = "service or container name; may be repeated; none means all"
TIMEOUT = "seconds from the first start until all must be ready"
FORMAT = "text for people, json for programs"
GROUP = "service whose data group is meant; may be repeated; none means all"
LIMIT = 300.0
"""Seconds for what a data command stopped to be ready again."""
YES = "do not ask"
SNAPSHOT = "its name, as inv snapshot.list has it, or the path of one from elsewhere"

# at its end Python searches all that was ever loaded for cycles: 30 ms of every command, in vain
atexit.register(gc.freeze)

P = ParamSpec("P")


def command(body: Callable[P, ExitCode]) -> Callable[P, None]:
    """Lend a task an exit status, and its StackErrors two lines instead of a traceback."""

    @functools.wraps(body)  # keeps the signature that invoke reads
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = body(*args, **kwargs)
        except BrokenPipeError:  # pragma: no cover - held by e2e, it needs a pipe of its own
            # the reader has seen enough: inv ps | head
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise Exit(code=ExitCode.OK) from None
        except (StackError, OSError) as error:
            ours = known(error)
            _report().error(ours)
            raise Exit(code=ours.exit_code) from error
        except KeyboardInterrupt:
            raise Exit("interrupted; inv ps shows what runs", ExitCode.INTERRUPTED) from None
        if code is not ExitCode.OK:
            raise Exit(code=code)

    return wrapper


@contextmanager
def _result_line(tell: "Report") -> Iterator[None]:
    """Yield `--format json` its last line also when an error or Ctrl-C ends the block."""
    try:
        yield
    except (StackError, OSError) as error:
        tell.refused(known(error))
        raise
    except KeyboardInterrupt:
        tell.interrupted()
        raise


def _report(form: str = "text") -> "DataReport":
    from scripts.tell import flags
    from scripts.tell.data_report import DataReport

    return DataReport(form=flags.form(form))


def _look(tell: "Report") -> "Workspace":
    from scripts.config import workspace
    from scripts.core.process import run

    return workspace.look(ROOT, os.environ, run, tell.say)


@task(
    iterable=["service"],
    help={
        "service": SERVICE,
        "timeout": TIMEOUT,
        "build": "build the images again (quick where nothing changed)",
        "format": FORMAT,
    },
)
@command
def up(
    c: Context,
    *,
    service: list[str],
    timeout: str = "300",
    build: bool = False,
    format: str = "text",
) -> ExitCode:
    """Start what is named and all that it needs; return when every one of them answers."""
    del c
    from scripts.config import selection
    from scripts.core import lock
    from scripts.data import journal as data_journal
    from scripts.images import jobs
    from scripts.start import created, guards
    from scripts.tell import flags

    tell = _report(format)
    with _result_line(tell), jobs.Jobs(tell.step, tell.state) as begun:
        limit = flags.seconds("timeout", timeout)
        space = _prepared(begun, tell, named=service)
        names = space.stack.closure(selection.services(space.stack, service))
        with lock.held(space.cache, "up"):
            guards.require_own(space)
            statuses = _statuses(space, names)
            # what an interrupted command left changes what runs
            pending = data_journal.read(_folder(space)) is not None
            changed = build or pending or not created.unchanged(space, statuses)
            if changed:
                if code := tell.preflight(guards.findings(space, names)):
                    return code
                _have_images(space, statuses, begun, tell, rebuild=build)
            begun.stop()
            if code := _settled(space, tell, limit, anew=True):
                return code
            if changed:
                statuses = _create(space, names)
            return _start(space, statuses, limit, tell)


def _prepared(
    begun: "Jobs", tell: "Report", named: "Sequence[str]" = (), *, builds: bool = True
) -> "Workspace":
    """Return the workspace ready for builds; what images are made of comes beside the engine."""
    from scripts.core.process import run
    from scripts.images import base_image
    from scripts.start import prepare

    def meanwhile() -> None:
        with suppress(ConfigError):  # told when it is needed
            if builds:
                begun.begin(base_image.ahead(ROOT))

    return prepare.prepared(ROOT, os.environ, run, tell.say, named=named, meanwhile=meanwhile)


def _have_images(
    space: "Workspace",
    statuses: "Sequence[ImageStatus]",
    begun: "Jobs",
    tell: "Report",
    *,
    rebuild: bool,
) -> None:
    from scripts.images import availability
    from scripts.images.bundle import bundle_file, unpacking

    services = [space.stack.service(one.service) for one in statuses]
    packed = bundle_file.named(os.environ)
    if packed and unpacking.missing(statuses):
        _load(packed, space, tell)
        statuses = [availability.status(space.api, service) for service in services]
        unpacking.require_all(packed, statuses)
    to_build, to_pull = availability.needed(statuses, rebuild=rebuild)
    _build(space, [one for one in services if one.name in to_build], begun, tell)
    _pull(space, [one for one in services if one.name in to_pull], begun, tell)


def _load(packed: "Bundle", space: "Workspace", tell: "Report") -> None:
    from scripts.core import lock
    from scripts.images.bundle import unpacking

    with lock.held(ROOT / ".cache", "images.load"), tell.board(["images"]):
        unpacking.load(packed, space.api, tell.step)


def _build(
    space: "Workspace", services: "Sequence[Service]", begun: "Jobs", tell: "Report"
) -> None:
    from scripts.core import lock
    from scripts.core.process import run
    from scripts.images import base_image, build_settings, building

    if services:
        # the stacks of one checkout share what is downloaded and what builds are told
        env = space.engine.env
        base = base_image.jobs(space.api, env, ROOT) if base_image.wanted(services) else ()
        board = tell.board([job.name for job in base] + [one.name for one in services])
        with lock.held(ROOT / ".cache", "images.build"), board:
            build_settings.write(space.settings.build_settings, space.image_source, os.environ, run)
            building.build(services, env, space.cache / "build", begun, base)


def _pull(space: "Workspace", services: "Sequence[Service]", begun: "Jobs", tell: "Report") -> None:
    from scripts.images import building

    if services:
        with tell.board([service.name for service in services]):
            building.pull(services, space.engine.env, space.cache / "pull", begun)


def _create(space: "Workspace", names: tuple[str, ...]) -> "Sequence[ImageStatus]":
    """Have Compose make the containers; give the images that they are made from."""
    space.compose.change("create", "--no-build", "--pull", "never", *names)
    return _statuses(space, names)


def _statuses(space: "Workspace", names: tuple[str, ...]) -> "Sequence[ImageStatus]":
    from scripts.images import availability

    return [availability.status(space.api, space.stack.service(name)) for name in names]


def _start(
    space: "Workspace", statuses: "Sequence[ImageStatus]", limit: float, tell: "Report"
) -> ExitCode:
    from scripts.start import created

    names = tuple(one.service for one in statuses)
    code = _follow(space, names, limit, tell)
    if code is ExitCode.OK:
        created.keep(space, statuses)
        tell.ready(space.stack, names, local_embedder=space.settings.local_embedder)
    return code


def _follow(
    space: "Workspace", names: tuple[str, ...], limit: float, tell: "Report", *, last: bool = True
) -> ExitCode:
    from scripts.engine.containers import containers
    from scripts.start import ready_moments, runs, scheduler
    from scripts.watch.observer import Observer

    observer, moments = Observer(space.api, space.stack, live=True), ready_moments.Moments()
    recorder = runs.Recorder(BEGAN)
    try:
        events = scheduler.start(space.stack, names, observer, timeout=limit)
        return tell.follow(names, moments.noted(recorder.noted(events)), last=last)
    finally:
        observer.close()
        with suppress(StackError, OSError):  # what `ps` will not know then is no fault
            found = containers(space.api, space.stack.project)
            moments.keep(space.cache, found)
            recorder.keep(space.cache, space.stack, names, found)


def _folder(space: "Workspace") -> Path:
    from scripts.data import snapshots

    return snapshots.folder(space.settings.root, space.stack.project)


def _site(
    space: "Workspace", tell: "DataReport", limit: float = LIMIT, *, anew: bool = False
) -> "Site":
    """Return where data commands work; they start again what they stopped, and nothing else.

    With `anew` the containers are made as `.env` says now, and a start comes after theirs.
    """
    from scripts.data import holdings
    from scripts.start import guards

    def bring_back(names: tuple[str, ...]) -> ExitCode:
        if not names:
            return ExitCode.OK
        if anew:
            _create(space, names)
        elif guards.uncreated(space, names):
            # what is there stays as it is, also when `.env` says otherwise by now
            words = ("--no-build", "--pull", "never", "--no-recreate")
            space.compose.change("create", *words, *names)
        only = replace(space, stack=space.stack.only(names))
        return _follow(only, names, limit, tell, last=not anew)

    return holdings.site(space, tell, bring_back)


def _settled(
    space: "Workspace", tell: "DataReport", limit: float = LIMIT, *, anew: bool = False
) -> ExitCode:
    """Finish what an interrupted data command left."""
    from scripts.data import recovery

    return recovery.settle(_site(space, tell, limit, anew=anew))


@task(
    iterable=["service"],
    help={
        "service": SERVICE,
        "watch": "look again every 2 s until Ctrl-C, with the CPU in percent",
        "all": "every stack of this kind on the engine, of other checkouts too",
        "format": FORMAT,
    },
)
@command
def ps(
    c: Context,
    *,
    service: list[str],
    watch: bool = False,
    all: bool = False,
    format: str = "text",
) -> ExitCode:
    """Show each service: state, since when it is ready, its answer, what it uses, its image."""
    del c
    from scripts.config import selection
    from scripts.core.polling import poll
    from scripts.data import recovery
    from scripts.images import availability
    from scripts.start import ready_moments
    from scripts.tell import flags
    from scripts.watch import measuring, status
    from scripts.watch.observer import Observer

    tell = _report(format)
    if all:
        flags.alone("all", service=service, watch=watch)
        return _every_stack(tell)
    if watch:
        tell.require_terminal("watch")
    space = _look(tell)
    names = selection.services(space.stack, service)
    kinds = [availability.status(space.api, space.stack.service(name)) for name in names]
    source = space.settings.image_source
    if unfinished := recovery.pending(_folder(space)):
        tell.say(unfinished)
    observer = Observer(space.api, space.stack)

    def look() -> "Look":
        # what is wrong with a service depends on those that it needs
        seen = observer.look(space.stack.closure(names))
        return ready_moments.added(space.cache, measuring.measured(space.api, seen, names))

    try:
        if watch:
            looks = poll(look, timeout=float("inf"), interval=2)
            tell.watch(status.frames(space.stack, looks, kinds, source))
        else:
            tell.status(status.document(space.stack, look(), kinds, source))
    except KeyboardInterrupt:
        if not watch:
            raise
        # the way to end it
    finally:
        observer.close()
    return ExitCode.OK


def _every_stack(tell: "Report") -> ExitCode:
    from scripts.config import workspace
    from scripts.core.process import run
    from scripts.engine import discovery, stacks
    from scripts.engine.api import Api

    found = workspace.read_settings(ROOT, os.environ, tell.say)
    running = discovery.required(ROOT, os.environ, run)
    members = stacks.seen(Api.of(running))
    tell.stacks(stacks.document(members, ROOT, found.get("COMPOSE_PROJECT_NAME")))
    return ExitCode.OK


@task(
    iterable=["service"],
    help={
        "service": SERVICE,
        "follow": "go on until Ctrl-C, through restarts too",
        "tail": "lines of each service, from the end",
        "since": "only what is younger: 10m, 2h, or a time such as 2026-01-31T12:00:00",
        "level": "only error, warning (and error), or info (and both)",
        "grep": "only lines with this text, in small or capital letters",
    },
)
@command
def logs(
    c: Context,
    *,
    service: list[str],
    follow: bool = False,
    tail: str = "200",
    since: str = "",
    level: str = "",
    grep: str = "",
) -> ExitCode:
    """Show what the services wrote, in order of time; without --follow it ends."""
    del c
    from scripts.config import selection
    from scripts.core import units
    from scripts.tell import flags
    from scripts.watch import log_lines
    from scripts.watch.logs import LogReader

    count, level = flags.count("tail", tail), flags.level(level)
    began = units.since(flags.moment("since", since), time.time()) if since else 0
    tell = _report()
    space = _look(tell)
    names = selection.services(space.stack, service)
    journal = LogReader(space.api, space.stack.project, names, tail=count, since=began)
    try:
        lines = journal.lines(follow=follow)
        tell.logs(space.stack.names(), log_lines.chosen(lines, at_least=level, text=grep))
    except KeyboardInterrupt:
        if not follow:
            raise
        # the way to end it
    finally:
        journal.close()
    return ExitCode.OK


@task(iterable=["service"], help={"service": SERVICE, "timeout": TIMEOUT, "format": FORMAT})
@command
def restart(
    c: Context, *, service: list[str], timeout: str = "300", format: str = "text"
) -> ExitCode:
    """Stop and start what is named, then wait until it answers."""
    del c
    from scripts.config import selection
    from scripts.core import lock
    from scripts.start import guards
    from scripts.tell import flags

    tell = _report(format)
    with _result_line(tell):
        limit = flags.seconds("timeout", timeout)
        space = _look(tell)
        names = selection.services(space.stack, service)
        with lock.held(space.cache, "restart"):
            guards.require_own(space)
            if code := _settled(space, tell, limit, anew=True):
                return code
            guards.require_created(space, names)
            space.compose.change("stop", *names)
            statuses = _create(space, space.stack.closure(names))
            return _start(space, statuses, limit, tell)


@task(help={"volumes": "delete the data too, after asking", "yes": YES})
@command
def down(c: Context, *, volumes: bool = False, yes: bool = False) -> ExitCode:
    """Stop and remove the containers; the data stays unless --volumes."""
    del c
    from scripts.config import workspace
    from scripts.core import lock
    from scripts.data import journal as data_journal
    from scripts.data import moves, recovery
    from scripts.start import guards

    tell = _report()
    space = workspace.with_all_profiles(_look(tell))
    with lock.held(space.cache, "down"):
        guards.require_own(space)
        if volumes:
            tell.confirm("Delete these volumes?", moves.held(space.api, space.stack), yes=yes)
        site = _site(space, tell)
        recovery.settle_data(site)
        words = ["down", "--remove-orphans", *(["--volumes"] if volumes else [])]
        space.compose.change(*words, on_line=tell.say)
        if volumes:
            data_journal.remove(site.folder)
    tell.say("the data was deleted" if volumes else "the data is kept; inv up brings all back")
    return ExitCode.OK


@task(
    iterable=["service"],
    help={
        "service": "service whose data group is meant; may be repeated",
        "all": "all data groups",
        "yes": YES,
        "dry_run": "only show what would happen",
        "no_snapshot": "delete without a snapshot: the data is lost for good",
    },
)
@command
def reset(
    c: Context,
    *,
    service: list[str],
    all: bool = False,
    yes: bool = False,
    dry_run: bool = False,
    no_snapshot: bool = False,
) -> ExitCode:
    """Delete the data of what is named, after a snapshot; then bring back what ran."""
    del c
    from scripts.config import selection
    from scripts.core import lock, units
    from scripts.data import holdings, operations, snapshots
    from scripts.data.model import Command
    from scripts.start import guards

    tell = _report()
    space = _look(tell)
    groups = selection.groups_to_reset(space.stack, service, every=all)
    site = _site(space, tell)
    with lock.held(space.cache, "reset"):
        guards.require_own(space)
        if not dry_run and (code := _settled(space, tell)):
            return code
        name = holdings.name(space.stack, groups, units.written(time.time()), before="before-reset")
        work = holdings.work(site, Command.RESET, groups, snapshot="" if no_snapshot else name)
        tell.plan(work.plan, result=dry_run)
        if dry_run or not work.plan.volumes:
            return ExitCode.OK
        tell.confirm("Delete this data?", (), yes=yes)
        file = snapshots.fresh(site.folder, name) if work.plan.snapshot else None
        facts = holdings.facts(space, work.plan, automatic=True)
        code = operations.reset(work, file, facts)
        keep = int(space.settings.get("SNAPSHOTS_KEEP"))
        tell.pruned(snapshots.prune_automatic(site.folder, groups, keep))
    tell.reset(work.plan, file)
    return code


@task(name="save", iterable=["service"], help={"service": GROUP, "name": "what to call it"})
@command
def snapshot_save(c: Context, *, service: list[str], name: str = "") -> ExitCode:
    """Save the data as one file under snapshots/; what has to stop for it starts again."""
    del c
    from scripts.config import selection
    from scripts.core import lock, units
    from scripts.data import holdings, operations, snapshots
    from scripts.data.model import Command
    from scripts.start import guards

    tell = _report()
    space = _look(tell)
    groups = selection.data_groups(space.stack, service)
    name = name or holdings.name(space.stack, groups, units.written(time.time()))
    site = _site(space, tell)
    file = snapshots.fresh(site.folder, name)
    with lock.held(space.cache, "snapshot.save"):
        guards.require_own(space)
        if code := _settled(space, tell):
            return code
        work = holdings.work(site, Command.SAVE, groups, snapshot=name)
        holdings.require_data(work.plan)
        tell.plan(work.plan, result=False)
        code = operations.save(work, file, holdings.facts(space, work.plan, automatic=False))
    tell.saved(snapshots.look(file))
    return code


@task(name="list", help={"format": FORMAT})
@command
def snapshot_list(c: Context, *, format: str = "text") -> ExitCode:
    """Show the snapshots of this stack, the newest first."""
    del c
    from scripts.data import snapshots

    tell = _report(format)
    project, folder = _snapshots(tell)
    tell.snapshots(project, snapshots.listed(folder))
    return ExitCode.OK


@task(name="verify", help={"name": SNAPSHOT, "format": FORMAT})
@command
def snapshot_verify(c: Context, name: str, *, format: str = "text") -> ExitCode:
    """Read a snapshot whole and compare every byte with its checksums; 5 when it is damaged."""
    del c
    from scripts.data import operations, snapshots

    tell = _report(format)
    project, folder = _snapshots(tell)
    found = operations.checked(snapshots.look(snapshots.find(folder, name)), tell)
    tell.verified(project, found)
    return ExitCode.BROKEN if found.problem else ExitCode.OK


@task(
    name="restore",
    help={
        "name": SNAPSHOT,
        "yes": YES,
        "anyway": "also with another image source or an older server",
    },
)
@command
def snapshot_restore(c: Context, name: str, *, yes: bool = False, anyway: bool = False) -> ExitCode:
    """Put a snapshot in the place of the data; that stays until all is ready on the new one."""
    del c
    from scripts.core import lock
    from scripts.data import archive, holdings, operations, snapshots
    from scripts.data.model import Command
    from scripts.start import guards

    tell = _report()
    space = _look(tell)
    site = _site(space, tell)
    file = snapshots.find(site.folder, name)
    manifest = archive.manifest(file)
    holdings.require_restorable(space, file, manifest, anyway=anyway)
    with lock.held(space.cache, "snapshot.restore"):
        guards.require_own(space)
        if code := _settled(space, tell):
            return code
        work = holdings.work(
            site, Command.RESTORE, manifest["groups"], snapshot=snapshots.name(file)
        )
        holdings.require_bare(work)
        holdings.require_space(work.survey, manifest["tar_bytes"])
        tell.plan(work.plan, result=False)
        tell.confirm("Replace this data?", (), yes=yes)
        code = operations.restore(work, file, manifest["tar_bytes"])
    tell.restored(work.plan, code)
    return code


@task(name="undo")
@command
def snapshot_undo(c: Context) -> ExitCode:
    """Bring back the data from before a restore on which not all became ready."""
    del c
    from scripts.core import lock
    from scripts.data import holdings
    from scripts.start import guards

    tell = _report()
    space = _look(tell)
    with lock.held(space.cache, "snapshot.undo"):
        guards.require_own(space)
        return holdings.undo(_site(space, tell))


@task(name="delete", help={"name": "its name, as inv snapshot.list has it", "yes": YES})
@command
def snapshot_delete(c: Context, name: str, *, yes: bool = False) -> ExitCode:
    """Delete one snapshot, after asking."""
    del c
    from scripts.config import workspace
    from scripts.core import lock
    from scripts.data import snapshots

    tell = _report()
    project, folder = _snapshots(tell)
    with lock.held(workspace.cache(ROOT, project), "snapshot.delete"):
        file = snapshots.own(folder, name)
        tell.confirm("Delete this snapshot?", [str(file)], yes=yes)
        tell.pruned(snapshots.removed([file]))
    return ExitCode.OK


@task(name="prune", help={"keep": "how many of the newest stay", "yes": YES})
@command
def snapshot_prune(c: Context, *, keep: str = "", yes: bool = False) -> ExitCode:
    """Delete all snapshots but the newest, after asking; damaged ones are left alone."""
    del c
    from scripts.config import workspace
    from scripts.core import lock
    from scripts.data import snapshots
    from scripts.tell import flags

    count = flags.count("keep", keep)
    tell = _report()
    project, folder = _snapshots(tell)
    with lock.held(workspace.cache(ROOT, project), "snapshot.prune"):
        files = [one.file for one in snapshots.spare(snapshots.listed(folder), count)]
        if files:
            tell.confirm("Delete these snapshots?", [str(file) for file in files], yes=yes)
        tell.pruned(snapshots.removed(files))
    return ExitCode.OK


def _snapshots(tell: "Report") -> tuple[str, Path]:
    """Return the project and its folder of snapshots; no engine is asked."""
    from scripts.config import workspace
    from scripts.data import snapshots

    project = workspace.read_settings(ROOT, os.environ, tell.say).get("COMPOSE_PROJECT_NAME")
    return project, snapshots.folder(ROOT, project)


@task(help={"format": FORMAT})
@command
def doctor(c: Context, *, format: str = "text") -> ExitCode:
    """Look for all that can be known to be wrong, also when nothing runs; repairs nothing."""
    del c
    from scripts.core.process import run
    from scripts.doctor import ask, rules

    tell = _report(format)
    found = rules.document(ask.ask(ROOT, os.environ, run))
    tell.doctor(found)
    return ExitCode(found["exit_code"])


@task(
    help={"run": "1 is the last start, 2 the one before, up to 20", "format": FORMAT},
)
@command
def timeline(c: Context, *, run: str = "1", format: str = "text") -> ExitCode:
    """Show when each service of a start was made, started and ready, and what held it back."""
    del c
    from scripts.start import runs
    from scripts.start import timeline as lanes
    from scripts.tell import drawing, flags

    number, tell = flags.count("run", run), _report(format)
    space = _look(tell)
    kept = runs.read(space.cache)
    chosen = flags.chosen("run", number, kept)
    if format == "json":
        tell.json_line(lanes.document(chosen))
    else:
        tell.text("\n".join(drawing.timeline(chosen, tell.out.width)))
        _page(space, kept[number - 1 :], {bar.service: bar.state for bar in chosen.bars}, tell)
    return ExitCode.OK


@task(iterable=["service"], help={"service": SERVICE})
@command
def graph(c: Context, *, service: list[str]) -> ExitCode:
    """Draw which service needs which, and how each is now."""
    del c
    from scripts.config import selection
    from scripts.start import runs
    from scripts.tell import drawing
    from scripts.watch.observer import Observer

    tell = _report()
    space = _look(tell)
    names = space.stack.closure(selection.services(space.stack, service))
    observer = Observer(space.api, space.stack)
    try:
        states = drawing.states(space.stack, observer.look(names))
    finally:
        observer.close()
    for line in drawing.graph(space.stack, names, states):
        tell.text(line)
    _page(space, runs.read(space.cache), states, tell)
    return ExitCode.OK


def _page(
    space: "Workspace", kept: "Sequence[Run]", states: "Mapping[str, str]", tell: "Report"
) -> None:
    """Write both drawings as a page, and say where."""
    from scripts.tell import page

    file = page.write(space.cache, space.stack, kept, states, time.time())
    tell.say(f"the same as a page: {file}")


@task()
@command
def smoke(c: Context) -> ExitCode:
    """Send one memory through the whole stack, find it everywhere, and remove it again."""
    del c
    from scripts.watch import smoke as trial

    tell = _report()
    space = _look(tell)
    stages = trial.run(
        space.stack,
        f"smoke-{uuid.uuid4().hex[:12]}",
        dimension=space.settings.dimension,
        preferences=space.settings.get("ENABLE_PREFERENCE_MEMORY") == "true",
    )
    for stage in stages:
        tell.text(f"ok  {stage.name:<10} {stage.detail}")
    return ExitCode.OK


@task()
@command
def config(c: Context) -> ExitCode:
    """Print the resolved compose file, with the secrets masked."""
    del c
    from scripts.core.masking import masked

    tell = _report()
    space = _look(tell)
    tell.text(masked(space.resolved, space.settings.secrets()))
    return ExitCode.OK


@task(
    help={
        "offset": "with --write: how far the ports of a second stack are from these",
        "write": "make this settings file for a second stack, with ports and names of its own",
    }
)
@command
def env(c: Context, *, offset: str = "", write: str = "") -> ExitCode:
    """Print every variable, its value (secrets masked) and where the value comes from."""
    del c
    from scripts.config import settings, workspace
    from scripts.tell import flags

    tell = _report()
    if offset or write:
        flags.together(offset=offset, write=write)
        return _second_env(flags.offset(offset), Path(write).expanduser().absolute(), tell)
    found = workspace.read_settings(ROOT, os.environ, tell.say)
    tell.table(("variable", "value", "from"), settings.rows(found, os.environ))
    return ExitCode.OK


def _second_env(offset: int, file: Path, tell: "Report") -> ExitCode:
    from scripts.config import second_stack, workspace
    from scripts.machine import ports

    found = workspace.read_settings(ROOT, second_stack.own(os.environ), tell.say)
    wanted = second_stack.ports(found, offset)
    holders = ports.taken_ones(found.get("BIND_ADDRESS"), wanted)
    changed = second_stack.make(found, offset, file, holders)
    tell.second_env(file, changed, second_stack.exported(changed, os.environ))
    return ExitCode.OK


@task(name="status")
@command
def images_status(c: Context) -> ExitCode:
    """Show which images the stack wants, which are here, and what they contain."""
    del c
    from scripts.images import availability

    tell = _report()
    space = _look(tell)
    tell.images([availability.status(space.api, service) for service in space.stack.services])
    return ExitCode.OK


@task(name="build", iterable=["service"], help={"service": SERVICE})
@command
def images_build(c: Context, *, service: list[str]) -> ExitCode:
    """Build the images that are built here; quick where nothing changed."""
    del c
    return _images(service, build=True)


@task(name="pull", iterable=["service"], help={"service": SERVICE})
@command
def images_pull(c: Context, *, service: list[str]) -> ExitCode:
    """Pull the official images, through IMAGE_REGISTRY when it is set."""
    del c
    return _images(service, build=False)


@task(
    name="save",
    iterable=["python"],
    help={
        "file": "the bundle to make, such as memos-dev.tar",
        "python": "wheels for this version too, such as 3.13; may be repeated",
        "engine": "with the private engine's packages, also when another engine is used",
    },
)
@command
def images_save(c: Context, file: str, *, python: list[str], engine: bool = False) -> ExitCode:
    """Make a bundle of wheels, engine and images, for a machine without any network."""
    del c
    from scripts.core import lock
    from scripts.core.process import run
    from scripts.images.bundle import packing
    from scripts.tell import flags

    tell, target = _report(), Path(file).expanduser().absolute()
    pythons = flags.pythons(python)
    packing.require_new(target)
    space = _look(tell)
    with lock.held(ROOT / ".cache", "images.save"), tell.board(packing.STEPS):
        made = packing.save(space, target, run, tell.step, with_engine=engine, pythons=pythons)
    tell.bundle(target, made)
    return ExitCode.OK


@task(name="load", help={"file": "a bundle, as images.save makes it"})
@command
def images_load(c: Context, file: str) -> ExitCode:
    """Bring the images of a bundle to the engine, after checking every byte."""
    del c
    from scripts.core.process import run
    from scripts.images import availability
    from scripts.images.bundle import bundle_file, unpacking
    from scripts.start import prepare

    tell, source = _report(), Path(file).expanduser().absolute()
    packed = bundle_file.read(source)
    named = {**os.environ, bundle_file.VARIABLE: str(source)}
    space = prepare.prepared(ROOT, named, run, tell.say)
    _load(packed, space, tell)
    statuses = [availability.status(space.api, service) for service in space.stack.services]
    unpacking.require_all(packed, statuses)
    tell.images(statuses)
    return ExitCode.OK


def _images(service: list[str], *, build: bool) -> ExitCode:
    from scripts.config import selection
    from scripts.images import jobs

    tell = _report()
    with jobs.Jobs(tell.step, tell.state) as begun:
        space = _prepared(begun, tell, builds=build)
        named = [space.stack.service(name) for name in selection.services(space.stack, service)]
        chosen = [one for one in named if (one.build is not None) is build]
        if not chosen:
            verb, other = ("build", "pull") if build else ("pull", "build")
            tell.say(
                f"nothing to {verb}: with IMAGE_SOURCE={space.image_source} use inv images.{other}"
            )
        (_build if build else _pull)(space, chosen, begun, tell)
        return ExitCode.OK


@task(name="start")
@command
def engine_start(c: Context) -> ExitCode:
    """Bring the private engine up; only where it can run."""
    del c
    from scripts.core.process import run
    from scripts.engine.private import control

    tell = _report()
    found = control.start(ROOT, os.environ, run, tell.say)
    tell.text(f"the private engine {found.version} runs at {found.endpoint}")
    return ExitCode.OK


@task(name="stop")
@command
def engine_stop(c: Context) -> ExitCode:
    """Stop the private engine and the containers on it; the data stays."""
    del c
    from scripts.core.process import run
    from scripts.engine.private import control

    control.stop(ROOT, os.environ, run, _report().say)
    return ExitCode.OK


@task(name="status")
@command
def engine_status(c: Context) -> ExitCode:
    """Show which engine is used, and the private one's files, process, socket and log."""
    del c
    from scripts.core.process import run
    from scripts.engine.private import control

    _report().engine(control.status(ROOT, os.environ, run))
    return ExitCode.OK


@task(name="env")
@command
def engine_env(c: Context) -> ExitCode:
    """Print the shell lines that point a plain docker at the engine: eval "$(inv engine.env)"."""
    del c
    from scripts.core.process import run
    from scripts.engine import discovery
    from scripts.engine.private import control

    _report().text(control.shell_env(discovery.required(ROOT, os.environ, run)))
    return ExitCode.OK


@task(name="remove", help={"yes": YES})
@command
def engine_remove(c: Context, *, yes: bool = False) -> ExitCode:
    """Remove the private engine with everything on it, after listing the volumes and asking."""
    del c
    from scripts.core.process import run
    from scripts.engine.private import control

    tell = _report()
    question = "Remove the private engine with all its images and these volumes?"
    tell.confirm(question, control.kept_volumes(ROOT), yes=yes)
    control.remove(ROOT, os.environ, run, tell.say)
    return ExitCode.OK


ns = Collection(up, ps, logs, restart, down, reset, doctor, timeline, graph, smoke, config, env)
ns.add_collection(
    Collection(
        "snapshot",
        snapshot_save,
        snapshot_list,
        snapshot_verify,
        snapshot_restore,
        snapshot_undo,
        snapshot_delete,
        snapshot_prune,
    )
)
ns.add_collection(
    Collection("images", images_status, images_build, images_pull, images_save, images_load)
)
ns.add_collection(
    Collection("engine", engine_start, engine_stop, engine_status, engine_env, engine_remove)
)

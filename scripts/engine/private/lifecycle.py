"""The life of a checkout's private engine: start, stop, remove."""

import contextlib
import math
import shlex
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from scripts.core.checkout import Checkout
from scripts.core.errors import EngineError, RefusedError, StackError
from scripts.core.files import held, turn
from scripts.core.polling import poll
from scripts.core.process import detach
from scripts.core.progress import Say, phase
from scripts.core.texts import telling
from scripts.engine.api import Api
from scripts.engine.places import Places, daemon_env, keep_mark, places
from scripts.engine.private import network, processes, root_mount
from scripts.engine.private.programs import bring
from scripts.machine.system import install_hint, obstacle, this_system

READY_TIME = 60.0
"""Seconds for dockerd to answer from when it last wrote to its log; here it takes 1 to 3."""
LAUNCH_LOOKS = 20
"""Looks, ten a second, that dockerd has to appear as a process."""
STOP_TIME = 180.0
"""Seconds for dockerd to stop its containers: the longest `stop_grace_period` and some more."""
PACE = 2.0
"""Seconds between two lines of progress."""
SYSTEMD = Path("/run/systemd/system")


def start(checkout: Checkout) -> None:
    """Start the engine and wait until it answers; fetch its programs where they are missing.

    Raises EngineError when this machine cannot have one, or when dockerd does not come up: then
    it is stopped again.
    """
    at, say = places(checkout.root), checkout.say
    if _runs(at):
        say("engine: is running")
        return
    if why := obstacle(system := this_system()):
        raise EngineError(why, next_step=install_hint(system))
    processes.check_cgroups()
    with held(at.cache, "engine.start", lambda line: say(f"engine: {line}")):
        if _runs(at := places(checkout.root)):
            say("engine: is running now")
            return
        bring(checkout)
        if at.before:
            _leave(at, at.before, say)
        keep_mark(checkout.root)
        at = places(checkout.root)
        with phase(checkout.note, "engine", "start"), _network(at, say):
            before = network.prepare(at, checkout.runner)
            if processes.daemon(at) is None:
                say("engine: starting")
                _launch(at, checkout.environ)
            try:
                _await_answer(at)
            except BaseException:
                say("engine: it did not come up, stopping it again")
                _end(at, say)
                raise
            network.repair_others(at, checkout.runner, before)
            network.guard(at, checkout.runner, say)
    say("engine: ready")


def _runs(at: Places) -> bool:
    return not at.before and processes.daemon(at) is not None and _answers(at)


def _leave(at: Places, before: Path, say: Say) -> None:
    """Stop an engine that was started before its checkout was moved: it would miss its files."""
    if processes.ours(at):
        say(f"engine: this checkout was at {before}: stopping what was started there")
        _end(at, say)
        _unmount(at)


def _unmount(at: Places) -> None:
    """Take away what an engine has mounted; what somebody else has is left."""
    for mount in processes.mounts((at.data, at.exec_root)):
        if mount.of_engine:
            processes.unmount(mount.point)


@contextlib.contextmanager
def _network(at: Places, say: Say) -> Iterator[None]:
    """Be the only engine of any checkout that changes the host's network now.

    Not by the folder of all engines: what is kept of the host is written there meanwhile.
    """
    at.run.mkdir(parents=True, exist_ok=True)
    with turn(
        at.run.parents[1], lambda: say("engine: another checkout's is starting, waiting for it")
    ):
        yield


def stop(checkout: Checkout) -> None:
    """Stop the engine with its containers; also what a crash left of it.

    Raises EngineError when it is root's and we are not.
    """
    at = places(checkout.root)
    _require_root(at, "engine.stop")
    with held(at.cache, "engine.stop"):
        was = bool(processes.ours(at))
        _end(at, checkout.say)
    checkout.say("engine: stopped" if was else "engine: was not running")


def remove(checkout: Checkout) -> None:
    """Stop the engine and remove all that it made, with every image, container and volume.

    Downloads stay in `.cache/`. Where no other engine runs, the host's network is as it was
    before the first private engine; else only what names our bridges is taken out. Raises
    EngineError when it is root's and we are not, and with what is left when something cannot go.
    """
    at = places(checkout.root)
    if not _require_root(at, "engine.remove"):
        checkout.say("engine: there is none")
        return
    with held(at.cache, "engine.remove"):
        inside = processes.mounts((at.home, at.run))
        _require_unmounted(mount for mount in inside if not mount.of_engine)
        if processes.daemon(at):
            with contextlib.suppress(StackError):  # what cannot be asked for is taken by force
                _empty(Api(at.endpoint))
        _end(at, checkout.say, grace=0.0)  # the data goes anyway
        _unmount(at)
        _require_unmounted(processes.mounts((at.home, at.run)))
        if at.run.exists():
            with _network(at, checkout.say):
                network.restore(at, checkout.runner)
        processes.remove_cgroups(at)
        _delete(at.home)
        _delete(at.run)
        with contextlib.suppress(OSError):  # another checkout's engine is still there
            at.run.parent.rmdir()
    checkout.say("engine: removed")


def _require_unmounted(mounts: Iterable[processes.Mount]) -> None:
    """Raise EngineError for what is mounted: to delete it would empty somebody's folder."""
    for mount in mounts:
        raise EngineError(
            f"{mount.point} is mounted, so nothing was deleted",
            next_step=f"umount {shlex.quote(mount.point)}, then: inv engine.remove",
        )


def _require_root(at: Places, task: str) -> bool:
    """Say whether we are root; raise EngineError when we are not and there is an engine."""
    uid = this_system().uid
    if uid and (processes.ours(at) or at.home.exists() or at.run.exists()):
        raise EngineError(
            f"the private engine belongs to root, this is user id {uid}",
            next_step=f"sudo ./dev inv {task}",
        )
    return uid == 0


def _delete(folder: Path) -> None:
    """Delete all of a folder that can be; raise EngineError with what is left."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise EngineError(
                f"{error.filename or folder} is left and cannot be deleted: {error.strerror}",
                next_step="see who holds it (lsattr, mount, fuser), then: inv engine.remove",
            ) from error


def last_error(log: Path) -> str:
    """Return the last line of dockerd's log that says what went wrong, or its last line."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "it wrote no log"
    grave = r"failed to start|level=fatal|level=error|panic:"
    return telling(lines, grave) or "its log is empty"


def _launch(at: Places, environ: Mapping[str, str]) -> None:
    at.socket.unlink(missing_ok=True)
    at.pidfile.unlink(missing_ok=True)  # dockerd would take any process of that number for its own
    (at.exec_root / "containerd" / "containerd.pid").unlink(missing_ok=True)
    if at.log.exists():
        at.log.replace(at.log.with_suffix(".old.log"))
    words = [
        str(at.tree / "usr/sbin/dockerd"),
        *("--config-file", str(at.home / "daemon.json")),
        *("--data-root", str(at.data), "--exec-root", str(at.exec_root)),
        *("--pidfile", str(at.pidfile), "--host", at.endpoint, "--group", "root"),
        *("--bridge", at.bridge),
    ]
    if not SYSTEMD.exists():  # where systemd runs, the groups are its own
        words += ["--cgroup-parent", at.cgroup]
    if processes.is_chroot():
        words = [sys.executable, root_mount.__file__, *words]
    detach(words, log=at.log, env=daemon_env(at, environ))


def _answers(at: Places) -> bool:
    try:
        Api(at.endpoint, timeout=5.0).get("/version")
    except StackError:
        return False
    return True


def _await_answer(at: Places) -> None:
    def look() -> tuple[bool, bool]:
        # the process first: it writes its log before it ends
        return processes.daemon(at) is not None, _answers(at)

    started, silent, written = False, 0, 0
    for count, (runs, answers) in enumerate(poll(look, timeout=math.inf, interval=0.1), start=1):
        if answers:
            return
        started = started or runs or count > LAUNCH_LOOKS
        size = at.log.stat().st_size if at.log.exists() else 0
        # many containers on a slow disk take their time
        silent, written = (silent + 1 if size == written else 0), size
        if (started and not runs) or silent > READY_TIME / 0.1:
            break
    raise EngineError(
        f"dockerd did not start: {last_error(at.log)}",
        next_step=f"read {at.log}, then: inv engine.start",
    )


def _end(at: Places, say: Say, grace: float = processes.GRACE) -> None:
    pid = processes.daemon(at)
    if pid is not None:
        processes.end([pid], signal.SIGTERM)
        looks = poll(lambda: processes.daemon(at), timeout=STOP_TIME, interval=0.1)
        for count, left in enumerate(looks, start=1):
            if left is None:
                break
            if count % int(PACE / 0.1) == 0:
                say("engine: stopping its containers")
    processes.reap(at, grace)
    at.pidfile.unlink(missing_ok=True)
    at.socket.unlink(missing_ok=True)


def _empty(api: Api) -> None:
    """Remove containers and networks while dockerd can, so that it takes its own rules out."""
    for container in api.get("/containers/json", all=True):
        with contextlib.suppress(RefusedError):  # it has gone by itself, or is left to force
            api.delete(f"/containers/{container['Id']}", force=True)
    api.post("/networks/prune")

"""Brings a folder of sources to a volume of an engine elsewhere; what is there already stays.

Several processes may do so, one after the other: `inv up`, `inv reload`, and what runs beside them
and looks at the folder. What was sent is kept in a file; it counts until somebody says otherwise.
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from scripts.core import files
from scripts.core.errors import StackError
from scripts.core.foreign import records
from scripts.core.process import Runner
from scripts.engine.api import Api
from scripts.engine.source import parcel, tree
from scripts.engine.source.parcel import UNKNOWN, Kept
from scripts.engine.source.tree import LARGEST
from scripts.engine.source.volume import Volume

FOLDER = "source"
"""In the stack's cache."""
KNOWN, DUTY = "known.json", "duty.json"
_LAST: dict[Path, tuple[tuple[int, ...], "_Known"]] = {}
"""What each file held when we last had it, and which it was: to read one takes 30 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What is to be brought, and where to."""

    endpoint: str
    """Of the engine."""
    folder: str
    volume: str
    project: str
    image: str
    """For helpers: that of the service which has the volume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What became of it."""

    files: int
    """That many are there now."""
    put: tuple[str, ...]
    gone: tuple[str, ...]
    size: int
    """Bytes of what was sent."""
    refused: Mapping[str, str]
    """What stays away, and why."""


def keep(cache: Path, duty: Duty | None) -> None:
    """Note what is to be brought from now on; None for nothing."""
    if duty is None:
        (cache / FOLDER / DUTY).unlink(missing_ok=True)
    else:
        files.write_json(cache / FOLDER / DUTY, asdict(duty))


def forget(cache: Path) -> None:
    """Have nothing brought any more, and remove what was left of it there."""
    if (known := duty(cache)) is not None:
        keep(cache, None)
        with suppress(StackError):  # its link may be gone, and nothing is there to be reached
            volume(known).clear()


def duty(cache: Path) -> Duty | None:
    """Return what is to be brought for the stack of this cache; None for nothing."""
    try:
        return records.made(Duty, files.read_own(cache / FOLDER / DUTY))
    except ValueError:
        return None


def volume(duty: Duty, remote: str = "") -> Volume:
    """Return what is brought to; `remote` as an `Engine` has it."""
    api = Api(duty.endpoint, remote=remote)
    return Volume(api=api, name=duty.volume, project=duty.project, image=duty.image)


def bring(
    folder: Path, volume: Volume, cache: Path, runner: Runner, *, anew: bool = False
) -> Brought:
    """Bring what differs, and take away what is here no more; give what was done.

    With `anew` the volume is read, and nothing is believed that was kept of it: another checkout
    may have had it meanwhile. Raises ConfigError as `tree.look` does, RefusedError and EngineError
    where the engine does not take it: what was being sent then is sent again the next time.
    """
    store = cache / FOLDER
    with files.held(store, "source", wait=lambda _: None):
        found = tree.look(folder, runner)
        of = f"{volume.name} at {volume.api.endpoint}"
        known = None if anew else _read(store, of)
        if known is None:
            known = {name: Kept(mark=one) for name, one in volume.marks().items()}
        moment = time.time_ns()
        sent = parcel.parcel(found.files, known, partial(_content, folder), moment)
        if sent:
            touched = dict.fromkeys((*sent.put, *sent.gone), Kept(mark=UNKNOWN))
            _write(store, of, {**known, **touched})
            if sent.gone or not volume.put(parcel.packed(sent.put, moment)):
                volume.store(sent.gone, parcel.packed(sent.put, moment))
        if sent.now != known:
            _write(store, of, sent.now)
    return Brought(
        files=len(sent.now),
        put=tuple(sent.put),
        gone=sent.gone,
        size=sent.size,
        refused=found.refused,
    )


def _content(folder: Path, name: str) -> bytes | None:
    with suppress(OSError), files.opened(folder / name) as file:
        return file.read(LARGEST)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The file beside the duty."""

    of: str
    """The volume."""
    files: Mapping[str, Kept]


def _read(store: Path, of: str) -> Mapping[str, Kept] | None:
    """Return what is known of a volume; None where nothing is, or of another one."""
    file = store / KNOWN
    try:
        which, known = _LAST.get(file) or ((), None)
        if known is None or which != _which(file):
            known = records.made(_Known, files.read_own(file))
    except (OSError, ValueError):
        return None
    return known.files if known.of == of else None


def _which(file: Path) -> tuple[int, ...]:
    """Return what is another one after each time that a file is written."""
    status = file.stat()
    return status.st_ino, status.st_ctime_ns, status.st_size


def _write(store: Path, of: str, known: Mapping[str, Kept]) -> None:
    document = {name: asdict(one) for name, one in known.items()}
    file = store / KNOWN
    files.write(file, json.dumps({"of": of, "files": document}))
    _LAST[file] = _which(file), _Known(of=of, files=known)

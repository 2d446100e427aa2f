"""Sources brought to an engine elsewhere, which is a folder here; with real files and git."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread

import pytest

from scripts.core.errors import ConfigError, EngineError, RefusedError
from scripts.core.inventory import Engine
from scripts.core.polling import poll
from scripts.core.process import run
from scripts.engine.api import Api
from scripts.engine.source import attend, tree
from scripts.engine.source.bring import Brought, Duty, bring, duty, forget, keep
from scripts.engine.source.parcel import listed
from scripts.engine.source.volume import KEY, LISTING, STORING, Volume
from tests.kit.fake_engine import FakeEngine
from tests.kit.places import ROOT

NOWHERE = "unix:///nowhere"
TIME = 20.0
"""Seconds until what must happen has happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder(Volume):
    """A folder in the place of a volume; the scripts that helpers run are the real ones."""

    api: Api = field(default_factory=lambda: Api(NOWHERE))
    name: str = "volume"
    project: str = "project"
    image: str = "image"
    top: Path
    ways: list[str] = field(default_factory=list)
    """How it was read and changed."""
    broken: list[str] = field(default_factory=list)
    """Why the next change breaks off, after its first file."""

    @property
    def there(self) -> Path:
        """Where helpers see the volume."""
        return self.top / KEY

    def marks(self) -> dict[str, str]:
        """Read it as a helper does."""
        self.ways.append("read")
        return listed(self._script(LISTING).decode())

    def put(self, pieces: Iterable[bytes]) -> bool:
        """Unpack an archive as the engine does."""
        self.ways.append("put")
        with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
            # set, and not given: Debian 12's Python 3.11.2 has no filters
            archive.extraction_filter = getattr(tarfile, "tar_filter", None)
            for member in archive:
                archive.extract(member, self.there)
                if self.broken and member.isreg():
                    raise EngineError(self.broken.pop(), next_step="none")
        return True

    def store(self, gone: Iterable[str], pieces: Iterable[bytes]) -> None:
        """Remove, then unpack as a helper does, which is root."""
        self.ways.append("store")
        names = "".join(f"{name}\0" for name in gone).encode()
        given = b"%d\n%s%s" % (len(names), names, b"".join(pieces))
        self._script(STORING, given)

    def _script(self, script: str, given: bytes = b"") -> bytes:
        words = ["sh", "-c", script]
        return subprocess.run(
            words, cwd=self.top, input=given, stdout=subprocess.PIPE, check=True
        ).stdout

    @property
    def holds(self) -> dict[str, str]:
        """What its files hold, or where its links lead."""
        found = (one for one in self.there.rglob("*") if one.is_symlink() or one.is_file())
        return {
            str(one.relative_to(self.there)): f"-> {one.readlink()}"
            if one.is_symlink()
            else one.read_text(encoding="utf-8")
            for one in found
        }


@pytest.fixture
def volume(tmp_path: Path) -> Folder:
    """Return an empty one."""
    made = Folder(top=tmp_path / "there")
    made.there.mkdir(parents=True)
    return made


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return the src/ of a checkout, that git knows, with one package."""
    folder = tmp_path / "MemOS" / "src"
    write(folder, "memos/__init__.py", "")
    write(folder, "memos/api.py", "one = 1\n")
    run(["git", "init", "--quiet", str(folder.parent)])
    write(folder.parent, ".gitignore", "*.log\n/src/build/\n")
    return folder


def write(folder: Path, name: str, text: str) -> Path:
    """Write a file, as old as one that was not saved just now."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    os.utime(file, (1_700_000_000, 1_700_000_000 + sum(text.encode())))
    return file


def brought(source: Path, volume: Folder, *, anew: bool = False) -> Brought:
    """Bring all that differs."""
    return bring(source, volume, volume.top.parent / "cache", run, anew=anew)


def test_what_is_there_already_is_not_sent_again(source: Path, volume: Folder) -> None:
    """The first time the volume is read; then what was sent is known."""
    first = brought(source, volume)
    write(source, "memos/api.py", "two = 2\n")
    second, third = brought(source, volume), brought(source, volume)

    assert (first.put, second.put, third.put) == (
        ("memos/__init__.py", "memos/api.py"),
        ("memos/api.py",),
        (),
    )
    assert volume.holds == {"memos/__init__.py": "", "memos/api.py": "two = 2\n"}
    assert volume.ways == ["read", "put", "put"]


def test_what_another_process_has_sent_meanwhile_is_known(source: Path, volume: Folder) -> None:
    """Here it is remembered what the file held that both of them write."""
    brought(source, volume)
    write(source, "memos/api.py", "two = 2\n")
    script = (
        "import sys; from pathlib import Path; from scripts.core.process import run;"
        " from scripts.engine.source.bring import bring;"
        " from tests.functional.engine.test_source import Folder;"
        " source, top = map(Path, sys.argv[1:]);"
        " bring(source, Folder(top=top), top.parent / 'cache', run)"
    )
    words = [sys.executable, "-c", script, str(source), str(volume.top)]
    subprocess.run(words, cwd=ROOT, check=True)

    assert brought(source, volume).put == ()
    assert volume.holds["memos/api.py"] == "two = 2\n"


def test_what_another_checkout_has_sent_is_not_believed(source: Path, volume: Folder) -> None:
    """Anew the volume is read, whatever was kept: what is the same in it stays untouched."""
    brought(source, volume)
    write(volume.there, "memos/api.py", "three = 3\n")
    write(volume.there, "memos/other.py", "other\n")

    found = brought(source, volume, anew=True)

    assert (found.put, found.gone) == (("memos/api.py",), ("memos/other.py",))
    assert volume.holds == {"memos/__init__.py": "", "memos/api.py": "one = 1\n"}


def test_what_is_known_of_one_volume_is_not_believed_of_another(
    source: Path, volume: Folder
) -> None:
    """As of an engine that REMOTE named before."""
    brought(source, volume)
    other = replace(volume, name="other", ways=[])

    brought(source, other)

    assert other.ways == ["read"]


def test_what_cannot_be_reached_any_more_is_forgotten(tmp_path: Path) -> None:
    """The link by which it was brought is gone, and `inv down` goes on."""
    gone = f"unix://{tmp_path / 'gone.sock'}"
    keep(tmp_path, Duty(endpoint=gone, folder="/x", volume="v", project="p", image="i"))

    forget(tmp_path)

    assert duty(tmp_path) is None


def test_a_branch_is_one_push_and_empty_folders_go(source: Path, volume: Folder) -> None:
    """200 files, some gone, and a package that has become a module."""
    for number in range(100):
        write(source, f"memos/old/{number}.py", str(number))
    write(source, "memos/both/__init__.py", "")
    write(source, "memos/both/deep/__init__.py", "")
    brought(source, volume)
    for number in range(100):
        (source / f"memos/old/{number}.py").unlink()
        write(source, f"memos/new/{number}.py", str(number))
    shutil.rmtree(source / "memos/both")
    write(source, "memos/both", "a file now")

    found = brought(source, volume)

    assert (len(found.put), len(found.gone)) == (101, 102)
    assert volume.ways == ["read", "put", "store"]
    assert not (volume.there / "memos/old").exists()
    assert (volume.there / "memos/both").read_text(encoding="utf-8") == "a file now"
    assert brought(source, volume).put == ()


def test_what_git_ignores_and_what_editors_leave_stays(source: Path, volume: Folder) -> None:
    """And byte code; git is asked, and its folder is none of the source."""
    for name in ("memos/a.log", "build/x.py", "memos/__pycache__/a.pyc", "memos/.api.py.swp"):
        write(source, name, "x")
    (source.parent / ".git" / "inside").mkdir()

    assert brought(source, volume).put == ("memos/__init__.py", "memos/api.py")


def test_without_git_all_is_brought_but_byte_code(tmp_path: Path, volume: Folder) -> None:
    """A folder in somebody's repository is none of it."""
    run(["git", "init", "--quiet", str(tmp_path)])
    write(tmp_path, ".gitignore", "*\n")
    source = tmp_path / "a" / "b" / "src"
    write(source, "memos/__init__.py", "")
    write(source, "memos/__pycache__/a.pyc", "")

    assert brought(source, volume).put == ("memos/__init__.py",)


def test_what_cannot_be_brought_is_told_and_the_rest_is(source: Path, volume: Folder) -> None:
    """A file that is too large, links out, a pipe, a name that is no text."""
    with (source / "memos/large.bin").open("wb") as large:
        large.truncate(tree.LARGEST + 1)
    (source / "memos/out").symlink_to("../../secret")
    (source / "memos/etc").symlink_to("/etc")
    (source / "memos/in").symlink_to("api.py")
    write(source, "memos/odd\nname.py", "")
    os.mkfifo(source / "memos/pipe")

    found = brought(source, volume)

    assert found.put == ("memos/__init__.py", "memos/api.py", "memos/in")
    assert volume.holds["memos/in"] == "-> api.py"
    refused = dict(found.refused)
    assert refused.pop("memos/large.bin") == "32.0 MiB, at most 32.0 MiB are brought"
    assert refused.pop("memos/out") == "a link out of the folder, to ../../secret"
    assert refused.pop("memos/etc") == "a link out of the folder, to /etc"
    assert refused.pop("memos/odd\nname.py") == "its name is no plain text"
    assert set(refused) <= {"memos/pipe"}  # git does not even name it


def test_nothing_is_read_through_a_folder_that_has_become_a_link(
    source: Path, volume: Folder, tmp_path: Path
) -> None:
    """Git still knows the file, and the path leads to one that is no part of the source."""
    run(["git", "-C", str(source), "add", "."])
    write(tmp_path, "elsewhere/api.py", "secret")
    for one in (source / "memos").iterdir():
        one.unlink()
    (source / "memos").rmdir()
    (source / "memos").symlink_to(tmp_path / "elsewhere")

    found = brought(source, volume)

    assert (found.put, set(found.refused)) == ((), {"memos"})


@pytest.mark.parametrize("gone", [True, False])
def test_a_folder_that_is_gone_or_far_too_large_changes_nothing(
    source: Path, volume: Folder, monkeypatch: pytest.MonkeyPatch, gone: object
) -> None:
    """The old source stays: nobody has said that it is to go."""
    brought(source, volume)
    if gone:
        source.rename(source.with_name("moved"))
    else:
        monkeypatch.setattr(tree, "MOST", 1)

    with pytest.raises(ConfigError, match=r"is not there|holds 2 files"):
        brought(source, volume)
    assert volume.holds["memos/api.py"] == "one = 1\n"


def test_what_broke_off_is_sent_again(source: Path, volume: Folder) -> None:
    """Also a file that has come there, and is here as it was before by now."""
    brought(source, volume)
    write(source, "memos/api.py", "two = 2\n")
    write(source, "memos/more.py", "more\n")
    volume.broken.append("the cable is out")
    with pytest.raises(EngineError, match="the cable is out"):
        brought(source, volume)
    assert volume.holds["memos/api.py"] == "two = 2\n"
    write(source, "memos/api.py", "one = 1\n")

    assert brought(source, volume).put == ("memos/api.py", "memos/more.py")
    assert volume.holds["memos/api.py"] == "one = 1\n"


def test_a_duty_is_kept_and_taken_back(tmp_path: Path) -> None:
    """Nobody has one to begin with."""
    wanted = Duty(endpoint=NOWHERE, folder="/src", volume="v", project="p", image="i")
    assert duty(tmp_path) is None
    keep(tmp_path, wanted)
    assert duty(tmp_path) == wanted
    keep(tmp_path, None)
    keep(tmp_path, None)
    assert duty(tmp_path) is None


@dataclass(kw_only=True)
class Keeper:
    """Holds the way to an engine."""

    ended: Event
    noted: dict[str, dict[str, object]] = field(default_factory=dict)

    def engine(self) -> Engine:
        """Return the one that the duty names."""
        return Engine(endpoint=NOWHERE, env={}, private=False, version="", api_version="")

    def note(self, name: str, value: dict[str, object]) -> None:
        """Keep what is to be shown."""
        self.noted[name] = value


def refused() -> None:
    """Have nothing installed."""
    raise RefusedError("no index answers", next_step="none")


@pytest.mark.parametrize("how", ["events", "polling"])
def test_each_save_is_brought_and_a_break_is_outlived(
    source: Path, volume: Folder, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """What was saved while nothing could be brought comes when it can."""
    cache, ended = volume.top.parent / ".cache" / "p", Event()
    held = Keeper(ended=ended)
    monkeypatch.setattr(attend, "volume", lambda *_: volume)
    need = refused if how == "polling" else lambda: None
    keep(cache, Duty(endpoint=NOWHERE, folder=str(source), volume="v", project="p", image="i"))
    thread = Thread(target=attend.attend, args=(cache.parents[1], held, need))
    thread.start()
    try:
        awaited(volume, "memos/api.py", "one = 1\n")
        write(source, "memos/api.py", "two = 2\n")
        awaited(volume, "memos/api.py", "two = 2\n")
        volume.broken.append("the cable is out")
        write(source, "memos/more.py", "more")
        write(source, "memos/zz.py", "last")
        awaited(volume, "memos/zz.py", "last")
    finally:
        ended.set()
        thread.join()

    state = attend.state(cache)
    assert state is not None
    assert (state.folder, state.how, state.files, state.problem) == (str(source), how, 4, "")
    assert state.why == ("no index answers" if how == "polling" else "")
    assert state.times >= 2
    assert held.noted["source of p"]["files"] == 4


def awaited(volume: Folder, name: str, text: str) -> None:
    """Wait until a file of the volume holds a text."""
    for holds in poll(lambda: volume.holds, timeout=TIME, interval=0.02):
        if holds.get(name) == text:
            return
    raise AssertionError(holds)


def mounted(*, writable: bool) -> list[dict[str, object]]:
    """Return the list of an engine on which a container has the volume."""
    mount = {"Type": "volume", "Name": "v", "Destination": "/app/src", "RW": writable}
    return [{"Id": "c", "Mounts": [{"Type": "bind", "RW": True}, mount]}]


def test_a_few_files_go_straight_into_the_container(engine: FakeEngine, api: Api) -> None:
    """In one call, and in pieces whose size nobody knows before."""
    engine.answer("/v1.44/containers/json", mounted(writable=True))
    engine.answer("/v1.44/containers/c/archive", "")

    assert Volume(api=api, name="v", project="p", image="i").put(iter([b"one", b"two"]))

    assert engine.calls[-1] == "PUT /v1.44/containers/c/archive?path=/app/src"
    assert engine.requests[-1].body == b"onetwo"


def test_who_took_a_save_takes_the_next_one_without_being_looked_for(
    engine: FakeEngine, api: Api
) -> None:
    """Until it is gone: then whoever has the volume by now."""
    volume = Volume(api=api, name="v", project="p", image="i")
    engine.answer("/v1.44/containers/json", mounted(writable=True))
    engine.answer("/v1.44/containers/c/archive", "")
    assert volume.put([b"one"])
    asked = len(engine.calls)
    assert volume.put([b"two"])
    assert engine.calls[asked:] == ["PUT /v1.44/containers/c/archive?path=/app/src"]

    engine.answer("/v1.44/containers/c/archive", {"message": "No such container: c"}, 404)
    engine.answer("/v1.44/containers/json", [{**mounted(writable=True)[0], "Id": "d"}])
    engine.answer("/v1.44/containers/d/archive", "")
    assert volume.put(iter([b"th", b"ree"]))
    assert engine.requests[-1].path.startswith("/v1.44/containers/d/archive")
    assert engine.requests[-1].body == b"three"


@pytest.mark.parametrize("reason", ["nobody has it", "it is read-only there", "it has just gone"])
def test_what_no_container_takes_is_for_a_helper(engine: FakeEngine, api: Api, reason: str) -> None:
    """And no error: a helper needs no other container."""
    rows = [] if reason == "nobody has it" else mounted(writable=reason == "it has just gone")
    engine.answer("/v1.44/containers/json", rows)
    engine.answer("/v1.44/containers/c/archive", {"message": "No such container: c"}, 404)

    assert not Volume(api=api, name="v", project="p", image="i").put([b"one"])

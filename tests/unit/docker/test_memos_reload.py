"""What the supervisor decides and tells: how to watch, where a version failed, when it hangs."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from memos_reload import bytecode, loading, state, supervisor, watch, where, wire
from memos_reload.settings import Settings
from memos_reload.state import Journal, Stage
from memos_reload.where import Fault, Stay

from scripts.watch.reload.findings import EMPTY

SOURCE = Path("/app/src")
MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:30 /MemOS/src /app/src ro,relatime - 9p C:\\134 rw,dirsync
31 22 0:31 / /app/my\\040source rw - virtiofs none rw
32 22 0:32 / /app/srcs rw - tmpfs none rw
"""
DUMP = """\
Thread 0x00007f41 (most recent call first):
  File "/app/src/memos/log.py", line 9 in emit
  File "/usr/lib/python3.11/threading.py", line 324 in wait

Current thread 0x00007f42 (most recent call first):
  File "/usr/lib/python3.11/socket.py", line 706 in readinto
  File "/app/src/memos/api/client.py", line 12 in fetch
  File "/app/src/memos/api/__init__.py", line 3 in <module>
  File "/opt/memos-start/memos_reload/child.py", line 80 in load
"""


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return its time."""
        return self.time

    def passes(self, seconds: float) -> None:
        """Set it forward."""
        self.time += timedelta(seconds=seconds)


class Kept(Journal):
    """A journal that is written nowhere."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.time = Clock()
        super().__init__(Path("reload.json"), self.lines.append, clock=self.time, pid=7)

    def write(self) -> None:
        """Write nothing, but what could be written."""
        json.dumps(self.document())


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/app/src", "9p"), ("/app/my source", "virtiofs"), ("/app/srcs", "tmpfs"), ("/home", "ext4")],
)
def test_the_file_system_is_that_of_the_nearest_mount(folder: str, kind: str) -> None:
    """Blanks in its path are written as numbers."""
    assert watch.file_system(folder, MOUNTS) == kind


@pytest.mark.parametrize("kind", ["9p", "virtiofs", "fuse.sshfs", "fuse.grpcfuse", "nfs4", "smb3"])
def test_where_no_events_come_the_folder_is_looked_at(kind: str) -> None:
    """And it is said that they do not."""
    assert watch.choose(kind, importable=True) == (
        "polling",
        f"no file events come from a folder of type {kind}",
    )


@pytest.mark.parametrize("kind", ["ext4", "overlay", "btrfs", "xfs", "tmpfs", ""])
def test_elsewhere_events_are_waited_for_where_watchfiles_is_there(kind: str) -> None:
    """A type that nobody knows has them too."""
    assert watch.choose(kind, importable=True) == ("events", "")
    assert watch.choose(kind, importable=False) == ("polling", "watchfiles cannot be imported")


def test_a_change_is_what_differs_between_two_looks() -> None:
    """Size, time, a file more, a file less."""
    before = {"a.py": (1, 10), "b.py": (1, 10), "c.py": (1, 10), "d.py": (1, 10)}
    after = {"a.py": (2, 10), "b.py": (1, 11), "c.py": (1, 10), "e.py": (1, 10)}

    assert watch.changed(before, after) == ("a.py", "b.py", "d.py", "e.py")
    assert watch.changed(before, before) == ()


def raised(text: str, file: str) -> BaseException:
    """Return what a module raises that has this text."""
    try:
        exec(compile(text, file, "exec"), {})  # noqa: S102 - our own words
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("\nnothing", "memos/x.py:2: NameError: name 'nothing' is not defined"),
        ("f(", "memos/x.py:1: SyntaxError: '(' was never closed"),
        ("import json\njson.loads('')", "memos/x.py:2: JSONDecodeError: Expecting value: line 1"),
        ("raise ValueError('a\\nb')", "memos/x.py:1: ValueError: a"),
        ("raise ValueError", "memos/x.py:1: ValueError"),
        ("raise SystemExit('enough')", "memos/x.py:1: enough"),
        ("raise OSError('bolt://me:secret@db:7687')", "memos/x.py:1: OSError: bolt://db:7687"),
    ],
)
def test_an_error_is_told_by_its_last_line_in_the_source(text: str, told: str) -> None:
    """Frames of packages say less; a login is never told."""
    assert str(where.fault(raised(text, "/app/src/memos/x.py"), SOURCE)).startswith(told)


def test_an_error_without_a_line_in_the_source_has_the_last_there_is() -> None:
    """A package's own."""
    assert where.fault(raised("nothing", "/opt/x.py"), SOURCE).file == "/opt/x.py"
    assert str(where.fault(ValueError("no"), SOURCE)) == "ValueError: no"
    frames = "/opt/memos-start/memos_reload/child.py", "<frozen importlib._bootstrap>"
    for file in frames:
        assert where.fault(raised("nothing", file), SOURCE).file == __file__


def test_a_traceback_that_others_wrote_is_read_too() -> None:
    """What an application's start fails with comes as text."""
    text = 'Traceback:\n  File "/app/src/memos/x.py", line 4, in start\n    no()\nValueError: no\n'
    assert str(where.of_text(text, SOURCE)) == "memos/x.py:4: ValueError: no"
    assert str(where.of_text("", SOURCE)) == "no reason was given"


def test_a_hang_is_told_by_the_main_threads_newest_line_in_the_source() -> None:
    """With what it waits in; other threads do not matter."""
    told = "memos/api/client.py:12: it does not go on here (in socket.py:706 readinto)"
    assert str(where.hang(DUMP, SOURCE)) == told
    assert "cannot say where" in str(where.hang("", SOURCE))


@pytest.mark.parametrize(
    ("quick", "still", "wanted"),
    [
        # where one should need a second, it is over with it: after ten, when nothing moves
        (True, True, {5: "", 9: "", 10: "over"}),
        (True, False, {10: "", 29: "", 30: "over"}),
        # else it is only told; a first start of a busy machine takes a minute
        (False, True, {9: "", 10: "hangs"}),
        (False, False, {30: "", 119: "", 120: "hangs"}),
    ],
)
def test_a_version_hangs_when_nothing_moves_or_it_takes_far_too_long(
    *, quick: bool, still: bool, wanted: dict[int, str]
) -> None:
    """By what the fault handler shows, second by second."""
    stay = Stay(quick=quick, began=1000.0)
    seen = {
        second: stay.seen(1000.0 + second, "dump" if still else f"dump {second}")
        for second in range(121)
        if stay.long(1000.0 + second)
    }

    assert {second: seen[second] for second in wanted} == wanted


def test_a_version_that_answers_is_told_with_its_stages() -> None:
    """Each in seconds, and from the change until it answers."""
    journal = Kept()
    began = journal.time()
    journal.time.passes(0.05)
    journal.began(1, ("memos/a.py", "memos/b.py"), began)
    stages: tuple[tuple[Stage, float], ...] = (("import", 0.01), ("connect", 0.4), ("serve", 0.2))
    for stage, seconds in stages:
        journal.time.passes(seconds)
        journal.reached(1, stage)
    journal.answers(1)

    (run,) = journal.document()["runs"]
    assert run["seconds"] == {"compile": 0.01, "import": 0.4, "connect": 0.2, "answer": 0.66}
    assert (run["began"], run["outcome"], run["stage"]) == (
        "2026-11-27T12:00:00.000Z",
        "answers",
        "",
    )
    assert journal.lines == ["version 1 answers after 0.66 s (memos/a.py and 1 more)"]
    assert journal.document()["serving"] == 1
    assert journal.document()["pending"] is None


def test_one_that_fails_says_who_serves_on() -> None:
    """Or that nobody does."""
    journal = Kept()
    journal.began(1, (), journal.time())
    journal.reached(1, "import")
    journal.failed(1, Fault(file="memos/a.py", line=3, error="NameError: x"))
    journal.began(2, (), journal.time())
    journal.answers(2)
    journal.began(3, (), journal.time())
    journal.failed(3, Fault(error="it ended"))

    assert journal.lines == [
        "version 1 failed, nothing answers: memos/a.py:3: NameError: x",
        "version 2 answers after 0.00 s",
        "version 3 failed, version 2 serves on: it ended",
    ]
    first = journal.document()["runs"][0]
    assert (first["stage"], first["file"], first["line"]) == ("import", "memos/a.py", 3)


def test_a_newer_version_takes_the_place_of_one_that_is_being_made() -> None:
    """What the older one still says counts for nothing."""
    journal = Kept()
    journal.began(1, (), journal.time())
    journal.began(2, (), journal.time())
    journal.failed(1, Fault(error="too late"))
    journal.reached(1, "connect")

    assert [run["outcome"] for run in journal.document()["runs"]] == ["superseded"]
    assert journal.document()["pending"]["version"] == 2
    assert journal.lines == []


def test_a_hang_is_told_while_it_lasts() -> None:
    """And is over with the next stage."""
    journal = Kept()
    journal.began(1, (), journal.time())
    journal.hangs(1, Fault(file="memos/a.py", line=1, error="it does not go on here"))
    assert journal.document()["pending"]["line"] == 1
    assert journal.lines == [
        "version 1 does not come, nothing answers: memos/a.py:1: it does not go on here"
    ]
    journal.reached(1, "connect")
    assert journal.document()["pending"]["line"] == 0


def test_only_the_last_versions_are_remembered() -> None:
    """The file stays small."""
    journal = Kept()
    for number in range(1, 31):
        journal.began(number, tuple(f"{n}.py" for n in range(9)), journal.time())
        journal.answers(number)

    runs = journal.document()["runs"]
    assert [run["version"] for run in runs] == list(range(11, 31))
    assert (runs[0]["files"], len(runs[0]["first_files"])) == (9, 5)


@pytest.mark.parametrize(
    ("outcomes", "failed"),
    [
        ([], False),
        (["failed"], True),
        (["superseded", "failed"], True),
        (["failed", "answers"], False),
    ],
)
def test_the_next_supervisor_knows_that_this_one_never_answered(
    tmp_path: Path, outcomes: list[str], *, failed: bool
) -> None:
    """It then stays, for the edit that mends it."""
    file = tmp_path / "reload.json"
    file.write_text(json.dumps({"runs": [{"outcome": outcome} for outcome in outcomes]}))
    assert state.failed_at_first(file) is failed


def test_a_file_of_somebody_else_says_nothing(tmp_path: Path) -> None:
    """Neither of a failure nor of modules."""
    file = tmp_path / "reload.json"
    for text in ("", "[]", '{"runs": 1}', '{"runs": [1]}'):
        file.write_text(text)
        assert state.failed_at_first(file) is False
    file.write_text('{"a": 1}')
    assert loading.read(file) == []
    file.write_text('["os", 1, "json"]')
    assert loading.read(file) == ["os", "json"]


def test_what_the_fault_handler_writes_is_told_from_messages() -> None:
    """Both come over one socket."""
    assert wire.parsed(wire.line({"do": "serve"})) == {"do": "serve"}
    assert wire.parsed(b"Current thread 0x1:\n") == {"dump": "Current thread 0x1:\n"}


def test_settings_are_read_of_the_environment() -> None:
    """What is kept lies beside the state."""
    settings = Settings.read(
        {
            "MEMOS_RELOAD_SOURCE": "/app/src",
            "MEMOS_RELOAD_STATE": "/app/reload.json",
            "MEMOS_RELOAD_BIND": "[::1]:8000",
            "MEMOS_RELOAD_METRICS": "0.0.0.0:9464",
            "MEMOS_RELOAD_FIRST": "exit",
        }
    )
    assert (settings.calls, settings.metrics) == (("::1", 8000), ("0.0.0.0", 9464))
    assert settings.gives_up
    assert settings.modules == Path("/app/reload-modules.json")
    assert settings.bytecode == Path("/app/reload-bytecode")


def test_only_what_python_imports_is_looked_at(tmp_path: Path) -> None:
    """No hidden files and folders, byte code, or what editors leave."""
    seen = ("memos/a.py", "memos/fast.abi3.so", "top.py")
    others = (".git/a.py", ".a.py.swp", "memos/__pycache__/a.py", "memos/a.py~", "memos/a.txt")
    for name in (*seen, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)

    assert tuple(sorted(watch.look(tmp_path))) == seen


def test_links_are_followed_to_packages_and_not_in_circles(tmp_path: Path) -> None:
    """What else a link leads to may be everything."""
    for name in ("src/memos/__init__.py", "shared/__init__.py", "shared/a.py", "data/b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for place, target in (
        *(("src/memos/shared", tmp_path / "shared"), ("src/data", tmp_path / "data")),
        *(("src/memos/again", tmp_path / "src" / "memos"), ("src/all", Path("/"))),
        *(("shared/back", tmp_path / "src" / "memos"), ("src/nothing", tmp_path / "nothing")),
    ):
        (tmp_path / place).symlink_to(target)

    assert sorted(watch.look(tmp_path / "src")) == [
        "memos/__init__.py",
        "memos/shared/__init__.py",
        "memos/shared/a.py",
    ]


def test_what_does_not_compile_is_said_and_its_former_byte_code_goes(tmp_path: Path) -> None:
    """Else Python could take that for the new text: of the same size, and of the same second."""
    (tmp_path / "a.py").write_text("A = (1)\n")
    assert bytecode.compile_all(tmp_path, ["a.py", "gone.py", "a.txt"], tmp_path / "kept") == []
    assert len(list((tmp_path / "kept").rglob("*.pyc"))) == 1
    (tmp_path / "a.py").write_text("A = (1 \n")

    (wrong,) = bytecode.compile_all(tmp_path, ["a.py"], tmp_path / "kept")

    assert str(where.fault(wrong, tmp_path)) == "a.py:1: SyntaxError: '(' was never closed"
    assert list((tmp_path / "kept").rglob("*.pyc")) == []


def test_a_folder_that_cannot_be_read_is_no_change(tmp_path: Path) -> None:
    """Nor is one that has become empty: a mount whose folder was deleted is that."""
    with pytest.raises(watch.LostError, match=f"{EMPTY}$"):
        watch.look(tmp_path)
    with pytest.raises(watch.LostError, match="is not there"):
        watch.look(tmp_path / "gone")


def test_a_file_that_may_not_be_read_is_told_without_a_line() -> None:
    """It has none."""
    error = PermissionError(13, "Permission denied", "/app/src/memos/x.py")
    told = "memos/x.py: PermissionError: Permission denied: /app/src/memos/x.py"
    assert str(where.fault(error, SOURCE)) == told


def test_packages_are_others_when_one_comes_or_changes_its_version(tmp_path: Path) -> None:
    """Byte code that is written beside them changes nothing."""
    (tmp_path / "numpy-2.3.0.dist-info").mkdir()
    before = loading.installed(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    assert loading.installed(tmp_path) == before == {"numpy-2.3.0.dist-info"}
    (tmp_path / "numpy-2.3.0.dist-info").rename(tmp_path / "numpy-2.3.1.dist-info")
    assert loading.installed(tmp_path) != before
    assert loading.installed(tmp_path / "gone") == frozenset()


class Closed:
    """A log whose reader is gone."""

    def write(self, text: str) -> int:
        """Write nothing."""
        raise BrokenPipeError(32, text)


def test_a_log_that_nobody_reads_any_more_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine it is a pipe to a command that may be killed."""
    monkeypatch.setattr(sys, "stderr", Closed())
    supervisor.log("version 2 answers after 0.31 s")

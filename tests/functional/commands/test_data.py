"""Data commands as they are typed, on an engine whose volumes are folders and whose helpers run."""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.config.rules.schema import validate
from scripts.core.errors import EngineError, ExitCode, RefusedError
from scripts.core.files import held
from scripts.data import archive, journal, snapshots, transfer, volumes
from scripts.data.context import DataContext
from scripts.data.model import Command, Phase
from scripts.data.volume_scripts import NEW, OLD, PART, UNPACK
from scripts.start.starter import Starter
from tests.kit.changes import nothing
from tests.kit.checkout import VOLUMES
from tests.kit.checkout import DataCheckout as Checkout
from tests.kit.fake_engine import made
from tests.kit.fakes import raising


@pytest.fixture
def kind() -> type[Checkout]:
    """Its stack keeps data."""
    return Checkout


FULL = RefusedError("no space left on device", next_step="df")
OLD_DATA = dict.fromkeys(VOLUMES.values(), "old")
NEWER_DATA = dict.fromkeys(VOLUMES.values(), "newer")


# save, list, verify ---------------------------------------------------------------------------


def test_a_snapshot_holds_all_and_what_was_stopped_runs_again(at: Checkout) -> None:
    """Its manifest keeps its schema, and says what it was made of."""
    assert at.inv("snapshot.save", "--name", "one") == 0

    shown = at.shown()
    assert "saved one (" in shown.out
    assert [line.split()[2] for line in shown.err.splitlines() if " ready " in line] != []
    assert at.held() == OLD_DATA
    found = archive.manifest(at.kept / "one.tar.zst")
    assert validate(found, "snapshot") == ()
    assert found["groups"] == ["neo4j", "qdrant", "milvus"]
    assert found["running"] == ["memos", "neo4j", "qdrant", "milvus", "etcd"]
    assert [one["version"] for one in found["services"]] == ["1.2"] * 4
    assert (at.kept / "one.tar.zst").stat().st_mode & 0o777 == 0o600
    assert not (at.kept / "journal.json").exists()


def test_plain_tar_reads_a_snapshot(at: Checkout) -> None:
    """Nobody needs this workspace to get at the data."""
    at.save("one", "--service", "etcd")

    files = subprocess.check_output(["tar", "--zstd", "-tf", at.kept / "one.tar.zst"], text=True)
    assert "etcd_data/sub/file" in files.splitlines()


def test_list_and_verify_as_json_keep_their_schema(at: Checkout) -> None:
    """One document each, JSON alone on stdout; no engine is asked."""
    at.save("one")

    for words in (["snapshot.list"], ["snapshot.verify", "one"]):
        assert at.inv(*words, "--format", "json") == 0
        document = at.document("snapshots")
        assert [(one["name"], one["problem"]) for one in document["snapshots"]] == [("one", "")]


def test_a_damaged_snapshot_is_told_and_never_restored(at: Checkout) -> None:
    """5, and the data is untouched; the list shows the one whose end is gone."""
    at.save("one")
    file = at.kept / "one.tar.zst"
    whole = file.read_bytes()
    file.write_bytes(whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
    at.shown()

    assert at.inv("snapshot.verify", "one") == 5
    assert at.inv("snapshot.restore", "one", "--yes") == 5
    assert "the snapshot one.tar.zst is damaged: " in at.shown().err
    assert at.held() == OLD_DATA

    file.write_bytes(whole[:-1])
    assert at.inv("snapshot.list") == 0
    assert "it was cut, or is none" in at.shown().out
    assert at.inv("snapshot.verify", "one", "--format", "json") == 5


def test_one_file_that_cannot_be_read_does_not_end_the_list(at: Checkout) -> None:
    """It is shown with why; doctor counts it."""
    (at.kept / "odd.tar.zst").mkdir(parents=True)

    assert at.inv("snapshot.list") == 0
    assert "the snapshot odd.tar.zst cannot be read: it is no regular file" in at.shown().out
    assert at.inv("doctor") == 0
    assert "1 of 1 snapshots cannot be read" in at.shown().out


def test_without_snapshots_the_list_says_how_to_make_one(at: Checkout) -> None:
    """Nothing is on stdout."""
    assert at.inv("snapshot.list") == 0

    shown = at.shown()
    assert shown.out == ""
    assert "inv snapshot.save makes one" in shown.err


def test_what_runs_is_back_also_when_a_save_fails(at: Checkout) -> None:
    """4, nothing is left of the file, and the journal is gone."""
    at.patch.setattr(transfer, "verify", raising(FULL))
    assert at.inv("snapshot.save") == 4
    at.patch.undo()

    assert "no space left" in at.shown().err
    assert list(at.kept.iterdir()) == []


def test_ctrl_c_during_a_save_brings_all_back(at: Checkout) -> None:
    """130, after what was stopped is ready again."""
    with at.patch.context() as patched:
        patched.setattr(transfer, "pack", raising(KeyboardInterrupt()))
        assert at.inv("snapshot.save") == 130

    told = at.shown().err
    assert "bringing back what ran; Ctrl-C again leaves that to the next inv up" in told
    assert told.count(" ready ") == 5
    assert list(at.kept.iterdir()) == []


# reset ----------------------------------------------------------------------------------------


def test_reset_deletes_only_what_is_named_after_a_snapshot(at: Checkout) -> None:
    """The plan says all of it first; the snapshot brings the data back."""
    assert at.inv("reset", "--service", "milvus", "--yes") == 0

    shown = at.shown()
    assert "stops     memos, milvus, etcd" in shown.err
    assert "deletes   memos-test_etcd_data (" in shown.err
    assert "starts    etcd, milvus, memos" in shown.err
    assert at.held() == {**OLD_DATA, "etcd_data": ""}
    (name,) = at.names()
    assert name.startswith("before-reset-milvus-")
    assert f"inv snapshot.restore {name} brings it back" in shown.out

    assert at.inv("snapshot.restore", name, "--yes") == 0
    assert at.held() == OLD_DATA


def test_the_oldest_automatic_snapshots_go(at: Checkout) -> None:
    """As SNAPSHOTS_KEEP says; those that a user made stay."""
    at.env_file.write_text("IMAGE_SOURCE=registry\nSNAPSHOTS_KEEP=1\n")
    at.save("mine", "--service", "etcd")
    made_before = at.kept / "before-reset-milvus-1.tar.zst"
    assert at.inv("reset", "--service", "etcd", "--yes") == 0
    (first,) = [name for name in at.names() if name != "mine"]
    (at.kept / f"{first}.tar.zst").rename(made_before)

    assert at.inv("reset", "--service", "etcd", "--yes") == 0

    assert "deleted the snapshot before-reset-milvus-1" in at.shown().err
    assert len(at.names()) == 2
    assert "mine" in at.names()


def test_a_dry_run_shows_the_plan_and_touches_nothing(at: Checkout) -> None:
    """On stdout, with the command for what belongs together; exit code 0."""
    assert at.inv("reset", "--service", "qdrant", "--dry-run", "--no-snapshot") == 0

    shown = at.shown().out
    assert "snapshot  none: what is deleted is lost for good" in shown
    assert "the one points into the other: qdrant without neo4j" in shown
    assert "inv reset --service neo4j --service qdrant" in shown
    assert at.held() == OLD_DATA


def test_a_stack_that_was_down_stays_down(at: Checkout) -> None:
    """Only the volumes go."""
    for one in at.state["containers"].values():
        one["State"]["Status"] = "exited"

    assert at.inv("reset", "--all", "--yes", "--no-snapshot") == 0

    assert at.held() == {}
    assert not any(" create " in call for call in at.calls())
    assert not list(at.kept.glob("*.zst"))
    assert at.inv("reset", "--all", "--yes") == 0  # there is nothing left to delete


def test_every_plan_can_be_looked_at_alone(at: Checkout) -> None:
    """A save and a restore stop services, an undo throws away what was restored: 0, as a reset."""
    assert at.inv("snapshot.save", "--service", "etcd", "--name", "no", "--dry-run") == 0
    saves = at.shown()
    at.save("one")
    assert at.inv("snapshot.restore", "one", "--dry-run") == 0
    restores = at.shown()
    at.interrupted("restore", "starting", "etcd_data")
    assert at.inv("snapshot.undo", "--dry-run") == 0

    assert "stops     memos, milvus, etcd\nsaves     memos-test_etcd_data (" in saves.out
    assert "snapshot  one, read whole and checked first" in restores.out
    assert at.shown().out.splitlines() == [
        "brings back memos-test_etcd_data, as before inv restore",
        "starts      qdrant, neo4j, memos",
    ]
    assert (at.held(), at.names()) == (OLD_DATA, ["one"])
    assert journal.read(at.kept) is not None


@pytest.mark.parametrize(
    "words", [("reset", "--all"), ("snapshot.save",), ("snapshot.restore", "one")]
)
def test_a_plan_begins_with_what_is_finished_before(at: Checkout, words: Sequence[str]) -> None:
    """Whoever agrees to it, on a page too, has read all that is done then."""
    at.save("one")
    at.interrupted("restore", "starting")

    assert at.inv(*words, "--dry-run") == 0

    first, second, *_ = at.shown().out.splitlines()
    assert first == (
        "first     inv restore was interrupted (starting): inv up finishes it, inv snapshot.undo"
        " takes it back, and so does this"
    )
    assert second.startswith("stops ")
    assert at.held() == OLD_DATA


# restore --------------------------------------------------------------------------------------


def test_restore_brings_the_same_bytes_back(at: Checkout) -> None:
    """Of every volume, also one that is no longer there."""
    at.save("one")
    at.put_all("new")
    at.state["volumes"].remove("memos-test_etcd_data")

    assert at.inv("snapshot.restore", "one", "--yes") == 0

    assert at.held() == OLD_DATA
    assert "is that of one again" in at.shown().out
    assert not (at.kept / "journal.json").exists()


@pytest.mark.parametrize(
    ("change", "words", "code", "anyway"),
    [
        (
            lambda manifest: manifest.update(image_source="packages"),
            "it was made with IMAGE_SOURCE=packages, and here it is registry",
            2,
            0,
        ),
        (
            lambda manifest: manifest["services"][0].update(version="1.10"),
            "neo4j is 1.2 here and was 1.10: older servers may not read it",
            2,
            0,
        ),
        (
            lambda manifest: manifest["volumes"][0].update(key="other_data"),
            "the stack has no volume other_data",
            2,
            2,
        ),
        (
            lambda manifest: manifest.update(tar_bytes=10**15),
            "931322.6 GiB are needed: the old data stays",
            5,
            5,
        ),
    ],
    ids=["other source", "newer server", "unknown volume", "no room"],
)
def test_what_does_not_fit_is_refused(
    at: Checkout, change: Callable[[dict[str, Any]], None], words: str, code: int, anyway: int
) -> None:
    """Before anything is touched, unless told otherwise; what cannot work is refused then too."""
    at.save("one")
    read = archive.manifest

    def changed(path: Path) -> dict[str, Any]:
        manifest = read(path)
        change(manifest)
        return manifest

    at.patch.setattr(archive, "manifest", changed)
    assert at.inv("snapshot.restore", "one", "--yes") == code
    assert words in at.shown().err
    assert at.inv("snapshot.restore", "one", "--yes", "--anyway") == anyway
    at.patch.undo()
    assert at.held() == OLD_DATA


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (f"{UNPACK}echo 'tar: Cannot write: No space left' >&2; exit 2\n", "No space left"),
        ("exec 0<&-; echo 'no such luck' >&2; exit 1\n", "no such luck"),
    ],
    ids=["a disk that fills up", "a reader that ends early"],
)
def test_what_cannot_be_unpacked_says_why_and_leaves_the_old_data(
    at: Checkout, script: str, words: str
) -> None:
    """tar's own words are told, not that a pipe broke, and what was unpacked is gone."""
    at.put("etcd_data", "x" * 5_000_000)
    at.save("one")
    at.put_all("newer")
    with at.patch.context() as patched:
        patched.setattr(transfer, "unpack_without", lambda _: script)
        assert at.inv("snapshot.restore", "one", "--yes") == 4

    assert words in at.shown().err
    assert at.held() == NEWER_DATA
    assert not (at.kept / "journal.json").exists()


def test_the_old_data_stays_until_the_new_is_ready_and_can_come_back(at: Checkout) -> None:
    """A restore on which a service does not start is undone with one command."""
    at.save("one")
    at.put_all("newer")
    at.answer(" create ", f"touch {at.disk}/created")
    with at.patch.context() as patched:
        patched.setattr(Starter, "follow", lambda *_, **__: ExitCode.BROKEN)
        assert at.inv("snapshot.restore", "one", "--yes") == 5
    assert "inv snapshot.undo brings it back, inv up tries again" in at.shown().err
    volume = at.disk / "memos-test_etcd_data"
    assert (volume / "sub" / "file").read_text() == "old"
    assert (volume / OLD / "sub" / "file").read_text() == "newer"
    assert at.inv("ps") == 0
    assert "inv restore was interrupted (starting): inv up finishes it" in at.shown().err

    assert at.inv("snapshot.undo") == 0

    assert at.held() == NEWER_DATA
    assert at.inv("snapshot.undo") == 2
    assert "there is no unfinished restore" in at.shown().err


# after a crash --------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RefusedError("no", next_step="yes"), KeyboardInterrupt()])
def test_that_the_former_data_is_kept_is_said_however_a_start_ends(
    at: Checkout, error: BaseException
) -> None:
    """By an error or by Ctrl-C."""
    at.interrupted("restore", "starting")
    with at.patch.context() as patched:
        patched.setattr(Starter, "follow", raising(error))
        assert at.inv("up") in {4, 130}

    assert "the former data is kept: inv snapshot.undo brings it back" in at.shown().err


@pytest.mark.parametrize("name", [OLD, PART])
def test_data_that_no_journal_knows_of_is_named_and_a_reset_mends_it(
    at: Checkout, name: str
) -> None:
    """5, before anything is touched; the command that is told makes room for the restore."""
    at.save("one")
    (at.disk / "memos-test_etcd_data" / name).mkdir()

    assert at.inv("snapshot.restore", "one", "--yes") == 5

    told = at.shown().err
    assert "memos-test_etcd_data still holds the data from before an earlier restore" in told
    assert f"({name})" in told
    assert "next: keep both: inv snapshot.save --service milvus; " in told
    assert at.inv("reset", "--service", "etcd", "--yes") == 0
    assert at.inv("snapshot.restore", "one", "--yes") == 0
    assert at.held() == OLD_DATA


def test_a_journal_that_none_of_ours_wrote_says_what_is_in_danger(at: Checkout) -> None:
    """5, with what to do; nothing is touched, least of all the data that may be the right one."""
    at.interrupted("restore", "starting")
    file = at.kept / "journal.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"phase": "dreaming"}))
    former = at.disk / "memos-test_etcd_data" / OLD
    former.mkdir()

    assert at.inv("up") == 5

    shown = at.shown().err
    assert "phase is 'dreaming', wanted one of stopped, unpacking" in shown
    assert "only this file says whether the volumes hold the old data, the new, or some" in shown
    assert f"else: mv {file} {file}.unread, then: inv snapshot.restore NAME" in shown
    assert file.exists()
    assert former.exists()


@pytest.mark.parametrize(
    ("command", "phase", "held"),
    [
        ("save", "stopped", OLD_DATA),
        ("reset", "stopped", OLD_DATA),
        ("restore", "unpacking", OLD_DATA),
        ("reset", "deleting", {"neo4j_data": "", "qdrant_data": "", "etcd_data": ""}),
        ("reset", "returning", OLD_DATA),
        ("restore", "swapping", dict.fromkeys(VOLUMES.values(), "new")),
        ("restore", "starting", OLD_DATA),
        ("restore", "cleaning", OLD_DATA),
        ("restore", "undoing", dict.fromkeys(VOLUMES.values(), "new")),
    ],
)
def test_the_next_up_finishes_what_was_interrupted(
    at: Checkout, command: str, phase: str, held: dict[str, str]
) -> None:
    """Says so, asks nothing, and leaves nothing hidden."""
    at.interrupted(command, phase)
    (at.kept / "half.tar.zst.partial").touch()
    for key in VOLUMES.values():
        folder = at.disk / f"memos-test_{key}"
        if phase in {"unpacking", "swapping", "starting", "cleaning", "undoing"}:
            hidden = folder / (NEW if phase in {"unpacking", "swapping"} else OLD)
            hidden.mkdir(parents=True)
            (hidden / "file").write_text("new")

    assert at.inv("up") == 0

    assert f"inv {command} was interrupted: " in at.shown().err
    assert at.held() == held
    assert list(at.kept.iterdir()) == []


@pytest.mark.parametrize("phase", ["swapping", "undoing"])
def test_no_data_is_exchanged_under_a_service_that_somebody_started_meanwhile(
    at: Checkout, phase: str
) -> None:
    """It is stopped first, as in the command itself, and runs again afterwards."""
    at.interrupted("restore", phase)
    at.close()
    stopped: list[str] = []
    run, stop = DataContext.run, DataContext.stop

    def note_run(context: DataContext, script: str, names: Mapping[str, str]) -> None:
        stopped.append("script")
        run(context, script, names)

    def note_stop(context: DataContext, names: Sequence[str]) -> None:
        stopped.extend(names)
        stop(context, names)

    at.patch.setattr(DataContext, "run", note_run)
    at.patch.setattr(DataContext, "stop", note_stop)

    assert at.inv("up") == 0

    before = stopped[: stopped.index("script")]
    assert {"memos", "milvus", "neo4j", "qdrant"} <= set(before)


def test_new_data_of_which_a_part_is_gone_is_not_exchanged(at: Checkout) -> None:
    """5: half of it would come to half of the former; that can still come back."""
    at.interrupted("restore", "swapping")
    at.state["volumes"].remove("memos-test_etcd_data")
    for key in VOLUMES.values():
        hidden = at.disk / f"memos-test_{key}" / NEW
        hidden.mkdir()
        (hidden / "file").write_text("new")

    assert at.inv("up") == 5

    told = at.shown().err
    assert "the volumes memos-test_etcd_data were restored, and are not there any more" in told
    assert "inv snapshot.undo" in told
    assert all((at.disk / f"memos-test_{key}" / NEW).exists() for key in VOLUMES.values())
    assert journal.read(at.kept) is not None


@pytest.mark.parametrize("phase", ["unpacking", "swapping", "starting", "undoing"])
def test_undo_brings_the_old_data_back_from_every_phase_of_a_restore(
    at: Checkout, phase: str
) -> None:
    """Also where the next step of the restore itself could never be made."""
    at.interrupted("restore", phase)
    for key in VOLUMES.values():
        folder = at.disk / f"memos-test_{key}"
        hidden = folder / (NEW if phase in {"unpacking", "swapping"} else OLD)
        hidden.mkdir()
        (hidden / "file").write_text("old" if hidden.name == OLD else "new")
        (hidden / f"{OLD}-x").mkdir()  # what hindered the swap in former versions

    assert at.inv("snapshot.undo") == 0

    assert at.held() == OLD_DATA
    assert list(at.kept.iterdir()) == []


@pytest.mark.parametrize("phase", ["stopped", "unpacking", "swapping", "starting", "dreaming"])
def test_down_with_volumes_deletes_the_data_in_every_phase(at: Checkout, phase: str) -> None:
    """What is deleted need not be made whole before; who types it has been asked."""
    at.interrupted("restore", "swapping")
    file = at.kept / "journal.json"
    file.write_text(file.read_text().replace("swapping", phase))
    at.patch.setattr(DataContext, "run", raising(FULL))

    assert at.inv("down", "--volumes", "--yes") == 0

    assert at.held() == {}
    assert file.exists() == (phase == "dreaming")


def test_down_stops_all_also_where_the_data_cannot_be_made_whole(at: Checkout) -> None:
    """It says why, and the journal stays for who starts services again."""
    at.interrupted("restore", "swapping")
    at.patch.setattr(DataContext, "run", raising(FULL))

    assert at.inv("down") == 0

    assert "no space left on device; next: df" in at.shown().err
    assert any("down --remove-orphans" in call for call in at.calls())
    assert (at.kept / "journal.json").exists()


def test_a_reset_without_a_snapshot_needs_nothing_finished(at: Checkout) -> None:
    """All that was in between goes; with a snapshot it has to be whole, so that is told."""
    at.interrupted("restore", "swapping")
    run = DataContext.run
    at.patch.setattr(DataContext, "run", raising(FULL))

    assert at.inv("reset", "--all", "--yes") == 4
    assert at.inv("reset", "--service", "neo4j", "--no-snapshot", "--yes") == 4
    assert at.held() == OLD_DATA
    at.patch.setattr(DataContext, "run", run)
    at.interrupted("restore", "swapping", "neo4j_data")
    at.patch.setattr(DataContext, "run", raising(FULL))
    assert at.inv("reset", "--service", "neo4j", "--no-snapshot", "--yes") == 0

    assert "all of it is deleted now" in at.shown().err
    assert at.held() == {key: text for key, text in OLD_DATA.items() if key != "neo4j_data"}
    assert not (at.kept / "journal.json").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"volumes": {"neo4j_data": "somebody_elses"}}, "does not have: somebody_elses"),
        ({"volumes": {"more": "memos-test_neo4j_data"}}, "not have: memos-test_neo4j_data"),
        ({"engine": "another"}, "interrupted on the engine another, and this is an-engine"),
        ({"engine": ""}, "was interrupted, and not on which engine, as older versions did"),
    ],
)
@pytest.mark.parametrize("command", ["down", "up", "snapshot.undo", "down --volumes --yes"])
def test_a_journal_from_elsewhere_deletes_nothing(
    at: Checkout, change: dict[str, object], told: str, command: str
) -> None:
    """Whoever can put a file there could name any volume; stopping is done all the same."""
    at.state["volumes"].append("somebody_elses")
    (at.disk / "somebody_elses").mkdir(parents=True)
    phase = "starting" if command == "snapshot.undo" else "deleting"
    at.interrupted("restore", phase)
    file = at.kept / "journal.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))

    assert at.inv(*command.split()) == (0 if command.startswith("down") else 5)

    assert told in at.shown().err
    assert at.held() == ({} if "--volumes" in command else OLD_DATA)
    assert (at.disk / "somebody_elses").exists()
    assert file.exists()


def test_a_snapshot_from_elsewhere_that_is_hostile_changes_nothing(at: Checkout) -> None:
    """A link in place of a volume: refused, told, and all is as it was, with no phase to be in."""
    at.save("one")
    folder = at.folder / "hostile"
    for key in VOLUMES.values():
        (folder / key).mkdir(parents=True)
    (folder / "etcd_data").rmdir()
    (at.folder / "elsewhere").mkdir()
    (folder / "etcd_data").symlink_to(at.folder / "elsewhere")
    tar = subprocess.check_output(["tar", "--create", "--file=-", *VOLUMES.values()], cwd=folder)
    facts = archive.manifest(at.kept / "one.tar.zst")
    with (at.kept / "two.tar.zst").open("wb") as target:
        writer = archive.SnapshotWriter(target)
        writer.write(tar)
        writer.end(facts)

    assert at.inv("snapshot.restore", "two", "--yes") == 5

    shown = at.shown().err
    assert "two.tar.zst is not restored: " in shown
    assert "etcd_data, which is no folder" in shown
    assert at.held() == OLD_DATA
    assert not (at.kept / "journal.json").exists()
    assert at.inv("up") == 0


def test_what_other_programs_leave_half_done_is_not_ours_to_delete(at: Checkout) -> None:
    """The folder of snapshots may be a link to one where others work."""
    at.kept.parent.mkdir(parents=True)
    theirs = at.folder / "theirs"
    theirs.mkdir()
    (theirs / "film.partial").touch()
    (theirs / "link.tar.zst.partial").symlink_to("film.partial")
    at.kept.symlink_to(theirs)

    at.interrupted("save", "stopped")
    assert at.inv("up") == 0

    assert {file.name for file in theirs.iterdir()} == {"film.partial", "link.tar.zst.partial"}


@pytest.mark.parametrize("phase", ["starting", "returning"])
@pytest.mark.parametrize("command", ["up", "restart"])
def test_what_comes_back_is_made_as_the_settings_say_by_now(
    at: Checkout, command: str, phase: str
) -> None:
    """A restore that is not ready for want of the former password is mended in `.env`."""
    at.interrupted("restore", phase)
    with at.patch.context() as patched:
        patched.setattr(Starter, "follow", lambda *_, **__: ExitCode.BROKEN)
        assert at.inv(command) == 5

    (created,) = (call for call in at.calls() if " create " in call)
    assert created == "--progress plain create --no-build --pull never memos neo4j qdrant"


def test_the_last_line_of_json_is_the_only_result(at: Checkout) -> None:
    """Also when what an interrupted command left is finished first; and Compose is asked again."""
    assert at.inv("up") == 0
    at.interrupted("save", "stopped")
    at.shown()
    asked = len(at.calls())

    assert at.inv("up", "--format", "json") == 0

    kinds = [json.loads(line)["event"] for line in at.shown().out.splitlines()]
    assert kinds.count("result") == 1
    assert kinds[-1] == "result"
    created = [call for call in at.calls()[asked:] if " create " in call]
    assert len(created) == 2


def test_ps_shows_the_stack_also_when_the_journal_cannot_be_read(at: Checkout) -> None:
    """0, with what is wrong beside it."""
    at.kept.mkdir(parents=True)
    (at.kept / "journal.json").write_text("{")

    assert at.inv("ps") == 0

    shown = at.shown()
    assert "journal.json cannot be read" in shown.err
    assert "neo4j" in shown.out


def test_down_makes_the_data_whole_and_starts_nothing(at: Checkout) -> None:
    """With --volumes nothing of the interrupted command is left either."""
    at.interrupted("restore", "cleaning")
    assert at.inv("down") == 0
    assert "inv restore was interrupted" in at.shown().err
    assert not (at.kept / "journal.json").exists()

    at.interrupted("reset", "deleting", "etcd_data")
    assert at.inv("down", "--volumes", "--yes") == 0
    assert not (at.kept / "journal.json").exists()
    assert " ready " not in at.shown().err


def test_an_engine_that_fails_in_the_middle_names_what_finishes_the_command(at: Checkout) -> None:
    """Its own next step first, then the one command that brings the data to one state."""
    error = EngineError("the engine does not answer", next_step="inv engine.status")
    with at.patch.context() as patched:
        patched.setattr(volumes, "delete", raising(error))
        assert at.inv("reset", "--service", "etcd", "--yes") == 3

    step = "inv engine.status; inv reset was interrupted (deleting): inv up finishes it"
    assert f"next: {step}" in at.shown().err
    assert journal.read(at.kept) is not None


def test_a_restore_that_is_taken_back_takes_the_volumes_that_it_made_with_it(at: Checkout) -> None:
    """An empty one in the place of one that was gone would pass for data."""
    at.interrupted("restore", "unpacking")
    at.state["made"] = {"memos-test_etcd_data": {"Labels": {"dev.memos.restored": "then"}}}
    del at.state["containers"]["id-etcd"]

    assert at.inv("down") == 0

    assert at.held() == {"neo4j_data": "old", "qdrant_data": "old"}


@pytest.mark.parametrize("phase", ["swapping", "starting", "undoing"])
def test_a_restore_that_is_undone_removes_the_volumes_that_it_made(
    at: Checkout, phase: str
) -> None:
    """Also where containers were made on them meanwhile; what starts then gets an empty one."""
    at.interrupted("restore", phase)
    at.state["made"] = {"memos-test_etcd_data": {"Labels": {"dev.memos.restored": "then"}}}

    at.inv("snapshot.undo")

    assert at.held()["etcd_data"] == ""


def test_a_reset_that_fails_forgets_no_unfinished_restore(at: Checkout) -> None:
    """Else what is half old and half new would pass for whole."""
    at.interrupted("restore", "swapping", "neo4j_data")
    at.patch.setattr(DataContext, "run", raising(FULL))
    at.patch.setattr(DataContext, "stop", raising(FULL))

    assert at.inv("reset", "--service", "neo4j", "--no-snapshot", "--yes") == 4

    entry = journal.read(at.kept)
    assert entry is not None
    assert entry.phase is Phase.SWAPPING


def test_doctor_knows_of_what_was_interrupted(at: Checkout) -> None:
    """Advice with the next command; a journal that cannot be read is fatal."""
    at.interrupted("reset", "deleting")
    (at.kept / "cut.tar.zst").write_text("no snapshot")

    assert at.inv("doctor", "--format", "json") == 0

    document = at.document("doctor")
    codes = [one["code"] for one in document["findings"]]
    assert {"data-unfinished", "snapshot-damaged"} <= set(codes)

    (at.kept / "journal.json").write_text("{")
    assert at.inv("doctor") == 5
    assert at.inv("up") == 5
    assert "journal.json cannot be read" in at.shown().err


def test_an_engine_that_goes_away_leaves_the_journal(at: Checkout) -> None:
    """The next command brings back what was stopped; what went wrong first is told first."""
    gone = EngineError("the engine does not answer", next_step="inv engine.status")
    with at.patch.context() as patched:
        patched.setattr(transfer, "pack", raising(FULL))
        patched.setattr(Starter, "follow", raising(gone))
        assert at.inv("snapshot.save") == 3
    told = at.shown().err
    assert told.index("no space left on device: bringing back") < told.index("does not answer")
    entry = journal.read(at.kept)
    assert entry is not None
    assert (entry.command, entry.phase) == (Command.SAVE, Phase.RETURNING)

    at.save("one")
    assert at.names() == ["one"]


# names, questions, refusals -------------------------------------------------------------------


NO_SHELL = 'exec: "sh": executable file not found in $PATH'


def stranger(at: Checkout) -> None:
    """Let a container of nobody use a volume."""
    other = made("thief", "running", folder="/elsewhere", project="other")
    other["mounts"] = ["memos-test_etcd_data"]
    at.state["containers"]["id-thief"] = other


def shellless(at: Checkout) -> None:
    """Let no image have a shell."""
    at.state["unfit"] = dict.fromkeys(at.state["images"], NO_SHELL)


def full(at: Checkout) -> None:
    """Let the engine's disk be full for the one image that has a shell."""
    shellless(at)
    at.state["unfit"][next(iter(at.state["images"]))] = "no space left on device"


def imageless(at: Checkout) -> None:
    """Let no image be there."""
    at.state["images"] = {}


def bare(at: Checkout) -> None:
    """Let there be no volume yet."""
    at.state["volumes"] = []


@pytest.mark.parametrize(
    ("words", "prepare", "code", "told"),
    [
        ("reset", nothing, 2, "no service is named\nnext: inv reset --service neo4j or qdrant or"),
        ("reset --service memos", nothing, 2, "memos keeps no data of its own\nnext: --service ne"),
        ("reset --service milvsu", nothing, 2, "did you mean milvus?"),
        ("reset --service etcd", nothing, 7, "Delete this data? Nobody is there to answer"),
        ("reset --service etcd --yes", stranger, 4, "memos-test_etcd_data is mounted by thief"),
        ("reset --service etcd --yes", shellless, 4, NO_SHELL),
        ("reset --service etcd --yes", full, 5, "start: no space left on device\nnext: df -h and"),
        ("reset --service etcd --yes", imageless, 4, "no image of the stack could look into the"),
        ("snapshot.save", bare, 2, "there is no data of neo4j, qdrant, milvus yet"),
        ("snapshot.save --name a/b", nothing, 2, "--name is 'a/b', wanted letters"),
        ("snapshot.save --service memos", nothing, 2, "memos keeps no data of its own"),
        ("snapshot.restore one", nothing, 2, "no snapshot 'one'\nnext: one of: none yet: inv sna"),
        ("snapshot.verify one", nothing, 2, "there is no snapshot 'one'"),
        ("snapshot.delete one", nothing, 2, "there is no snapshot 'one'"),
        ("snapshot.prune", nothing, 2, "--keep is '', wanted a whole number"),
        ("snapshot.list --format yaml", nothing, 2, "--format is 'yaml'"),
    ],
)
def test_what_is_refused_changes_nothing(
    at: Checkout, words: str, prepare: Callable[[Checkout], None], code: int, told: str
) -> None:
    """With the value that is wrong and what to type."""
    prepare(at)

    assert at.inv(*words.split()) == code

    assert told in at.shown().err
    assert at.held() == OLD_DATA
    assert not (at.kept / "journal.json").exists()


def test_a_name_that_is_taken_is_refused_and_restoring_asks(at: Checkout) -> None:
    """Nothing is overwritten, and nothing replaced unasked."""
    at.save("one")

    assert at.inv("snapshot.save", "--name", "one") == 2
    assert "next: another --name; inv snapshot.list shows" in at.shown().err
    assert at.inv("snapshot.restore", "one") == 7
    assert "Replace this data? Nobody is there to answer" in at.shown().err


def test_delete_and_prune_remove_files_after_asking(at: Checkout) -> None:
    """The newest stay; a damaged one is left to the user."""
    for name in ("one", "two", "three"):
        at.save(name, "--service", "etcd")
    (at.kept / "cut.tar.zst").write_text("")

    assert at.inv("snapshot.prune", "--keep", "1") == 7
    assert at.inv("snapshot.prune", "--keep", "1", "--yes") == 0
    assert at.names() == ["cut", "three"]
    assert at.inv("snapshot.prune", "--keep", "5") == 0
    assert at.inv("snapshot.delete", "three") == 7
    assert at.inv("snapshot.delete", "cut", "--yes") == 0
    assert at.names() == ["three"]
    assert "deleted the snapshot cut" in at.shown().err


def test_a_file_from_elsewhere_is_never_deleted(at: Checkout) -> None:
    """Whatever it is: only names within the folder are taken."""
    file = at.folder / "notes.txt"
    file.write_text("mine")

    assert at.inv("snapshot.delete", str(file), "--yes") == 2

    assert file.read_text() == "mine"
    assert "is a path, wanted the name of a snapshot in" in at.shown().err


def test_no_snapshot_is_deleted_while_another_command_works(at: Checkout) -> None:
    """It may be the one that is restored just now."""
    at.save("one", "--service", "etcd")
    with held(at.root / ".cache" / "memos-test", "snapshot.restore"):
        assert at.inv("snapshot.delete", "one", "--yes") == 4
        assert at.inv("snapshot.prune", "--keep", "0", "--yes") == 4

    assert at.names() == ["one"]
    assert "another run holds the lock: inv snapshot.restore" in at.shown().err


def test_what_is_paused_is_saved_too(at: Checkout) -> None:
    """It can be stopped only when it runs; afterwards it does."""
    at.state["containers"]["id-etcd"]["State"]["Status"] = "paused"

    at.save("one", "--service", "etcd")


def test_a_snapshot_from_elsewhere_is_named_by_its_path(at: Checkout) -> None:
    """One that was copied here from another machine."""
    at.save("one")
    elsewhere = at.folder / "copied.tar.zst"
    (at.kept / "one.tar.zst").rename(elsewhere)
    at.put("etcd_data", "newer")

    assert at.inv("snapshot.restore", str(elsewhere), "--yes") == 0

    assert at.held() == OLD_DATA


def test_snapshots_in_order_of_age(tmp_path: Path) -> None:
    """And automatic ones are counted for the same groups only."""
    found = [
        replace(
            snapshots.read(_empty(tmp_path / f"{number}.tar.zst")),
            manifest={"automatic": number != 1, "groups": ["a"] if number < 3 else ["b"]},
        )
        for number in range(4)
    ]

    assert [one.name for one in snapshots.older(found, 3)] == ["3"]
    assert [one.name for one in snapshots.older(snapshots.automatic(found, ["a"]), 1)] == ["2"]


def test_the_snapshot_of_this_reset_stays_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that was set back makes it the oldest, and it is the only copy of the data."""
    of_later, of_now = (
        replace(
            snapshots.read(_empty(tmp_path / f"{name}.tar.zst")),
            manifest={"automatic": True, "groups": ["a"]},
        )
        for name in ("later", "now")
    )
    monkeypatch.setattr(snapshots, "listed", lambda _: (of_later, of_now))

    assert snapshots.prune_automatic(tmp_path, ["a"], 1, spare=of_now.file) == ()
    assert of_now.file.exists()
    assert snapshots.prune_automatic(tmp_path, ["a"], 1) == ("now",)


def _empty(file: Path) -> Path:
    file.touch()
    return file

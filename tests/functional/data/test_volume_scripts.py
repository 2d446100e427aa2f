"""The scripts of helper containers, run for real in folders, and killed at each of their steps."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from scripts.data.volume_scripts import (
    BACK,
    CLEAN,
    DISCARD,
    NEW,
    OLD,
    PACK,
    PART,
    SURVEY,
    SWAP,
    UNPACK,
)

KILLED = -9
TOOLS = ("mv", "mkdir", "rm", "chown", "chmod", "touch")
WRAPPER = """#!/bin/sh
read -r count <{folder}/count
count=$((count + 1))
echo $count >{folder}/count
[ $count != $KILL ] || kill -9 $PPID
[ $count != $KILL ] || exit
PATH=${{PATH#*:}}
exec {tool} "$@"
"""
"""It starts no process but the tool: it runs thousands of times."""
Kept = dict[str, str]


def run(
    script: str, at: Path, data: bytes = b"", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a script as a helper container does."""
    environ = {**os.environ, "LC_ALL": "C", **(env or {})}
    # a disk that others write to makes it slow, and no step depends on it
    script = f"sync() {{ :; }}\n{script}"
    return subprocess.run(
        ["sh", "-c", script], cwd=at, env=environ, input=data, capture_output=True, check=False
    )


def fill(volume: Path, word: str) -> None:
    """Return a volume files of every kind that a program may leave."""
    (volume / "deep" / "er").mkdir(parents=True)
    (volume / "deep" / "er" / "file").write_text(word)
    (volume / word).write_text(word)
    (volume / ".hidden").write_text(word)
    (volume / "..odd").write_text(word)
    (volume / "with blank *").write_text(word)
    (volume / "link").symlink_to("deep/er/file")
    (volume / "dangling").symlink_to(f"/nowhere/{word}")
    (volume / "hard").hardlink_to(volume / word)
    with (volume / "sparse").open("wb") as file:
        file.write(word.encode())
        file.truncate(10_000_000)
    volume.chmod(0o751 if word == "old" else 0o775)


def kept(volume: Path) -> Kept:
    """Return what a volume holds: kind, rights and content of each entry, and of its root."""
    found = {".": oct(volume.stat().st_mode)}
    for path in sorted(volume.rglob("*")):
        name = str(path.relative_to(volume))
        if path.is_symlink():
            found[name] = f"→ {path.readlink()}"
        elif path.is_file():
            with path.open("rb") as file:  # the sparse one is long
                begins = file.read(9)
            found[name] = f"{begins!r} {path.stat().st_size} {path.stat().st_nlink}"
        else:
            found[name] = oct(path.stat().st_mode)
    return found


@pytest.fixture
def at(tmp_path: Path) -> Path:
    """Return a folder with a volume of old data and one that is empty."""
    folder = tmp_path / "volumes"
    (folder / "a").mkdir(parents=True)
    fill(folder / "a", "old")
    (folder / "b").mkdir()
    return folder


@pytest.fixture
def tar(tmp_path: Path) -> bytes:
    """Return the tar of the same volumes with new data in both."""
    folder = tmp_path / "others"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        fill(folder / name, "new")
    return run(PACK, folder).stdout


@pytest.fixture
def struck(tmp_path: Path) -> Callable[[str, Path, int], int]:
    """Return a function that runs a script and kills it before its nth step."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in TOOLS:
        (tools / tool).write_text(WRAPPER.format(folder=tmp_path, tool=tool))
        (tools / tool).chmod(0o755)

    def strike(script: str, volumes: Path, step: int) -> int:
        (tmp_path / "count").write_text("0\n")
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        return run(script, volumes, env={"PATH": path, "KILL": str(step)}).returncode

    return strike


def contents(at: Path) -> dict[str, Kept]:
    """Return what each volume holds."""
    return {volume.name: kept(volume) for volume in sorted(at.iterdir())}


def test_what_is_packed_unpacks_to_the_same(at: Path, tmp_path: Path) -> None:
    """Links, rights, sparse files and odd names too."""
    before = contents(at)
    back = tmp_path / "back"
    for name in before:
        (back / name).mkdir(parents=True)

    assert run(UNPACK, back, run(PACK, at).stdout).returncode == 0
    assert {name: kept(back / name / NEW) for name in before} == before
    assert (back / "a" / NEW / "sparse").stat().st_blocks * 512 < 1_000_000


def test_a_swap_killed_at_any_step_and_run_again_gives_the_new_data_whole(
    at: Path, tar: bytes, tmp_path: Path, struck: Callable[[str, Path, int], int]
) -> None:
    """And keeps the old data whole beside it."""
    before, new = contents(at), contents(tmp_path / "others")
    old = at.rename(tmp_path / "old")
    step, code = 0, KILLED
    while code == KILLED:
        step += 1
        subprocess.run(["cp", "--archive", old, at], check=True)
        assert run(UNPACK, at, tar).returncode == 0
        code = struck(SWAP, at, step)
        again = run(SWAP, at)
        assert again.returncode == 0, again.stderr
        assert {name: kept(at / name / OLD) for name in before} == before, f"step {step}"
        assert run(CLEAN, at).returncode == 0
        assert contents(at) == new, f"step {step}"
        shutil.rmtree(at)
    assert step > 30


@pytest.mark.parametrize("swapped", [0, 3, 7, 12, 16, 20, 25, 29, 99])
def test_the_old_data_comes_back_from_every_step_of_a_swap(
    at: Path, tar: bytes, struck: Callable[[str, Path, int], int], swapped: int
) -> None:
    """However often that is killed itself, and nothing of the new is left."""
    before = contents(at)
    step, code = 0, KILLED
    while code == KILLED:
        step += 1
        assert run(UNPACK, at, tar).returncode == 0
        if swapped:
            struck(SWAP, at, swapped)
        code = struck(BACK, at, step)
        again = run(BACK, at)
        assert again.returncode == 0, again.stderr
        assert contents(at) == before, f"killed before step {step}"
    assert step >= 3


def link_elsewhere(folder: Path) -> None:
    """Let a volume be a link to a folder of somebody else; not to / here, if all guards fail."""
    (folder.parent / "elsewhere").mkdir()
    (folder.parent / "elsewhere" / "file").touch()
    (folder / "b").symlink_to(folder.parent / "elsewhere")


def one_file(folder: Path) -> None:
    """Let a volume be a file."""
    (folder / "b").write_text("")


def mark_of_ours(folder: Path) -> None:
    """Let a volume hold what would hinder the next steps."""
    (folder / "b" / f"{OLD}-x").mkdir(parents=True)


def dangling_mark(folder: Path) -> None:
    """Let that be a link to nothing."""
    (folder / "b").mkdir()
    (folder / "b" / OLD).symlink_to("nowhere")


def root_program(folder: Path) -> None:
    """Let a volume hold a program that runs as its owner."""
    (folder / "b" / "deep").mkdir(parents=True)
    (folder / "b" / "deep" / "sh").write_text("#!")
    (folder / "b" / "deep" / "sh").chmod(0o4755)


def group_program(folder: Path) -> None:
    """Let it run as its group."""
    (folder / "b").mkdir()
    (folder / "b" / "sh").write_text("#!")
    (folder / "b" / "sh").chmod(0o2755)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (link_elsewhere, "b, which is no folder"),
        (one_file, "b, which is no folder"),
        (mark_of_ours, "a mark of ours in b"),
        (dangling_mark, "a mark of ours in b"),
        (root_program, "a device, or a program that runs as its owner"),
        (group_program, "a device, or a program that runs as its owner"),
    ],
)
def test_what_no_program_leaves_in_a_volume_takes_the_place_of_nothing(
    at: Path, tmp_path: Path, make: Callable[[Path], object], told: str
) -> None:
    """A snapshot may come from anybody; what was unpacked of it goes, and the old data is whole."""
    hostile = tmp_path / "hostile"
    (hostile / "a").mkdir(parents=True)
    make(hostile)
    words = ["tar", "--create", "--file=-", "--", "a", "b"]
    tar = subprocess.run(words, cwd=hostile, capture_output=True, check=True).stdout
    before = contents(at)

    refused = run(UNPACK, at, tar)

    assert refused.returncode != 0
    assert told in refused.stderr.decode() or "tar: " in refused.stderr.decode()
    for script in (SWAP, DISCARD, BACK):  # as older versions went on, and as this one does
        assert run(UNPACK, at, tar).returncode != 0
        again = run(script, at)
        assert again.returncode == 0, again.stderr
        assert run(BACK, at).returncode == 0
        assert contents(at) == before
    assert not (tmp_path / "elsewhere").exists() or (tmp_path / "elsewhere" / "file").exists()


def test_folders_that_hand_their_group_on_are_no_programs(at: Path, tmp_path: Path) -> None:
    """Nor are named pipes: both are restored as they were."""
    other = tmp_path / "other"
    (other / "a").mkdir(parents=True)
    (other / "a").chmod(0o2775)
    os.mkfifo(other / "a" / "pipe")
    (other / "b").mkdir()

    assert run(UNPACK, at, run(PACK, other).stdout).returncode == 0
    assert (at / "a" / NEW).stat().st_mode & 0o7777 == 0o2775
    assert (at / "a" / NEW / "pipe").is_fifo()


def test_what_was_unpacked_can_be_thrown_away(at: Path, tar: bytes) -> None:
    """Half of it too; tar alone takes a cut one for whole, so the checksums have to tell."""
    before = contents(at)
    run(UNPACK, at, tar[:3000])
    assert (at / "a" / NEW).is_dir()

    assert run(DISCARD, at).returncode == 0
    assert contents(at) == before


@pytest.mark.parametrize("name", [OLD, PART])
def test_nothing_is_unpacked_over_what_another_restore_left(
    at: Path, tar: bytes, name: str
) -> None:
    """Its journal is gone, so nobody knows which of the two is right."""
    (at / "b" / name).mkdir()

    refused = run(UNPACK, at, tar)

    assert refused.returncode == 3
    assert f"{name} is in the volume b" in refused.stderr.decode()


@pytest.mark.parametrize(("script", "name"), [(CLEAN, OLD), (DISCARD, NEW)])
def test_what_cannot_be_removed_is_no_success(at: Path, script: str, name: str) -> None:
    """Else the journal would be gone, and nobody would try again."""
    for volume in ("a", "b"):
        (at / volume / name).mkdir()
    refusing = 'rm() { case "$*" in *a/*) return 1 ;; esac; command rm "$@"; }\n'

    assert run(refusing + script, at).returncode != 0
    assert run(script, at).returncode == 0
    assert not list(at.rglob(".memos-dev-*"))


@pytest.mark.parametrize("script", [CLEAN, DISCARD])
def test_what_was_removed_is_on_the_disk_before_it_is_forgotten(at: Path, script: str) -> None:
    """The file system of each volume is synced."""
    told = run('sync() { echo "$@"; }\n' + script, at).stdout.decode()

    assert told.splitlines() == ["--file-system a", "--file-system b"]


@pytest.mark.parametrize("script", [CLEAN, DISCARD, BACK, SWAP])
def test_a_step_without_volumes_or_without_old_data_changes_nothing(
    at: Path, tmp_path: Path, script: str
) -> None:
    """It may be repeated after any other."""
    (tmp_path / "bare").mkdir()
    before = contents(at)

    for folder in (tmp_path / "bare", at):
        done = run(script, folder)
        assert (done.returncode, done.stderr) == (0, b"")
    assert contents(at) == before


def test_hidden_folders_are_in_no_snapshot_and_in_no_program(at: Path, tmp_path: Path) -> None:
    """A tar made while one is there is the same as without."""
    plain = run(PACK, at).stdout
    (at / "a" / OLD).mkdir()
    (at / "a" / OLD / "file").write_text("x")
    packed = run(PACK, at).stdout
    names = [
        subprocess.run(
            ["tar", "-tf", "-"], input=data, capture_output=True, check=True, cwd=tmp_path
        ).stdout
        for data in (plain, packed)
    ]
    assert names[0] == names[1]


def test_a_survey_gives_what_each_volume_uses_and_what_is_free(at: Path) -> None:
    """A line a volume; without GNU tar it fails, so that another image is tried."""
    rows = [line.split() for line in run(SURVEY, at).stdout.decode().splitlines()]
    assert [row[0] for row in rows] == ["a", "b"]
    assert int(rows[0][1]) > 0  # an empty folder may take none, as in memory
    assert all(int(word) > 0 for row in rows for word in row[2:])
    (at / "b" / PART).mkdir()
    assert f"b {PART}" in run(SURVEY, at).stdout.decode().splitlines()
    empty = at / "a" / "deep"
    assert run("tar() { echo busybox; }\n" + SURVEY, empty).returncode != 0

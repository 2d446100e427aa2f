"""What an image of MemOS is to hold: a lock as it is, or what is asked of uv."""

import os
from pathlib import Path

import pytest
import resolve

LOCK = """\
memoryos==2.0.6 \\
    --hash=sha256:00 \\
    --hash=sha256:01
neo4j==5.28.1 \\
    --hash=sha256:02
numpy==2.2 ; python_full_version < '3.11' \\
    --hash=sha256:03
numpy==2.4 ; python_full_version >= '3.11' \\
    --hash=sha256:04
"""
UV = """#!/bin/sh
printf '%s\\n' "$*" >{folder}/argv
cat "$(dirname "$0")/../wanted.in" >{folder}/asked
eval "$(cat {folder}/does)"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the build has laid out, with a uv that does what a test says."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "2.0.6.txt").write_text(LOCK)
    (tmp_path / "requirements" / "extras.in").write_text("# why\nneo4j==5.28.1\n")
    (tmp_path / "bin").mkdir()
    uv = tmp_path / "bin" / "uv"
    uv.write_text(UV.format(folder=tmp_path))
    uv.chmod(0o755)
    (tmp_path / "does").write_text("")
    monkeypatch.setattr(resolve, "UV", str(uv))
    monkeypatch.setattr("sys.argv", ["resolve.py", str(tmp_path)])
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, version: str) -> int:
    """Resolve for a version."""
    monkeypatch.setitem(os.environ, "MEMOS_VERSION", version)
    return resolve.main()


def test_a_pinned_release_needs_no_uv(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock is taken as it is; MemOS itself stands apart, so that others share the rest."""
    assert run(monkeypatch, "2.0.6") == 0

    release, packages = ((folder / f"{name}.txt").read_text() for name in ("release", "packages"))
    assert release + packages == LOCK
    assert release.startswith("memoryos==2.0.6 ")
    assert packages.count("numpy==") == 2
    assert not (folder / "argv").exists()


def test_another_release_is_asked_of_uv_beginning_with_the_nearest_lock(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uv keeps versions that stand in its output, where it may."""
    assert run(monkeypatch, "2.0.20") == 0

    assert (folder / "asked").read_text().split() == ["memoryos==2.0.20", "neo4j"]
    assert "--generate-hashes" in (folder / "argv").read_text()
    assert (folder / "packages.txt").read_text() in LOCK


def test_a_checkout_is_asked_by_its_own_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock of the name that its image has does not count then."""
    (folder / "project").mkdir()
    (folder / "project" / "pyproject.toml").write_text(
        '[project]\nversion = "2.0.34"\ndependencies = ["openai (>=1)"]\n'
        '[project.optional-dependencies]\ntree-mem = ["Neo4j (<6)"]\nall = ["neo4j (>9)"]\n'
    )

    assert run(monkeypatch, "2.0.6") == 0
    assert (folder / "asked").read_text().splitlines() == ["openai (>=1)", "Neo4j (<6)"]


def test_why_nothing_is_found_stands_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the drawing of a terminal; an index that does not answer is no wrong setting."""
    (folder / "does").write_text("echo 'error: Failed to fetch' >&2; exit 1")
    assert run(monkeypatch, "9.9.9") == 1
    assert capsys.readouterr().out == "error: uv could not find the packages: Failed to fetch\n"

    said = "  \u00d7 No solution found when resolving dependencies:\n  ╰─▶ Because a\n      is b."
    (folder / "does").write_text(f"echo '{said}' >&2; exit 1")

    assert run(monkeypatch, "9.9.9") == 1
    assert capsys.readouterr().out == "error: cannot be resolved: Because a is b.\n"


def test_what_has_no_hash_is_told_and_not_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A checkout may want a package of another place; an address may hold a password."""
    wanted = "odd @ git+https://me:secret@example.com/odd"
    (folder / "does").write_text(f"echo '{wanted}' >>{folder}/resolved.txt")

    assert run(monkeypatch, "2.0.20") == 1

    told = "error: cannot be resolved: odd is no package of an index\n"
    assert capsys.readouterr().out == told
    assert not (folder / "packages.txt").exists()


def test_without_uv_only_what_is_pinned_can_be_had(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As where there is no wheel of it."""
    monkeypatch.setattr(resolve, "UV", str(folder / "none"))

    assert run(monkeypatch, "2.0.6") == 0
    assert run(monkeypatch, "2.0.20") == 1
    assert capsys.readouterr().out == (
        "error: no lock for these packages, and uv cannot be had to find them\n"
    )


@pytest.mark.parametrize(
    ("version", "near"), [("2.0.20", "2.0.7"), ("2.0.5", "2.0.6"), ("2.1.0", "2.0.33")]
)
def test_the_nearest_lock_is_the_one_before(version: str, near: str) -> None:
    """And the oldest for what is older than all."""
    assert resolve.nearest(version, ["2.0.33", "2.0.6", "2.0.7"]) == near

"""Rows of docs/official-images.md: left out with a word, and written of official images alone."""

import json
import sys
from pathlib import Path

import pytest

from scripts.core.process import Completed, run
from tests.kit.places import ROOT

TEST = '''
import os
from pathlib import Path

import pytest

from tests.e2e.kit import official
from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.official import row

official.rows = lambda: [official.Row(test=name, image="minio", promise="it holds")
                         for name in ("test_here", "test_there", "test_broken")]


@row("minio", "it holds")
@pytest.mark.registry
def test_here(measured) -> None:
    """Of official images alone."""
    measured("1.2 s")


@pytest.mark.registry
def test_later() -> None:
    """As one whose stack says at its start where images come from."""
    if os.environ.get("TURNS_OUT"):
        pytest.skip(official.PACKAGES)


@pytest.fixture
def own(tmp_path) -> Checkout:
    """A stack whose own file names no source."""
    (tmp_path / ".env").write_text("IMAGE_SOURCE=\\n")
    return Checkout(root=tmp_path, env_file=tmp_path / ".env", project="own")


@row("minio", "it holds")
def test_there(own) -> None:
    """Of either kind."""


@row("minio", "it holds")
def test_broken() -> None:
    """Does not hold, or was never there."""
    raise AssertionError(os.environ.get("WHY", ""))
'''


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """A page and three rows."""
    (tmp_path / "test_rows.py").write_text(TEST)
    (tmp_path / "page.md").write_text(
        "before\n<!-- begin: nox -s official -->\nold\n<!-- end: nox -s official -->\nafter\n"
    )
    (tmp_path / "conftest.py").write_text(
        "from pathlib import Path\n"
        "from tests.e2e.kit import official as kept\n"
        "from tests.e2e.conftest import *\n"
        f"kept.PAGE = Path({str(tmp_path / 'page.md')!r})\n"
        f"kept.SEEN = Path({str(tmp_path / 'seen.json')!r})\n"
    )
    return tmp_path


def rows(folder: Path, source: str) -> Completed:
    """Run the rows where images come from there."""
    argv = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    argv += ["-c", str(ROOT / "pyproject.toml"), f"--basetemp={folder}/t", "--write-official"]
    env = {"PYTHONPATH": str(ROOT), "IMAGE_SOURCE": source}
    return run([*argv, str(folder)], env=env, timeout=60)


def test_with_packages_what_is_not_tried_is_told(places: Path) -> None:
    """And nothing is written of images that are no official ones."""
    done = rows(places, "packages")

    assert "1 failed, 1 passed, 2 deselected" in done.stdout, done.stdout
    assert "NOT RUN: 2 rows of docs/official-images.md: IMAGE_SOURCE=packages" in done.stdout
    assert (places / "page.md").read_text().splitlines()[2] == "old"


def test_a_run_writes_what_it_measured_and_what_does_not_hold(places: Path) -> None:
    """With the date; what a former run saw of other rows stays."""
    old = {"measured": "holds", "date": "2026-01-31", "digest": ""}
    seen = {"test_here@s390x": old, "test_gone@s390x": old}
    (places / "seen.json").write_text(json.dumps(seen))

    done = rows(places, "registry")

    assert "1 failed, 3 passed" in done.stdout, done.stdout
    lines = (places / "page.md").read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert sum("| 1.2 s |" in line for line in lines) == 1
    assert sum("| holds | 20" in line and "s390x" not in line for line in lines) == 1
    assert sum("| **does not hold** |" in line for line in lines) == 1
    assert sum("s390x | holds | 2026-01-31" in line for line in lines) == 1
    assert "test_gone@s390x" not in (places / "seen.json").read_text()


def test_what_turns_out_to_be_package_built_is_told_too(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first start decides where nothing is set."""
    monkeypatch.setenv("TURNS_OUT", "1")

    done = rows(places, "")

    assert "1 skipped" in done.stdout, done.stdout
    assert "NOT RUN: 1 rows of docs/official-images.md" in done.stdout


def test_where_no_image_can_be_had_no_row_is_broken(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run fails, and says that nothing was tried."""
    monkeypatch.setenv("WHY", "error: the image of minio could not be had: no such host")

    done = rows(places, "registry")

    assert "1 failed, 3 passed" in done.stdout, done.stdout
    assert done.exit_code == 1
    assert "NOT RUN: 1 tests of official images: one could not be had" in done.stdout
    assert "does not hold" not in (places / "page.md").read_text()

"""A bundle of the real images; `nox -s bundle` uses one on a machine without any network."""

import json
import os
import signal
from pathlib import Path

import pytest

from scripts.config.rules import schema
from scripts.images.bundle import bundle_file
from tests.e2e.kit.checkout import Checkout

pytestmark = pytest.mark.docker


def test_an_interrupted_save_leaves_no_file(running: Checkout, tmp_path: Path) -> None:
    """Ctrl-C while gigabytes come: exit code 130, no half bundle under any name."""
    with running.started("images.save", str(tmp_path / "b.tar")) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if "saved" in line)
        assert (tmp_path / "b.tar.partial").exists()
        os.killpg(process.pid, signal.SIGINT)
        assert "Traceback" not in process.stdout.read()
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_loaded_unless_a_byte_has_changed(running: Checkout, tmp_path: Path) -> None:
    """What was saved is loaded again; with one other byte among gigabytes nothing is."""
    file = tmp_path / "b.tar"
    running.inv("images.save", str(file))
    made = bundle_file.read(file).manifest
    assert schema.validate(json.loads(made.text()), "bundle") == ()
    ids = sorted(running.docker("images", "--no-trunc", "--quiet").stdout.split())
    assert set(made.images.values()) <= set(ids)
    running.inv("images.load", str(file))
    # sorted: of two that were made in the same second either may come first
    assert sorted(running.docker("images", "--no-trunc", "--quiet").stdout.split()) == ids
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        byte = opened.read(1)
        opened.seek(-1, os.SEEK_CUR)
        opened.write(bytes([byte[0] ^ 1]))
    refused = running.inv("images.load", str(file), check=False)
    assert refused.exit_code == 2
    assert f"{file} is damaged: images.tar is not what was saved" in refused.stderr

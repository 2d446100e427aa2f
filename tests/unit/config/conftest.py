"""A checkout whose settings a test writes."""

from pathlib import Path

import pytest

from tests.kit.places import ROOT


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with the real example and no `.env`."""
    (tmp_path / ".env.example").write_text((ROOT / ".env.example").read_text())
    return tmp_path

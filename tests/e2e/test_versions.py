"""Other releases of MemOS than the seed's: they start, do their job and keep what they are told."""

from pathlib import Path

import pytest

from tests.e2e.kit import releases
from tests.e2e.kit.checkout import Checkout, checkout

pytestmark = pytest.mark.docker


@pytest.mark.parametrize("version", [releases.pinned()[-1], "2.0.20"])
def test_a_release_does_its_job_without_milvus(
    engine: Checkout, tmp_path: Path, version: str
) -> None:
    """One that is pinned, and one whose packages are found while its image is built."""
    del engine
    stack = checkout(tmp_path, "memos-e2e-version", changes={"MEMOS_VERSION": version})
    try:
        seen = releases.tried(stack)
    finally:
        stack.destroy()

    assert seen.services == ("memos", "models", "neo4j", "qdrant")
    assert seen.memos.startswith(f"MemOS {version}")
    assert ("not pinned by us" in seen.contains) is (version == "2.0.20")
    assert (seen.smoke, seen.kept) == ("", True)

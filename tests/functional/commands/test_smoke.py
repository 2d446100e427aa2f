"""`inv smoke`: one memory, all the way through."""

from tests.kit.checkout import Checkout


def test_smoke_tells_each_stage(at: Checkout) -> None:
    """One line a stage on stdout."""
    assert at.inv("smoke") == 0

    words = [line.split()[:2] for line in at.shown().out.splitlines()]
    stages = ["add", "get_all", "neo4j", "qdrant", "search", "defaults", "milvus", "removed"]
    assert words == [["ok", stage] for stage in stages]

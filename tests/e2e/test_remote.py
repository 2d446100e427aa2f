"""An engine on another machine as if it were here: two machines in a network of their own."""

import time
from collections.abc import Iterator

import pytest

from scripts.core.polling import poll
from tests.e2e.kit.checkout import Checkout
from tests.e2e.machines.far_machine import Far, far_machine, impossible

pytestmark = pytest.mark.docker
SERVICE = "qdrant"
"""Small, ready within two seconds, and keeps data."""
OUT = 10.0
"""Seconds without a cable."""


@pytest.fixture(scope="module")
def there(engine: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    """A desk, and a machine behind 50 ms of cable that has the image already."""
    if why := impossible():
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("far")
    source = {"IMAGE_SOURCE": "packages", "WITH_MILVUS": "no"}
    with far_machine(folder, "memos-e2e-far", changes=source) as found:
        engine.varied(folder / "here.env", **source).inv("images.build", "--service", SERVICE)
        images = engine.varied(folder / "here.env", **source)
        rows = images.inv("images.status").stdout.splitlines()
        name = next(line.split()[1] for line in rows if line.split()[:1] == [SERVICE])
        found.load(engine.engine_env(), [name])
        yield found
        assert found.stack.inv("down", "--volumes", "--yes").exit_code == 0
        assert found.ssh() == []
        assert found.docker("ps", "--all", "--quiet") == ""


def test_what_is_published_there_answers_here(there: Far) -> None:
    """Two processes of ssh at most, and it is told where the engine is."""
    there.stack.inv("up", "--service", SERVICE)

    assert there.answers("QDRANT_HTTP_PORT", "/collections")
    assert len(there.ssh()) == 1
    link = there.stack.inv("remote", "--format", "json").document
    assert link["state"] == "open"
    assert [(one["service"], one["error"]) for one in link["ports"]] == [(SERVICE, "")]
    row = there.stack.inv("ps", "--service", SERVICE, "--format", "json").document["services"][0]
    assert row["ready"]
    assert row["answer"]  # a probe of ours, and not the engine's word alone


def test_a_link_that_broke_comes_back_and_is_told(there: Far) -> None:
    """The cable is out for ten seconds."""
    there.stack.inv("up", "--service", SERVICE)
    with there.desk.unplugged():
        time.sleep(OUT)
    for back in poll(
        lambda: there.answers("QDRANT_HTTP_PORT", "/collections"), timeout=60, interval=0.2
    ):
        if back:
            break

    assert there.answers("QDRANT_HTTP_PORT", "/collections")
    assert "was broken for" in there.stack.inv("ps", "--service", SERVICE).stderr
    (lost,) = there.stack.inv("remote", "--format", "json").document["breaks"]
    assert lost["until"]

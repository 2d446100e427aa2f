"""Images go from one engine to another, and only those that it lacks."""

import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.core.errors import RefusedError
from scripts.engine.api import Api
from scripts.images.carry import carry
from tests.kit.fake_engine import FakeEngine
from tests.kit.image_archives import archived, listed
from tests.kit.servers import unix


def image(*layers: str, created: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    """Return an image as an engine describes it."""
    return {"Created": created, "RootFS": {"Layers": list(layers)}, "Size": 4}


@pytest.fixture
def other() -> FakeEngine:
    """An engine elsewhere, that takes images."""
    found = FakeEngine({})
    found.answer("/v1.44/images/load", "")
    return found


@pytest.fixture
def there(other: FakeEngine, tmp_path: Path) -> Iterator[Api]:
    """Return the way to the engine elsewhere."""
    with unix(other.respond, tmp_path / "other.sock") as endpoint:
        yield Api(endpoint, timeout=10)


@pytest.fixture
def here(engine: FakeEngine, api: Api) -> Api:
    """Return the way to an engine with two images."""
    engine.answer("/v1.44/images/a%3A1/json", image("one", "two"))
    engine.answer("/v1.44/images/b%3A1/json", image("one", "three"))
    engine.answer("/v1.44/images/get", archived({"a:1": "1", "b:1": "2"}, index={"manifests": []}))
    return api


def test_what_an_engine_lacks_goes_in_one_stream(
    engine: FakeEngine, here: Api, other: FakeEngine, there: Api
) -> None:
    """So a layer that two images share goes once; how far it is is told."""
    steps: list[tuple[str, str]] = []

    names = carry(here, there, ["a:1", "b:1", "a:1"], lambda *step: steps.append(step), "node-2")

    assert names == ("a:1", "b:1")
    assert engine.calls[-1] == "GET /v1.44/images/get?names=a:1&names=b:1"
    assert listed(other.requests[-1].body) == ["a:1", "b:1"]
    assert [one for one, _ in steps] == ["node-2"] * len(steps)
    assert re.fullmatch(r"carried \S+ KiB of \S+ KiB", steps[-1][1])


@pytest.mark.parametrize("store", ["", "io.containerd.snapshotter.v1"])
def test_a_layer_that_is_there_is_not_carried(
    engine: FakeEngine, here: Api, other: FakeEngine, there: Api, store: str
) -> None:
    """It lies below another image there; where images are kept by containerd all must come."""
    layers = [f"sha256:{'0' * 63}{number}" for number in (1, 2)]
    engine.answer("/v1.44/images/a%3A1/json", image(*layers))
    names = {f"blobs/sha256/{one[7:]}": b"x" for one in layers}
    engine.answer("/v1.44/images/get", archived({"a:1": "1"}, members=names))
    other.answer("/v1.44/images/json", [{"Id": "sha256:old"}])
    other.answer("/v1.44/images/sha256%3Aold/json", image(layers[0]))
    other.answer("/v1.44/info", {"DriverStatus": [["driver-type", store]]})

    carry(here, there, ["a:1"], lambda *_: None, "node-2")

    with tarfile.open(fileobj=io.BytesIO(other.requests[-1].body)) as archive:
        found = [one for one in archive.getnames() if one.startswith("blobs")]
    assert found == [*names][0 if store else 1 :]


def test_an_image_that_is_there_is_not_carried(
    engine: FakeEngine, here: Api, other: FakeEngine, there: Api
) -> None:
    """Nor one that is nowhere: who deploys it is told so by Swarm."""
    other.answer("/v1.44/images/a%3A1/json", image("one", "two"))

    assert carry(here, there, ["a:1", "absent:1"], print, "node-2") == ()
    assert "GET /v1.44/images/get" not in engine.calls


@pytest.mark.parametrize("old", [image("one"), image("one", "two", created="2025-01-01T00:00:00Z")])
def test_another_image_of_that_name_is_replaced(
    here: Api, other: FakeEngine, there: Api, old: dict[str, Any]
) -> None:
    """It was built before."""
    other.answer("/v1.44/images/a%3A1/json", old)

    assert carry(here, there, ["a:1"], print, "node-2") == ("a:1",)


def test_an_engine_that_does_not_take_them_says_why(
    here: Api, other: FakeEngine, there: Api
) -> None:
    """Also in an answer that began as a success."""
    other.answer("/v1.44/images/load", '{"error":"no space left on device"}\n')

    with pytest.raises(RefusedError, match="engine of node-2 did not take the images: no space"):
        carry(here, there, ["a:1"], print, "node-2")

"""What the engine has of a project."""

from pathlib import Path

from scripts.engine.api import Api
from scripts.engine.containers import made
from tests.kit.fake_engine import FakeEngine
from tests.kit.servers import unix


def labelled(service: str, needs: str = "") -> dict[str, object]:
    """Return a container of the project `mine`."""
    marks = {"project": "mine", "oneoff": "False", "service": service, "depends_on": needs}
    labels = {f"com.docker.compose.{name}": value for name, value in marks.items()}
    return {
        "Id": service,
        "Name": f"/{service}",
        "Config": {"Labels": labels},
        "State": {"Status": "exited"},
    }


def test_a_container_that_was_removed_by_hand_is_needed_by_nobody(tmp_path: Path) -> None:
    """What is there is a compose file without it, with the networks by the names they have."""
    rows = (labelled("a"), labelled("b", "a:service_healthy:false,gone:service_started:true"))
    engine = FakeEngine({"containers": {row["Id"]: row for row in rows}})
    network = {"Name": "mine_net", "Labels": {"com.docker.compose.network": "net"}}
    with unix(engine.respond, tmp_path / "engine"):
        api = Api(f"unix://{tmp_path / 'engine'}")
        engine.answer("/v1.44/networks", [network])
        found = made(api, "mine")

    assert {name: one["depends_on"] for name, one in found["services"].items()} == {
        "a": [],
        "b": ["a"],
    }
    assert found["networks"] == {"net": {"name": "mine_net"}}
    assert all(one["networks"] == ["net"] for one in found["services"].values())


def test_a_network_that_is_left_alone_goes_too(tmp_path: Path) -> None:
    """Compose takes no notice of one that no service has."""
    engine = FakeEngine({})
    network = {"Name": "mine_net", "Labels": {"com.docker.compose.network": "net"}}
    engine.answer("/v1.44/networks", [network])
    with unix(engine.respond, tmp_path / "engine"):
        found = made(Api(f"unix://{tmp_path / 'engine'}"), "mine")

    (service,) = found["services"].values()
    assert service["networks"] == ["net"]

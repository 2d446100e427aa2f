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


def test_of_no_project_nothing_is_there(tmp_path: Path) -> None:
    """An engine that knows no such label."""
    engine = FakeEngine({})
    with unix(engine.respond, tmp_path / "engine"):
        found = made(Api(f"unix://{tmp_path / 'engine'}"), "mine")

    assert found == {"services": {}, "networks": {}}

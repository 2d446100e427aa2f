"""The domain's values in short, for tests: a service, a container, a reading, a stack."""

from pathlib import Path
from typing import Any

from scripts.config import settings
from scripts.config.compose import Compose
from scripts.config.settings import Settings
from scripts.config.workspace import Workspace
from scripts.core.inventory import Engine, ImageSource
from scripts.core.look import Container, Health, Reading, State
from scripts.core.stack import Probe, Service, Stack
from tests.kit.fakes import FakeRunner

PROBE = Probe(kind="http", port=8000)


def service(name: str, *needs: str, probed: bool = True, **facts: Any) -> Service:
    """Return a service of that name that needs `needs`; with one probe unless told otherwise."""
    given = {"container": f"{name}-1", "image": f"example/{name}:1", **facts}
    return Service(name=name, needs=needs, probes=(PROBE,) if probed else (), **given)


def container(name: str, state: str = "running", **facts: Any) -> Container:
    """Return the container of a service; what is unhealthy has failed its last check."""
    if facts.get("health") == "unhealthy":
        facts.setdefault("health_output", "curl: (7)")
    health = Health(facts.pop("health", ""))
    marks = {"id": f"id-{name}", "service": name, "name": f"{name}-1", **facts}
    return Container(state=State(state), health=health, **marks)


def reading(name: str, detail: str = "200", *, ok: bool = True, final: bool = False) -> Reading:
    """Return what a service answered."""
    return Reading(service=name, ok=ok, detail=detail, final=final)


def stack(*services: Service) -> Stack:
    """Return a stack of these services."""
    return Stack(project="test", folder=Path("/checkout/docker"), services=services)


ENGINE = Engine(
    endpoint="unix:///run/docker.sock", env={}, private=False, version="26.1.5", api_version="1.45"
)


def workspace(of: Stack, root: Path = Path("/checkout"), *, inputs: str = "") -> Workspace:
    """Return a workspace with this stack, on an engine of this machine."""
    env = root / ".env"
    return Workspace(
        settings=Settings(root=root, file=env, missing=False, defaults={}),
        image_source=ImageSource.REGISTRY,
        engine=ENGINE,
        compose=Compose(files=(), env_file=env, env={}, runner=FakeRunner()),
        resolved="",
        stack=of,
        inputs=inputs,
    )


def settings_of(root: Path, text: str = "") -> Settings:
    """Write the `.env` of a checkout, and read it in an empty environment."""
    (root / ".env").write_text(text)
    return settings.load(root, {})

"""What a test changes in a checkout before a command is typed."""

from collections.abc import Callable

from tests.kit.checkout import Checkout
from tests.kit.fake_engine import made

Change = Callable[[Checkout], object]


def put(name: str, value: str) -> Change:
    """Set a variable in `.env`."""
    return lambda at: at.env_file.write_text(at.env_file.read_text() + f"{name}={value}\n")


def nothing(at: Checkout) -> None:
    """Change nothing."""
    del at


def broken_env(at: Checkout) -> None:
    """Write a line that is no assignment."""
    at.env_file.write_text("IMAGE_SOURCE registry\n")


def no_yaml(at: Checkout) -> None:
    """Break the compose file."""
    (at.root / "docker" / "docker-compose.yml").write_text("services: [")


def breach(at: Checkout) -> None:
    """Take a key away that a service must have."""
    del at.config["services"]["etcd"]["mem_limit"]


def foreign(at: Checkout) -> None:
    """Let a container be made by another checkout, which is there."""
    folder = at.folder / "elsewhere" / "docker"
    folder.mkdir(parents=True)
    at.state["containers"]["id-etcd"] = made(
        "etcd", "running", folder=str(folder), project="memos-test"
    )


def stranger(at: Checkout) -> None:
    """Let another project have a container with the name of one of ours."""
    del at.state["containers"]["id-etcd"]
    other = made("etcd", "exited", folder="/elsewhere/docker", project="memos-old")
    at.state["containers"]["id-stranger"] = {**other, "Name": "/etcd-docker"}


def uncreated(at: Checkout) -> None:
    """Let a service have no container."""
    del at.state["containers"]["id-etcd"]


def no_folder(at: Checkout) -> None:
    """Let a file be where a folder has to be made."""
    (at.root / ".cache").touch()


def raw_breach(at: Checkout) -> None:
    """Write a fixed container name, which no second stack could have."""
    file = at.root / "docker" / "docker-compose.yml"
    file.write_text(file.read_text().replace("${CONTAINER_PREFIX:-}qdrant-docker", "qdrant"))


def old_engine(at: Checkout) -> None:
    """Let the engine be 24."""
    at.state["version"] = {"Version": "24.0.9", "ApiVersion": "1.43"}


def built(at: Checkout, name: str) -> None:
    """Let a service's image be built here."""
    context = at.root / "docker" / name
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\n")
    at.config["services"][name]["build"] = {"context": str(context), "dockerfile": "Dockerfile"}
    at.config["services"][name]["pull_policy"] = "never"

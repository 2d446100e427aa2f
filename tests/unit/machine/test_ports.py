"""Who holds a port is read from recorded files of /proc and a recorded list of containers."""

import json
from pathlib import Path

import pytest

from scripts.core.stack import Port, Service, Stack
from scripts.machine import ports
from scripts.machine.ports import owner
from scripts.start import guards
from scripts.start.guards import holders, published, strangers
from tests.kit.fakes import FakeApi
from tests.kit.places import TESTS_DATA

DATA = TESTS_DATA / "engine"
RECORDED = json.loads((DATA / "26.1.5.json").read_text())
STRANGER = {"Id": "5", "Names": ["/stranger"], "Ports": [{"PrivatePort": 1}, {"PublicPort": 8080}]}
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 5001 1
   1: 0100007F:1F41 0100007F:1F40 01 00000000:00000000 00:00000000 00000000     0        0 5002 1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000000000000:1F42 00000000000000000000000000000000:0000 0A \
00000000:00000000 00:00000000 00000000     0        0 6001 1
"""


def service(name: str, container: str, *published: int) -> Service:
    """Return a service that publishes ports."""
    found = tuple(Port(host="127.0.0.1", published=port, target=80) for port in published)
    return Service(name=name, container=container, image="i:1", ports=found)


STACK = Stack(
    project="memos-dev",
    folder=Path("/workspace/docker"),
    services=(
        service("memos", "memos-api-docker", 8000),
        service("minio", "milvus-minio", 9000, 9191),
        service("web", "web", 8080),
    ),
)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc in which process 77 listens on 8000, and 88 cannot be looked into."""
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(TCP)
    (tmp_path / "net" / "tcp6").write_text(TCP6)
    for pid, name, inode in ((66, "other", 5002), (77, "nginx", 5001), (99, "java", 6001)):
        (tmp_path / str(pid) / "fd").mkdir(parents=True)
        (tmp_path / str(pid) / "comm").write_text(f"{name}\n")
        (tmp_path / str(pid) / "fd" / "3").symlink_to(f"socket:[{inode}]")
    (tmp_path / "88").mkdir()
    (tmp_path / "self").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("port", "text"),
    [
        (8000, "nginx (pid 77)"),
        (8002, "java (pid 99)"),
        (8001, "a process that cannot be seen"),
        (8003, "a process that cannot be seen"),
    ],
)
def test_the_owner_of_a_port_is_who_listens_on_it(proc: Path, port: int, text: str) -> None:
    """Over IPv4 or IPv6; a connection from that port is no listener."""
    assert owner(port, proc) == text


def test_without_proc_the_owner_is_not_known(tmp_path: Path) -> None:
    """On macOS a taken port is just that."""
    assert owner(8000, tmp_path / "none") == ports.UNSEEN


def test_wanted_ports_are_those_of_the_named_services() -> None:
    """Each port comes with the service that publishes it."""
    found = published(STACK, ("web", "minio"))

    assert [(name, port.published) for name, port in found] == [
        *(("web", 8080), ("minio", 9000), ("minio", 9191))
    ]


class Engine(FakeApi):
    """The recorded engine; asked without a filter it also has a container of somebody else."""

    def get(self, path: str, **query: object) -> object:
        """Return what was recorded, and the stranger where all containers are asked for."""
        if path != "/containers/json":
            return RECORDED["inspected"].get(path.split("/")[2])
        self.asked.append(path)
        return RECORDED["containers"] + ([] if "filters" in query else [STRANGER])


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine on a machine where nginx holds every taken port that no container publishes."""
    monkeypatch.setattr(guards, "owner", lambda _port: "nginx (pid 7)")
    return Engine()


@pytest.mark.parametrize(
    ("taken", "held"),
    [
        ((), {}),
        ((8000, 9000), {}),
        ((8000, 8080), {8080: ("web", "container stranger")}),
        ((8000, 9191), {9191: ("minio", "nginx (pid 7)")}),
    ],
    ids=["free", "our own containers'", "another container's", "new since a service runs"],
)
def test_a_taken_port_has_a_holder_unless_it_is_ours(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    taken: tuple[int, ...],
    held: dict[int, tuple[str, str]],
) -> None:
    """A container by its name, else a process; for free ports the engine is not even asked."""
    monkeypatch.setattr(ports, "taken", lambda _host, port: port in taken)

    assert holders(engine, STACK.project, published(STACK, STACK.names())) == held
    assert bool(engine.asked) is bool(taken)


@pytest.mark.parametrize(
    ("labels", "project"),
    [({"com.docker.compose.project": "memos-old"}, "memos-old"), ({}, ""), (None, "")],
)
def test_a_container_of_another_project_with_our_name_is_a_stranger(
    labels: dict[str, str] | None, project: str
) -> None:
    """Also one that is stopped, and one that no Compose made."""
    rows = [{"Id": "1", "Names": ["/web"], "Labels": labels}]

    found = strangers(FakeApi({"/containers/json": rows}), STACK, STACK.names())

    assert found == {"web": ("web", project)}


@pytest.mark.parametrize(
    "row",
    [
        {"Id": "1", "Names": ["/web"], "Labels": {"com.docker.compose.project": "memos-dev"}},
        {"Id": "1", "Names": ["/website"], "Labels": {}},
        {"Id": "1", "Names": ["/milvus-minio"], "Labels": {}},
        {"Id": "1", "Names": None, "Labels": {}},
    ],
)
def test_what_is_ours_or_has_another_name_is_no_stranger(row: dict[str, object]) -> None:
    """Only the names of what is to be started count."""
    assert strangers(FakeApi({"/containers/json": [row]}), STACK, ("memos", "web")) == {}


def test_an_engine_without_containers_has_no_strangers() -> None:
    """It is asked for all, those that are stopped as well."""
    asked: list[object] = []

    class Empty(FakeApi):
        def get(self, path: str, **query: object) -> object:
            asked.append((path, query))
            return None

    assert strangers(Empty(), STACK, STACK.names()) == {}
    assert asked == [("/containers/json", {"all": True})]


def test_a_file_that_is_closed_meanwhile_hides_no_owner(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy process opens and closes files while it is looked at."""
    real = Path.readlink

    def readlink(path: Path) -> Path:
        if path.name == "4":
            raise FileNotFoundError(path)
        return real(path)

    (proc / "77" / "fd" / "4").touch()
    monkeypatch.setattr(Path, "readlink", readlink)

    assert owner(8000, proc) == "nginx (pid 77)"


def test_a_process_that_ends_meanwhile_is_not_seen(proc: Path) -> None:
    """Its name cannot be read any more, and the port may be free by now."""
    (proc / "77" / "comm").unlink()

    assert owner(8000, proc) == ports.UNSEEN

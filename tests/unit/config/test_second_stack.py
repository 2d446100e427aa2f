"""A second stack's settings differ in ports and names, and in nothing else."""

from pathlib import Path

import pytest

from scripts.config import second_stack, settings
from scripts.core.errors import ConfigError
from scripts.machine import ports
from tests.kit.builders import settings_of
from tests.kit.fakes import FakeRunner, checkout


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """No port of this machine is taken."""
    monkeypatch.setattr(ports, "taken", lambda *_: False)


def test_every_port_and_both_names_are_others(root: Path) -> None:
    """All ports move by the same number."""
    changed = second_stack.changes(settings_of(root), 100)

    moved = {name: value for name, value in changed.items() if name.endswith("_PORT")}
    assert len(moved) == 13
    assert (moved["MEMOS_PORT"], moved["MILVUS_PORT"]) == ("8100", "19630")
    assert changed.keys() - moved.keys() == {"COMPOSE_PROJECT_NAME", "CONTAINER_PREFIX"}
    assert changed["COMPOSE_PROJECT_NAME"] == "memos-dev-100"
    assert changed["CONTAINER_PREFIX"] == "memos-dev-100-"


def test_a_third_stack_has_a_name_of_its_own_too(root: Path) -> None:
    """The number in the name is the distance from the first one."""
    second = settings_of(root, "COMPOSE_PROJECT_NAME=mine-100\n")

    assert second_stack.changes(second, 50)["COMPOSE_PROJECT_NAME"] == "mine-150"


def test_a_relative_source_folder_stays_the_same_folder(root: Path) -> None:
    """It is seen from the settings file, and the new one may lie elsewhere."""
    assert second_stack.changes(settings_of(root, "MEMOS_SRC=src\n"), 1)["MEMOS_SRC"] == str(
        root / "src"
    )


def test_all_that_does_not_fit_is_told_at_once(root: Path) -> None:
    """Beyond the last port, on a port of the present stack, on one that is taken; and what fits."""
    text = "MEMOS_PORT=65530\n"

    with pytest.raises(ConfigError) as caught:
        second_stack.require(settings_of(root, text), 100, {3100: ("ATTU_PORT", "nginx (pid 7)")})
    assert str(caught.value).splitlines() == [
        "--offset 100 does not fit:",
        "  ATTU_PORT would be 3100, which is taken by nginx (pid 7)",
        "  MEMOS_PORT would be 65630, and 65535 is the last port",
    ]
    assert caught.value.next_step == "another --offset, such as a smaller one"


def test_other_settings_files_of_the_checkout_keep_their_ports(root: Path) -> None:
    """Their stack may be down; what they leave out is the example's. A backup counts as well."""
    (root / "second.env").write_text("MEMOS_PORT=11000\nATTU_PORT=²\n")
    (root / ".env.broken").write_bytes(b"MEMOS_PORT=\xff")
    (root / "own.env").write_text("MEMOS_PORT=9999\n")

    found = second_stack.other_files(root, root / "own.env")

    assert found[11000] == ("MEMOS_PORT", "MEMOS_PORT of second.env")
    assert found[7474] == ("NEO4J_HTTP_PORT", "NEO4J_HTTP_PORT of second.env")
    assert 9999 not in found
    with pytest.raises(ConfigError) as caught:
        second_stack.require(settings_of(root, "MEMOS_PORT=8000\n"), 3000, found)
    assert str(caught.value).splitlines() == [
        "--offset 3000 does not fit:",
        "  ATTU_PORT would be 6000, which browsers refuse to open",
        "  MEMOS_PORT would be 11000, which is taken by MEMOS_PORT of second.env",
    ]


def test_an_offset_that_fits_is_proposed(root: Path) -> None:
    """Qdrant's two ports are neighbours, so are the object store's."""
    with pytest.raises(ConfigError) as caught:
        second_stack.require(settings_of(root), 1, {})

    assert "QDRANT_HTTP_PORT would be 6334, which is QDRANT_GRPC_PORT of the" in str(caught.value)
    assert caught.value.next_step == "another --offset, such as 100"
    second_stack.require(settings_of(root), 100, {})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("# the port\nA_PORT=1\nB=2\n", "# the port\nA_PORT=9\nB=2\nNEW=\\1\n"),
        ("export A_PORT = 1\r\n", "A_PORT=9\nNEW=\\1\n"),
        ("A_PORT=1\nA_PORT=2\n", "A_PORT=9\nA_PORT=9\nNEW=\\1\n"),
        ("B=2", "B=2\nA_PORT=9\nNEW=\\1\n"),
        ("", "A_PORT=9\nNEW=\\1\n"),
        ("XA_PORT=1\n#A_PORT=1\n", "XA_PORT=1\n#A_PORT=1\nA_PORT=9\nNEW=\\1\n"),
    ],
)
def test_only_the_lines_that_change_are_others(text: str, wanted: str) -> None:
    """Comments and all else stay; what was missing comes at the end."""
    assert settings.changed_text(text, {"A_PORT": "9", "NEW": r"\1"}) == wanted


@pytest.mark.usefixtures("free")
def test_the_environment_names_the_present_settings_and_adds_nothing(
    root: Path, runner: FakeRunner
) -> None:
    """What it says holds for both stacks: it is told, as it would overrule the new file."""
    (root / "first.env").write_text("# mine\nMEMOS_PORT=8000\n")
    environ = {"ENV_FILE": str(root / "first.env"), "MEMOS_PORT": "8001", "PATH": "/bin"}
    file = root / "second.env"

    changed, exported = second_stack.create(checkout(root, runner, environ), 100, file)

    assert exported == ["MEMOS_PORT"]
    written = file.read_text()
    assert written.startswith("# mine\nMEMOS_PORT=8100\n")
    assert all(f"{name}={value}\n" in written for name, value in changed.items())


@pytest.mark.usefixtures("free")
def test_what_does_not_fit_is_not_written(root: Path, runner: FakeRunner) -> None:
    """Nor over a file that is there already."""
    file = root / "second.env"
    with pytest.raises(ConfigError, match="--offset 1 does not fit"):
        second_stack.create(checkout(root, runner), 1, file)
    assert not file.exists()

    file.write_text("mine\n")
    with pytest.raises(ConfigError, match="there is a file"):
        second_stack.create(checkout(root, runner), 100, file)
    assert file.read_text() == "mine\n"

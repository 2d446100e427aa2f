"""`inv env` and `inv config`: the settings, without their secrets."""

from pathlib import Path

from scripts.config import settings
from scripts.machine import ports as host_ports
from tests.kit.changes import put
from tests.kit.checkout import Checkout


def test_the_settings_of_a_second_stack_are_written_once(at: Checkout) -> None:
    """Other ports and names, else the same; only its owner may read it."""
    put("NEO4J_PASSWORD", "correct-horse")(at)
    at.patch.setenv("MEMOS_PORT", "8001")
    at.patch.setattr(host_ports, "taken", lambda *_: False)
    file = at.folder / "second.env"
    words = ("env", "--offset", "2000", "--write", str(file))

    assert at.inv(*words) == 0

    shown = at.shown()
    found = settings.load(at.root, {"ENV_FILE": str(file)})
    assert file.stat().st_mode & 0o777 == 0o600
    assert (found.get("MEMOS_PORT"), found.get("ATTU_PORT")) == ("10000", "5000")
    assert (found.get("NEO4J_PASSWORD"), found.image_source) == ("correct-horse", "registry")
    assert found.get("CONTAINER_PREFIX") == "memos-dev-2000-"
    assert f"next: ENV_FILE={file} inv up" in shown.err
    assert "unset MEMOS_PORT" in shown.err
    assert "correct-horse" not in shown.out + shown.err

    assert at.inv(*words) == 2
    assert f"there is a file {file} already" in at.shown().err
    at.patch.setattr(host_ports, "taken", lambda _, port: port == 9100)
    assert at.inv("env", "-o", "100", "-w", f"{file}.new") == 2
    assert "MINIO_API_PORT would be 9100, which is taken by" in at.shown().err
    assert not Path(f"{file}.new").exists()


def test_a_third_stack_goes_round_the_second_and_what_browsers_refuse(at: Checkout) -> None:
    """Though the second one may be down; what is proposed fits."""
    at.patch.setattr(host_ports, "taken", lambda *_: False)
    assert at.inv("env", "--offset", "2000", "--write", str(at.root / "second.env")) == 0
    at.shown()

    assert at.inv("env", "--offset", "3000", "--write", str(at.root / "third.env")) == 2

    said = at.shown().err
    assert "ATTU_PORT would be 6000, which browsers refuse to open" in said
    assert "MEMOS_PORT would be 11000, which is taken by MINIO_API_PORT of second.env" in said
    offset = said.rpartition("such as ")[2].strip()
    assert at.inv("env", "--offset", offset, "--write", str(at.root / "third.env")) == 0


def test_secrets_are_masked(at: Checkout) -> None:
    """In the resolved file and in the list of variables; both say what is set."""
    secret = "correct-horse-battery"
    put("NEO4J_PASSWORD", secret)(at)
    at.config["services"]["neo4j"]["environment"] |= {"NEO4J_AUTH": f"neo4j/{secret}"}

    assert (at.inv("config"), at.inv("env")) == (0, 0)

    shown = at.shown().out
    assert secret not in shown
    assert "NEO4J_AUTH: neo4j/********" in shown
    assert "NEO4J_PASSWORD" in shown

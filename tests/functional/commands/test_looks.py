"""Looking and stopping work whenever the engine answers, whatever only a start needs."""

import pytest

from tests.kit.checkout import Checkout

WRONG = {
    "a checkout of MemOS that is gone": "MEMOS_SRC=/no/such/drive/MemOS",
    "a port": "MEMOS_PORT=http",
    "a password": "NEO4J_PASSWORD=short",
    "a line that is none": "this is no assignment",
}
LOOKS = ("ps", "logs", "snapshot.list", "graph", "ps --all", "images.status", "env", "down")
STARTS = ("up", "restart --service etcd", "snapshot.save", "smoke")


@pytest.mark.parametrize("line", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("known", [True, False], ids=["started before", "never started"])
def test_what_only_a_start_needs_is_in_no_looks_way(
    at: Checkout, line: str, *, known: bool
) -> None:
    """It is told, and the look goes on; what starts refuses with 2."""
    if known:
        assert at.inv("up") == 0
    with at.env_file.open("a") as file:
        file.write(f"{line}\n")

    for words in LOOKS:
        at.shown()
        assert at.inv(*words.split()) == 0, at.shown().err
        told = at.shown().err
        assert "Traceback" not in told
        if words not in {"snapshot.list", "ps --all"}:
            assert line.replace("=", " ").split()[0] in told
        if words not in {"snapshot.list", "ps --all", "env"}:
            assert "this is the stack " in told
    for words in STARTS:
        assert at.inv(*words.split()) == 2, words


def test_a_broken_compose_file_is_in_no_looks_way(at: Checkout) -> None:
    """The stack is as it was last; without that nobody knows what it is, so it is 2."""
    file = at.root / "docker" / "docker-compose.yml"
    whole = file.read_text()
    file.write_text("services: [")
    assert at.inv("ps") == 2
    file.write_text(whole)
    assert at.inv("up") == 0
    at.shown()

    file.write_text("services: [")

    assert at.inv("ps") == 0
    told = at.shown().err
    assert "docker-compose.yml" in told
    assert "as it was last" in told
    assert at.inv("down") == 0
    assert at.inv("up") == 2


@pytest.mark.parametrize("setting", ["COMPOSE_PROJECT_NAME=No Such", "IMAGE_SOURCE=elsewhere"])
def test_where_it_is_not_known_which_stack_is_meant_nothing_is_stopped(
    at: Checkout, setting: str
) -> None:
    """A default would be another stack."""
    at.env_file.write_text(f"{setting}\n")

    assert at.inv("down") == 2
    assert at.inv("ps") == 2
    assert not any(" down " in call for call in at.calls())

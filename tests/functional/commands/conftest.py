"""What the tests of the commands share: services that answer, and a checkout before them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.checkout import Checkout, services


@pytest.fixture(scope="module")
def ports() -> Iterator[list[int]]:
    """Run the stack's services as a process; give their ports."""
    with services() as ports:
        yield ports


@pytest.fixture
def kind() -> type[Checkout]:
    """Return what the checkout is; where its stack keeps data, a module says so."""
    return Checkout


@pytest.fixture
def at(
    kind: type[Checkout],
    tmp_path: Path,
    ports: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Checkout]:
    """Return a checkout on which `inv` works, and nothing of this machine's own settings."""
    checkout = kind(tmp_path, ports)
    checkout.enter(monkeypatch, capsys)
    yield checkout
    checkout.close()

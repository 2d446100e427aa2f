"""Real faults on real containers: the right service, cause, next step and exit code, and soon."""

from collections.abc import Iterator

import pytest

from tests.e2e.faults import before, data, memos, refused, running
from tests.e2e.faults.fault import FAULTS, Fault
from tests.e2e.faults.table import Table
from tests.e2e.faults.trial import plain, try_fault
from tests.e2e.kit.workbench import Bench

pytestmark = pytest.mark.docker
FAMILIES = (before, refused, data, memos, running)
"""Their faults are in FAULTS because they are imported."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try a fixed sample, or with --all-faults all of them."""
    if "fault" in metafunc.fixturenames:
        every = metafunc.config.getoption("--all-faults")
        wanted = [one for one in FAULTS if every or one.sample]
        metafunc.parametrize("fault", wanted, ids=lambda one: one.name.replace(" ", "-"))


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """What the faults showed; with --all-faults it becomes docs/faults.md, less what went wrong."""
    found = Table()
    yield found
    if request.config.getoption("--all-faults"):
        found.write(FAULTS)


def test_a_fault_is_told_with_its_cause_and_mended_as_told(
    broken: Bench, table: Table, fault: Fault, request: pytest.FixtureRequest
) -> None:
    """Right service, cause, next step and exit code; what is printed mends it; nothing is lost."""
    table.forget(fault)
    told, seconds = try_fault(broken, fault)
    table.add(fault, told, seconds)
    if request.config.getoption("--plain-compose") and fault.plain:
        table.add_plain(fault, plain(broken, fault))

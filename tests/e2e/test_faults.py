"""Real faults on real containers: the right service, cause, next step and exit code, and soon."""

from collections.abc import Iterator

import fault_table
import faults_before  # noqa: F401 - importing it adds its faults
import faults_data  # noqa: F401 - as above
import faults_memos  # noqa: F401 - as above
import faults_running  # noqa: F401 - as above
import pytest
from fault import FAULTS, Fault
from fault_trial import plain, try_fault
from workbench import Bench

pytestmark = pytest.mark.docker


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try a fixed sample, or with --all-faults all of them."""
    if "fault" in metafunc.fixturenames:
        every = metafunc.config.getoption("--all-faults")
        wanted = [one for one in FAULTS if every or one.sample]
        metafunc.parametrize("fault", wanted, ids=lambda one: one.name.replace(" ", "-"))


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Iterator[fault_table.Table]:
    """What the faults showed; with --all-faults it becomes docs/faults.md, less what went wrong."""
    found = fault_table.Table()
    yield found
    if request.config.getoption("--all-faults"):
        found.write(FAULTS)


def test_a_fault_is_told_with_its_cause_and_mended_as_told(
    broken: Bench, table: fault_table.Table, fault: Fault, request: pytest.FixtureRequest
) -> None:
    """Right service, cause, next step and exit code; what is printed mends it; nothing is lost."""
    table.forget(fault)
    told, seconds = try_fault(broken, fault)
    table.add(fault, told, seconds)
    if request.config.getoption("--plain-compose") and fault.plain:
        table.add_plain(fault, plain(broken, fault))

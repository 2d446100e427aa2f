"""Real faults on real containers: the right service, cause, next step and exit code, and soon."""

from collections.abc import Iterator

import fault_table
import faults_before  # noqa: F401 - importing it adds its faults
import faults_running  # noqa: F401 - as above
import pytest
from checkout import Checkout
from fault import FAULTS, Fault
from fault_trial import plain, try_fault
from workbench import Bench, bench

pytestmark = pytest.mark.docker


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try a fixed sample, or with --all-faults all of them."""
    if "fault" in metafunc.fixturenames:
        every = metafunc.config.getoption("--all-faults")
        wanted = [one for one in FAULTS if every or one.sample]
        metafunc.parametrize("fault", wanted, ids=lambda one: one.name.replace(" ", "-"))


@pytest.fixture(scope="session")
def broken(engine: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A stack in which anything may be broken."""
    with bench(tmp_path_factory.mktemp("faults"), engine) as found:
        yield found


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Iterator[fault_table.Table]:
    """What all faults showed; with --all-faults it becomes docs/faults.md, when all went well."""
    found = fault_table.Table()
    yield found
    if request.config.getoption("--all-faults") and not request.session.testsfailed:
        found.write(FAULTS)


def test_a_fault_is_told_with_its_cause_and_mended_as_told(
    broken: Bench, table: fault_table.Table, fault: Fault, request: pytest.FixtureRequest
) -> None:
    """Right service, cause, next step and exit code; what is printed mends it; nothing is lost."""
    told, seconds = try_fault(broken, fault)
    table.add(fault, told, seconds)
    if request.config.getoption("--plain-compose") and fault.plain:
        table.add_plain(fault, plain(broken, fault))

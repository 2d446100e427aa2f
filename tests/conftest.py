"""What all tests share: the fake runner, and the rule about tests that need containers."""

import functools
import os
import signal

import pytest

from scripts.core.checkout import Checkout
from scripts.core.errors import StackError
from scripts.core.process import run
from scripts.engine import discovery
from scripts.machine import system
from tests.e2e.kit.browser import NO_BROWSER
from tests.kit.fakes import FakeRunner
from tests.kit.places import ROOT

NO_ENGINE = "no engine answers, and a private one cannot be brought here"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag with which CI refuses to skip."""
    parser.addoption(
        "--require-docker",
        action="store_true",
        help="fail the tests marked docker where they cannot run, instead of skipping them",
    )
    parser.addoption(
        "--all-faults", action="store_true", help="try every fault, and write docs/faults.md"
    )
    parser.addoption("--write-official", action="store_true", help="write docs/official-images.md")
    parser.addoption(
        "--plain-compose", action="store_true", help="see what plain Compose says of each fault too"
    )


# A shell starts background jobs with SIGINT ignored, and children inherit that: Ctrl-C tests, and
# the commands they start, must hear it wherever pytest was started.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection() -> None:
    """Measure no Python that a test starts: the workers of pytest-xdist were started before."""
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


@functools.cache
def docker_possible() -> bool:
    """Say whether an engine answers, or a private one can be brought; asked once a run."""
    try:
        here = Checkout(root=ROOT, environ=os.environ, runner=run, say=print)
        found = discovery.discover(here)
        return found is not None or not system.obstacle(system.this_system())
    except StackError:  # the user names an engine that does not answer
        return False


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked docker where it cannot run; fail it when that was not allowed."""
    if item.get_closest_marker("docker") is None or docker_possible():
        return
    if item.config.getoption("--require-docker"):
        pytest.fail(f"--require-docker: {NO_ENGINE}", pytrace=False)
    pytest.skip(NO_ENGINE)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly, at the end, how many promises about containers and pages were not tried."""
    skipped = terminalreporter.stats.get("skipped", [])
    for what, why in {"containers": NO_ENGINE, "a browser": NO_BROWSER}.items():
        if count := sum(why in report.longreprtext for report in skipped):
            terminalreporter.write_line(f"NOT TRIED: {count} tests with {what}: {why}")


@pytest.fixture
def runner() -> FakeRunner:
    """Return a runner that starts nothing."""
    return FakeRunner()

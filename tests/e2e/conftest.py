"""The stack that the end-to-end tests share; it is gone when they have ended, however they do."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.kit.checkout import Checkout, checkout, made
from tests.e2e.kit.official import ALL, DIGEST, MEASURED, Measured, Rows, digest
from tests.e2e.kit.workbench import Bench, bench


def pytest_configure(config: pytest.Config) -> None:
    """Note which rows of docs/official-images.md are seen."""
    config.pluginmanager.register(Rows(write=config.getoption("--write-official", default=False)))


@pytest.fixture(scope="session")
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Checkout]:
    """An engine that runs; one that was brought for the tests stops after them."""
    settings = checkout(tmp_path_factory.mktemp("engine"), "memos-e2e-engine")
    running = settings.inv("engine.env", check=False).exit_code == 0
    if not running:
        started = settings.inv("engine.start", check=False)
        if started.exit_code:
            end = pytest.fail if request.config.getoption("--require-docker") else pytest.skip
            end(f"no engine, and none can be brought: {started.stderr}")
    yield settings
    if not running:
        settings.inv("engine.stop")


@pytest.fixture(scope="session")
def stack(engine: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A stack of its own beside whatever else runs; nothing is started yet."""
    del engine
    with made(tmp_path_factory.mktemp("stack"), "memos-e2e") as stack:
        yield stack


@pytest.fixture(scope="session")
def cold(stack: Checkout) -> list[dict[str, Any]]:
    """The events of the first start, on empty volumes."""
    return stack.inv("up", "--format", "json").lines


@pytest.fixture
def running(stack: Checkout, cold: list[dict[str, Any]]) -> Checkout:
    """The shared stack, all of it up, whatever the test before did."""
    del cold
    stack.inv("up")
    return stack


@pytest.fixture
def limited(engine: Checkout) -> None:
    """For what takes control groups: an engine without them pauses nothing, and counts no use."""
    driver = engine.docker("info", "--format={{.CgroupDriver}}").stdout.strip()
    if driver == "none":
        pytest.skip("the engine has no control groups")


@pytest.fixture
def official(request: pytest.FixtureRequest, running: Checkout) -> Checkout:
    """The same, for a row of which the digest of its image is noted."""
    image = request.node.get_closest_marker("row").args[0]
    if image != ALL:
        request.node.stash[DIGEST] = digest(running, image)
    return running


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """A function for what a row shows as measured."""

    def note(value: object) -> None:
        request.node.stash[MEASURED] = str(value)

    return note


@pytest.fixture
def other(engine: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A second stack for what must not touch the shared one."""
    del engine
    with made(tmp_path_factory.mktemp("other"), "memos-e2e-other") as other:
        yield other


@pytest.fixture(scope="session")
def broken(engine: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A stack, and a checkout of its own, in which anything may be broken."""
    with bench(tmp_path_factory.mktemp("faults"), engine) as found:
        yield found

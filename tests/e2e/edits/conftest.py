"""The stack that is edited; it is gone when the tests of this folder have ended."""

from collections.abc import Iterator

import pytest

from tests.e2e.kit import releases
from tests.e2e.kit.checkout import Checkout, made
from tests.e2e.kit.edited import Edited


@pytest.fixture(scope="package")
def edited(engine: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edited]:
    """A stack whose MemOS is the source of 2.0.6, with what that needs; the API is not started."""
    del engine
    folder = tmp_path_factory.mktemp("edited")
    source = releases.source(folder, "2.0.6")
    changes = {"MEMOS_SRC": str(source), "WITH_MILVUS": "no"}
    with made(folder, "memos-e2e-edits", changes=changes) as stack:
        yield Edited(stack=stack, source=source)

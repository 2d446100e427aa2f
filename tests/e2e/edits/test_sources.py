"""What else is edited than the source of the seed: later releases, and the copy in the image."""

from pathlib import Path

import pytest

from tests.e2e.kit import releases
from tests.e2e.kit.edited import ROUTE, Edited, installed, name_of

pytestmark = pytest.mark.docker


@pytest.mark.parametrize("version", releases.pinned()[1:])
def test_an_edit_of_another_release_answers(edited: Edited, tmp_path: Path, version: str) -> None:
    """Its own packages are taken, on the data that is there; an error leaves the old one."""
    source = releases.source(tmp_path, version)
    stack = edited.stack.varied(tmp_path / "other.env", MEMOS_SRC=str(source))
    other = Edited(stack=stack, source=source).up()

    before = other.answered()
    other.save("def broken(:\n")
    other.until(lambda: other.told()["runs"][-1]["outcome"] == "failed")
    assert other.call() == before
    other.answered()

    document = stack.inv("ps", "--format", "json").document
    assert document["memos"].startswith(f"MemOS {version} of {source}")
    assert [one for one in other.row()["findings"] if one["fatal"]] == []


def test_an_edit_of_the_copy_in_the_image_answers(edited: Edited, tmp_path: Path) -> None:
    """With RELOAD=yes and no MEMOS_SRC: what a contributor changes inside the container."""
    stack = edited.stack.varied(tmp_path / "copy.env", MEMOS_SRC="", RELOAD="yes")
    copy = Edited(stack=stack, source=edited.source).up()
    file = f"{installed(stack)}/api/server_api.py"
    write = f"cat >> {file} <<'end'\n{ROUTE.format(number=7)}end\n"

    stack.docker("exec", "--user", "0", name_of(stack), "sh", "-c", write)

    copy.until(lambda: copy.call() == 7)
    assert copy.told()["watching"]["folder"] == installed(stack)

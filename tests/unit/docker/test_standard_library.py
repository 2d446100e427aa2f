"""Python's own library in the images that may stand on an official Python, which has it as text."""

import re

import pytest

from tests.kit.places import ROOT

ON_PYTHON = re.findall(
    r"context: (\S+)(?:\n +.*)*?\n +BASE: .*PYTHON_IMAGE",
    (ROOT / "docker" / "docker-compose.yml").read_text(encoding="utf-8"),
)
"""Folders of such images."""
COMPILES = re.compile(
    r"^RUN test -e .*json\.__cached__(?:.*\\\n)*.*compileall(?:.*\\\n)*.*$", re.MULTILINE
)


def test_there_are_such_images() -> None:
    """The API's and the local models'."""
    assert ON_PYTHON == ["memos-api", "models"]


@pytest.mark.parametrize("folder", ON_PYTHON)
def test_a_start_compiles_nothing_of_it(folder: str) -> None:
    """Whoever runs there may not write it, and would compile it at each start."""
    text = (ROOT / "docker" / folder / "Dockerfile").read_text(encoding="utf-8")
    last = text[text.rindex("\nFROM ") :]

    (step,) = COMPILES.findall(last)
    assert last.index(step) < last.index("\nUSER ")

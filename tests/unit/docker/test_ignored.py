"""What a Dockerfile copies of its folder is what its .dockerignore lets in."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.kit.places import ROOT

FOLDERS = sorted(file.parent for file in (ROOT / "docker").rglob(".dockerignore"))
COPIED = re.compile(r"^COPY (?!.*(?:--from=|<<))(?:--\S+ )*(.+) \S+$", re.MULTILINE)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_is_copied_is_let_in(folder: Path) -> None:
    """Else a build fails that no other test makes."""
    ignored = (folder / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    text = (folder / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    words = [word for words in COPIED.findall(text) for word in words.split()]

    assert words
    for word in words:
        name = word.rstrip("/")
        fits = (fnmatch(name, one) or fnmatch(one, name) for one in let_in)
        inside = (one.startswith(f"{name}/") or one == f"{name}/" for one in let_in)
        assert any((*fits, *inside)), word

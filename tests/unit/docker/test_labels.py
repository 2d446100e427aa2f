"""What the images say of themselves, and what of this checkout is in them."""

import json
import re

from tests.kit.places import ROOT


def test_every_image_says_what_it_holds_in_a_word_of_the_schema() -> None:
    """`inv ps --format json` passes the label on."""
    schema = json.loads((ROOT / "schemas" / "ps.schema.json").read_text(encoding="utf-8"))
    words = schema["$defs"]["service"]["properties"]["contains"]["enum"]
    files = sorted((ROOT / "docker").rglob("Dockerfile"))
    label = re.compile(r'dev\.memos\.contains="(.*)"')
    held = {file.parent.name: label.findall(file.read_text(encoding="utf-8")) for file in files}

    assert {name for name, said in held.items() if len(said) != 1} == set()
    assert {word for said in held.values() for word in said} <= set(words)


def test_what_is_copied_has_modes_of_its_own() -> None:
    """With a umask of 077 at the clone, users of images could not read their own programs."""
    lines = [
        f"{file.parent.name}: {line}"
        for file in sorted((ROOT / "docker").rglob("Dockerfile"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.startswith("COPY ") and "--from=" not in line
    ]

    assert [line for line in lines if "COPY --chmod=" not in line] == []
    assert lines

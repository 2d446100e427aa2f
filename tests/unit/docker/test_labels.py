"""What the images say of themselves."""

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

"""The README in both languages says the same, and what it points to is there."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.kit.places import ROOT

ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
CODE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")
ADDRESS = re.compile(r"<(http[^>]+)>")


def words(file: Path, pattern: re.Pattern[str]) -> Counter[str]:
    """Return what a pattern finds outside blocks of code, each with how often."""
    return Counter(pattern.findall(BLOCK.sub("", file.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("pattern", [CODE, ADDRESS])
def test_both_name_the_same_commands_variables_and_addresses(pattern: re.Pattern[str]) -> None:
    """Each as often: a row that one of them lacks would show."""
    assert words(ENGLISH, pattern) == words(CHINESE, pattern)


def test_both_have_the_same_blocks_of_code() -> None:
    """The two commands to begin with."""
    blocks = [BLOCK.findall(file.read_text(encoding="utf-8")) for file in (ENGLISH, CHINESE)]

    assert blocks[0] == blocks[1] != []


@pytest.mark.parametrize("file", [ENGLISH, CHINESE], ids=lambda file: file.name)
def test_every_link_to_a_file_leads_there(file: Path) -> None:
    """From the folder that the README lies in."""
    links = [link for link in words(file, LINK) if "://" not in link]

    assert links != []
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_both_point_to_the_same_files() -> None:
    """And each to the other."""
    english, chinese = words(ENGLISH, LINK), words(CHINESE, LINK)

    assert english - chinese == Counter([CHINESE.name])
    assert chinese - english == Counter([ENGLISH.name])


def test_both_have_the_same_exit_codes() -> None:
    """Row by row."""
    rows = re.compile(r"^\| (\d+) \|", re.MULTILINE)

    assert list(words(ENGLISH, rows)) == list(words(CHINESE, rows)) != []

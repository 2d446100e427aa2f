"""What people read in both languages says the same, and what it points to is there."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.kit import documents
from tests.kit.places import ROOT

FIRST_DAY = ROOT / "docs" / "first-day.md"
ENGLISH = (ROOT / "README.md", FIRST_DAY)
CODE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")
ADDRESS = re.compile(r"<(http[^>]+)>")

both = pytest.mark.parametrize("english", ENGLISH, ids=lambda file: file.stem)


def chinese(english: Path) -> Path:
    """Return the same page in Chinese."""
    return english.with_name(f"{english.stem}.zh-CN.md")


def words(file: Path, pattern: re.Pattern[str]) -> Counter[str]:
    """Return what a pattern finds outside blocks of code, each with how often."""
    return Counter(pattern.findall(BLOCK.sub("", file.read_text(encoding="utf-8"))))


@both
@pytest.mark.parametrize("pattern", [CODE, ADDRESS])
def test_both_name_the_same_commands_variables_and_addresses(
    english: Path, pattern: re.Pattern[str]
) -> None:
    """Each as often: a row that one of them lacks would show."""
    assert words(english, pattern) == words(chinese(english), pattern)


@both
def test_both_have_the_same_blocks_of_code(english: Path) -> None:
    """The commands to begin with."""
    blocks = [
        BLOCK.findall(file.read_text(encoding="utf-8")) for file in (english, chinese(english))
    ]

    assert blocks[0] == blocks[1] != []


@pytest.mark.parametrize("file", [*ENGLISH, *map(chinese, ENGLISH)], ids=lambda file: file.name)
def test_every_link_to_a_file_leads_there(file: Path) -> None:
    """From the folder that the page lies in."""
    links = [link for link in words(file, LINK) if "://" not in link]

    assert links != []
    assert [link for link in links if not (file.parent / link).exists()] == []


@both
def test_both_point_to_the_same_files(english: Path) -> None:
    """To the Chinese one where there is one, and each to the other."""
    found = [words(file, LINK) for file in (english, chinese(english))]

    assert found[0][chinese(english).name] == found[1][english.name] == 1
    of_either = [Counter(link.replace(".zh-CN", "") for link in one.elements()) for one in found]
    assert of_either[0] == of_either[1]


def test_both_have_the_same_exit_codes() -> None:
    """Row by row."""
    rows = re.compile(r"^\| (\d+) \|", re.MULTILINE)
    readme = ENGLISH[0]

    assert list(words(readme, rows)) == list(words(chinese(readme), rows)) != []


def test_the_first_day_has_six_commands_until_an_edited_line_answers() -> None:
    """The last of them asks; `tests/e2e/test_first_day.py` types them."""
    head = documents.before_sections(FIRST_DAY.read_text(encoding="utf-8"))

    found = documents.commands(head)

    assert len(found) <= 6
    assert found[-1].startswith("curl ")

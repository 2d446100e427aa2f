"""What MemOS' own tests need of packages, out of a checkout's pyproject.toml."""

import tomllib

import pytest
from packaging.requirements import Requirement

from scripts.loop.requirements import of_poetry, of_tests, pinned

PROJECT = """
[project]
name = "MemoryOS"
dependencies = ["openai (>=1.77.0,<2.0.0)", "cachetools (>=6)"]
[project.optional-dependencies]
tree-mem = ["neo4j (>=5.28.1,<6.0.0)"]
all = ["neo4j (>=5.28.1,<6.0.0)", "torch (>=2.7.1)", "sentence-transformers (>=4)", "nltk"]
"""
POETRY = """
[tool.poetry.group.test.dependencies]
pytest = "^8.3.5"
pytest-asyncio = "^0.23.5"
"""
CIRCLE = """
[dependency-groups]
test = [{include-group = "b"}, "y"]
b = ["x", {include-group = "test"}]
"""


def wanted(text: str) -> tuple[str, ...]:
    """Return what is wanted of a pyproject.toml."""
    return of_tests(tomllib.loads(text))


def test_all_extras_and_the_group_of_tests_are_wanted_less_what_is_huge() -> None:
    """As upstream's own CI installs them, but 5 GiB."""
    assert wanted(PROJECT + POETRY) == (
        *("openai<2.0.0,>=1.77.0", "cachetools>=6", "neo4j<6.0.0,>=5.28.1", "nltk"),
        *("pytest", "pytest<9,>=8.3.5", "pytest-asyncio<0.24,>=0.23.5"),
    )


def test_without_an_extra_of_all_every_extra_is_wanted() -> None:
    """A checkout may do without that one."""
    assert "redis" in wanted('[project.optional-dependencies]\na = ["redis"]\nb = ["pika"]')
    assert "pika" in wanted('[project.optional-dependencies]\na = ["redis"]\nb = ["pika"]')


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ('[dependency-groups]\ntest = ["pytest-cov", {include-group = "b"}]\nb = ["x"]', ("x",)),
        ('[dependency-groups]\ntest = [{include-group = "test"}, "y"]', ("y",)),
        (CIRCLE, ("x", "y")),
        ('[project.optional-dependencies]\nall = []\ntest = ["pytest-html>=4"]', ("pytest-html",)),
    ],
    ids=["none", "PEP 735", "PEP 735, of itself", "PEP 735, in a circle", "an extra"],
)
def test_the_group_of_tests_is_found_in_whatever_form(text: str, found: tuple[str, ...]) -> None:
    """There is pytest without any."""
    names = {Requirement(line).name for line in wanted(text)}

    assert {"pytest", *found} <= names


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("^8.3.5", ">=8.3.5,<9"),
        ("^0.23.5", ">=0.23.5,<0.24"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^6.1", ">=6.1,<7"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("~=1.4.2", "~=1.4.2"),
        ("1.0", "==1.0"),
        (">=1, <2", ">=1,<2"),
        ("*", ""),
    ],
)
def test_ranges_of_poetry_are_written_as_everybody_else_does(line: str, told: str) -> None:
    """pip and uv know neither ^ nor ~."""
    assert of_poetry("x", line) == f"x{told}"
    assert of_poetry("x", {"version": line, "extras": ["a", "b"]}) == f"x[a,b]{told}"


def test_a_place_instead_of_a_version_is_any_version() -> None:
    """The folder of another project is not on this machine."""
    assert of_poetry("x", {"path": "../x"}) == "x"


@pytest.mark.parametrize("line", ["^abc", "~", "^", ">=1,^x"])
def test_a_range_of_no_number_is_a_value_error(line: str) -> None:
    """With what was written."""
    with pytest.raises(ValueError, match=r"x is '[~^].*', wanted a version behind"):
        of_poetry("x", line)


def test_what_is_no_requirement_is_a_value_error() -> None:
    """The caller says of which file."""
    with pytest.raises(ValueError, match="open ai"):
        wanted('[project]\ndependencies = ["open ai"]')


def test_pins_of_the_stack_count_where_they_are_allowed() -> None:
    """Tests run on what the API runs on; never MemOS itself, or what differs by system."""
    pins = {
        "openai": ("1.99",),
        "neo4j": ("5.0",),
        "numpy": ("1", "2"),
        "memoryos": ("2.0.6",),
        "starlette": ("0.46.2",),
    }

    assert pinned(["openai>=1.77", "Neo4j>=5.28"], pins) == ("openai==1.99", "starlette==0.46.2")

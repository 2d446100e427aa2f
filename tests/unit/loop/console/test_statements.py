"""Where one query ends and the next begins."""

import pytest

from scripts.loop.console import statements


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("RETURN 1", ["RETURN 1"]),
        ("RETURN 1\n\nRETURN 2\n", ["RETURN 1", "RETURN 2"]),
        ("MATCH (n)\nRETURN n; RETURN 2;\n", ["MATCH (n)\nRETURN n", "RETURN 2"]),
        ('RETURN \';\'; RETURN "\\";"', ["RETURN ';'", 'RETURN "\\";"']),
        ("MATCH (`a;b`) RETURN 1;", ["MATCH (`a;b`) RETURN 1"]),
        ("// one; two\nRETURN 1;", ["// one; two\nRETURN 1"]),
        ("RETURN 1; // that is all\n", ["RETURN 1"]),
        ("/* ; */", []),
        ('POST /a {\n  "b": [1,\n 2]}\nGET /c', ['POST /a {\n  "b": [1,\n 2]}', "GET /c"]),
        ("MATCH (n) \\\nRETURN n\nRETURN 2", ["MATCH (n) \nRETURN n", "RETURN 2"]),
        ("RETURN 'not closed\n; RETURN 2", ["RETURN 'not closed\n; RETURN 2"]),
        ("a)\nb", ["a)", "b"]),
        (" \n;;\n", []),
    ],
)
def test_a_text_is_split(text: str, queries: list[str]) -> None:
    """By semicolons where there are any, else by lines; never within quotes or brackets."""
    assert list(statements.split(text)) == queries


def test_an_argument_is_split_by_semicolons_alone() -> None:
    """Its lines are one query."""
    assert statements.split("MATCH (n)\nRETURN n", lines=False) == ("MATCH (n)\nRETURN n",)
    assert statements.split("RETURN 1; RETURN 2;", lines=False) == ("RETURN 1", "RETURN 2")


@pytest.mark.parametrize(
    ("text", "goes_on"),
    [
        ("RETURN 1", False),
        ("MATCH (n", True),
        ("MATCH (n)", False),
        ('POST /a {"b": 1', True),
        ("RETURN 'a", True),
        ("RETURN 'it\\'s'", False),
        ("RETURN 1 // it's", False),
        ("RETURN 1 /* and", True),
        ("MATCH (n) \\", True),
        ("RETURN '('", False),
    ],
)
def test_what_is_not_whole_goes_on(text: str, goes_on: bool) -> None:
    """The prompt asks for another line."""
    assert statements.unfinished(text) is goes_on


def test_a_megabyte_is_split_at_once() -> None:
    """As many as there are, each as it was."""
    queries = [f"CREATE (:Line {{number: {one}, text: 'a;b'}})" for one in range(20_000)]

    assert list(statements.split(";\n".join(queries))) == queries

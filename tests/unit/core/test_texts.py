"""Lines that tell: found in a log as if each were searched by itself."""

import pytest

from scripts.core.texts import last


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ((r"b: (?P<x>\d)",), "2"),
        ((r"nothing", r"a: (?P<x>\d)"), "1"),
        ((r"b: (?P<x>\d)$", r"a: (?P<x>\d)"), "2"),
        ((r"^b: (?P<x>1)$",), "1"),
        ((r"(?i)B: (?P<x>1)",), "1"),
        ((r"1\s+b: (?P<x>\d)",), None),
        ((r"[^x]*2[^x]*end (?P<x>\d)",), None),
    ],
)
def test_the_last_line_of_the_first_pattern_tells(
    patterns: tuple[str, ...], found: str | None
) -> None:
    """No match goes over two lines; `^` and `$` mean those of the line."""
    match = last(["a: 1", "b: 1", "b: 2", "end 3"], *patterns)

    assert (match["x"] if match else None) == found

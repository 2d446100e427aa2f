"""Lines that tell, found in a log as if each were searched by itself; texts of others."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.core.texts import empty_talk, escaped, last, printable, telling

LOADER = (
    "ERROR: ld.so: object '/milvus/lib/' from LD_PRELOAD cannot be preloaded"
    " (cannot read file data): ignored."
)


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


def test_what_the_loader_says_of_every_program_in_an_image_tells_nothing() -> None:
    """Milvus' own image names a folder in LD_PRELOAD; an error of the loader that counts tells."""
    fatal = "milvus: error while loading shared libraries: libx.so: cannot open"

    assert empty_talk(LOADER)
    assert not empty_talk(fatal)
    assert telling(["curl: (7) refused", LOADER, " "]) == "curl: (7) refused"
    assert telling([fatal, LOADER], "(?i)error") == fatal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("你好 世界　é 😀", "你好 世界 é 😀"),
        ("two\nlines\tand\r\x0b", "two lines and  "),
        ("\x1b[2J\x07\x9b31m\x7f", r"\x1b[2J\x07\x9b31m\x7f"),
        ("a\u202eb\ud800", r"a\u202eb\ud800"),
    ],
    ids=["letters", "blanks", "controls", "direction and half a letter"],
)
def test_no_terminal_obeys_what_is_printed(text: str, shown: str) -> None:
    """Letters of any language stay; what a terminal would obey is seen, not done."""
    assert printable(text) == shown


@given(st.text())
def test_no_terminal_obeys_json_and_it_means_the_same(text: str) -> None:
    """Whatever is in it, half a letter too."""
    written = escaped(json.dumps([text], ensure_ascii=False))

    assert json.loads(written) == [text]
    assert written.isprintable()
    assert printable(text).isprintable()

"""Pure: where one query ends and the next begins."""

import re

TOKEN = re.compile(
    r"""'(?:\\.|[^'\\])*(?:'|(?P<single>\Z))|"(?:\\.|[^"\\])*(?:"|(?P<double>\Z))"""
    r"|`[^`]*(?:`|(?P<back>\Z))|//[^\n]*|/\*.*?(?:\*/|(?P<comment>\Z))|\\\n|[(\[{)\]};\n]",
    re.DOTALL,
)
"""What is between quotes or in a comment is one; the rest are brackets and ends."""
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
OPENS, CLOSES = "([{", ")]}"
END, LINE, ON = ";", "\n", "\\\n"
"""An end; a line's end; a line that goes on."""


def split(text: str, *, lines: bool = True) -> tuple[str, ...]:
    """Return the queries of a text: what stands between semicolons, or where there are none a line.

    A line goes on while a bracket or a quote is open, and after a backslash at its end; without
    `lines` to the end of the text.
    """
    tokens = list(TOKEN.finditer(text))
    end = END if not lines or any(one[0] == END for one in tokens) else LINE
    found, begin, depth = [], 0, 0
    for one in tokens:
        depth += (one[0] in OPENS) - (one[0] in CLOSES)
        if one[0] == end and (end == END or depth <= 0):
            found.append(text[begin : one.start()])
            begin = one.end()
    return tuple(filter(None, map(_query, [*found, text[begin:]])))


def unfinished(text: str) -> bool:
    """Say whether a query goes on in the next line."""
    depth, quoted = 0, False
    for one in TOKEN.finditer(text):
        depth += (one[0] in OPENS) - (one[0] in CLOSES)
        quoted |= bool(one.lastgroup)
    return quoted or depth > 0 or text.endswith(ON[0])


def _query(text: str) -> str:
    """Return a query without what only ends its lines; empty for blanks and comments."""
    text = text.replace(ON, LINE).strip()
    return text if COMMENT.sub("", text).strip() else ""

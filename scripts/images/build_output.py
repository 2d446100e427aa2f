"""Pure: what builds and pulls print, in a few words for a person, and why one failed."""

import re
from dataclasses import dataclass, field

from scripts.core.units import size, size_of

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
_MOUNTS = re.compile(r"--(mount|network)=\S+")
_STEP = re.compile(r"#(?P<step>\d+) (?:(?P<name>\[.*)|[\d.]+ (?P<said>.*))")
_FAILED = re.compile(r"^#(\d+) ERROR: (.*)$", re.MULTILINE)
_CAUSE = re.compile(r"(?i:\berror\b|not found|denied|failed)|\bE: ")
_NOTHING = re.compile(r"\[internal].*|\[[^]]*] FROM .*")
_TIMING = re.compile(r"^#\d+ [\d.]+ ")
_LOGIN = re.compile(r"//[^/\s@]+@")
_UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
"""In the words of pip, apt and curl; ours are those of `units.size`."""
_SIZE = r"(?P<size>[\d.,]+) (?P<unit>[kMG]?B)"
_PIP_FILE = re.compile(rf"Downloading (?P<file>\S+) \({_SIZE}\)")
_PIP_BYTES = re.compile(r"Progress (?P<done>\d+) of (?P<all>\d+)")
_APT_NEEDS = re.compile(rf"Need to get (?:\S+ \S+/)?{_SIZE} of archives")
_APT_SHARE = re.compile(r"dlstatus:\d+:(?P<percent>[\d.]+):(?P<what>.*)")
_CURL = re.compile(rf"(?P<file>[^/\s]+) {_SIZE}")
"""As the `neo4j_jars.py` of Neo4j's image has it written."""
_DPKG = re.compile(r"pmstatus:[^:]+(?::\w+)?:[\d.]+:(?P<what>.*)")


@dataclass(slots=True)
class _Step:
    """One step of a build, and the bytes that it fetches."""

    name: str
    had: float = 0.0
    """Of the files that have come."""
    file: str = ""
    coming: float = 0.0
    """Of the file that comes now, by pip's word."""
    archives: float = 0.0
    """That apt is about to fetch."""

    def tells(self, said: str) -> str:
        """Return a line with the bytes so far; as it is when it says nothing of files."""
        if match := _PIP_FILE.match(said):
            self.had += self.coming
            self.file, self.coming = match["file"], 0.0
            return f"{size(self.had)} fetched, {self.file} begins"
        if match := _PIP_BYTES.match(said):
            self.coming = float(match["done"])
            coming = size_of(self.coming, float(match["all"]))
            return f"{size(self.had)} fetched, {self.file}: {coming}"
        if match := _APT_NEEDS.match(said):
            self.archives = _bytes(match)
        if match := _APT_SHARE.match(said):
            share = float(match["percent"]) / 100
            of = size_of(share * self.archives, self.archives)
            return f"{match['what']}, {of}" if self.archives else match["what"]
        if match := _DPKG.match(said):
            return match["what"]
        if match := _CURL.fullmatch(said):
            self.had += _bytes(match)
            return f"{size(self.had)} fetched, {match['file']}"
        return "" if _NOTHING.fullmatch(said) else said


@dataclass(slots=True)
class Output:
    """Follows the output of one build or pull: where it is, and how many bytes it has fetched."""

    _steps: dict[str, _Step] = field(default_factory=dict)
    """By BuildKit's numbers; several run side by side."""

    def tells(self, line: str) -> str:
        """Return what the line tells a person, or nothing."""
        clean = " ".join(_MOUNTS.sub("", plain(line)).split())
        match = _STEP.match(clean)
        if match is None:
            return "" if clean.startswith("#") else clean
        if match["name"]:
            place, bracket, _ = match["name"].partition("]")
            self._steps[match["step"]] = _Step(place + bracket)
            return "" if _NOTHING.fullmatch(match["name"]) else match["name"]
        step = self._steps.setdefault(match["step"], _Step(""))
        said = step.tells(match["said"])
        return f"{step.name} {said}".strip() if said else ""


def words(line: str) -> str:
    """A line without the seconds that BuildKit writes before it: the same again is no news."""
    return _TIMING.sub("", plain(line))


def without_logins(text: str) -> str:
    """Return text with the user and password in an address masked: a mirror's may have them."""
    return _LOGIN.sub("//…@", text)


def plain(text: str) -> str:
    """Return text without a terminal's control characters."""
    return _ESCAPES.sub("", text)


def told_error(text: str) -> tuple[str, str] | None:
    """Return the error and the next step that a process of ours ended with, if it was one."""
    match = re.search(r"^error: (.+)\nnext: (.+)\n?\Z", text, re.MULTILINE)
    return (match[1], match[2]) if match else None


def cause(text: str, otherwise: str) -> str:
    """Return the line that says why: of the build step that failed, not BuildKit's echo of it.

    `text` is the whole output; `otherwise` what to give where no line says why.
    """
    text, otherwise = plain(text), plain(otherwise)
    if failed := _FAILED.search(text):
        said = re.findall(rf"^#{failed[1]} [\d.]+ (.*)$", text, re.MULTILINE)
        otherwise = failed[2]
    else:
        said = text.splitlines()
    return next((line.strip() for line in reversed(said) if _CAUSE.search(line)), otherwise)


def _bytes(match: re.Match[str]) -> float:
    return float(match["size"].replace(",", "")) * _UNITS[match["unit"]]

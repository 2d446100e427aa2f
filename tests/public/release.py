"""What makes a tag a release: its version, its part of CHANGELOG.md, an archive, checksums.

`python -m tests.public.release v1.2.3 FOLDER` writes notes.md, the archive of the commit and
SHA256SUMS into FOLDER; 2 when tag, version and changelog do not say the same.
"""

import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.kit.places import ROOT

TAG = re.compile(r"v(\d+\.\d+\.\d+)\Z")
PART = re.compile(
    r"^## (?P<version>[^,\n]+), (?P<when>[^\n]+)\n(?P<text>.*?)(?=^## |\Z)",
    re.MULTILINE | re.DOTALL,
)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
NAME = "memos-dev-workspace"


class UnfitError(Exception):
    """A tag that is not to be released; the next step is its second argument."""


def notes(tag: str, pyproject: str, changelog: str) -> str:
    """Return what the release says; UnfitError with what is wrong and the next step."""
    match = TAG.match(tag)
    if match is None:
        raise UnfitError(f"the tag {tag!r} is no version such as v1.2.3", "tag it so")
    wanted = match[1]
    written = str(tomllib.loads(pyproject)["project"]["version"])
    if written != wanted:
        raise UnfitError(
            f"the tag is {tag}, and pyproject.toml has version {written}",
            f"tag v{written}, or write {wanted} there",
        )
    part = next((one for one in PART.finditer(changelog) if one["version"] == wanted), None)
    if part is None:
        raise UnfitError(
            f"CHANGELOG.md has no part '## {wanted}, DATE'", "write it, and tag that commit"
        )
    if not DATE.match(part["when"]):
        raise UnfitError(
            f"CHANGELOG.md says of {wanted}: {part['when']}", "write the date, and tag that commit"
        )
    text = part["text"].strip()
    if not text:
        raise UnfitError(f"CHANGELOG.md says nothing of {wanted}", "say what changed")
    return f"{text}\n"


def write(root: Path, tag: str, folder: Path) -> list[Path]:
    """Write all files of a release; give them."""
    text = notes(
        tag,
        (root / "pyproject.toml").read_text(encoding="utf-8"),
        (root / "CHANGELOG.md").read_text(encoding="utf-8"),
    )
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{NAME}-{tag.removeprefix('v')}"
    archive = folder / f"{name}.tar.gz"
    words = ["git", "-C", str(root), "archive", f"--prefix={name}/", f"--output={archive}", "HEAD"]
    subprocess.run(words, check=True)
    sums = folder / "SHA256SUMS"
    sums.write_text(f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  {archive.name}\n")
    said = folder / "notes.md"
    said.write_text(text, encoding="utf-8")
    return [archive, sums, said]


def main(tag: str, folder: str) -> int:
    """Write a release, or say why not."""
    try:
        files = write(ROOT, tag, Path(folder))
    except UnfitError as error:
        wrong, step = error.args
        sys.stderr.write(f"error: {wrong}\nnext: {step}\n")
        return 2
    sys.stdout.write("".join(f"{file}\n" for file in files))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))

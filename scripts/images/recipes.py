"""What images are made from, as fingerprints: another one means that an image is out of date."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from scripts.core.stack import Build

RECIPE_LABEL = "dev.memos.recipe"
BASE_RELEASE = "trixie"
"""Of Debian."""
BASE_TAG = f"memos-dev.invalid/base:{BASE_RELEASE}"
"""Of a registry that nobody can have (RFC 6761): a build without it must not fetch another's."""
"""The image that the package-built ones are built upon: see `base_image`."""
BASE_FILE = Path("packages", "base", "Dockerfile")
"""Its recipe, below the folder with the compose files."""
BASE_PACKAGES = (
    *("apt", "ca-certificates", "curl", "wget", "tini", "python3", "python3-pip"),
    "whois",  # its mkpasswd makes the bcrypt hashes that Milvus keeps
)
"""What it has beside all that Debian calls essential."""
GLOB = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def recipe(build: Build) -> str:
    """The fingerprint of an image: its folder's files, its arguments, and its base if ours."""
    digest = hashlib.sha256(repr(sorted(build.args.items())).encode())
    for name in sorted(_sent(build)):
        digest.update(name.encode())
        digest.update(hashlib.sha256((build.context / name).read_bytes()).digest())
    if BASE_TAG in build.args.values():
        bases = (folder / BASE_FILE for folder in build.context.parents)
        digest.update("".join(base_recipe(base) for base in bases if base.is_file()).encode())
    return digest.hexdigest()[:16]


def base_recipe(file: Path) -> str:
    """Return the fingerprint of the base image whose Dockerfile is `file`."""
    text = file.read_bytes() + " ".join(BASE_PACKAGES).encode()
    return hashlib.sha256(text).hexdigest()[:16]


def _sent(build: Build) -> Iterator[str]:
    """Yield the names of the files that a build gets to see, and of its Dockerfile."""
    ignore = build.context / ".dockerignore"
    lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
    rules = [_rule(line) for line in map(str.strip, lines) if line and not line.startswith("#")]
    for name in _files(build.context):
        verdicts = [sees for pattern, sees in rules if pattern.fullmatch(name)]
        seen = verdicts[-1] if verdicts else "__pycache__" not in name.split("/")
        if seen or name == build.dockerfile:
            yield name


def _files(top: Path) -> Iterator[str]:
    """Yield the names of all files below a folder, as seen from it; Path.rglob takes longer."""
    for folder, _, names in os.walk(top):
        inside = os.path.relpath(folder, top).replace(os.sep, "/")
        for name in names:
            if Path(folder, name).is_file():
                yield name if inside == "." else f"{inside}/{name}"


def _rule(line: str) -> tuple[re.Pattern[str], bool]:
    """Turn a line of .dockerignore into what it fits, and whether a build sees that.

    The last line that fits a file or a folder above it decides:
    https://docs.docker.com/build/concepts/context/#dockerignore-files
    """
    words = re.split(r"(\*\*/|\*\*|\*|\?)", line.removeprefix("!").strip("/"))
    pattern = "".join(GLOB.get(word) or re.escape(word) for word in words)
    return re.compile(f"{pattern}(/.*)?"), line.startswith("!")

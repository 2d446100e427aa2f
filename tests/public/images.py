"""The official images that this repository names, for the workflows of `.github/`.

`tags` asks the registries whether every name is still there: 1 when one is gone, 4 when it is not
known. `key`, `load` and `save` are the cache between two runs, by the images' digests.
"""

import argparse
import hashlib
import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.kit.places import ROOT

NAME = re.compile(
    r"\b(?:docker\.io|quay\.io)(?:/[a-z0-9][a-z0-9._-]*)+:[\w][\w.-]*(?:@sha256:\w+)?"
)
"""An image with its registry and its tag."""
PLACES = (".env.example", "docker", ".ci", ".devcontainer", ".github", "action.yml")
"""Files and folders whose images somebody pulls."""
PULLED = ".env.example"
"""Where those stand that the stack itself pulls."""
SETTING = re.compile(r"^\w+_IMAGE=(.+)$", re.MULTILINE)
TRIES = 3
"""For each image, where a registry gives no answer that says anything."""
GONE = re.compile(
    r"not found|no such manifest|manifest unknown|name unknown|does not exist", re.IGNORECASE
)
"""How the client tells that a registry answered, and has no such image."""
TAR = "images.tar"
FOUND, LOST, UNKNOWN = 0, 1, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a registry said of one image."""

    digest: str = ""
    platforms: tuple[str, ...] = ()
    """Such as linux/arm64; none where the image has no list of them."""
    gone: bool = False
    why: str = ""
    """Why there is no digest."""


def named(root: Path = ROOT) -> dict[str, list[str]]:
    """Return each image that a file of the repository names, with those files."""
    found: dict[str, list[str]] = {}
    for place in PLACES:
        for file in sorted(_files(root / place)):
            text = file.read_text(encoding="utf-8", errors="replace")  # some are numbers
            for name in sorted(set(NAME.findall(text))):
                found.setdefault(name, []).append(str(file.relative_to(root)))
    return found


def _files(place: Path) -> Iterable[Path]:
    if not place.is_dir():
        return [place] if place.is_file() else []
    return (file for file in place.rglob("*") if file.suffix != ".pyc" and file.is_file())


def pulled(root: Path = ROOT) -> list[str]:
    """Return the images that the stack pulls, or builds upon."""
    settings = SETTING.findall((root / PULLED).read_text(encoding="utf-8"))
    return sorted({one for one in settings if NAME.fullmatch(one)})


def ask(image: str) -> Answer:
    """Ask the registry for an image's manifest, by the docker client and with its logins.

    The bytes as they are: for anything else the client fetches those of each platform too, and
    Docker Hub counts every one as a pull.
    """
    words = ["docker", "buildx", "imagetools", "inspect", "--raw", image]
    answer = Answer(why="there is no docker")
    for _ in range(TRIES if shutil.which("docker") else 0):
        ran = subprocess.run(words, capture_output=True, check=False)
        answer = read(ran.returncode, ran.stdout, ran.stderr.decode(errors="replace"))
        if answer.digest or answer.gone:
            break
    return answer


def read(exit_code: int, stdout: bytes, stderr: str) -> Answer:
    """Return what the client's answer means; a digest is the checksum of a manifest's bytes."""
    if exit_code:
        lines = stderr.strip().splitlines() or [f"exit code {exit_code}"]
        why = next((one for one in lines if one.startswith("ERROR: ")), lines[0])
        return Answer(gone=bool(GONE.search(why)), why=why)
    try:
        manifest = json.loads(stdout)
        listed = [one["platform"] for one in manifest.get("manifests") or ()]
        names = (f"{one.get('os')}/{one.get('architecture')}" for one in listed)
        platforms = tuple(sorted({name for name in names if "unknown" not in name}))
        if "schemaVersion" in manifest:
            digest = f"sha256:{hashlib.sha256(stdout).hexdigest()}"
            return Answer(digest=digest, platforms=platforms)
        return Answer(why="the client's answer is no manifest")
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        return Answer(why=f"the client's answer is no manifest: {error!r}")


def asked(images: Sequence[str]) -> dict[str, Answer]:
    """Ask for all of them, a few at a time."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        return dict(zip(images, pool.map(ask, images), strict=True))


def told(answers: Mapping[str, Answer], places: Mapping[str, Sequence[str]]) -> str:
    """Return a line for each image; those that are not there also say who names them."""
    lines = []
    for image, answer in answers.items():
        if answer.digest:
            lines.append(f"{image}  {answer.digest}  {' '.join(answer.platforms)}".rstrip())
            continue
        state = "GONE" if answer.gone else "NOT KNOWN"
        lines += [f"{image}  {state}: {answer.why}", f"  named in {', '.join(places[image])}"]
    return "\n".join(lines) + "\n"


def verdict(answers: Iterable[Answer]) -> int:
    """Return the exit code: what is gone counts before what is not known."""
    every = list(answers)
    if any(one.gone for one in every):
        return LOST
    return FOUND if all(one.digest for one in every) else UNKNOWN


def key(answers: Mapping[str, Answer]) -> str:
    """Return the name under which a cache keeps images: of these digests, on this processor.

    An image that no registry tells a digest of counts by its name.
    """
    words = sorted(f"{image} {answer.digest}" for image, answer in answers.items())
    digest = hashlib.sha256("\n".join(words).encode()).hexdigest()[:20]
    return f"images-{platform.machine()}-{digest}"


def load(folder: Path) -> None:
    """Bring the kept images to the engine; the file goes, as it would fill the disk twice."""
    subprocess.run(["docker", "load", "--quiet", "--input", str(folder / TAR)], check=True)
    shutil.rmtree(folder)


def save(images: Sequence[str], folder: Path) -> None:
    """Keep the images that the engine has."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["docker", "image", "inspect", "--format", "."]
    here = [
        one
        for one in images
        if subprocess.run([*words, one], capture_output=True, check=False).returncode == 0
    ]
    subprocess.run(["docker", "save", "--output", str(folder / TAR), *here], check=True)


def main(words: Sequence[str]) -> int:
    """Do what the words say; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.public.images", description=__doc__)
    parser.add_argument("what", choices=("tags", "key", "load", "save"))
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / ".cache" / "images")
    given = parser.parse_args(words)
    if given.what == "load":
        load(given.folder)
    elif given.what == "save":
        save(pulled(), given.folder)
    elif given.what == "key":
        answers = asked(pulled())
        sys.stderr.write(told(answers, {name: [PULLED] for name in answers}))
        sys.stdout.write(f"key={key(answers)}\n")
    else:
        places = named()
        answers = asked(list(places))
        sys.stdout.write(told(answers, places))
        return verdict(answers.values())
    return FOUND


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

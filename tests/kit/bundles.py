"""Bundles for tests: small ones, made as `inv images.save` makes them."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from scripts.core.inventory import ImageSource
from scripts.images.bundle import wheels as bundle_wheels
from scripts.images.bundle.bundle_file import BundleWriter, Manifest

MANIFEST = Manifest(
    workspace="0.1.0",
    created="2026-11-25T19:48:51+00:00",
    image_source=ImageSource.PACKAGES,
    architecture="amd64",
    python=(bundle_wheels.python_version(),),
    kernel=platform.system().lower(),
    machine=platform.machine().lower(),
    distribution="debian",
    release="bookworm",
    pins="0" * 64,
    images={"example/memos:1": "sha256:1"},
    members=(),
)
MEMBERS: Mapping[str, bytes] = {
    "wheels/pip-1-py3-none-any.whl": b"a wheel",
    "wheels/demo-1-py3-none-any.whl": b"another wheel",
    "engine/docker.io_1%3a26_amd64.deb": b"a package",
    "images.tar": b"layers" * 100_000,
}


def archived(images: Mapping[str, str], **more: object) -> bytes:
    """Return an archive of these images, ids by name, as an engine makes it, without their layers.

    `more` are documents of other members, by their names without the ending.
    """
    listed = [
        {"Config": f"blobs/sha256/{number.removeprefix('sha256:')}", "RepoTags": [name]}
        for name, number in images.items()
    ]
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, document in {"manifest": listed, **more}.items():
            text = json.dumps(document).encode()
            entry = tarfile.TarInfo(name if name == "repositories" else f"{name}.json")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return made.getvalue()


def listed(archive: bytes) -> list[str]:
    """Return the names of the images in an archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        source = opened.extractfile("manifest.json")
        assert source is not None
        return [name for image in json.load(source) for name in image["RepoTags"]]


def pins(members: Mapping[str, bytes] = MEMBERS) -> str:
    """Return requirements that the wheels among these members fulfil."""
    wheels = [data for name, data in members.items() if name.startswith("wheels/")]
    return "".join(
        f"demo{number}==1 --hash=sha256:{hashlib.sha256(data).hexdigest()}\n"
        for number, data in enumerate(wheels)
    )


def bundled(
    file: Path, members: Mapping[str, bytes] = MEMBERS, manifest: Manifest = MANIFEST
) -> Manifest:
    """Make a bundle `file` with these members; give what it says of itself."""
    with BundleWriter(file) as writer:
        for name, data in members.items():
            writer.add(name, [data[:5], data[5:]])
        made = replace(manifest, members=tuple(writer.members))
        writer.finish(made)
    return made

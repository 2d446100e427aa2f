"""Bundles for tests: small ones, made as `inv images.save` makes them."""

import hashlib
import platform
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

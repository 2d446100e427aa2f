"""What a bundle is for is held against this machine before anything is brought."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.config import settings
from scripts.core.errors import ConfigError
from scripts.core.inventory import ImageStatus
from scripts.engine.places import places
from scripts.engine.private.programs import present
from scripts.images.bundle import bundle_file, unpacking
from scripts.images.bundle.bundle_file import Bundle
from scripts.machine.system import System
from tests.kit.bundles import MANIFEST, MEMBERS, bundled
from tests.kit.fakes import FakeApi, FakeRunner, checkout
from tests.kit.places import ROOT

BOOKWORM = {"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm"}
DEBIAN = System(kernel="linux", machine="x86_64", uid=0, release=BOOKWORM)
TRIXIE = replace(DEBIAN, release={**BOOKWORM, "VERSION_ID": "13", "VERSION_CODENAME": "trixie"})
USER = replace(DEBIAN, uid=1000)
FOR_DEBIAN = replace(MANIFEST, machine="x86_64")


@pytest.fixture
def packed(tmp_path: Path) -> Bundle:
    """A bundle with packages for bookworm."""
    bundled(tmp_path / "b.tar", manifest=FOR_DEBIAN)
    return bundle_file.read(tmp_path / "b.tar")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout without an engine."""
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout" / ".env.example").write_text((ROOT / ".env.example").read_text())
    return tmp_path / "checkout"


def test_the_engine_comes_out_of_the_bundle_once(
    packed: Bundle, root: Path, runner: FakeRunner
) -> None:
    """Its packages are unpacked as those that apt fetches are."""
    runner.answer("xargs", "docker.io_1%3a26_amd64.deb\n")
    said: list[str] = []

    for _ in range(2):
        unpacking.bring_engine(packed, checkout(root, runner, say=said.append), DEBIAN)

    at = places(root)
    assert present(at, DEBIAN)
    assert (at.debs / "docker.io_1%3a26_amd64.deb").read_bytes() == b"a package"
    assert said[0] == "engine: taking its packages out of b.tar"
    assert len(runner.calls) == 1
    assert runner.calls[0].stdin == str(at.debs / "docker.io_1%3a26_amd64.deb")


@pytest.mark.parametrize(
    ("system", "members", "told"),
    [
        (
            TRIXIE,
            MEMBERS,
            "this is debian trixie x86_64, and the engine's packages in b.tar are for debian book",
        ),
        (USER, MEMBERS, "no engine is running; a private engine needs root"),
        (DEBIAN, {"images.tar": b""}, "no engine is running, and b.tar holds no packages for one"),
    ],
)
def test_packages_for_another_machine_are_refused(
    tmp_path: Path,
    root: Path,
    runner: FakeRunner,
    system: System,
    members: Mapping[str, bytes],
    told: str,
) -> None:
    """Another release, somebody who is not root, no packages at all: 2, and which it is."""
    bundled(tmp_path / "b.tar", members, FOR_DEBIAN)
    bundle = bundle_file.read(tmp_path / "b.tar")

    with pytest.raises(ConfigError) as caught:
        unpacking.bring_engine(bundle, checkout(root, runner), system)
    assert told in str(caught.value)
    assert not places(root).home.exists()


@pytest.mark.parametrize("text", ["", "IMAGE_SOURCE=packages\n"])
def test_settings_without_a_source_take_the_bundles(packed: Bundle, root: Path, text: str) -> None:
    """So do those that have the same."""
    (root / ".env").write_text(text)

    assert unpacking.source(packed, settings.load(root, {})) == "packages"


def test_settings_that_want_other_images_are_not_changed(packed: Bundle, root: Path) -> None:
    """They have other volumes, so nobody is moved without a word."""
    (root / ".env").write_text("IMAGE_SOURCE=registry\n")

    with pytest.raises(ConfigError) as caught:
        unpacking.source(packed, settings.load(root, {}))
    assert str(caught.value) == (
        "IMAGE_SOURCE is 'registry' (.env line 1), and b.tar holds 'packages'"
    )
    assert caught.value.next_step.startswith("set IMAGE_SOURCE=packages in ")


def test_images_for_another_processor_are_refused(packed: Bundle) -> None:
    """Before a byte of them is read; the engine may be on another machine than we."""
    api = FakeApi({"/version": {"Arch": "arm64"}})

    with pytest.raises(ConfigError) as caught:
        unpacking.require_architecture(packed, api)
    assert str(caught.value) == "the engine is for arm64, and the images in b.tar are for amd64"


def test_a_bundle_without_images_is_damaged(tmp_path: Path) -> None:
    """They are what it is for."""
    bundled(tmp_path / "b.tar", {"wheels/a.whl": b""})

    with pytest.raises(ConfigError, match=r"b\.tar is damaged: it has no images\.tar"):
        unpacking.load(bundle_file.read(tmp_path / "b.tar"), FakeApi(), lambda *_: None)


def test_an_image_that_the_bundle_does_not_bring_is_named(packed: Bundle) -> None:
    """As when another version of the checkout made it: there is no network to build another."""
    here = ImageStatus(service="etcd", image="e:1", present=True, built_here=True)
    stale = replace(here, service="memos", stale=True)

    unpacking.require_all(packed, [here])
    with pytest.raises(ConfigError, match=r"b\.tar does not bring the image of memos as this"):
        unpacking.require_all(packed, [here, stale])

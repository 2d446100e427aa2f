"""`inv images.save` and `images.load`: all images in one file."""

import hashlib
import json
import os
import shlex
import shutil
import zipfile
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.config.rules.schema import validate
from scripts.core.inventory import ImageSource
from scripts.engine import places
from scripts.engine.private import programs
from scripts.images.bundle import bundle_file, packing
from scripts.machine import groups
from scripts.machine.apt import Deb
from scripts.machine.system import System
from tests.kit.bundles import MANIFEST, bundled
from tests.kit.changes import Change, nothing, put
from tests.kit.checkout import Checkout, service
from tests.kit.image_archives import archived
from tests.kit.places import ROOT


@pytest.fixture
def wheel(at: Checkout) -> Path:
    """Let .venv be made of one small wheel, which pip finds in a folder."""
    wheel = at.folder / "wheels" / "demo-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("demo.py", "")
        file.writestr(
            "demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
        )
        file.writestr("demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        file.writestr("demo-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    pins = at.root / "requirements"
    pins.unlink()
    pins.mkdir()
    # a mark that does not hold here is of no concern to the bundle; nor is what is wanted twice
    elsewhere = f"other==1 ; sys_platform == 'win32' \\\n    --hash=sha256:{digest}\n"
    for name in ("runtime", *groups.ALL):
        text = f"demo==1.0 \\\n    --hash=sha256:{digest}\n{elsewhere}"
        (pins / f"{name}.txt").write_text(text)
    shutil.copy(ROOT / "pyproject.toml", at.root)
    at.patch.setenv("PIP_CONFIG_FILE", os.devnull)
    at.patch.setenv("PIP_NO_INDEX", "1")
    at.patch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return wheel


def test_a_bundle_brings_all_images_to_another_engine(at: Checkout, wheel: Path) -> None:
    """Saved once, loaded where they were not; the image source is noted in `.env`."""
    file = at.folder / "b.tar"
    put("NEO4J_PASSWORD", "correct-horse")(at)

    assert at.inv("images.save", str(file)) == 0

    made = bundle_file.read(file).manifest
    assert validate(json.loads(made.text()), "bundle") == ()
    assert [one.name for one in made.members] == [f"wheels/{wheel.name}", "images.tar"]
    assert set(made.images) == {f"docker.io/library/{name}:1.2" for name in at.config["services"]}
    assert (made.image_source, made.release) == ("registry", "")
    assert b"correct-horse" not in file.read_bytes()
    shown = at.shown()
    assert "5 for amd64, from registry" in shown.out
    assert "./dev --bundle b.tar inv up" in shown.err

    at.close()
    at.state["images"] = {}
    at.env_file.write_text("")
    assert at.inv("images.load", str(file)) == 0
    shown = at.shown()
    assert [line.split()[2] for line in shown.out.splitlines()[1:]] == ["here"] * 5
    assert "IMAGE_SOURCE=registry written to .env" in shown.err
    assert "IMAGE_SOURCE=registry" in at.env_file.read_text()


def test_up_takes_from_a_bundle_what_is_missing(at: Checkout) -> None:
    """Nothing is pulled; and once all is there the bundle is not read again."""
    names = [str(one["image"]) for one in at.config["services"].values()]
    images = {name: f"sha256:{name}" for name in names}
    here = replace(MANIFEST, image_source=ImageSource.REGISTRY, images=images)
    bundled(at.folder / "b.tar", {"images.tar": archived(images)}, here)
    at.patch.setenv("BUNDLE_FILE", str(at.folder / "b.tar"))
    at.state["images"] = {}

    assert at.inv("up", "--service", "etcd") == 0
    assert "images    checked" in at.shown().err

    assert at.inv("up", "--service", "etcd") == 0
    assert "images    checked" not in at.shown().err
    assert [call for call in at.calls() if call.startswith("pull")] == []


def in_bundle(image: str, **facts: Any) -> Change:
    """Make a bundle b.tar that brings one image."""
    images = {image: "sha256:1"}
    made = replace(MANIFEST, image_source=ImageSource.REGISTRY, images=images, **facts)

    def make(at: Checkout) -> None:
        at.state["images"] = {}
        bundled(at.folder / "b.tar", {"images.tar": archived(images)}, made)

    return make


def full_disk(at: Checkout) -> None:
    """Let the engine have no room for images."""
    in_bundle("x:1")(at)
    at.state["refuse"] = {"load": "no space left on device"}


def changed_byte(at: Checkout) -> None:
    """Let a byte of the images change on the way."""
    in_bundle("example/memos:1")(at)
    file = at.folder / "b.tar"
    file.write_bytes(file.read_bytes().replace(b'RepoTags": ["example', b'RepoTags": ["exbmple'))


def another(archive: bytes) -> Change:
    """Make a bundle that names the image x:1, with an archive that brings more."""

    def make(at: Checkout) -> None:
        at.state["images"] = {}
        made = replace(MANIFEST, image_source=ImageSource.REGISTRY, images={"x:1": "sha256:1"})
        bundled(at.folder / "b.tar", {"images.tar": archive}, made)

    return make


INDEX = {
    "manifests": [
        {"digest": "sha256:3", "annotations": {"io.containerd.image.name": "docker.io/library/z:1"}}
    ]
}
ANOTHER_NAME = archived({"x:1": "sha256:1", "y:1": "sha256:2"})
ANOTHER_LIST = archived({"x:1": "sha256:1"}, index=INDEX)
ANOTHER_ID = archived({"x:1": "sha256:2"})


@pytest.mark.parametrize(
    ("words", "prepare", "code", "told"),
    [
        ("images.load b.tar", another(ANOTHER_NAME), 2, "brings another image y:1 than its mani"),
        ("images.load b.tar", another(ANOTHER_LIST), 2, "brings another image z:1 than its mani"),
        ("images.load b.tar", another(ANOTHER_ID), 2, "brings another image x:1 than its manifest"),
        ("images.load b.tar", another(b"layers"), 2, "images.tar: it is no tar, or ends early"),
        ("images.load b.tar", nothing, 2, "there is no file "),
        ("images.load b.tar", in_bundle("x:1"), 2, "does not bring the image of memos, neo4j,"),
        ("images.load b.tar", in_bundle("x:1", architecture="arm64"), 2, "the engine is for amd64"),
        ("images.load b.tar", changed_byte, 2, "is damaged: images.tar is not what was saved"),
        ("images.load b.tar", full_disk, 4, "did not take the images: no space left on device"),
        ("images.save c.tar --python=3.9", nothing, 2, "--python is '3.9', wanted a version"),
        ("images.save b.tar", in_bundle("x:1"), 2, "b.tar already, and it is not overwritten"),
        ("images.save c.tar", in_bundle("x:1"), 2, "images are missing or out of date: "),
    ],
)
def test_a_bundle_that_does_not_fit_is_told(
    at: Checkout, words: str, prepare: Change, code: int, told: str
) -> None:
    """What it is, before anything is changed as far as that can be known."""
    prepare(at)
    task, file, *more = words.split()

    assert at.inv(task, str(at.folder / file), *more) == code
    assert told in at.shown().err
    assert not (at.folder / "c.tar").exists()


@pytest.mark.usefixtures("wheel")
def test_what_other_settings_start_is_saved_too_where_it_is_here(at: Checkout) -> None:
    """The local embedder, for one who has a model of another; what is not here is not missed."""
    every = deepcopy(at.config)
    for name in ("models", "unknown"):
        every["services"][name] = service(name, **{"x-no-probe": "it has no published port"})
    at.state["images"]["docker.io/library/models:1.2"] = {}
    (at.folder / "every.yml").write_text(yaml.safe_dump(every))
    choose = '[ "$COMPOSE_PROFILES" = "*" ] && cat every.yml || cat config.yml'
    at.answer(" config", f"cd {shlex.quote(str(at.folder))}; {choose}")

    assert at.inv("images.save", str(at.folder / "b.tar")) == 0

    names = bundle_file.read(at.folder / "b.tar").manifest.images
    assert "docker.io/library/models:1.2" in names
    assert len(names) == len(at.config["services"]) + 1


DEBIAN = System(
    kernel="linux",
    machine="x86_64",
    uid=0,
    release={"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm"},
)


def test_a_bundle_brings_the_engine_and_other_pythons_on_request(at: Checkout, wheel: Path) -> None:
    """Wheels first, then packages, then images; it says what each is for."""

    def fetched(at: places.Places, *_: object, **__: object) -> tuple[Deb, ...]:
        at.debs.mkdir(parents=True)
        (at.debs / "runc.deb").write_bytes(b"a package")
        return (Deb(name="runc.deb", size=9, sha256=""),)

    at.patch.setattr(programs, "fetched", fetched)
    at.patch.setattr(packing, "this_system", lambda: DEBIAN)
    words = ("--engine", "--python", "3.13", "--python", "3.14")

    assert at.inv("images.save", str(at.folder / "b.tar"), *words) == 0

    made = bundle_file.read(at.folder / "b.tar").manifest
    names = [one.name for one in made.members]
    assert names == [f"wheels/{wheel.name}", "engine/runc.deb", "images.tar"]
    assert (made.distribution, made.release) == ("debian", "bookworm")
    assert set(made.python) >= {"3.13", "3.14"}
    assert "debian bookworm" in at.shown().out


def test_where_there_can_be_no_private_engine_none_is_saved(at: Checkout) -> None:
    """Exit code 2, and why."""
    at.patch.setattr(packing, "this_system", lambda: replace(DEBIAN, uid=1000))

    assert at.inv("images.save", str(at.folder / "b.tar"), "--engine") == 2
    assert "a private engine needs root, this is user id 1000" in at.shown().err


def other_wheel(at: Checkout) -> None:
    """Give a wheel another hash than the pinned one."""
    (wheel,) = (at.folder / "wheels").iterdir()
    wheel.write_bytes(wheel.read_bytes() + b" ")


def image_gone(at: Checkout) -> None:
    """Let an image go while the bundle is made: the engine gives nothing then."""
    at.state["refuse"] = {"get": "reference does not exist"}


@pytest.mark.usefixtures("wheel")
@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (other_wheel, "download the wheels for Python 3."),
        (image_gone, "neo4j:1.2, docker.io/library/qdrant:1.2: one of them went"),
    ],
)
def test_what_goes_wrong_while_a_bundle_is_made_ends_it(
    at: Checkout, prepare: Change, told: str
) -> None:
    """4, and no half bundle is left."""
    prepare(at)

    assert at.inv("images.save", str(at.folder / "b.tar")) == 4

    assert told in at.shown().err
    assert list(at.folder.glob("b.tar*")) == []


def test_a_disk_without_room_ends_a_bundle_at_once(at: Checkout) -> None:
    """Before pip or the engine is asked for anything."""
    usage = shutil.disk_usage(at.folder)
    at.patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))

    assert at.inv("images.save", str(at.folder / "b.tar")) == 5

    assert "1000 B are free in" in at.shown().err
    assert list(at.folder.glob("b.tar*")) == []

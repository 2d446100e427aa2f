"""Which images are there, what they contain, and which must be built or pulled."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.core.errors import EngineError, RefusedError
from scripts.core.inventory import ImageStatus
from scripts.core.stack import Build, Service
from scripts.engine.api import Api
from scripts.images import availability
from scripts.images.availability import needed, status, unpacked, unreachable
from scripts.images.recipes import BASE_FILE, BASE_TAG, RECIPE_LABEL, recipe
from tests.kit.fakes import FakeApi
from tests.kit.places import TESTS_DATA

DATA = TESTS_DATA / "engine"
RECORDED = json.loads((DATA / "image-26.1.5.json").read_text())
IMAGE = "memos-dev/qdrant-edge:0.9.0-packages"


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """A service whose image is built from a folder with two files."""
    (tmp_path / "Dockerfile").write_text("FROM base\n")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "front.py").write_text("pass\n")
    build = Build(context=tmp_path, args={"BASE": "base:1"})
    return Service(name="qdrant", container="qdrant-docker", image=IMAGE, build=build)


def labelled(labels: Mapping[str, str] | None) -> FakeApi:
    """Return an engine that has the recorded image with these labels."""
    config = {**RECORDED["Config"], "Labels": labels}
    return FakeApi({f"/images/{IMAGE}/json": {**RECORDED, "Config": config}})


def test_an_image_that_is_not_there_is_known_by_name_only(service: Service) -> None:
    """The engine answers 404 for it."""
    assert status(FakeApi(), service) == ImageStatus(
        service="qdrant", image=IMAGE, present=False, built_here=True
    )


def test_a_layer_that_two_images_share_counts_once() -> None:
    """The same steps from the bottom up are the same layer; later ones may look alike."""

    def step(words: str, size: int) -> dict[str, object]:
        return {"Created": 1, "CreatedBy": words, "Size": size}

    base = [step("ENV a=b", 0), step("ADD rootfs.tar", 1000)]
    api = FakeApi(
        {
            "/images/a:1/history": [step("RUN x", 20), *base],
            "/images/b:1/history": [step("RUN x", 300), step("COPY y", 4), *base],
            "/images/c:1/history": [*base],
        }
    )

    assert unpacked(api, ["a:1", "b:1", "c:1", "gone:1"]) == 1324


def test_an_image_of_ours_says_what_it_contains(service: Service) -> None:
    """Kind, version and description are read from the labels that a real engine gave."""
    found = status(FakeApi({f"/images/{IMAGE}/json": RECORDED}), service)

    assert (found.present, found.contains, found.version) == (True, "stand-in", "0.9.0")
    assert found.description.startswith("Stand-in for the Qdrant 1.15.3 server")
    assert found.size == 213580836


@pytest.mark.parametrize("labels", [None, {"maintainer": "somebody"}])
def test_an_image_without_our_label_is_official(
    service: Service, labels: dict[str, str] | None
) -> None:
    """Vendors do not know our labels, and some have none at all."""
    found = status(labelled(labels), replace(service, build=None))

    assert (found.contains, found.version, found.stale) == ("official", "", False)
    assert not found.built_here


def test_a_built_image_is_stale_when_its_recipe_has_changed(service: Service) -> None:
    """The label holds the fingerprint of what the image was made from."""
    assert service.build is not None
    api = labelled({RECIPE_LABEL: recipe(service.build)})
    assert not status(api, service).stale

    (service.build.context / "Dockerfile").write_text("FROM another\n")

    assert status(api, service).stale


def test_a_recipe_holds_names_contents_and_arguments(service: Service) -> None:
    """Each of them changes the fingerprint."""
    build = service.build
    assert build is not None
    seen = [recipe(build), recipe(replace(build, args={"BASE": "base:2"}))]
    (build.context / "app" / "front.py").rename(build.context / "app" / "back.py")
    seen.append(recipe(build))
    (build.context / "app" / "back.py").write_text("print()\n")
    seen.append(recipe(build))

    assert len(set(seen)) == 4
    assert all(len(mark) == 16 for mark in seen)


def test_a_recipe_does_not_depend_on_what_python_leaves_behind(service: Service) -> None:
    """Running the code under docker/ must not make every image stale."""
    assert service.build is not None
    before = recipe(service.build)
    (service.build.context / "app" / "__pycache__").mkdir()
    (service.build.context / "app" / "__pycache__" / "front.pyc").write_bytes(b"1")

    assert recipe(service.build) == before


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        *(("Dockerfile", True), ("read.me", False), (".dockerignore", False)),
        *(("app/front.py", True), ("app/front.txt", False), ("app/deep/front.py", False)),
        *(("any/where/pins1.in", True), ("pins1.in", True), ("pins12.in", False)),
        *(("whole/a/b", True), ("whole/a/b.tmp", False), ("whole/a.tmp/b", False)),
    ],
)
def test_a_recipe_leaves_out_what_a_build_does_not_see(
    service: Service, name: str, *, seen: bool
) -> None:
    """The last line of .dockerignore that fits decides; the Dockerfile is always seen."""
    assert service.build is not None
    lines = ("# all but", "*", "", "!app/*.py", "!**/pins?.in", "!/whole/", "whole/**/*.tmp")
    (service.build.context / ".dockerignore").write_text("\n".join(lines))
    file = service.build.context / name
    file.parent.mkdir(parents=True, exist_ok=True)
    before = recipe(service.build)

    with file.open("a") as text:
        text.write("# a change that no rule minds\n")

    assert (recipe(service.build) != before) is seen


@pytest.mark.parametrize(("base", "changes"), [(BASE_TAG, True), ("debian:trixie", False)])
def test_a_recipe_holds_that_of_our_own_base(tmp_path: Path, base: str, *, changes: bool) -> None:
    """A new base would else never reach a machine that has images."""
    build = Build(context=tmp_path / "packages" / "etcd", args={"BASE": base})
    file = tmp_path / BASE_FILE
    file.parent.mkdir(parents=True)
    file.write_text("FROM scratch\n")
    before = recipe(build)

    file.write_text("FROM scratch\nENV A=1\n")

    assert (recipe(build) != before) is changes


@pytest.mark.parametrize(
    ("facts", "rebuild", "build", "pull"),
    [
        ({"present": True}, False, (), ()),
        ({"present": False}, False, (), ("a",)),
        ({"present": False, "built_here": True}, False, ("a",), ()),
        ({"present": True, "built_here": True}, False, (), ()),
        ({"present": True, "built_here": True, "stale": True}, False, ("a",), ()),
        ({"present": True, "built_here": True}, True, ("a",), ()),
        ({"present": True}, True, (), ()),
    ],
)
def test_only_what_is_absent_or_stale_is_had(
    facts: dict[str, Any], rebuild: object, build: object, pull: object
) -> None:
    """A built image is built when absent, stale or asked for; an official one only pulled."""
    one = ImageStatus(service="a", image="a:1", **{"present": False, **facts})

    assert needed([one], rebuild=bool(rebuild)) == (build, pull)


def registries(
    monkeypatch: pytest.MonkeyPatch, answers: Mapping[str, object], *wanted: str
) -> tuple[dict[str, str], list[str]]:
    """Ask for images at an engine that has these answers; give the reasons and what was asked."""
    asked: list[str] = []

    def get(self: Api, path: str) -> object:
        assert self.timeout == availability.REGISTRY_PATIENCE
        asked.append(path.removeprefix("/distribution/").removesuffix("/json"))
        answer = answers.get(asked[-1])
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(Api, "get", get)
    return unreachable(Api("unix:///s"), wanted), asked


def test_each_registry_is_asked_for_its_first_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """One image a registry is enough, and Docker Hub is one however its images are written."""
    names = ("quay.io/a:1", "neo4j:5", "milvusdb/milvus:v2", "docker.io/library/x:1", "quay.io/b:1")

    reasons, asked = registries(
        monkeypatch, {"quay.io/a:1": {"Descriptor": {}}, "neo4j:5": {"Descriptor": {}}}, *names
    )

    assert reasons == {}
    assert sorted(asked) == ["neo4j:5", "quay.io/a:1"]


def test_every_registry_that_fails_is_told_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused, silent and unknown are three reasons; the engine is not blamed for a registry."""
    lookup = RefusedError("lookup registry.example: no such host", next_step="inv ps")
    answers: dict[str, object] = {
        "docker.io/library/neo4j:5": lookup,
        "quay.io/minio:1": EngineError("the engine does not answer", next_step=""),
        "localhost/own:1": None,
        "mirror:5000/own:1": {"Descriptor": {}},
    }

    reasons, _ = registries(monkeypatch, answers, *answers)

    assert reasons == {
        "docker.io": "lookup registry.example: no such host",
        "quay.io": "no answer within 6 s",
        "localhost": "it does not know the image",
    }


def test_without_images_no_registry_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is wanted, so nothing is wrong."""
    assert registries(monkeypatch, {}) == ({}, [])

"""uv in the builds: one stage and one pin, the same everywhere."""

import re
from pathlib import Path

import pytest

from tests.kit.places import ROOT

DOCKERFILES = tuple(sorted((ROOT / "docker").rglob("Dockerfile")))
WITH_PACKAGES = tuple(file for file in DOCKERFILES if [*file.parent.glob("requirements*")])
STAGE = re.compile(r"^# uv does in .*?\n\n", re.DOTALL | re.MULTILINE)
PIN = re.compile(r"uv==[\d.]+[\s\\]+--hash=sha256:[0-9a-f]{64}[\s\\]+--hash=sha256:[0-9a-f]{64}\s")


def _stages(file: Path) -> list[str]:
    return STAGE.findall(file.read_text(encoding="utf-8"))


def test_all_images_with_packages_of_pypi_share_one_stage() -> None:
    """BuildKit makes it once for builds that run side by side, and only what is the same."""
    stages = {file.parent.name: _stages(file) for file in WITH_PACKAGES}

    assert len(stages) >= 6
    assert {name for name, found in stages.items() if found != stages["memos-api"]} == set()
    assert len(stages["memos-api"]) == 1


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.parent.name)
def test_no_image_installs_packages_in_another_way(file: Path) -> None:
    """pip itself brings uv, and is what `/uv/pip` is where there is none."""
    text = STAGE.sub("", file.read_text(encoding="utf-8"))

    assert "pip install" not in text.replace("/uv/pip install", "")
    assert text.count("/uv/pip install") == text.count("--require-hashes")


def test_builds_and_dev_pin_the_same_uv() -> None:
    """For x86-64 and for arm64; elsewhere pip does its work."""
    files = (
        "docker/docker-compose.yml",
        "docker/docker-compose.packages.yml",
        "requirements/uv.txt",
    )
    pins = [
        " ".join(pin.replace("\\", " ").split())
        for name in files
        for pin in PIN.findall((ROOT / name).read_text(encoding="utf-8"))
    ]

    assert len(pins) == len(files)
    assert len(set(pins)) == 1


def test_plain_compose_finds_all_files_that_builds_are_told_by() -> None:
    """They are empty there; `inv images.build` writes its own."""
    files = re.findall(
        r"BUILD_SETTINGS:-\./build-settings\}/([\w.-]+)",
        "".join(file.read_text(encoding="utf-8") for file in (ROOT / "docker").glob("*.yml")),
    )

    assert {
        name for name in files if not (ROOT / "docker/build-settings" / name).is_file()
    } == set()

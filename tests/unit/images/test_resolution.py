"""What an image is to hold where no lock says it, and what is told when that cannot be found."""

from pathlib import Path

import pytest

from scripts.config.release import Memos, Source
from scripts.core.errors import ConfigError, RefusedError
from scripts.core.stack import Build, Service
from scripts.images import resolution

SAID = "#12 2.6 error: cannot be resolved: Because there is no version of memoryos==9.9.9.\n"
FAILED = RefusedError("the packages of memos could not be had", next_step="read the log")


def service(context: Path, **args: str) -> Service:
    """Return a service with an image that is built from a folder."""
    build = Build(context=context, args=args)
    return Service(name="memos", container="memos", image="memos:1", build=build)


def test_only_a_release_without_a_lock_is_looked_for(tmp_path: Path) -> None:
    """Other images are built as ever."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "2.0.6.txt").touch()
    other = service(tmp_path, MEMOS_VERSION="2.0.20")
    official = Service(name="db", container="db", image="db:1")

    assert resolution.wanted(
        [service(tmp_path, MEMOS_VERSION="2.0.6"), service(tmp_path), official, other]
    ) == (other,)


def test_it_is_looked_for_in_the_build_itself(tmp_path: Path) -> None:
    """By its first stage, whose files come to this host; nothing is tagged."""
    (job,) = resolution.jobs([service(tmp_path, MEMOS_VERSION="2.0.20")], {}, Path("/logs"), "base")

    assert (job.name, job.after, job.log) == (
        "packages of memos",
        "base",
        Path("/logs/memos-packages.log"),
    )
    assert "type=local,dest=/logs/memos-packages" in job.argv
    assert "--tag" not in job.argv


def test_what_was_found_becomes_a_label(tmp_path: Path) -> None:
    """Without hashes, which the file in the image has."""
    folder = tmp_path / "memos-packages"
    folder.mkdir()
    (folder / "release.txt").write_text("memoryos==2.0.20 \\\n    --hash=sha256:00\n")
    (folder / "packages.txt").write_text("b==2 ; python_version > '3' \\\n    --hash=x\na==1\n")

    assert resolution.labels(tmp_path, service(tmp_path)) == {
        "dev.memos.packages": "a==1 b==2 memoryos==2.0.20"
    }


def test_a_release_that_does_not_exist_is_a_wrong_setting(tmp_path: Path) -> None:
    """Told in the resolver's own words."""
    (tmp_path / "log").write_text(SAID)
    told = resolution.told(FAILED, tmp_path / "log", Memos(version="9.9.9"))

    assert isinstance(told, ConfigError)
    assert str(told) == (
        "MEMOS_VERSION is '9.9.9', and its packages cannot be resolved:"
        " Because there is no version of memoryos==9.9.9."
    )
    assert told.next_step.startswith("a release that PyPI has as MEMOS_VERSION in .env")


def test_requirements_that_cannot_be_met_are_the_checkouts(tmp_path: Path) -> None:
    """There they can be mended."""
    (tmp_path / "log").write_text(SAID)
    memos = Memos(version="2.0.34", source=Source(folder=Path("/MemOS/src")))
    told = resolution.told(FAILED, tmp_path / "log", memos)

    assert str(told).startswith("MEMOS_SRC is '/MemOS/src', and its packages cannot be resolved: ")
    assert told.next_step == "mend /MemOS/pyproject.toml, then: inv up"


@pytest.mark.parametrize("text", [None, "#12 1.0 Connection refused\n"])
def test_a_build_that_failed_otherwise_is_told_as_ever(tmp_path: Path, text: str | None) -> None:
    """A mirror that does not answer is no wrong setting."""
    if text is not None:
        (tmp_path / "log").write_text(text)

    assert resolution.told(FAILED, tmp_path / "log", Memos(version="2.0.20")) is FAILED


@pytest.mark.parametrize(("packages", "handed"), [("", True), ("2.0.33", False)])
def test_a_checkout_hands_its_pyproject_in_and_nothing_else(
    tmp_path: Path, packages: str, *, handed: bool
) -> None:
    """Only where it decides: the packages of a pinned release need none."""
    (tmp_path / "MemOS").mkdir()
    (tmp_path / "MemOS" / "pyproject.toml").write_text("[project]\n")
    source = Source(folder=tmp_path / "MemOS" / "src")
    folder = tmp_path / "to"

    resolution.hand_in(Memos(version="2", packages=packages, source=source), folder)
    assert [file.name for file in folder.glob("*")] == ["pyproject.toml"] * handed

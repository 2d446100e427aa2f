"""Which MemOS runs, and on which packages: by settings, locks and a checkout's own words."""

from pathlib import Path
from typing import Any

import pytest

from scripts.config import release
from scripts.config.release import LOCKS, Memos, checkout, drift, extras, memos, nearest, numbers
from tests.kit.places import ROOT

PROJECT = """[project]
name = "MemoryOS"
version = "2.0.33"
dependencies = [
    "openai (>=1.77.0,<2.0.0)",
    "fastapi[all] (>=0.115.12,<0.116.0)",
    "pywin32 (>=400) ; sys_platform == 'win32'",
]
[project.optional-dependencies]
tree-mem = ["Neo4j (>=5.28.1,<6.0.0)"]
all = ["qdrant-client (>=99)", "torch (>=2)"]
"""
LOCKED = {"2.0.6": "openai==1.2\nneo4j==5.28.1\n", "2.0.33": "openai==1.99\nneo4j==5.28.1\n"}


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    """Two releases with a lock, and what is added to both."""
    folder = tmp_path / "locks"
    folder.mkdir()
    for name, text in LOCKED.items():
        more = "qdrant-client==1.14.3\nfastapi==0.115.14 \\\n    --hash=sha256:00\n"
        (folder / f"{name}.txt").write_text(f"memoryos=={name}\n{text}{more}")
    (folder / "extras.in").write_text("# why\nneo4j==5.28.1\nqdrant-client==1.14.3\n")
    return folder


def source(tmp_path: Path, project: str | None = PROJECT, code: str = "") -> release.Source:
    """Return a checkout, read."""
    folder = tmp_path / "MemOS" / "src"
    (folder / "memos").mkdir(parents=True)
    (folder / "memos" / "__init__.py").write_text(code)
    if project is not None:
        (folder.parent / "pyproject.toml").write_text(project)
    return checkout(folder, ("neo4j", "qdrant-client"))


def test_what_is_shipped_is_pinned_with_hashes() -> None:
    """The release of the seed is among them; a lock is of the release that it is named after."""
    folder = ROOT / LOCKS
    names = release.pinned(folder)

    assert names[:2] == ("2.0.6", "2.0.7")
    assert len(names) == 3
    for name in names:
        text = (folder / f"{name}.txt").read_text(encoding="utf-8")
        assert release.pins(folder, name)["memoryos"] == (name,)
        assert text.count("\n    --hash=sha256:") > len(release.pins(folder, name))
        assert set(extras(folder)) <= release.pins(folder, name).keys()


def test_a_release_with_a_lock_runs_on_it(locks: Path) -> None:
    """Another one runs on what is found when its image is built, and that is said."""
    pinned, other = memos("2.0.33", None, locks), memos("2.0.20", None, locks)

    assert (pinned.packages, pinned.tag, pinned.described) == ("2.0.33", "2.0.33", "MemOS 2.0.33")
    assert (other.packages, other.tag) == ("", "2.0.20")
    assert other.described.startswith("MemOS 2.0.20, on packages")
    assert other.described.endswith("not pinned by us")


@pytest.mark.parametrize(
    ("version", "uses"),
    [("2.0.6", True), ("2.0.7", True), ("2.0.8", False), ("2.0.33", False), ("2.1.0", False)],
)
def test_preferences_are_in_milvus_until_2_0_8(version: str, *, uses: bool) -> None:
    """Nothing else of MemOS is ever there."""
    assert Memos(version=version).uses_milvus is uses


def test_a_checkout_runs_on_the_packages_of_a_release_that_will_do(
    tmp_path: Path, locks: Path
) -> None:
    """Its own pyproject.toml says what will: here openai 1.2 is too old. Nothing is built."""
    found = memos("2.0.6", source(tmp_path), locks)

    assert (found.version, found.packages, found.tag) == ("2.0.33", "2.0.33", "2.0.33")
    assert found.described.endswith("src, on the packages of 2.0.33")


def test_the_packages_of_its_own_release_come_first(tmp_path: Path, locks: Path) -> None:
    """Where several will do."""
    (locks / "2.0.40.txt").write_text((locks / "2.0.33.txt").read_text())

    assert memos("2.0.6", source(tmp_path), locks).packages == "2.0.33"


def test_a_checkout_that_no_release_suits_has_an_image_of_its_own(
    tmp_path: Path, locks: Path
) -> None:
    """Named after its place: it stays the same when the code or the version changes."""
    wants_more = PROJECT.replace("openai (>=1.77.0", "tavily-python (>=0.5.0")
    found = memos("2.0.6", source(tmp_path, wants_more, '__version__ = "2.0.34.dev1"'), locks)

    assert (found.version, found.packages) == ("2.0.34.dev1", "")
    assert found.tag.startswith("checkout-")
    assert found.tag == Memos(version="9", source=found.source).tag
    assert "not pinned by us" in found.described


def test_source_without_a_pyproject_runs_on_the_release_before_it(
    tmp_path: Path, locks: Path
) -> None:
    """Such as what pip has installed somewhere."""
    found = memos("2.0.6", source(tmp_path, None, "__version__ = '2.0.20'\n"), locks)

    assert (found.version, found.packages) == ("2.0.20", "2.0.6")


def test_without_a_version_of_its_own_a_checkout_counts_as_the_release_named(
    tmp_path: Path, locks: Path
) -> None:
    """There is nothing better to go by."""
    assert memos("2.0.7", source(tmp_path, None), locks).version == "2.0.7"


@pytest.mark.parametrize(
    ("project", "code", "problem"),
    [
        ("[project", "", "and its pyproject.toml cannot be resolved: Expected"),
        ("[tool]\n", "", "and its pyproject.toml cannot be resolved: it has no table [project]"),
        (
            '[project]\nname = "requests"\n',
            "",
            "and its pyproject.toml cannot be resolved: it is of 'requests', not of MemoryOS",
        ),
        (
            PROJECT.replace("openai (>=1.77.0,<2.0.0)", "openai (newest"),
            "",
            "and its pyproject.toml cannot be resolved: Expected",
        ),
        (
            '[project]\nname = "MemoryOS"\ndependencies = [1]\n',
            "",
            "and its pyproject.toml cannot be resolved: its dependencies are no list of texts",
        ),
        (
            '[project]\nname = "MemoryOS"\noptional-dependencies = 3\n',
            "",
            "and its pyproject.toml cannot be resolved: its optional-dependencies are no table",
        ),
        (
            '[project]\nname = "MemoryOS"\n[project.optional-dependencies]\nmem = "neo4j"\n',
            "",
            "and its pyproject.toml cannot be resolved: its optional-dependencies of 'mem' are no",
        ),
        (PROJECT, '__version__ = "1.1.3"', "which is MemOS 1.1.3; wanted 2.0.6 or newer"),
        (PROJECT.replace("2.0.33", "2.0.5"), "", "which is MemOS 2.0.5; wanted 2.0.6 or newer"),
    ],
)
def test_what_is_wrong_with_a_checkout_is_said_in_a_line(
    tmp_path: Path, project: str, code: str, problem: str
) -> None:
    """Before anything is built with it."""
    found = source(tmp_path, project, code).problem

    assert found.startswith(problem)
    assert "\n" not in found


def test_a_checkout_wants_its_dependencies_and_of_its_extras_what_we_add(tmp_path: Path) -> None:
    """The extra with everything in it has ranges that the API does not need."""
    assert source(tmp_path).requirements == (
        "openai (>=1.77.0,<2.0.0)",
        "fastapi[all] (>=0.115.12,<0.116.0)",
        "pywin32 (>=400) ; sys_platform == 'win32'",
        "Neo4j (>=5.28.1,<6.0.0)",
        "qdrant-client",
    )


@pytest.mark.parametrize(
    ("wanted", "missed"),
    [
        ("a", ()),
        ("A_b>=2", ()),
        ("a>=2", ("a is 1.0, it wants >=2",)),
        ("c", ("c is not installed",)),
        ("c; sys_platform == 'win32'", ()),
        ("c; sys_platform == 'linux'", ("c is not installed",)),
        ("a @ file:///elsewhere", ()),
        ("pre>=3", ()),
    ],
)
def test_drift_is_what_is_missing_or_out_of_range(wanted: str, missed: tuple[str, ...]) -> None:
    """Of several versions one has to fit; what is for other systems does not count."""
    installed: Any = {"a": ("1.0",), "a-b": ("1.0", "2.0"), "pre": ("3.1rc1",)}

    assert drift([wanted], installed) == missed


@pytest.mark.parametrize(
    ("version", "near"),
    [("2.0.20", "2.0.7"), ("2.0.7", "2.0.7"), ("2.0.5", "2.0.6"), ("2.1", "2.0.33")],
)
def test_the_nearest_release_is_the_one_before(version: str, near: str) -> None:
    """And the oldest for what is older than all."""
    assert nearest(version, ["2.0.33", "2.0.6", "2.0.7"]) == near
    assert nearest(version, []) == ""


def test_releases_are_in_order_by_their_numbers() -> None:
    """As text 2.0.33 would come before 2.0.7."""
    assert numbers("2.0.7") < numbers("2.0.33") < numbers("2.1.0.dev3")


def test_a_checkout_is_above_its_src_and_a_bare_folder_is_all_there_is(tmp_path: Path) -> None:
    """Its pyproject.toml tells the one from the other where the folder has another name."""
    bare, named = tmp_path / "home" / "lib", tmp_path / "MemOS" / "lib"
    named.mkdir(parents=True)
    (tmp_path / "MemOS" / "pyproject.toml").touch()

    assert release.top(tmp_path / "home" / "src") == tmp_path / "home"
    assert release.top(named) == tmp_path / "MemOS"
    assert release.top(bare) == bare

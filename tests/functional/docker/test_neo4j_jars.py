"""The jars of Neo4j's image, fetched by the real curl from a folder that stands in for a mirror."""

import hashlib
import zipfile
from pathlib import Path

import neo4j_jars as jars
import pytest

SUPER_POM = "<project><repositories><repository><url>{}</url></repository></repositories></project>"
SIGNED = "org/eclipse/eclipse-collections-api/11.1.0/eclipse-collections-api-11.1.0.jar"
PLAIN = "org/neo4j/neo4j/5.26.4/neo4j-5.26.4.jar"
CONTENT = {"META-INF/A.SF": "s", "META-INF/A.RSA": "r", "META-INF/MANIFEST.MF": "m", "a.class": "c"}


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder laid out as a Maven repository, with all that the build hands in beside it."""
    for path in (SIGNED, PLAIN):
        file = tmp_path / "mirror" / path
        file.parent.mkdir(parents=True)
        with zipfile.ZipFile(file, "w") as jar:
            for name, text in CONTENT.items():
                jar.writestr(name, text)
    with zipfile.ZipFile(tmp_path / "builder.jar", "w") as jar:
        jar.writestr(jars.SUPER_POM, SUPER_POM.format((tmp_path / "mirror").as_uri()))
    (tmp_path / "settings.xml").write_text("<settings/>\n")
    return tmp_path / "mirror"


def fetch(mirror: Path, hashes: dict[str, str]) -> Path:
    """Fetch what is listed so; the hashes that are right where none is given."""
    top = mirror.parent
    rows = (
        f"{hashes.get(path) or hashlib.sha256((mirror / path).read_bytes()).hexdigest()}  {path}"
        for path in (PLAIN, SIGNED)
    )
    (top / "jars.sha256").write_text("\n".join(rows) + "\n")
    jars.main(top / "settings.xml", top / "builder.jar", top / "jars.sha256", top / "lib")
    return top / "lib"


def names(jar: Path) -> list[str]:
    """Return the names of what is in a jar."""
    with zipfile.ZipFile(jar) as opened:
        return opened.namelist()


def test_the_jars_are_fetched_and_those_that_would_be_checked_lose_their_signatures(
    mirror: Path,
) -> None:
    """Class data sharing skips signed ones."""
    lib = fetch(mirror, {})

    assert sorted(path.name for path in lib.iterdir()) == [Path(SIGNED).name, Path(PLAIN).name]
    assert names(lib / Path(PLAIN).name) == list(CONTENT)
    assert names(lib / Path(SIGNED).name) == ["META-INF/MANIFEST.MF", "a.class"]


def test_another_jar_than_the_one_that_is_pinned_ends_the_build(mirror: Path) -> None:
    """It is named."""
    with pytest.raises(
        SystemExit, match=r"error: not the jars of jars\.sha256: neo4j-5\.26\.4\.jar"
    ):
        fetch(mirror, {PLAIN: "0" * 64})


def test_a_jar_that_cannot_be_had_ends_the_build(
    mirror: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Curl says why."""
    (mirror / PLAIN).rename(mirror / "elsewhere")

    with pytest.raises(SystemExit, match="the jars could not be fetched: curl ended with 37"):
        fetch(mirror, {PLAIN: "0" * 64})
    assert "curl: (37)" in capfd.readouterr().err

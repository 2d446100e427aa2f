"""What the host's own apt settings give, and which systems can have a private engine."""

from pathlib import Path

import pytest

from scripts.core.errors import ConfigError
from scripts.machine import apt_sources
from scripts.machine.apt_sources import Mirror, apt_conf, find_mirror
from scripts.machine.system import System, install_hint, obstacle, this_system
from tests.kit.fakes import FakeRunner

BOOKWORM = {
    "ID": "debian",
    "VERSION_ID": "12",
    "VERSION_CODENAME": "bookworm",
    "PRETTY_NAME": "Debian 12",
}
NOBLE = {"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_ID": "24.04", "VERSION_CODENAME": "noble"}
MINT = {"ID": "linuxmint", "ID_LIKE": "ubuntu debian", "UBUNTU_CODENAME": "noble"}
DEB822 = """\
# made by an installer
Types: deb
# a comment between fields
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: {keyring}

Types: deb
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main
Signed-By: {keyring}

Types: deb-src
URIs: http://source.test/debian
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://disabled.test/debian
Suites: bookworm
Components: main

Types: deb
URIs: https://other.test/node
Suites: nodistro
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 abc
"""


def system(release: dict[str, str], *, uid: int = 0, machine: str = "x86_64") -> System:
    """Return a Linux machine with that /etc/os-release."""
    return System(kernel="linux", machine=machine, uid=uid, release=release)


@pytest.fixture
def apt(tmp_path: Path) -> Path:
    """Return an empty /etc/apt, with Debian's keyring beside it."""
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "debian-archive-keyring.gpg").touch()
    return tmp_path


def found(apt: Path, release: dict[str, str] = BOOKWORM) -> Mirror:
    """Return the Debian mirror that is found under `apt`."""
    return find_mirror(system(release), "debian", apt=apt, keyrings=apt)


def test_the_entry_that_debian_signs_is_taken(apt: Path) -> None:
    """Sources, what is disabled and other people's archives do not count."""
    keyring = apt / "debian-archive-keyring.gpg"
    (apt / "sources.list.d" / "debian.sources").write_text(DEB822.format(keyring=keyring))

    assert found(apt) == Mirror(
        uri="http://mirror.test/debian",
        suite="bookworm",
        keyring=keyring,
        security="http://mirror.test/debian-security",
    )


@pytest.mark.parametrize("folder", ["", "sources.list.d/a.list"])
def test_one_line_entries_are_read_too(apt: Path, folder: str) -> None:
    """A minimal Debian has one line without an option; the default keyring signs it."""
    text = (
        "# deb http://no.test/debian bookworm main\n"
        "deb https://vendor.test/apt bookworm main\n"
        "deb http://mirror.test/debian bookworm main contrib # ours\n"
        "deb-src http://mirror.test/debian bookworm main\n"
    )
    (apt / (folder or "sources.list")).write_text(text)

    assert found(apt).uri == "http://mirror.test/debian"
    assert found(apt).lines("trixie") == (
        f"deb [signed-by={apt}/debian-archive-keyring.gpg] http://mirror.test/debian trixie main\n"
    )


def test_security_updates_come_from_where_the_host_has_them(apt: Path) -> None:
    """Of the archive with the same key, for the release that is wanted."""
    (apt / "sources.list").write_text(
        "deb https://vendor.test/apt vendor-security main\n".replace("deb ", "deb [signed-by=/v] ")
        + "deb http://mirror.test/debian bookworm main\n"
        "deb http://secure.test/any bookworm-security main\n"
    )
    signed = f"deb [signed-by={apt}/debian-archive-keyring.gpg]"

    assert found(apt).lines("trixie") == (
        f"{signed} http://mirror.test/debian trixie main\n"
        f"{signed} http://secure.test/any trixie-security main\n"
    )


def test_a_mirror_list_of_a_cloud_image_gives_its_first_address(apt: Path) -> None:
    """`mirror+file:` names a file of the host, which a build does not see."""
    (apt / "list").write_text("https://cloud.test/debian\nhttps://second.test/debian\n")
    (apt / "sources.list").write_text(f"deb mirror+file:{apt}/list bookworm main\n")

    assert found(apt).uri == "https://cloud.test/debian"


def test_another_release_is_used_where_the_host_names_only_that(apt: Path) -> None:
    """`stable` is as good as a codename."""
    (apt / "sources.list").write_text("deb http://mirror.test/debian stable main\n")

    assert found(apt).suite == "stable"


def test_ubuntu_needs_an_entry_of_debian_that_names_the_keyring(apt: Path) -> None:
    """Its own archive is not Debian's, whatever the path looks like."""
    (apt / "sources.list").write_text("deb http://archive.test/debian noble main\n")

    with pytest.raises(ConfigError, match="name no mirror of debian") as caught:
        found(apt, NOBLE)
    assert "IMAGE_SOURCE=registry" in caught.value.next_step


def test_a_missing_keyring_is_named(apt: Path) -> None:
    """Nothing is fetched that cannot be verified."""
    (apt / "sources.list").write_text("deb [signed-by=/no/debian-archive-keyring.gpg] u b main\n")

    with pytest.raises(ConfigError, match=r"/no/debian-archive-keyring\.gpg is missing") as caught:
        found(apt)
    assert caught.value.next_step == "apt-get install debian-archive-keyring"


@pytest.mark.parametrize("security", ["http://mirror.test/debian-security", "http://mirror.test/x"])
def test_a_build_gets_security_updates_too(monkeypatch: pytest.MonkeyPatch, security: str) -> None:
    """Of the release of the base image; also where one address has both."""
    mirror = Mirror(
        uri="http://mirror.test/x",
        suite="bookworm",
        keyring=Path("/host/key"),
        security=security,
    )
    monkeypatch.setattr(apt_sources, "find_mirror", lambda *_: mirror)

    assert apt_sources.apt_sources("trixie").split("\n\n")[1] == (
        f"Types: deb\nURIs: {security}\nSuites: trixie-security\n"
        "Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


def test_a_build_gets_sources_with_the_mirror_and_the_images_own_keyring(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The text is a file of a build, not of the host."""
    mirror = Mirror(uri="http://mirror.test/debian", suite="bookworm", keyring=Path("/host/key"))
    monkeypatch.setattr(apt_sources, "find_mirror", lambda *_: mirror)

    assert apt_sources.apt_sources("trixie") == (
        "Types: deb\nURIs: http://mirror.test/debian\nSuites: trixie\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


def test_a_build_gets_proxies_but_no_files_of_the_host(runner: FakeRunner) -> None:
    """A build would not see the CA bundle; without settings the file is empty, as it may be."""
    runner.answer(
        "apt-config dump",
        'APT::Architecture "amd64";\nAcquire::http "";\nAcquire::http::Proxy "http://p:1";\n'
        'Acquire::https::CaInfo "/host/ca.pem";\nAcquire::https::Verify-Peer "true";\n'
        'Acquire::https::Proxy "";\nAcquire::Retries "5";\nAcquire::Languages "none";\n',
    )

    assert apt_conf(runner) == (
        'Acquire::http::Proxy "http://p:1";\nAcquire::https::Verify-Peer "true";\n'
        'Acquire::Retries "5";\n'
    )
    assert apt_conf(runner.answer("apt-config dump", 'Acquire "";\n')) == ""


@pytest.mark.parametrize(
    ("machine", "why"),
    [
        (system(BOOKWORM), ""),
        (system(NOBLE), ""),
        (system({"ID": "debian"}), ""),
        (system({**BOOKWORM, "VERSION_ID": "11"}), "Debian 12 or later"),
        (system(BOOKWORM, uid=1000), "needs root, this is user id 1000"),
        (system(BOOKWORM, machine="aarch64"), "needs x86-64, this is aarch64"),
        (system({"ID": "fedora"}), "needs Debian or Ubuntu, this is linux"),
        (System(kernel="darwin", machine="arm64", uid=501), "this is darwin"),
    ],
)
def test_what_stands_against_a_private_engine_is_said(machine: System, why: str) -> None:
    """Root on x86-64 of the Debian family can have one."""
    assert why in obstacle(machine)
    assert bool(why) == bool(obstacle(machine))


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (system(BOOKWORM), "install/debian/"),
        (system(MINT), "apt-get install docker.io"),
        (system({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}), "dnf install moby-engine"),
        (System(kernel="darwin", machine="arm64", uid=501), "brew install"),
        (system({}), "https://docs.docker.com/engine/install/"),
    ],
)
def test_the_hint_fits_the_system(machine: System, words: str) -> None:
    """A line to type, or the page that has it."""
    assert words in install_hint(machine)


def test_a_derivative_goes_by_the_release_that_it_is_made_from() -> None:
    """apt sources of Mint name Ubuntu's codename."""
    assert (system(MINT).family, system(MINT).codename) == ("ubuntu", "noble")


def test_a_machine_without_os_release_has_no_family(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS has no such file."""

    def missing() -> dict[str, str]:
        raise OSError

    monkeypatch.setattr("platform.freedesktop_os_release", missing)

    assert this_system().family == ""

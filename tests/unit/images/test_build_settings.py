"""Builds get what the host has configured, and nothing of it but through secret files."""

import os
import shlex
import stat
from pathlib import Path

import pytest

from scripts.core.inventory import ImageSource
from scripts.images import build_settings
from scripts.machine import apt_sources
from tests.kit.fakes import FakeRunner


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, runner: FakeRunner) -> FakeRunner:
    """A host with apt settings."""
    monkeypatch.setattr(apt_sources, "apt_sources", lambda release: f"Suites: {release}\n")
    monkeypatch.setattr(apt_sources, "apt_conf", lambda _runner: "Acquire::Retries 3;\n")
    return runner


def test_all_files_are_private(host: FakeRunner, tmp_path: Path) -> None:
    """An index address may hold a password: only the owner reads the folder and each file."""
    folder = tmp_path / "a" / "build"

    build_settings.write(folder, ImageSource.PACKAGES, {}, host)

    assert sorted(file.name for file in folder.iterdir()) == [
        *("apt.conf", "apt.sources", "ca.crt", "maven-settings.xml", "pip.conf", "uv.sh")
    ]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("source", "sources", "conf"),
    [
        (ImageSource.PACKAGES, "Suites: trixie\n", 'Acquire::Retries 3;\nAPT::Status-Fd "2";\n'),
        (ImageSource.REGISTRY, "", ""),
    ],
)
def test_only_package_builds_get_the_hosts_apt(
    host: FakeRunner, tmp_path: Path, source: ImageSource, sources: str, conf: str
) -> None:
    """An official base image has sources of its own release."""
    build_settings.write(tmp_path, source, {}, host)

    assert (tmp_path / "apt.sources").read_text() == sources
    assert (tmp_path / "apt.conf").read_text() == conf
    told = "progress-bar = raw" in (tmp_path / "pip.conf").read_text()
    assert told is (source is ImageSource.PACKAGES)  # an official image may have an older pip


def test_writing_again_leaves_nothing_old(host: FakeRunner, tmp_path: Path) -> None:
    """What the host no longer says is gone from the files."""
    build_settings.write(tmp_path, ImageSource.PACKAGES, {}, host)
    build_settings.write(tmp_path, ImageSource.REGISTRY, {}, host)

    assert (tmp_path / "apt.sources").read_text() == ""


def test_pip_gets_index_and_proxy_settings_but_no_paths_of_the_host() -> None:
    """The certificate is where builds have it."""
    environ = {
        "PIP_CERT": "/host/only.pem",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DEFAULT_TIMEOUT": "60",
        "PIP_INDEX_URL": "https://user:token@mirror.example/simple",
        "PIP_TRUSTED_HOST": "mirror.example",
    }

    assert build_settings.pip_conf(environ).splitlines() == [
        "[global]",
        "index-url = https://user:token@mirror.example/simple",
        "trusted-host = mirror.example",
        "default-timeout = 60",
        "cert = /run/secrets/ca",
        "disable-pip-version-check = 1",
    ]


def test_uv_gets_the_same_settings_as_lines_that_a_shell_understands() -> None:
    """Whatever an address has in it; the user's own variables for uv are not for builds."""
    environ = {
        "PIP_CONFIG_FILE": os.devnull,  # that of this machine is another matter
        "PIP_INDEX_URL": "https://user:it's$1@mirror.example/simple",
        "PIP_EXTRA_INDEX_URL": "https://a.example https://b.example",
        "PIP_PROXY": "http://proxy.example:3128",
        "PIP_RETRIES": "7",
        "PIP_TIMEOUT": "60",
        "PIP_TRUSTED_HOST": "mirror.example",
        "UV_DEFAULT_INDEX": "https://other.example",
    }

    words = shlex.split(build_settings.uv_env(environ))
    said = dict(word.split("=", 1) for word in words if word != "export")

    assert said == {
        "UV_DEFAULT_INDEX": "https://user:it's$1@mirror.example/simple",
        "UV_INDEX": "https://a.example https://b.example",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_INSECURE_HOST": "mirror.example",
        "UV_HTTP_TIMEOUT": "60",
        "UV_HTTP_RETRIES": "7",
        "HTTP_PROXY": "http://proxy.example:3128",
        "HTTPS_PROXY": "http://proxy.example:3128",
        "http_proxy": "http://proxy.example:3128",
        "https_proxy": "http://proxy.example:3128",
    }


def test_the_users_pip_configuration_holds_for_builds() -> None:
    """Without pip at hand too: nothing is started."""
    file = Path.home() / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True)
    file.write_text("[global]\nindex-url = https://mirror.example/simple\n")

    assert "index-url = https://mirror.example/simple" in build_settings.pip_conf({})


@pytest.mark.parametrize("variable", build_settings.CA_VARIABLES)
def test_certificates_that_the_user_names_come_first(tmp_path: Path, variable: str) -> None:
    """An inspecting proxy's certificate is usually named so."""
    (tmp_path / "own.pem").write_text("own")

    assert build_settings.ca_bundle({variable: str(tmp_path / "own.pem")}) == "own"


def test_certificates_are_the_systems_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first bundle that is there, wherever this system keeps it."""
    (tmp_path / "system.pem").write_text("system")
    bundles = (str(tmp_path / "none.pem"), str(tmp_path / "system.pem"))
    monkeypatch.setattr(build_settings, "CA_BUNDLES", bundles)

    assert build_settings.ca_bundle({"SSL_CERT_FILE": "/no/such.pem"}) == "system"


def test_without_certificates_there_is_an_empty_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build then has what its image has."""
    monkeypatch.setattr(build_settings, "CA_BUNDLES", ())

    assert build_settings.ca_bundle({}) == ""


def test_maven_gets_the_users_settings_or_empty_ones(tmp_path: Path) -> None:
    """A mirror in ~/.m2 holds for the build too."""
    assert build_settings.maven_settings(tmp_path) == "<settings/>\n"

    (tmp_path / ".m2").mkdir()
    (tmp_path / ".m2" / "settings.xml").write_text("<settings>mine</settings>")

    assert build_settings.maven_settings(tmp_path) == "<settings>mine</settings>"


def test_proxies_are_handed_on_by_name() -> None:
    """Their values may hold a password, so they are not in the command."""
    environ = {"https_proxy": "http://user:secret@proxy:3128", "NO_PROXY": "", "OTHER": "1"}

    assert build_settings.proxy_args(environ) == [
        *("--build-arg", "NO_PROXY", "--build-arg", "https_proxy")
    ]


def test_addresses_of_this_machine_alone_are_told(tmp_path: Path) -> None:
    """A build on another machine does not find them; a login in one is not told."""
    (tmp_path / "pip.conf").write_text(
        "index-url = http://me:secret@127.0.0.1:3141/simple\nproxy = http://localhost:7890\n",
        encoding="utf-8",
    )
    (tmp_path / "apt.sources").write_text(
        "URIs: file:/srv/debian http://mirror.example/debian\n", encoding="utf-8"
    )
    environ = {"https_proxy": "socks5h://127.0.0.1:1080", "NO_PROXY": "http://localhost"}

    assert build_settings.only_here(tmp_path, environ) == (
        "file:/srv/debian",
        "http://127.0.0.1:3141",
        "http://localhost:7890",
        "socks5h://127.0.0.1:1080",
    )

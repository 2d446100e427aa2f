"""The host's pip settings are read as pip reads them, and handed to uv, which does not."""

import os
import runpy
import sys
from pathlib import Path

import pytest

from scripts.core.errors import ConfigError
from scripts.machine import pip_config
from tests.kit.fakes import raising


@pytest.fixture(autouse=True)
def no_real_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Look for the files of all users and of the virtual environment in the test's folder."""
    monkeypatch.setattr(pip_config, "GLOBAL", (tmp_path / "xdg.conf", tmp_path / "etc.conf"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))


def put(file: Path, text: str) -> Path:
    """Write a configuration file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def index(url: str) -> str:
    """Return a configuration with this index."""
    return f"[global]\nindex-url = {url}\n"


def test_later_files_beat_earlier_ones(tmp_path: Path) -> None:
    """All users, the user (old place, new place), the environment, what PIP_CONFIG_FILE names."""
    places = ("xdg.conf", "etc.conf", ".pip/pip.conf", ".config/pip/pip.conf", "venv/pip.conf")
    found = []
    for place in places:
        put(tmp_path / place, index(place))
        found.append(pip_config.settings({}, tmp_path)["index-url"])

    assert found == list(places)


def test_the_file_that_is_named_beats_all_and_replaces_the_users(tmp_path: Path) -> None:
    """As pip does: the user's own file is not read then."""
    put(tmp_path / "etc.conf", "[global]\ntimeout = 1\n")
    put(tmp_path / ".config/pip/pip.conf", "[global]\nretries = 2\n")
    named = put(tmp_path / "named.conf", index("named"))

    found = pip_config.settings({"PIP_CONFIG_FILE": str(named)}, tmp_path)

    assert (found["index-url"], found["timeout"], "retries" in found) == ("named", "1", False)


def test_a_user_without_a_name_has_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that is run as a number."""
    assert pip_config.home() == Path.home()
    monkeypatch.setattr(Path, "home", raising(RuntimeError("no home")))
    assert pip_config.home() == Path("/")


def test_the_null_device_switches_all_files_off(tmp_path: Path) -> None:
    """Variables still hold."""
    put(tmp_path / "etc.conf", index("file"))

    found = pip_config.settings({"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "9"}, tmp_path)

    assert ("index-url" in found, found["retries"]) == (False, "9")


def test_the_users_file_may_lie_elsewhere(tmp_path: Path) -> None:
    """Where XDG_CONFIG_HOME says; a named file that is not there does not replace it."""
    put(tmp_path / "own/pip/pip.conf", index("own"))
    put(tmp_path / ".config/pip/pip.conf", index("user"))

    for environ, url in (
        ({"XDG_CONFIG_HOME": str(tmp_path / "own")}, "own"),
        ({"PIP_CONFIG_FILE": "/no/such.conf"}, "user"),
    ):
        assert pip_config.settings(environ, tmp_path)["index-url"] == url


def test_the_section_for_installing_beats_the_general_one(tmp_path: Path) -> None:
    """Sections for other commands do not count, and a percent sign is a percent sign."""
    put(tmp_path / "xdg.conf", "[install]\nindex_url = a%20b\n[list]\nindex-url = list\n")
    put(tmp_path / "etc.conf", index("general"))

    assert pip_config.settings({}, tmp_path)["index-url"] == "a%20b"


def test_variables_beat_files_unless_they_are_empty(tmp_path: Path) -> None:
    """PIP_INDEX_URL and its kin."""
    put(tmp_path / "etc.conf", "[install]\nindex-url = file\ntimeout = 5\n")

    found = pip_config.settings({"PIP_INDEX_URL": "variable", "PIP_TIMEOUT": ""}, tmp_path)

    assert (found["index-url"], found["timeout"]) == ("variable", "5")


def test_a_list_over_several_lines_becomes_one(tmp_path: Path) -> None:
    """So it can be written into a file of any kind."""
    put(tmp_path / "etc.conf", "[global]\nextra-index-url =\n  a\n  b\n")

    assert pip_config.settings({}, tmp_path)["extra-index-url"] == "a b"


@pytest.mark.parametrize("text", [b"index-url = secret\n", b"[global]\nx = \xff\n"])
def test_a_file_that_is_none_is_named_without_its_text(tmp_path: Path, text: bytes) -> None:
    """An index address may hold a password."""
    (tmp_path / "etc.conf").write_bytes(text)

    with pytest.raises(ConfigError, match=r"etc\.conf is no pip configuration") as caught:
        pip_config.settings({}, tmp_path)

    assert "secret" not in str(caught.value)


def test_uv_is_told_the_indexes(tmp_path: Path) -> None:
    """It chooses among several as pip does, and trusts the system's certificates."""
    environ = {
        "PIP_INDEX_URL": "https://a",
        "PIP_EXTRA_INDEX_URL": "https://b https://c",
        "PIP_TRUSTED_HOST": "a",
    }

    assert pip_config.for_uv(environ, tmp_path) == {
        "UV_DEFAULT_INDEX": "https://a",
        "UV_INDEX": "https://b https://c",
        "UV_INSECURE_HOST": "a",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_NATIVE_TLS": "true",
    }


@pytest.mark.parametrize(
    "environ",
    [
        {"UV_DEFAULT_INDEX": "x", "UV_NATIVE_TLS": "0"},
        {"UV_INDEX_URL": "x", "UV_NATIVE_TLS": "0"},
        {"UV_DEFAULT_INDEX": "x", "UV_INDEX_STRATEGY": "first-index", "UV_NATIVE_TLS": "0"},
    ],
)
def test_what_the_user_has_set_for_uv_stays(tmp_path: Path, environ: dict[str, str]) -> None:
    """Under the newer name or the older one."""
    assert pip_config.for_uv({**environ, "PIP_INDEX_URL": "https://a"}, tmp_path) == {}


def test_a_strategy_of_the_users_stays(tmp_path: Path) -> None:
    """Also when there are several indexes."""
    environ = {"PIP_EXTRA_INDEX_URL": "https://b", "UV_INDEX_STRATEGY": "first-index"}

    assert "UV_INDEX_STRATEGY" not in pip_config.for_uv(environ, tmp_path)


def test_variables_are_printed_for_a_shell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A quote in a password ends nothing."""
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:a'$b@m")

    assert pip_config.main() == 0
    assert capsys.readouterr().out == (
        "export UV_DEFAULT_INDEX='https://me:a'\"'\"'$b@m'\nexport UV_NATIVE_TLS=true\n"
    )


def test_a_wrong_file_is_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the next step; the shell gets nothing to run."""
    put(tmp_path / "etc.conf", "no section\n")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert pip_config.main() == 2

    out, err = capsys.readouterr()
    assert (out, "next: edit " in err) == ("", True)


def test_it_runs_as_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    """`dev` starts it so."""
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(pip_config.__file__), run_name="__main__")

    assert caught.value.code == 0
    assert "export UV_NATIVE_TLS=true\n" in capsys.readouterr().out

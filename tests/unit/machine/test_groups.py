"""What few commands need is installed when it is used, and nothing is asked for twice."""

import sys
from importlib import metadata
from pathlib import Path

import pytest

from scripts.core.errors import RefusedError
from scripts.machine import groups, pip_config
from tests.kit.fakes import FakeRunner, checkout
from tests.kit.places import ROOT

HASH = "--hash=sha256:" + "0" * 64
PINS = f"""click==8.5.1 ; sys_platform != 'emscripten' \\
    {HASH} \\
    {HASH}
pywin32==312 ; sys_platform == 'win32' \\
    {HASH}
old==1 ; python_full_version < '3.12' {HASH}
"""


def wanted(root: Path, text: str) -> None:
    """Let the group page have these pins."""
    groups.file(root, "page").parent.mkdir(exist_ok=True)
    groups.file(root, "page").write_text(text)


def test_pins_are_those_that_hold_here_without_their_marks() -> None:
    """For another Python others do; pip would hold each mark against the one that runs it."""
    click = f"click==8.5.1 {HASH} \\\n    {HASH}\n"

    assert groups.pins(PINS, "3.11") == {"click==8.5.1": click, "old==1": f"old==1 {HASH}\n"}
    assert groups.pins(PINS, "3.12") == {"click==8.5.1": click}


def test_what_is_here_is_left_alone(tmp_path: Path, runner: FakeRunner) -> None:
    """Nothing is asked of anybody, and nothing is said."""
    here = metadata.version("packaging")
    wanted(tmp_path, f"packaging=={here} {HASH}\n")
    said: list[str] = []

    groups.need("page", checkout(tmp_path, runner), said.append)

    assert (runner.calls, said) == ([], [])
    assert not (tmp_path / ".cache").exists()


@pytest.mark.parametrize("pin", ["there-is-no-such-package==1", "packaging==0.0"])
def test_what_is_missing_or_another_version_is_installed(
    tmp_path: Path, runner: FakeRunner, pin: str
) -> None:
    """By pip where there is no uv, into the environment that runs this, checked by its hashes."""
    wanted(tmp_path, f"{pin} {HASH}\n")
    said: list[str] = []
    runner.answer("pip install --require-hashes")

    groups.need("page", checkout(tmp_path, runner, {"PATH": ""}), said.append)

    (call,) = runner.calls
    assert call.argv[:4] == (sys.executable, "-m", "pip", "install")
    assert call.argv[-1] == str(groups.file(tmp_path, "page"))
    (line,) = said
    assert line.startswith("inv page needs packages of its own, once: installing ")


def test_uv_is_quicker_where_there_is_one(tmp_path: Path, runner: FakeRunner) -> None:
    """It is told which environment, and where pip would look."""
    wanted(tmp_path, f"packaging==0.0 {HASH}\n")
    brought = tmp_path / groups.BROUGHT
    brought.parent.mkdir(parents=True)
    brought.touch(mode=0o755)
    runner.answer("pip install")
    environ = {"PATH": "", "PIP_INDEX_URL": "https://mirror.example/simple"}

    groups.need("page", checkout(tmp_path, runner, environ), lambda _: None)

    (call,) = runner.calls
    assert call.argv[:3] == (str(brought), "pip", "install")
    assert call.argv[call.argv.index("--python") + 1] == sys.executable
    assert call.env["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"


@pytest.mark.parametrize(("exit_code", "calls"), [(0, 1), (1, 2)])
def test_a_bundles_wheels_come_first(
    tmp_path: Path, runner: FakeRunner, exit_code: int, calls: int
) -> None:
    """No network is asked then; an older bundle has none of them."""
    wanted(tmp_path, f"packaging==0.0 {HASH}\n")
    wheels = tmp_path / pip_config.BUNDLED
    wheels.mkdir(parents=True)
    runner.answer("pip install").answer("pip install --no-index", exit_code=exit_code)

    groups.need("page", checkout(tmp_path, runner, {"PATH": ""}), lambda _: None)

    assert len(runner.calls) == calls
    assert f"--isolated --no-index --find-links {wheels} " in runner.commands()[0]
    assert "--no-index" not in runner.commands()[-1] or calls == 1


def test_packages_that_cannot_be_had_are_one_message(tmp_path: Path, runner: FakeRunner) -> None:
    """All that pip wrote is kept; the next step says what to do without a network."""
    wanted(tmp_path, f"packaging==0.0 {HASH}\n")
    said = "WARNING: Retrying\nERROR: No matching distribution found for packaging==0.0\n"
    runner.answer("pip install", stderr=said, exit_code=1)

    with pytest.raises(RefusedError) as caught:
        groups.need("page", checkout(tmp_path, runner, {"PATH": ""}), lambda _: None)

    assert str(caught.value) == (
        "pip could not install what inv page needs:"
        " ERROR: No matching distribution found for packaging==0.0"
    )
    assert "./dev --bundle FILE inv page" in caught.value.next_step
    assert (tmp_path / groups.LOG).read_text() == said


@pytest.mark.parametrize("group", groups.ALL)
def test_a_group_changes_nothing_of_what_is_installed(group: str) -> None:
    """It has the versions of .venv, and those that were tested; no index is named."""

    def versions(name: str) -> dict[str, str]:
        text = groups.file(ROOT, name).read_text()
        assert "http" not in text.replace("httpx", "").replace("httpcore", "")
        return dict(pin.split("==") for pin in groups.pins(text, "3.11"))

    added = versions(group)

    assert added.items() <= versions("test").items()
    kept = versions("runtime")
    assert {name: kept[name] for name in added.keys() & kept.keys()}.items() <= added.items()

"""`/uv/pip`, which installs packages in builds: uv where it can, else pip; both are fakes."""

import re
from pathlib import Path

import pytest

from scripts.core.process import Completed, run
from tests.kit.places import ROOT

STEP = re.compile(r"^RUN ((?:.*\\\n)*.*/uv/pip install(?:.*\\\n)*.*)$", re.MULTILINE)
STEPS = {
    f"{file.parent.name}-{number}": step
    for file in sorted((ROOT / "docker").rglob("Dockerfile"))
    for number, step in enumerate(STEP.findall(file.read_text(encoding="utf-8")))
}
TRIED = """
PATH=/nonexistent; cd "$1"; cd() { :; }
for name in find mkdir mv python3 rm; do eval "$name() { :; }"; done
pip() { calls=$((calls + 1)); test $calls -ne $0; }
"""
"""Beside a step of a build: nothing is done, and of the calls for packages one fails."""
SCRIPT = re.compile(r'<<"end" /uv/pip\n(.*?)^end\n', re.DOTALL | re.MULTILINE)
FAKE = '#!/bin/sh\necho "NAME $* ${UV_DEFAULT_INDEX-}"\nexit CODE\n'


def _install(folder: Path, *words: str, uv: str = "") -> Completed:
    """Run the script with a pip that works, and a uv that ends with this code, if any."""
    found = SCRIPT.search((ROOT / "docker/memos-api/Dockerfile").read_text(encoding="utf-8"))
    assert found
    script = folder / "pip"
    secrets = folder / "secrets"
    secrets.mkdir()
    (secrets / "uv_env").write_text("export UV_DEFAULT_INDEX='https://mirror.example'\n")
    script.write_text(
        found[1].replace("/uv/bin", str(folder)).replace("/run/secrets", str(secrets))
    )
    for name, code in (("python3", "0"), ("uv", uv)):
        if code:
            (folder / name).write_text(FAKE.replace("NAME", name).replace("CODE", code))
            (folder / name).chmod(0o755)
    environ = {"PATH": f"{folder}:/usr/bin:/bin"}
    return run(["/bin/sh", str(script), *words], timeout=30, env=environ)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_build_fails_where_packages_cannot_be_had(tmp_path: Path, step: str) -> None:
    """A step that went on would leave an image without them, and BuildKit would keep it."""
    text = re.sub(r"--mount=\S+|/mnt/", "", step.replace("\\\n", " ")).replace("/uv/pip", "pip")
    calls = step.count("/uv/pip ")

    (tmp_path / "release.txt").write_text("memoryos==2.0.6")
    argv = ["sh", "-c", TRIED + text]

    codes = [run([*argv, str(call), str(tmp_path)]).exit_code for call in range(calls + 1)]

    assert codes[0] == 0
    assert all(codes[1:])


@pytest.mark.parametrize(
    ("uv", "called"),
    [
        ("", ["python3 -m pip install a"]),
        ("0", ["uv pip install a https://mirror.example"]),
        (
            "2",
            [
                "uv pip install a https://mirror.example",
                "uv failed, see above: pip installs the packages",
                "python3 -m pip install a https://mirror.example",
            ],
        ),
    ],
)
def test_pip_installs_where_uv_is_not_or_fails(tmp_path: Path, uv: str, called: list[str]) -> None:
    """As with a mirror or a proxy that suits only pip; the log says so."""
    done = _install(tmp_path, "install", "a", uv=uv)

    assert done.exit_code == 0
    assert [line.strip() for line in done.stdout.splitlines()] == called


def test_what_uv_finds_wrong_is_not_asked_again(tmp_path: Path) -> None:
    """Packages that do not fit one another are an error, whoever says so."""
    done = _install(tmp_path, "check", uv="1")

    assert done.exit_code == 1
    assert "python3" not in done.stdout

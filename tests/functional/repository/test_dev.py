"""`./dev` makes its environment when it must, and runs its words in it; uv is a fake."""

import hashlib
import os
import shlex
import shutil
import stat
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import pytest

from scripts.core.process import Completed, OnLine, run
from scripts.images.bundle import wheels
from scripts.images.bundle.bundle_file import Manifest
from tests.kit.bundles import MANIFEST, bundled, pins
from tests.kit.hosts import NOBODY, as_user, open_folder, python
from tests.kit.imports import closure
from tests.kit.places import ROOT

MODULES = closure("machine/pip_config", "images/bundle/wheels")
FOLDERS = {parent for name in MODULES for parent in Path(f"scripts/{name}").parents[:-1]}
NEEDED = (
    "dev",
    *(f"scripts/{name}.py" for name in MODULES),
    *(f"{folder}/__init__.py" for folder in FOLDERS),
)
PYTHON = Path(sys.base_exec_prefix) / "bin" / f"python3.{sys.version_info.minor}"
UV = """\
#!/bin/sh
echo "$1 ${UV_DEFAULT_INDEX-none}" >> "$UV_CALLS"
[ "$1" = venv ] || exit ${UV_FAILS:-0}
for venv; do :; done
mkdir -p "$venv/bin"
ln -s PYTHON "$venv/bin/python"
"""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout with `dev`, and a machine with Python and uv."""

    folder: Path
    base: Path
    before: Sequence[str] = ()
    """Words before `dev`."""
    program: Path | None = None
    """How it is called."""

    def environ(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return the variables with which it runs."""
        path = f"{self.base / 'bin'}:/usr/bin:/bin"
        known = {"PATH": path, "HOME": str(self.base), "PIP_CONFIG_FILE": os.devnull}
        return {**known, "UV_CALLS": str(self.base / "calls"), **env}

    def dev(
        self,
        *words: str,
        at: Path | None = None,
        env: Mapping[str, str] = {},
        on_line: OnLine | None = None,
    ) -> Completed:
        """Run `dev` from a folder."""
        program = str(self.program or self.folder / "dev")
        script = 'cd "$1" && shift && exec "$@"'
        argv = ["/bin/sh", "-c", script, "sh", str(at or self.base), *self.before, program, *words]
        return run(argv, timeout=30, env=self.environ(env), on_line=on_line)

    def calls(self) -> list[str]:
        """Return the calls of uv since the last time, each with the index it was told."""
        file = self.base / "calls"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A fresh checkout, without .venv."""
    return fresh(tmp_path)


def fresh(tmp_path: Path, python: Path = PYTHON) -> Checkout:
    """Make a checkout below a folder, and what stands in for the machine."""
    made = Checkout(folder=tmp_path / "a checkout", base=tmp_path)
    for name in NEEDED:
        (made.folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, made.folder / name)
    (made.folder / "requirements").mkdir()
    (made.folder / "requirements" / "runtime.txt").write_text("invoke==1\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(python)
    (tmp_path / "bin" / "uv").write_text(UV.replace("PYTHON", str(python)))
    (tmp_path / "bin" / "uv").chmod(0o755)
    return made


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_environment_is_made_once(checkout: Checkout) -> None:
    """The second run uses what the first has made."""
    assert checkout.dev("true").exit_code == 0
    assert checkout.calls() == ["venv none", "pip none"]

    assert checkout.dev("true").exit_code == 0
    assert checkout.calls() == []


def test_other_pins_make_it_again(checkout: Checkout) -> None:
    """As after a pull."""
    checkout.dev("true")
    (checkout.folder / "requirements" / "runtime.txt").write_text("invoke==2\n")
    checkout.calls()

    checkout.dev("true")

    assert checkout.calls() == ["venv none", "pip none"]


@pytest.mark.parametrize(("left", "code"), [("", 0), ("touch {0}/left", 2)])
def test_a_volume_in_its_place_is_emptied_and_stays(
    checkout: Checkout, tmp_path: Path, left: str, code: int
) -> None:
    """As a dev container has it: it cannot be removed. What cannot be emptied is told."""
    venv = checkout.folder / ".venv"
    venv.mkdir()
    emptied = "#!/bin/sh\n/bin/rm -rf {0}\nmkdir {0}\n" + left + "\nexit 1\n"
    (tmp_path / "bin" / "rm").write_text(emptied.format(shlex.quote(str(venv))))
    (tmp_path / "bin" / "rm").chmod(0o755)

    ran = checkout.dev("true")

    assert ran.exit_code == code
    assert ("cannot be emptied" in ran.stderr) == bool(code)


def test_a_moved_checkout_makes_it_again(checkout: Checkout, tmp_path: Path) -> None:
    """The programs in it begin with the path of the old place."""
    checkout.dev("true")
    checkout.calls()
    checkout.folder.rename(tmp_path / "moved")

    Checkout(folder=tmp_path / "moved", base=tmp_path).dev("true")

    assert checkout.calls() == ["venv none", "pip none"]


def test_by_whatever_links_it_is_called_the_environment_is_the_same(
    checkout: Checkout, tmp_path: Path
) -> None:
    """A folder's or the launcher's: it is made once, for the real path."""
    checkout.dev("true")
    checkout.calls()
    (tmp_path / "link").symlink_to(checkout.folder)
    (tmp_path / "bin" / "memos-dev").symlink_to("../link/dev")

    linked = Checkout(folder=tmp_path / "link", base=tmp_path).dev("sh", "-c", "pwd -L")
    program = replace(checkout, program=tmp_path / "bin" / "memos-dev").dev("printenv", "PWD")

    assert linked.stdout == program.stdout == f"{checkout.folder}\n", linked.stderr
    assert checkout.calls() == []


ODD = {
    "PYTHONHOME": "/nonexistent",
    "PYTHONPATH": "{folder}",
    "PYTHONSAFEPATH": "1",
    "PYTHONIOENCODING": "ascii",
    "PYTHONHASHSEED": "many",
    "PYTHONMALLOC": "none",
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONINSPECT": "1",
}
SHADOWS = ("yaml", "pathlib", "fcntl", "ensurepip", "venv", "itertools", "signal", "invoke")


def test_pythons_own_variables_and_a_folder_with_modules_mean_nothing(
    checkout: Checkout, tmp_path: Path
) -> None:
    """They are of another Python: ours starts, finds its own, and so does what it runs."""
    folder = tmp_path / "modules"
    folder.mkdir()
    for name in SHADOWS:
        (folder / f"{name}.py").write_text("raise SystemExit('somebody else\\'s')\n")
    odd = {name: value.format(folder=folder) for name, value in ODD.items()}

    done = checkout.dev("env", at=folder, env=odd)

    assert done.exit_code == 0, done.stderr
    seen = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert seen & ODD.keys() == set()
    pip = checkout.dev("sh", "-c", "python -c 'import pathlib'", at=folder, env=odd)
    assert pip.exit_code == 0, pip.stderr


def test_two_at_once_make_one_environment(checkout: Checkout) -> None:
    """The second waits, says for whom, and uses what the first has made."""
    waits = checkout.base / "waits"
    uv = checkout.base / "bin" / "uv"
    pause = f'touch "{waits}"; while [ -e "{waits}" ]; do sleep 0.05; done\n'
    uv.write_text(uv.read_text().replace('[ "$1" = venv ]', f'{pause}[ "$1" = venv ]', 1))
    said: list[str] = []

    def second() -> Completed:
        return checkout.dev("true", on_line=said.append)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(checkout.dev, "true")
        until(waits.exists)
        other = pool.submit(second)
        until(lambda: bool(said))
        holder = (checkout.folder / ".cache" / "dev.lock").read_text()
        uv.write_text(UV.replace("PYTHON", str(PYTHON)))
        waits.unlink()
        done = first.result(), other.result()

    assert [one.exit_code for one in done] == [0, 0], done
    assert said == [f"dev: waiting for process {holder} which makes .venv"]
    assert checkout.calls() == ["venv none", "pip none"]


@pytest.mark.parametrize("umask", ["000", "022", "077"])
def test_nobody_else_may_change_what_is_made(checkout: Checkout, umask: str) -> None:
    """Whatever the caller's umask: it is run, and by root too."""
    done = run(
        ["sh", "-c", f'umask {umask}; exec "$0" true', str(checkout.folder / "dev")],
        env=checkout.environ({}),
    )

    assert done.exit_code == 0, done.stderr
    made = [*(checkout.folder / ".venv").rglob("*"), *(checkout.folder / ".cache").rglob("*")]
    others = stat.S_IWGRP | stat.S_IWOTH
    assert [path for path in made if path.lstat().st_mode & others and not path.is_symlink()] == []


@pytest.fixture
def shared() -> Iterator[Checkout]:
    """A checkout of root's in a folder that every user may enter, its environment made."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    own = Path(python(*as_user(NOBODY))).resolve()
    with open_folder() as folder:
        made = fresh(folder, own)
        (folder / "calls").touch()
        (folder / "calls").chmod(0o666)
        assert made.dev("true").exit_code == 0
        made.calls()
        (folder / "calls").touch()
        (folder / "calls").chmod(0o666)
        yield made


def test_what_another_user_has_made_is_used(shared: Checkout) -> None:
    """As after one run with sudo."""
    assert replace(shared, before=as_user(NOBODY)).dev("true").exit_code == 0


def test_what_another_user_has_made_is_not_deleted(shared: Checkout) -> None:
    """It is out of date: exit code 2, whose it is and what to type."""
    (shared.folder / "requirements" / "runtime.txt").write_text("invoke==2\n")
    before = sorted(shared.folder.rglob("*"))

    done = replace(shared, before=as_user(NOBODY)).dev("true")

    assert done.exit_code == 2
    assert f"{shared.folder}/.venv belongs to root, is of no use to nobody" in done.stderr
    assert "next: sudo -u root ./dev true; or make it yours: sudo chown -R nobody" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert sorted(shared.folder.rglob("*")) == before


def test_a_checkout_that_may_only_be_read_is_told(shared: Checkout) -> None:
    """Where there is no environment yet."""
    shutil.rmtree(shared.folder / ".venv")

    done = replace(shared, before=as_user(NOBODY)).dev("true")

    assert done.exit_code == 2
    assert f"{shared.folder} cannot be written to by nobody" in done.stderr
    assert f"git clone '{shared.folder}'" in done.stderr


def test_an_environment_whose_python_is_gone_is_made_again(checkout: Checkout) -> None:
    """As after an upgrade of the system."""
    checkout.dev("true")
    checkout.calls()
    python = checkout.folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/no/such/python")

    assert checkout.dev("true").exit_code == 0
    assert checkout.calls() == ["venv none", "pip none"]


def test_an_activated_environment_is_no_ground_for_the_next(checkout: Checkout) -> None:
    """It is deleted before the new one is made, so the Python below it is taken."""
    active = checkout.folder / ".venv"
    (active / "bin").mkdir(parents=True)
    (active / "bin" / "python3").symlink_to(PYTHON)
    (active / "pyvenv.cfg").write_text(f"home = {PYTHON.parent}\n")
    path = f"{active / 'bin'}:{checkout.base / 'bin'}:/usr/bin:/bin"

    assert checkout.dev("true", env={"PATH": path}).exit_code == 0


def test_uv_is_told_pips_index(checkout: Checkout) -> None:
    """While the environment is made."""
    checkout.dev("true", env={"PIP_INDEX_URL": "https://mirror.example"})

    assert checkout.calls() == ["venv https://mirror.example", "pip https://mirror.example"]


def test_every_run_but_inv_is_told_pips_index(checkout: Checkout) -> None:
    """Nox uses uv too; for `inv`, which does not, no second Python is started."""
    checkout.dev("true")

    done = checkout.dev("printenv", "UV_DEFAULT_INDEX", env={"PIP_INDEX_URL": "https://m"})

    assert done.stdout == "https://m\n"
    inv = checkout.folder / ".venv" / "bin" / "inv"
    inv.write_text('#!/bin/sh\necho "${UV_DEFAULT_INDEX-none}"\n')
    inv.chmod(0o755)
    assert checkout.dev("inv", env={"PIP_INDEX_URL": "https://m"}).stdout == "none\n"


def test_invoke_is_started_by_our_own_module(checkout: Checkout, packed: Manifest) -> None:
    """Both of its names, as whoever installs it writes them; their first line stays."""
    assert checkout.dev("--bundle", "b.tar", "true").exit_code == 0

    for name in ("inv", "invoke"):
        lines = (checkout.folder / ".venv" / "bin" / name).read_text().splitlines()
        assert lines[0] == "#!/a/python"
        assert "from scripts.commands import program" in lines
        assert not any(line.startswith("from invoke") for line in lines)
    assert packed.python


def test_a_wrong_pip_configuration_stops_the_run(checkout: Checkout) -> None:
    """Exit code 2 with the file's name."""
    (checkout.base / "pip.conf").write_text("no section\n")

    done = checkout.dev("true", env={"PIP_CONFIG_FILE": str(checkout.base / "pip.conf")})

    assert (done.exit_code, "pip.conf is no pip configuration" in done.stderr) == (2, True)


def test_packages_that_cannot_be_installed_are_an_error(checkout: Checkout) -> None:
    """And the next run tries again."""
    done = checkout.dev("true", env={"UV_FAILS": "1"})

    assert (done.exit_code, "could not be installed" in done.stderr) == (2, True)
    assert checkout.dev("true").exit_code == 0


@pytest.mark.parametrize(
    ("named", "seen"), [(".env.two", "{}/.env.two"), ("/a/b.env", "/a/b.env"), ("~/x", "~/x")]
)
def test_an_env_file_is_seen_from_the_callers_folder(
    checkout: Checkout, named: str, seen: str
) -> None:
    """The words run in the checkout, wherever the caller is."""
    done = checkout.dev("sh", "-c", "pwd; echo $ENV_FILE", env={"ENV_FILE": named})

    assert done.stdout.splitlines() == [str(checkout.folder), seen.format(checkout.base)]


@pytest.fixture
def without_uv(checkout: Checkout) -> Mapping[str, str]:
    """A machine whose pip finds uv in a folder of wheels, and nowhere else; its variables."""
    (checkout.base / "bin" / "uv").rename(checkout.base / "uv")
    wheel = checkout.base / "wheels" / "uv-1-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(checkout.base / "uv", "uv-1.data/scripts/uv")
        archive.writestr("uv-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: uv\nVersion: 1\n")
        archive.writestr(
            "uv-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("uv-1.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    pin = checkout.folder / "requirements" / "uv.txt"
    pin.write_text(f"uv==1 --hash=sha256:{digest}\n")
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheel.parent)}


def test_a_machine_without_uv_gets_it_through_pip(
    checkout: Checkout, without_uv: Mapping[str, str]
) -> None:
    """With pip's settings and a hash, for this only: what runs then does not see it."""
    done = checkout.dev("sh", "-c", "command -v uv || true", env=without_uv)

    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    assert checkout.calls() == ["pip none"]


@pytest.mark.parametrize("why", ["another hash", "it fails"])
def test_where_uv_cannot_be_had_pip_installs_the_packages(
    checkout: Checkout, without_uv: Mapping[str, str], why: str
) -> None:
    """As for a platform without its wheel, or behind a proxy that only pip is told of."""
    (checkout.folder / "requirements" / "runtime.txt").write_text("")
    if why == "another hash":
        pin = checkout.folder / "requirements" / "uv.txt"
        pin.write_text(f"uv==1 --hash=sha256:{'0' * 64}\n")

    done = checkout.dev("true", env={**without_uv, "UV_FAILS": "1"})

    assert done.exit_code == 0, done.stderr
    assert ("uv cannot be had" in done.stderr) is (why == "another hash")
    assert checkout.calls() == ([] if why == "another hash" else ["pip none"])


PIP = """\
import pathlib, sys
pathlib.Path(sys.prefix, "pip").write_text(" ".join(sys.argv[1:]))
for name in ("inv", "invoke"):
    program = pathlib.Path(sys.prefix, "bin", name)
    program.write_text("#!/a/python\\nimport sys\\nfrom invoke.main import program\\n")
"""


@pytest.fixture
def packed(checkout: Checkout) -> Manifest:
    """A bundle b.tar for this checkout, whose pip writes down what it was told."""
    data = BytesIO()
    with zipfile.ZipFile(data, "w") as wheel:
        wheel.writestr("pip/__main__.py", PIP)
    members = {"wheels/pip-1-py3-none-any.whl": data.getvalue()}
    (checkout.folder / wheels.PINS).write_text(pins(members))
    made = replace(MANIFEST, pins=wheels.fingerprint(checkout.folder))
    return bundled(checkout.base / "b.tar", members, made)


def test_a_bundle_needs_neither_uv_nor_the_network(checkout: Checkout, packed: Manifest) -> None:
    """Its own pip installs its own wheels, hashes checked; what runs then knows its file."""
    done = checkout.dev("--bundle", "b.tar", "printenv", "BUNDLE_FILE")

    assert (done.exit_code, done.stdout) == (0, f"{checkout.base}/b.tar\n"), done.stderr
    told = (checkout.folder / ".venv" / "pip").read_text()
    assert "--no-index" in told
    assert "--require-hashes" in told
    assert f"--find-links {checkout.folder}/.cache/bundle/wheels" in told
    assert checkout.calls() == []
    assert packed.python


def test_a_bundle_is_unpacked_beside_an_environment_that_is_made(
    checkout: Checkout, packed: Manifest
) -> None:
    """What few commands need is installed out of it later."""
    assert checkout.dev("--bundle", "b.tar", "true").exit_code == 0
    wheels_of = checkout.folder / ".cache" / "bundle" / "wheels"
    shutil.rmtree(wheels_of)

    done = checkout.dev("--bundle", "b.tar", "true")

    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    assert {one.name for one in wheels_of.iterdir()} == {"pip-1-py3-none-any.whl"}
    assert packed.python


def test_a_pip_that_the_checkout_does_not_pin_is_not_run(
    checkout: Checkout, packed: Manifest
) -> None:
    """Exit code 2, which wheel it is, and no environment."""
    (checkout.base / "b.tar").unlink()
    bundled(checkout.base / "b.tar", {"wheels/pip-1-py3-none-any.whl": b"somebody's"}, packed)

    done = checkout.dev("--bundle", "b.tar", "true")

    assert done.exit_code == 2, done.stderr
    assert "wheels/pip-1-py3-none-any.whl in b.tar is none of the packages" in done.stderr
    assert not (checkout.folder / ".venv").exists()


def test_a_bundle_for_another_python_makes_nothing(checkout: Checkout, packed: Manifest) -> None:
    """Exit code 2, and which it is; an unknown file and a bundle without words are 2 too."""
    (checkout.base / "b.tar").unlink()
    other = replace(packed, python=("3.7",))
    bundled(checkout.base / "b.tar", {"wheels/pip-1-py3-none-any.whl": b""}, other)

    done = checkout.dev("--bundle", "b.tar", "true")

    assert (done.exit_code, "are for 3.7\nnext: " in done.stderr) == (2, True), done.stderr
    assert not (checkout.folder / ".venv").exists()
    for words, told in ((["c.tar", "true"], "'c.tar'"), ([], "''"), (["b.tar"], "nothing to run")):
        done = checkout.dev("--bundle", *words)
        assert (done.exit_code, told in done.stderr) == (2, True), done.stderr


def test_nothing_to_run_is_an_error(checkout: Checkout) -> None:
    """With examples of what there is."""
    done = checkout.dev()

    assert (done.exit_code, "next: ./dev inv --list" in done.stderr) == (2, True)


def test_a_task_without_its_program_is_told_how_it_is_typed(checkout: Checkout) -> None:
    """Whoever has read `inv up` types `./dev up`."""
    done = checkout.dev("up", "--build")

    assert done.exit_code == 2
    assert "error: there is no program 'up'\nnext: ./dev inv up --build" in done.stderr

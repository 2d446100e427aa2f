"""The private apt and the base image made with it, on a runner that plays apt-get."""

import fcntl
import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from scripts.core.errors import RefusedError
from scripts.core.process import Completed
from scripts.core.progress import Pace
from scripts.core.stack import Build, Service
from scripts.images import base_image
from scripts.images.recipes import BASE_FILE, BASE_TAG, RECIPE_LABEL, base_recipe
from scripts.machine.apt import PATIENCE, PrivateApt, Watch
from scripts.machine.apt_sources import Mirror
from tests.kit.clock import Clock
from tests.kit.debs import halves, package, packed
from tests.kit.fakes import FakeApi, FakeRunner

DEBS = {"one_1_amd64.deb": b"one", "two_2_amd64.deb": b"second"}
URIS = "".join(
    f"'http://mirror.test/{name}' {name} {len(text)} SHA256:{hashlib.sha256(text).hexdigest()}\n"
    for name, text in DEBS.items()
)


class Apt(FakeRunner):
    """Puts package files where apt-get would."""

    def __init__(self, debs: Path, brings: dict[str, bytes] | None = None) -> None:
        super().__init__()
        self.debs = debs
        self.brings = DEBS if brings is None else brings
        self.answer("apt-get update", "pid 7\n").answer("apt-get download").answer("xargs")
        self.answer("apt-get install")
        self.answer("--print-uris", "Reading package lists...\n" + URIS)

    def __call__(self, argv: Sequence[str], **words: Any) -> Completed:
        """Bring the files for a call of download or install."""
        done = super().__call__(argv, **words)
        if "--print-uris" not in argv and {"download", "install"} & set(argv):
            for name, text in self.brings.items():
                (self.debs / name).write_bytes(text)
        return done


@pytest.fixture
def said() -> list[str]:
    """Return the list that lines of progress go to."""
    return []


def private(
    folder: Path, runner: FakeRunner, said: list[str], sources: str = "deb x"
) -> PrivateApt:
    """Return a private apt."""
    return PrivateApt(folder, sources=sources, preferences="pin", runner=runner, say=said.append)


def test_packages_are_fetched_into_folders_of_its_own(tmp_path: Path, said: list[str]) -> None:
    """The host's hooks are switched off: one of them empties the host's cache."""
    runner = Apt(tmp_path / "debs")
    (tmp_path / "debs").mkdir()
    (tmp_path / "debs" / "old_0_amd64.deb").touch()

    debs = private(tmp_path, runner, said).fetch("download", "one", "two/trixie")

    assert sorted(DEBS) == [deb.name for deb in debs]
    assert sorted(DEBS) == sorted(path.name for path in (tmp_path / "debs").glob("*.deb"))
    assert (tmp_path / "sources.list").read_text() == "deb x"
    conf = (tmp_path / "apt.conf").read_text()
    assert f'Dir::State::lists "{tmp_path.parent}/package-lists";' in conf
    assert "#clear APT::Update::Post-Invoke;" in conf
    assert all(f"-c {tmp_path}/apt.conf" in line for line in runner.commands())
    assert runner.commands()[-1].endswith("download one two/trixie")


def test_package_lists_are_read_before_another_one_renews_them(
    tmp_path: Path, said: list[str]
) -> None:
    """They are shared: half of the old and half of the new ones fit no package."""
    held = dict[str, bool]()

    class Shared(Apt):
        def __call__(self, argv: Sequence[str], **words: Any) -> Completed:
            word = next(one for one in ("--print-uris", "update", "download") if one in argv)
            number = os.open(tmp_path.parent / "package-lists", os.O_RDONLY)
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held[word] = True
            finally:
                os.close(number)
            return super().__call__(argv, **words)

    private(tmp_path, Shared(tmp_path / "debs"), said).fetch("download", "one")

    assert held == {"update": True, "--print-uris": True}


def test_what_was_fetched_is_not_fetched_again(tmp_path: Path, said: list[str]) -> None:
    """The second time needs no network."""
    first = private(tmp_path, Apt(tmp_path / "debs"), said).fetch("download", "one")
    silent = FakeRunner()

    assert private(tmp_path, silent, said).fetch("download", "one") == first
    assert silent.calls == []


@pytest.mark.parametrize("change", ["words", "sources", "file", "note"])
def test_what_does_not_fit_any_more_is_fetched_again(
    tmp_path: Path, said: list[str], change: str
) -> None:
    """Other packages, another mirror, a damaged file, a damaged note."""
    private(tmp_path, Apt(tmp_path / "debs"), said).fetch("download", "one")
    if change == "file":
        (tmp_path / "debs" / "one_1_amd64.deb").write_bytes(b"onf")
    if change == "note":
        (tmp_path / "fetched.json").write_text("{")
    runner = Apt(tmp_path / "debs")

    again = private(tmp_path, runner, said, "deb y" if change == "sources" else "deb x")
    again.fetch("download", "two" if change == "words" else "one")

    assert any(line.endswith("update") for line in runner.commands())


@pytest.mark.parametrize("brings", [{}, {**DEBS, "one_1_amd64.deb": b"bad"}])
def test_a_wrong_file_is_refused(tmp_path: Path, said: list[str], brings: dict[str, bytes]) -> None:
    """A file that broke off has the wrong sum."""
    with pytest.raises(RefusedError, match=r"no correct one_1_amd64\.deb"):
        private(tmp_path, Apt(tmp_path / "debs", brings), said).fetch("download", "one")
    assert not (tmp_path / "fetched.json").exists()


def test_no_package_at_all_is_refused(tmp_path: Path, said: list[str]) -> None:
    """apt-get says nothing when a pattern fits nothing."""
    runner = Apt(tmp_path / "debs").answer("--print-uris", "")

    with pytest.raises(RefusedError, match="no correct package"):
        private(tmp_path, runner, said).fetch("install", "?essential")


@pytest.mark.parametrize(
    ("output", "message", "step"),
    [
        ("E: Unable to locate package docker.io\n", "E: Unable to locate", "apt-get update"),
        ("W: GPG error: NO_PUBKEY 1\nE: not signed\n", "W: GPG error", "debian-archive-keyring"),
        ("something else\n", "something else", "apt-get update"),
    ],
)
def test_a_refusal_gives_apts_own_reason(
    tmp_path: Path, said: list[str], output: str, message: str, step: str
) -> None:
    """The first error is the cause of the others."""
    runner = Apt(tmp_path / "debs").answer("apt-get update", stderr=output, exit_code=100)

    with pytest.raises(RefusedError, match=message) as caught:
        private(tmp_path, runner, said).fetch("download", "one")
    assert step in caught.value.next_step


def watch(clock: Clock, said: list[str]) -> Watch:
    """Return a watch over a download of 50 MB."""
    pace = Pace(said.append, clock)
    return Watch(pace=pace, tell=lambda share: f"{share * 50:.0f} of 50 MB", clock=clock)


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes that would have been ended."""
    pids: list[int] = []
    monkeypatch.setattr("scripts.machine.apt.os.kill", lambda pid, _: pids.append(pid))
    return pids


def test_progress_is_told_now_and_then(said: list[str]) -> None:
    """apt reports twice a second, which is too much for a log."""
    clock = Clock(100.0)
    see = watch(clock, said)

    see("pid 12")
    see("some other line")
    for tenth in range(10):
        see(f"dlstatus:1:{tenth}0.0000:Retrieving file 1 of 1")
        clock.now += 0.5

    assert said == ["0 of 50 MB", "15 of 50 MB", "30 of 50 MB", "45 of 50 MB"]


def test_a_download_that_stands_still_is_ended(said: list[str], killed: list[int]) -> None:
    """apt itself would wait for each file in turn."""
    clock = Clock(100.0)
    see = watch(clock, said)

    see("pid 12")
    see("Get:1 http://mirror.test/debian trixie/main amd64 runc")
    for _ in range(4):
        see("dlstatus:1:10.0000:Retrieving file 1 of 1")
        clock.now += PATIENCE / 2 + 1

    assert (killed, see.stalled) == ([12], True)
    assert see.item == "http://mirror.test/debian trixie/main amd64 runc"


def test_a_stalled_download_says_what_it_waited_for(
    tmp_path: Path, said: list[str], killed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 4, with the file's address."""
    monkeypatch.setattr("scripts.machine.apt.PATIENCE", -1.0)
    lines = "pid 1\nGet:1 http://mirror.test/x\ndlstatus:1:0.0:x\ndlstatus:1:0.0:x\n"
    runner = Apt(tmp_path / "debs").answer("apt-get update", lines, exit_code=-15)

    with pytest.raises(RefusedError, match=r"while fetching http://mirror\.test/x"):
        private(tmp_path, runner, said).fetch("download", "one")
    assert killed == [1]


MIRROR = Mirror(uri="http://mirror.test/debian", suite="bookworm", keyring=Path("/k.gpg"))


class Tools(Apt):
    """apt-get, and a dpkg-deb that makes halves of its package files."""

    def __call__(self, argv: Sequence[str], **words: Any) -> Completed:
        """Make what xargs is asked for."""
        done = super().__call__(argv, **words)
        if argv[0] == "xargs" and not done.exit_code:
            for name in self.brings:
                halves(Path(argv[-1]), name, package(name.partition("_")[0]))
        return done


def test_the_context_of_the_base_image_is_made_once(tmp_path: Path, said: list[str]) -> None:
    """The packages are unpacked by the host, so that dpkg can run inside."""
    runner = Tools(tmp_path / "debs")

    base_image.prepare(tmp_path, MIRROR, runner, said.append)
    base_image.prepare(tmp_path, MIRROR, runner, said.append)

    assert "./usr/bin/one" in packed(tmp_path / "rootfs.tar")
    assert not (tmp_path / "tars").exists()
    assert sum(line.startswith("xargs ") for line in runner.commands()) == 1
    assert "trixie main" in (tmp_path / "sources.list").read_text()


def test_what_a_former_version_has_made_is_made_again(tmp_path: Path, said: list[str]) -> None:
    """It had no folder of what dpkg unpacks."""
    runner = Tools(tmp_path / "debs")
    base_image.prepare(tmp_path, MIRROR, runner, said.append)
    (tmp_path / "by-dpkg").rmdir()

    base_image.prepare(tmp_path, MIRROR, runner, said.append)

    assert sum(line.startswith("xargs ") for line in runner.commands()) == 2


def test_packages_that_cannot_be_unpacked_are_told(tmp_path: Path, said: list[str]) -> None:
    """And the next run unpacks again."""
    runner = Tools(tmp_path / "debs").answer("xargs", stderr="no space left", exit_code=123)

    with pytest.raises(RefusedError, match="no space left"):
        base_image.prepare(tmp_path, MIRROR, runner, said.append)
    assert not (tmp_path / "rootfs.list").exists()


def service(name: str, **args: str) -> Service:
    """Return a service that is built with these arguments."""
    return Service(name=name, container=name, image=name, build=Build(context=Path(), args=args))


def test_the_base_image_is_wanted_by_who_is_built_upon_it() -> None:
    """An image from a registry needs none."""
    plain = Service(name="plain", container="plain", image="plain")

    assert base_image.wanted([plain, service("etcd", BASE=BASE_TAG)])
    assert not base_image.wanted([plain, service("memos", BASE="python:3.11")])


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a checkout with the recipe, on a machine with a mirror."""
    recipe = tmp_path / "docker" / BASE_FILE
    recipe.parent.mkdir(parents=True)
    recipe.write_text("FROM scratch\n")
    monkeypatch.setattr(base_image, "find_mirror", lambda *_: MIRROR)
    return tmp_path


def test_the_base_image_is_built_of_packages_that_need_no_engine(checkout: Path) -> None:
    """On the engine that is used, with a log; the folder with the packages is the last word."""
    packages, base = base_image.jobs(FakeApi(), {"DOCKER_HOST": "x"}, checkout)

    folder = checkout / ".cache" / "base"
    file = checkout / "docker" / BASE_FILE
    assert packages == base_image.ahead(checkout)
    assert "DOCKER_HOST" not in packages.env
    assert packages.argv[-3:] == ["-m", "scripts.images.base_image", str(folder)]
    assert base.after == packages.name
    assert base.argv == [
        *("docker", "build", "--progress", "plain", "--tag", BASE_TAG),
        *("--file", str(file)),
        *("--label", f"{RECIPE_LABEL}={base_recipe(file)}", str(folder)),
    ]
    assert base.env["DOCKER_HOST"] == "x"
    assert base.log == folder / "log" / "base.log"


@pytest.mark.parametrize(("text", "jobs"), [("FROM scratch\n", 0), ("FROM other\n", 2)])
def test_the_base_image_is_kept_while_its_recipe_is_the_same(
    checkout: Path, text: str, jobs: int
) -> None:
    """Its label names the recipe that it was made by."""
    file = checkout / "docker" / BASE_FILE
    labels = {"Config": {"Labels": {RECIPE_LABEL: base_recipe(file)}}}
    api = FakeApi({f"/images/{BASE_TAG}/json": labels})
    file.write_text(text)

    assert len(base_image.jobs(api, {}, checkout)) == jobs


Capture = pytest.CaptureFixture[str]


@pytest.fixture
def process(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> Capture:
    """Return what a process of its own would write; ours keeps its signals."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return capsys


@pytest.mark.parametrize(
    ("fate", "code", "said"),
    [
        (None, 0, ("fetching 3 packages\n", "")),
        (RefusedError("no mirror", next_step="look"), 4, ("", "error: no mirror\nnext: look\n")),
        (KeyboardInterrupt(), 130, ("", "")),
    ],
)
def test_the_process_that_prepares_the_packages_says_how_it_ended(
    checkout: Path, process: Capture, fate: BaseException | None, code: int, said: tuple[str, str]
) -> None:
    """Progress on stdout, an error and its next step on stderr, the exit code of that error."""

    def prepare(_folder: Path, _mirror: object, _run: object, say: Callable[[str], None]) -> None:
        if fate is not None:
            raise fate
        say("fetching 3 packages")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base_image, "prepare", prepare)
        patch.setattr(sys, "argv", ["base_image", str(checkout)])
        assert base_image.main() == code
    assert tuple(process.readouterr()) == said


def test_the_note_of_a_fetch_is_readable(tmp_path: Path, said: list[str]) -> None:
    """People look into `.cache/` too."""
    private(tmp_path, Apt(tmp_path / "debs"), said).fetch("download", "one")

    assert json.loads((tmp_path / "fetched.json").read_text())["words"] == ["download", "one"]

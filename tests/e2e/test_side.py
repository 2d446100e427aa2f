"""What stands beside the stack: other checkouts, a registry, a failing test, the machine."""

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from scripts.core.polling import poll
from scripts.core.process import run
from scripts.engine.discovery import DEFAULT_SOCKET
from scripts.engine.places import HOME, Places, places
from scripts.engine.private.iptables import our_bridges
from scripts.machine.apt import PrivateApt, unpack
from scripts.machine.apt_sources import find_mirror
from scripts.machine.system import obstacle, this_system
from tests.e2e.kit.checkout import Checkout, checkout, free_ports
from tests.e2e.kit.workbench import copied
from tests.kit.places import ROOT

pytestmark = pytest.mark.docker


def test_containers_of_another_checkout_are_not_taken_over(
    running: Checkout, tmp_path: Path
) -> None:
    """Exit code 2, with the path of the other one and how to run side by side."""
    root = copied(tmp_path / "elsewhere")
    twin = Checkout(
        root=root, env_file=running.env_file, project=running.project, engine=running.engine_env()
    )
    before = running.docker("ps", "--no-trunc", "--quiet").stdout
    for words in (["up"], ["restart", "--service", "qdrant"], ["down"]):
        refused = twin.inv(*words, check=False)
        assert refused.exit_code == 2
        assert str(ROOT) in refused.stderr
        assert "inv env --offset 100 --write second.env" in refused.stderr
    assert running.docker("ps", "--no-trunc", "--quiet").stdout == before


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A real image registry (Debian's docker-registry) on loopback; gives HOST:PORT."""
    system = this_system()
    mirror = find_mirror(system, "debian")
    apt = PrivateApt(tmp_path / "apt", sources=mirror.lines(), runner=run, say=print)
    debs = apt.fetch("download", "docker-registry")
    unpack(tmp_path / "root", [apt.debs / deb.name for deb in debs], runner=run, say=print)
    (port,) = free_ports(1)
    settings = tmp_path / "registry.yml"
    settings.write_text(
        textwrap.dedent(f"""\
            version: 0.1
            log: {{level: error}}
            storage: {{filesystem: {{rootdirectory: {tmp_path / "images"}}}}}
            http: {{addr: "127.0.0.1:{port}"}}
            """)
    )
    program = tmp_path / "root/usr/bin/docker-registry"
    log = (tmp_path / "registry.log").open("w")
    argv = [str(program), "serve", str(settings)]
    with log, subprocess.Popen(argv, stdout=log, stderr=log) as process:
        try:
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


def test_images_come_through_the_mirror_that_image_registry_names(
    running: Checkout, other: Checkout, registry: str
) -> None:
    """`images.pull` fetches by the prefixed name, and the base file runs with what it fetched."""

    def answers() -> bool:
        try:
            return requests.get(f"http://{registry}/v2/", timeout=1).ok
        except OSError:
            return False

    assert any(poll(answers, timeout=10, interval=0.1))
    settings = other.env_file.read_text()
    settings = settings.replace("IMAGE_SOURCE=\n", "IMAGE_SOURCE=registry\n")
    settings = settings.replace("IMAGE_REGISTRY=\n", f"IMAGE_REGISTRY={registry}\n")
    other.env_file.write_text(settings)
    rows = running.inv("ps", "--format", "json").document["services"]
    ours = {row["service"]: row["image"] for row in rows}
    names = ("etcd", "minio", "qdrant")
    wanted = {
        row["service"]: row["image"]
        for row in other.inv("ps", "--format", "json").document["services"]
    }
    flags = [word for name in names for word in ("--service", name)]
    try:
        for name in names:
            assert wanted[name].startswith(f"{registry}/")
            other.docker("tag", ours[name], wanted[name])
            other.docker("push", "--quiet", wanted[name])
            other.docker("rmi", wanted[name])
        other.inv("images.pull", *flags)
        for name in names:
            other.docker("image", "inspect", wanted[name])
        events = other.inv("up", *flags, "--format", "json").lines
        assert {one["service"] for one in events if one["event"] == "ready"} == set(names)
    finally:
        other.inv("down", "--volumes", "--yes")
        for name in names:
            other.docker("rmi", wanted[name], check=False)


def test_a_missing_image_in_the_registry_is_named(other: Checkout, registry: str) -> None:
    """Exit code 4, which image, and the log to read; no container was made."""
    settings = other.env_file.read_text()
    settings = settings.replace("IMAGE_SOURCE=\n", "IMAGE_SOURCE=registry\n")
    settings = settings.replace("IMAGE_REGISTRY=\n", f"IMAGE_REGISTRY={registry}\n")
    other.env_file.write_text(settings)
    refused = other.inv("up", "--service", "etcd", check=False)
    assert refused.exit_code == 4
    assert "the image of etcd could not be had" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert other.left() == []


def test_everything_is_gone_after_a_failing_test(engine: Checkout, tmp_path: Path) -> None:
    """The fixtures remove their stack also when the test that used it fails."""
    test = tmp_path / "test_failing.py"
    test.write_text(
        textwrap.dedent("""\
            def test_fails(other):
                other.inv("up", "--service", "qdrant")
                assert other.left() == ["this cannot be"]
            """)
    )
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    words += ["--override-ini", f"pythonpath={ROOT}", "-p", "tests.e2e.conftest"]
    failed = engine.run([sys.executable, *words, str(test)], check=False)
    assert failed.exit_code == 1
    assert "this cannot be" in failed.stdout
    gone = checkout(tmp_path, "memos-e2e-other")
    assert gone.left() == []


def own(folder: Path, at: Places) -> re.Pattern[str]:
    """Return what is in the names of all that an engine makes: its mark, its folder, its bridges.

    Other checkouts' engines come and go on the machine meanwhile.
    """
    bridges = our_bridges(at.bridge, at.data / "network/files/local-kv.db").bridges
    return re.compile("|".join(map(re.escape, (at.run.name, str(folder), *bridges))))


def traces(own: re.Pattern[str]) -> dict[str, set[str]]:
    """Return what of an engine is on this machine."""
    daemons = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            # not what each container has: that comes and goes
            if Path(words[0]).name in {"dockerd", "containerd"} and own.search(" ".join(words)):
                daemons.add(f"{folder.name} {words[0]}")
    rules = set()
    for save in (ROOT / HOME / "sbin").glob("ip*tables-save"):
        done = subprocess.run([save], capture_output=True, text=True, check=False)
        lines = re.sub(r" \[\d+:\d+]", "", done.stdout).splitlines()
        # of its comments one has the time
        rules |= {f"{save.name}: {line}" for line in lines if line[0] != "#" and own.search(line)}
    mounts = {line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()}
    folders = [*Path("/run/memos-dev").glob("*"), *Path("/sys/fs/cgroup").glob("*/memos-dev-*")]
    found = {
        "links": {path.name for path in Path("/sys/class/net").iterdir()},
        "mounts": {one for one in mounts if "/overlay2/" not in one and "netns" not in one},
        "folders": set(map(str, folders)),
    }
    named = {kind: set(filter(own.search, names)) for kind, names in found.items()}
    return {**named, "daemons": daemons, "rules": rules}


private = pytest.mark.skipif(
    bool(obstacle(this_system())) or DEFAULT_SOCKET.exists(),
    reason="a private engine takes root on Debian or its kin, and no engine of the machine's",
)


@private
def test_engine_remove_leaves_the_machine_as_it_was(running: Checkout, tmp_path: Path) -> None:
    """A second private engine beside the first comes and goes without a trace, nor disturbs it."""
    root = copied(tmp_path / "second")
    (root / ".cache").mkdir()
    second = replace(checkout(tmp_path, "memos-e2e-second", root=root), private=True)
    first = own(ROOT / HOME, places(ROOT))
    before, containers = traces(first), running.docker("ps", "--quiet").stdout
    try:
        second.inv("engine.start")
        assert "private" in second.inv("engine.status").stdout
        made = own(root, places(root))
        assert traces(made)["daemons"]
        refused = second.inv("engine.remove", check=False)
        assert refused.exit_code == 7
    finally:
        second.inv("engine.remove", "--yes")
    assert not any(traces(made).values())
    assert traces(first) == before
    assert not (root / ".engine").exists()
    assert running.docker("ps", "--quiet").stdout == containers
    assert all(row["ready"] for row in running.inv("ps", "--format", "json").document["services"])


@private
@pytest.mark.usefixtures("engine")
def test_a_private_engine_comes_along_when_its_checkout_is_moved(tmp_path: Path) -> None:
    """It is told as moved, restarted by the step that is named, and has what it had."""
    root = copied(tmp_path / "first place")
    first = replace(checkout(tmp_path, "memos-e2e-moved", root=root), private=True)
    (first.root / ".cache").mkdir()
    try:
        first.inv("engine.start")
        first.docker("volume", "create", "kept")
        first.root.rename(tmp_path / "second place")
        second = replace(first, root=tmp_path / "second place")

        assert f"it works in {first.root}" in second.inv("engine.status").stderr
        assert second.docker("volume", "ls", "--quiet").stdout == "kept\n"
        refused = second.inv("restart", "--service", "etcd", check=False)
        assert (refused.exit_code, "next: inv engine.start" in refused.stderr) == (3, True)

        assert "stopping what was started there" in second.inv("engine.start").stderr
        assert second.docker("volume", "ls", "--quiet").stdout == "kept\n"
        assert second.docker("network", "create", "memos-e2e-moved").exit_code == 0
        made = own(tmp_path, places(second.root))
        assert traces(made)["daemons"]
        assert str(first.root) not in second.inv("engine.status").stderr
    finally:
        for place in ("first place", "second place"):
            if (tmp_path / place).exists():
                replace(first, root=tmp_path / place).inv("engine.remove", "--yes")
    assert not any(traces(made).values())

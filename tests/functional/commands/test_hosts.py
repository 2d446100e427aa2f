"""The same commands on hosts of many kinds: users, umasks, odd paths, read-only, moved, closed."""

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from scripts.config.rules.schema import validate
from tests.kit.checkout import Checkout
from tests.kit.hosts import NOBODY, Host, as_user, give, lay_code, open_folder, python, read_only

FORMS = ("text", "json")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


@dataclass(frozen=True, slots=True)
class Kind:
    """What is special about a host."""

    folder: str = "plain"
    umask: str = "022"
    linked: bool = False
    user: int | None = None
    read_only: bool = False


KINDS = {
    "plain": Kind(),
    "umask 000": Kind(umask="000"),
    "umask 027": Kind(umask="027"),
    "umask 077": Kind(umask="077"),
    "blanks": Kind(folder="a b  c"),
    "quotes": Kind(folder="it's $HOME"),
    "umlauts": Kind(folder="Größe"),
    "chinese": Kind(folder="记忆 库"),
    "symlinked": Kind(linked=True),
    "another user": Kind(user=NOBODY),
    "another user, umask 077": Kind(user=NOBODY, umask="077", folder="用户"),
    "read-only": Kind(read_only=True),
}


def host(base: Path, ports: list[int], kind: Kind) -> Host:
    """Make a host of a kind; skip the test where that cannot be had."""
    folder = base / kind.folder
    folder.mkdir()
    at = Checkout(folder, ports)
    lay_code(at.root)
    made = Host(at=at, root=at.root, umask=kind.umask)
    if kind.linked:
        link = base / "link"
        link.symlink_to(at.root)
        made = replace(made, root=link)
    if kind.user is not None:
        give(folder, kind.user)
        made = replace(made, before=as_user(kind.user))
    if kind.read_only:
        made = replace(made, before=read_only(at.root))
    python(*made.before)
    return made


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that every user may enter."""
    with open_folder() as folder:
        yield folder


@pytest.fixture
def plain(base: Path, ports: list[int]) -> Iterator[Host]:
    """A host with nothing special about it."""
    found = host(base, ports, Kind())
    yield found
    found.at.close()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_host_starts_looks_and_stops(base: Path, ports: list[int], kind: Kind) -> None:
    """With the same words, exit codes and results; nobody else may change what was written."""
    if kind.user is not None and os.geteuid() != 0:
        pytest.skip("only root can be another user")
    there = host(base, ports, kind)
    try:
        ran = {word: there.inv(*word.split()) for word in ("up", "ps --format json", "down")}
    finally:
        there.at.close()

    told = "\n".join(one.stdout + one.stderr for one in ran.values())
    assert [one.returncode for one in ran.values()] == [0, 0, 0], told
    assert validate(json.loads(ran["ps --format json"].stdout), "ps") == ()
    assert "Traceback" not in told
    written = [*(there.at.root / ".cache").rglob("*")]
    assert bool(written) is not kind.read_only
    open_to_all = stat.S_IWGRP | stat.S_IWOTH
    assert [path for path in written if path.stat().st_mode & open_to_all] == []
    assert all(path.stat().st_mode & 0o077 == 0 for path in written if path.is_file())


def moved(there: Host) -> Host:
    """Rename the folder of a checkout."""
    root = there.at.root.with_name("renamed")
    there.at.root.rename(root)
    there.at.root = root
    return replace(there, root=root)


def test_a_renamed_checkout_takes_over_what_it_made_after_a_question(plain: Host) -> None:
    """It looks as before; a start asks, or is told --yes; the data is not touched."""
    assert plain.inv("up").returncode == 0
    before = plain.at.root
    here = moved(plain)

    assert here.inv("ps").returncode == 0
    asked, stopped = here.inv("up"), here.inv("down")
    restarted = here.inv("restart", "--service", "etcd")
    taken = here.inv("up", "--yes")

    assert (asked.returncode, stopped.returncode, restarted.returncode) == (7, 7, 2)
    for one in (asked, stopped):
        assert f"made by the checkout at {before}, which is not there any more" in one.stderr
        assert "next: the same command with --yes" in one.stderr
    assert f"made by the checkout at {before}" in restarted.stderr
    assert "inv up asks, and makes them anew" in restarted.stderr
    assert taken.returncode == 0, taken.stderr
    calls = (here.at.folder / "calls").read_text().splitlines()
    downs = [call for call in calls if " down " in call]
    assert len(downs) == 1
    assert "--volumes" not in downs[0]
    assert "--project-name memos-test" in downs[0]


@root_only
def test_what_root_has_made_is_roots_and_stays(plain: Host) -> None:
    """Who comes then as himself is told whose it is and what to type; nothing is deleted."""
    assert plain.inv("up").returncode == 0
    before = sorted(plain.at.root.rglob("*"))
    me = replace(plain, before=as_user(NOBODY))

    refused = me.inv("ps")
    own = plain.at.folder / "own.env"
    own.write_text("IMAGE_SOURCE=registry\n")
    os.chown(own, NOBODY, NOBODY)
    (plain.at.folder / "calls").chmod(0o666)
    plain.at.env_file.chmod(0o600)
    mine = replace(me, env={"ENV_FILE": str(own)})
    looked, started = mine.inv("ps"), mine.inv("up")

    assert (looked.returncode, started.returncode) == (0, 2), looked.stderr
    assert "belongs to root\nnext: sudo -u root ./dev inv up; or" in started.stderr
    assert f"sudo chown -R nobody {plain.at.root}/.cache" in started.stderr
    assert refused.returncode in {0, 2}
    assert sorted(plain.at.root.rglob("*")) == before


@pytest.mark.parametrize("then", [">&-", "2>&-", "<&- >&- 2>&-", "| true", "2>&1 | true"])
def test_streams_that_are_closed_or_not_read_are_no_error(plain: Host, then: str) -> None:
    """The exit code is that of the work, whoever hears of it."""
    for words in ("up", "ps --format json"):
        ran = plain.inv(*words.split(), then=then)

        assert ran.returncode == 0, ran.stderr
        assert "Error" not in ran.stderr
        assert "Exception" not in ran.stderr


@pytest.mark.parametrize("then", [">&-", "| true", "| head -1"])
def test_help_that_is_read_by_nobody_is_no_error(plain: Host, then: str) -> None:
    """Invoke writes it itself."""
    for words in ("--list", "--help up"):
        ran = plain.inv(*words.split(), then=then)

        assert (ran.returncode, ran.stderr) == (0, "")


def test_a_full_disk_behind_stdout_is_told(plain: Host) -> None:
    """Exit code 2, in a line, whoever wrote."""
    for words in ("--help", "ps"):
        ran = plain.inv(*words.split(), then=">/dev/full")
        assert ran.returncode == 2, ran.stderr
        assert ran.stderr.startswith("error: ")
        assert "No space left" in ran.stderr


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "gbk"])
def test_what_an_encoding_lacks_is_written_as_escape(
    base: Path, ports: list[int], encoding: str
) -> None:
    """Never an error, and JSON means the same."""
    there = host(base, ports, Kind(folder="记忆 ü"))
    there = replace(there, env={"PYTHONIOENCODING": encoding})
    for one in there.at.state["containers"].values():
        one["Config"]["Labels"]["dev.memos.stack"] = "workspace"
    try:
        then = f"| iconv -f {encoding} -t utf-8"
        text, parsed = (there.inv("ps", "--all", "--format", form, then=then) for form in FORMS)
    finally:
        there.at.close()

    assert (text.returncode, parsed.returncode) == (0, 0), text.stderr
    assert [one["checkout"] for one in json.loads(parsed.stdout)["stacks"]] == [str(there.root)]
    assert ("\\u8bb0" in text.stdout) is (encoding != "gbk")


@pytest.mark.parametrize("columns", [1, 20])
def test_a_narrow_terminal_is_no_error(plain: Host, columns: int) -> None:
    """Whatever does not fit is wrapped or cut."""
    drawn = {"FORCE_COLOR": "1", "COLUMNS": str(columns), "TERM": "xterm"}

    for words in ("up", "ps", "doctor", "graph"):
        ran = replace(plain, env=drawn).inv(words)

        assert ran.returncode in {0, 5}, ran.stderr
        assert "bug" not in ran.stderr

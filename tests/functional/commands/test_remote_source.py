"""MEMOS_SRC with an engine on another machine, whose volumes are folders here."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.commands.flows import reload as flow
from scripts.core.inventory import Engine
from scripts.core.polling import poll
from scripts.engine import discovery
from scripts.machine import program
from scripts.start import far as far_machine
from tests.kit.checkout import DataCheckout
from tests.kit.fake_ssh import FakeSsh
from tests.kit.reloads import edited, run, state

VOLUME = "memos-test_memos_source"
PATIENCE = 20.0


@pytest.fixture
def kind() -> type[DataCheckout]:
    """Each has data: the volumes of its engine are folders."""
    return DataCheckout


@pytest.fixture
def far(at: DataCheckout, tmp_path: Path) -> Iterator[DataCheckout]:
    """A stack whose engine `far` leads to, and whose API has its source in a volume."""
    FakeSsh(at.folder / "bin")
    at.patch.setattr(program, "PROGRAM", at.program())
    at.patch.setattr(flow, "WRITTEN", 0.2)
    at.patch.setattr(flow, "ANSWER", 0.2)
    # the services of this test hold the ports of this very machine
    at.patch.setattr(far_machine, "holders_here", lambda *_: {})
    at.patch.setattr(far_machine, "look", lambda *_: far_machine.Far())
    at.patch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    at.patch.setenv("REMOTE", f"far{at.socket}")
    memos = at.config["services"]["memos"]
    memos["volumes"] = [{"type": "volume", "source": "memos_source", "target": "/app/src"}]
    memos["x-source"] = "memos_source"
    at.config["volumes"]["memos_source"] = {"name": VOLUME}
    at.close()
    yield at
    at.inv("remote", "--close")


def source(at: DataCheckout) -> Path:
    """Set MEMOS_SRC, whose supervisor takes every edit; give its src/."""
    found = edited(at, state(run(7)), state(run(7), run(8, asked=1), asked=1))
    (found / "memos" / "api").mkdir(parents=True, exist_ok=True)
    (found / "memos" / "api" / "x.py").write_text("one = 1\n")
    (found / "memos" / "out").symlink_to("/etc/hostname")
    return found


def there(at: DataCheckout) -> Path:
    """Return the file over there."""
    return at.disk / VOLUME / "memos" / "api" / "x.py"


def held(at: DataCheckout) -> str:
    """Return what it holds; nothing while a helper has the volume, which is a rename here."""
    try:
        return there(at).read_text()
    except FileNotFoundError:
        return ""


def test_a_start_brings_the_source_and_each_save_follows(far: DataCheckout) -> None:
    """Until `down`: the file for plain Compose names the volume, and what stays away is told."""
    folder = source(far)

    assert far.inv("up") == 0
    shown = far.shown().err
    assert f"source: {folder} at far{far.socket}: " in shown
    assert "not brought: memos/out: a link out of the folder, to /etc/hostname" in shown
    assert there(far).read_text() == "one = 1\n"
    assert "docker-compose.remote.yml" in (far.folder / "calls").read_text()
    (folder / "memos" / "api" / "x.py").write_text("two = 2\n")
    for text in poll(lambda: held(far), timeout=PATIENCE, interval=0.05):
        if text == "two = 2\n":
            break
    assert text == "two = 2\n"
    assert far.inv("remote") == 0
    told = far.shown().out
    assert f"{folder}, " in told
    assert "memos/out: a link out of the folder" in told

    assert far.inv("down") == 0
    assert not list(far.root.glob(".cache/*/source/duty.json"))


def test_a_reload_waits_for_what_was_saved(far: DataCheckout) -> None:
    """It brings it itself, whatever else is at it."""
    folder = source(far)
    assert far.inv("up") == 0
    (folder / "memos" / "api" / "x.py").write_text("three = 3\n")

    assert far.inv("reload") == 0

    assert there(far).read_text() == "three = 3\n"


def test_without_a_source_none_is_left_in_the_volume(far: DataCheckout) -> None:
    """Else the API would go on with what was there before."""
    there(far).parent.mkdir(parents=True)
    there(far).write_text("old")
    far.state["volumes"].append(VOLUME)
    empty = far.root / "docker" / "memos-api" / "src"
    empty.mkdir(parents=True, exist_ok=True)
    (empty / "README.md").write_text("nothing here")

    assert far.inv("up") == 0

    assert [one.name for one in (far.disk / VOLUME).iterdir()] == ["README.md"]


def test_images_are_sent_to_a_remote_engine_only(at: DataCheckout) -> None:
    """Else there is nowhere to send them to."""
    assert at.inv("images.send") == 2
    shown = at.shown().err
    assert "there is nowhere to send images to" in shown
    assert "next: REMOTE=user@host in .env, then: inv images.send" in shown


def test_without_an_engine_here_no_image_is_sent(far: DataCheckout) -> None:
    """It says what brings them there without one."""
    far.patch.setattr(discovery, "here", lambda *_: None)

    assert far.inv("images.send") == 3

    assert "next: inv up, which has them made there" in far.shown().err


def test_what_cannot_be_brought_is_an_advice(far: DataCheckout) -> None:
    """Where people look, and programs too."""
    source(far)
    assert far.inv("up") == 0
    for document in poll(lambda: advice(far), timeout=PATIENCE, interval=0.2):
        if document:
            break

    assert [one["code"] for one in document] == ["source-refused"]
    assert document[0]["evidence"].startswith("memos/out: a link out of the folder")


def advice(at: DataCheckout) -> list[dict[str, str]]:
    """Return what `inv doctor` has to say about the source."""
    at.shown()
    assert at.inv("doctor", "--format", "json") in {0, 5}
    found: list[dict[str, str]] = at.document("doctor")["findings"]
    return [one for one in found if one["code"].startswith("source-")]


def test_images_that_are_there_are_not_sent_again(far: DataCheckout) -> None:
    """It says so; and nothing for another processor is sent at all."""
    same = Engine(
        endpoint=f"unix://{far.socket}", env={}, private=False, version="", api_version=""
    )
    far.patch.setattr(discovery, "here", lambda *_: same)

    assert far.inv("images.send", "--service", "qdrant") == 0
    assert "sent: none, all that is here is there" in far.shown().err

    far.state["version"] = {**far.state["version"], "Arch": "arm64"}
    far.close()
    assert far.inv("images.send", "--service", "qdrant") == 2
    assert "the engine is for arm64, and docker.io/library/qdrant:1.2 is for amd64" in (
        far.shown().err
    )

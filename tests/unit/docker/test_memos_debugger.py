"""The API's debugger: when it is there, and where its packages are pinned."""

import re
from types import SimpleNamespace

import memos_start
import pytest
from memos_reload import debugger
from memos_reload.debugger import Door

from tests.kit.places import ROOT

DOOR = Door(host="127.0.0.1", port=40001, token="of-the-adapter", anchor=17)
BIND = "0.0.0.0:5678"


@pytest.mark.parametrize(
    ("environ", "bind"),
    [
        ({"MEMOS_DEBUG": "yes", "MEMOS_DEBUG_BIND": BIND}, BIND),
        # .env reaches the container whole, the compose file of the debugger only while it is on
        ({"MEMOS_DEBUG": "yes"}, ""),
        ({"MEMOS_DEBUG": "no", "MEMOS_DEBUG_BIND": BIND}, ""),
        ({"MEMOS_DEBUG_BIND": BIND}, ""),
        ({}, ""),
    ],
)
def test_it_is_there_only_where_it_was_asked_for(environ: dict[str, str], bind: str) -> None:
    """Whoever reaches it runs what he likes."""
    assert debugger.asked(environ) == bind


def test_where_versions_connect_goes_over_a_line_of_text() -> None:
    """From the anchor by way of the supervisor; who prints it prints no token."""
    assert Door.of(DOOR.text) == DOOR
    assert "of-the-adapter" not in repr(DOOR)


@pytest.mark.parametrize("text", ["", "Address already in use", "{}", "[]", '{"host": null}'])
def test_anything_else_is_no_door(text: str) -> None:
    """Such as why the anchor could not listen."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        Door.of(text)


@pytest.mark.parametrize("error", [ImportError("no debugpy"), OSError("port"), ValueError("x")])
def test_an_api_without_its_debugger_starts_all_the_same(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log says why there is none."""

    def listen(_: str) -> None:
        raise error

    monkeypatch.setattr(memos_start, "debugger", SimpleNamespace(listen=listen))
    memos_start.debug("")
    memos_start.debug(BIND)

    assert capsys.readouterr().err == f"memos: no debugger: {error}\n"


def test_images_and_tests_have_the_same_debugger() -> None:
    """What is tried here is what runs there."""
    pins = [
        re.search(r"^debugpy==\S+ \\\n(?:    --hash=\S+(?: \\)?\n)+", text, re.MULTILINE)
        for text in (
            (ROOT / name).read_text(encoding="utf-8")
            for name in ("docker/memos-api/requirements-debug.txt", "requirements/test.txt")
        )
    ]

    assert len({pin[0] for pin in pins if pin is not None}) == 1
    assert None not in pins


def test_it_is_published_on_loopback_whatever_the_others_listen_on() -> None:
    """It is a shell for everybody who reaches it."""
    text = (ROOT / "docker" / "docker-compose.debug.yml").read_text(encoding="utf-8")

    assert re.findall(r"ports: \[(.*)\]", text) == ['"127.0.0.1:${MEMOS_DEBUG_PORT:-5678}:5678"']

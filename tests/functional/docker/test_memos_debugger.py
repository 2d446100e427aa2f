"""A debugger over reloads: the real supervisor and the real debugpy, with an editor of our own."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.kit.dap import Editor, Frame, Stop
from tests.kit.reloading import Reloading, reloading
from tests.kit.servers import silent, tcp

LINE = "    return PlainTextResponse(TEXT)"
"""What the toy's API answers with."""


@contextmanager
def debugged(folder: Path, port: int, *, hurried: bool = False) -> Iterator[Reloading]:
    """Run the toy with a debugger at a port; its first version answers."""
    env = {"MEMOS_DEBUG": "yes", "MEMOS_DEBUG_BIND": f"127.0.0.1:{port}"}
    with reloading(folder, env=env, hurried=hurried) as found:
        found.serves(1)
        yield found


@pytest.fixture
def editor() -> Iterator[Editor]:
    """An editor that is closed in the end."""
    with socket.socket() as kept:  # nobody else is given its port
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        found = Editor(port=kept.getsockname()[1])
        yield found
        found.close()


@pytest.fixture
def api(tmp_path: Path, editor: Editor) -> Iterator[Reloading]:
    """The toy, at which the editor may attach."""
    with debugged(tmp_path, editor.port) as found:
        yield found


@pytest.fixture
def hurried(tmp_path: Path, editor: Editor) -> Iterator[Reloading]:
    """The same, for what takes long."""
    with debugged(tmp_path, editor.port, hurried=True) as found:
        yield found


class Call(threading.Thread):
    """A call that may be held by a breakpoint."""

    def __init__(self, api: Reloading) -> None:
        """Call at once."""
        super().__init__(daemon=True)
        self._api, self._text = api, ""
        self.start()

    def run(self) -> None:
        """Wait for the answer; None comes where what was called is ended."""
        try:
            self._text = self._api.get()
        except requests.ConnectionError:
            self._text = "lost"

    def text(self) -> str:
        """Return the answer."""
        self.join(60)
        return self._text


def at(api: Reloading) -> Frame:
    """Return where the toy's answer is made, by its source as it is now."""
    file = api.source / "memos" / "api" / "server_api.py"
    line = file.read_text().splitlines().index(LINE) + 1
    return Frame(file=file, line=line, function="answer")


def attached(editor: Editor, api: Reloading) -> None:
    """Break where the answer is made, and attach by hand, for the only time."""
    editor.break_at(at(api).file, at(api).line)
    editor.attach()
    editor.next_process()


def edited(editor: Editor, api: Reloading, text: str) -> None:
    """Save another version, one line longer, and wait until it has the editor's breakpoints."""
    source = at(api).file.read_text().replace(LINE, f'    TEXT = "{text}"\n{LINE}')
    at(api).file.write_text(source)
    editor.break_at(at(api).file, at(api).line)
    editor.next_process()


def stopped(editor: Editor, api: Reloading) -> tuple[Call, Stop]:
    """Call, and stand where the answer is made."""
    call = Call(api)
    stop = editor.stopped()
    assert editor.frames(stop)[0] == at(api)
    return call, stop


def test_each_version_stops_at_its_breakpoints_and_nobody_attaches_again(
    api: Reloading, editor: Editor
) -> None:
    """The editor is told of each new version by the adapter."""
    attached(editor, api)
    for number, text in enumerate(("one", "two", "six"), start=1):
        if number > 1:
            edited(editor, api, text)
            api.serves(number)
        call, stop = stopped(editor, api)
        editor.go_on(stop)
        assert call.text() == text


def test_who_stands_at_a_breakpoint_keeps_no_edit_waiting(api: Reloading, editor: Editor) -> None:
    """The old version is ended, and the session goes on with the new one."""
    attached(editor, api)
    lost, _ = stopped(editor, api)

    edited(editor, api, "two")
    api.serves(2)

    assert lost.text() == "lost"
    call, stop = stopped(editor, api)
    editor.go_on(stop)
    assert call.text() == "two"


def test_an_import_may_be_looked_at_as_long_as_one_likes(
    hurried: Reloading, editor: Editor
) -> None:
    """Elsewhere one that takes so long is given up."""
    api = hurried
    api.rested()
    attached(editor, api)
    file = api.source / "memos" / "answer.py"
    editor.break_at(file, 2)

    file.write_text('import os\nTEXT = "two"\n')
    stop = editor.stopped()
    api.until(lambda: "version 2 does not come" in api.log, "that it takes long")
    editor.break_at(at(api).file)
    assert api.get() == "one"

    editor.go_on(stop)
    api.serves(2)
    assert api.get() == "two"


def test_an_editor_may_come_and_go(api: Reloading, editor: Editor) -> None:
    """Who is gone holds nothing, and whoever comes finds the version that runs."""
    attached(editor, api)
    call, _ = stopped(editor, api)
    editor.close()
    assert call.text() == "one"

    other = Editor(port=editor.port)
    attached(other, api)
    call, stop = stopped(other, api)
    other.go_on(stop)
    assert call.text() == "one"
    other.close()


def test_an_editor_that_does_not_follow_keeps_no_version_waiting(
    api: Reloading, editor: Editor
) -> None:
    """It is told of a new one, and never attaches."""
    attached(editor, api)
    editor.follows = False

    api.write("answer.py", 'TEXT = "two"\n')
    api.serves(2)
    assert api.get() == "two"


def test_a_port_that_somebody_else_has_is_told_and_the_api_answers(tmp_path: Path) -> None:
    """Without a debugger, then; reloads go on as ever."""
    with tcp(silent) as port, debugged(tmp_path, port) as api:
        assert api.get() == "one"
        assert "memos: reload: no debugger: " in api.log
        api.write("answer.py", 'TEXT = "two"\n')
        api.serves(2)


def test_an_anchor_that_somebody_ends_keeps_no_version_away(api: Reloading, editor: Editor) -> None:
    """As an editor can; each edit answers as before."""
    api.until(lambda: "a debugger may attach" in api.log, "the debugger")
    attached(editor, api)
    editor.sessions[0].request("disconnect", {"terminateDebuggee": True})
    editor.close()
    assert api.get() == "one"

    api.write("answer.py", 'TEXT = "two"\n')
    api.serves(2)
    api.write("answer.py", 'TEXT = "three"\n')
    api.serves(3)
    assert api.get() == "three"

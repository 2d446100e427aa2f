"""A debugger at the real API: it stops where the editor says, and follows edits by itself."""

import json
import threading
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from scripts.core.files import Json
from scripts.core.polling import poll
from scripts.loop.editor import entries
from scripts.loop.editor.entries import Place
from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.edited import Edited, installed, name_of
from tests.kit.dap import Editor, Frame
from tests.kit.places import ROOT

pytestmark = pytest.mark.docker

HANDLERS = Path("memos", "api", "handlers", "scheduler_handler.py")
FUNCTION, LINE = "handle_scheduler_status", "    response_data: list[StatusResponseItem] = []"
"""A statement of one line: one of several is stopped at again when its call is made."""
CALL = "/product/scheduler/status?user_id=nobody"


class Call(threading.Thread):
    """A call of the API, which may take as long as somebody looks at it."""

    def __init__(self, stack: Checkout) -> None:
        """Call at once."""
        super().__init__(daemon=True)
        self._url = stack.url("MEMOS_PORT", CALL)
        self._answer = b""
        self.start()

    def run(self) -> None:
        """Wait for the answer; it is lost where an edit ends who should give it."""
        with suppress(OSError), urllib.request.urlopen(self._url) as answer:
            self._answer = answer.read()

    def answer(self) -> Json:
        """Return the answer; it has been let go on."""
        self.join(60)
        return json.loads(self._answer)


def answered(stack: Checkout) -> int:
    """Return how many versions have answered: until the next one can, that before serves on."""
    return stack.docker("logs", name_of(stack)).stderr.count(" answers after ")


def line_of(file: Path) -> int:
    """Return the line of the handler."""
    return file.read_text().splitlines().index(LINE) + 1


def hit(editor: Editor, stack: Checkout, file: Path) -> None:
    """Call, stop at the handler's line, go on, and get the answer."""
    call = Call(stack)
    stop = editor.stopped()
    assert editor.frames(stop)[0] == Frame(file=file, line=line_of(file), function=FUNCTION)
    editor.go_on(stop)
    assert call.answer()["code"] == 200


def editor_of(stack: Checkout, here: Path, there: str) -> Editor:
    """Return an editor that knows the code at another place than the container does."""
    port = int(stack.values()["MEMOS_DEBUG_PORT"])
    return Editor(port=port, mappings={here: there})


def launched(stack: Checkout, source: Path) -> Json:
    """Return what VS Code attaches with after `inv editor`, in the folder of the checkout."""
    place = Place(
        folder=source.parent,
        dev=ROOT / "dev",
        settings=stack.env_file,
        named=True,
        source=source,
        debug_port=int(stack.values()["MEMOS_DEBUG_PORT"]),
    )
    lists = {file.name: lists for file, _, lists in entries.documents(place)}
    text = json.dumps(lists["launch.json"][0].wanted[0])
    return json.loads(text.replace("${workspaceFolder}", str(source.parent)))


def test_an_edit_is_stopped_at_again_without_attaching_again(edited: Edited) -> None:
    """Also one that comes while the program stands, which must not keep the old version alive."""
    stack, source = edited.stack, edited.source
    file = source / HANDLERS
    text = file.read_text()

    def edit(editor: Editor) -> None:
        before = answered(stack)
        file.write_text(file.read_text().replace(LINE, f"    assert user_id\n{LINE}"))
        editor.break_at(file, line_of(file))
        editor.next_process()
        assert any(now > before for now in poll(lambda: answered(stack), timeout=60, interval=0.2))

    up = stack.inv("up", "--debug", "--service", "memos")
    editor = editor_of(stack, source, "/app/src")
    assert f"a debugger attaches to 127.0.0.1:{editor.port}" in up.stderr
    editor.break_at(file, line_of(file))
    editor.attach(launched(stack, source))
    editor.next_process()
    hit(editor, stack, file)

    edit(editor)
    hit(editor, stack, file)

    Call(stack)
    editor.stopped()
    (row,) = stack.inv("ps", "--service", "memos", "--format", "json").document["services"]
    assert [one["code"] for one in row["findings"]] == ["halted"]
    edit(editor)
    hit(editor, stack, file)
    editor.close()
    file.write_text(text)


def test_the_released_code_can_be_stopped_too(edited: Edited, tmp_path: Path) -> None:
    """Nothing is reloaded there, and the process is attached to itself."""
    stack = edited.stack.varied(tmp_path / "released.env", MEMOS_SRC="", MEMOS_DEBUG="yes")
    file = edited.source / HANDLERS

    stack.inv("up", "--service", "memos")
    editor = editor_of(stack, edited.source / "memos", installed(stack))
    editor.break_at(file, line_of(file))
    editor.attach()
    hit(editor, stack, file)
    editor.close()

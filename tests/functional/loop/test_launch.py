"""What `inv editor` has VS Code attach with, in a client of its protocol, at a real debugger."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.loop.editor import entries
from scripts.loop.editor.entries import IN_CONTAINER, Place
from tests.kit.dap import Editor, Frame

PROGRAM = """\
import runpy, sys, debugpy
debugpy.configure(subProcess=False)
print(debugpy.listen(("127.0.0.1", 0))[1], flush=True)
debugpy.wait_for_client()
runpy.run_path(sys.argv[1])
"""


@contextmanager
def debugged(file: Path) -> Iterator[int]:
    """Run a file as soon as an editor has attached; give the port for it."""
    argv = [sys.executable, "-c", PROGRAM, str(file)]
    env = {**os.environ, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def launched(source: Path, port: int, where: str, opened: Path) -> dict[str, Any]:
    """Return an entry of launch.json, for the folder that is opened."""
    place = Place(
        folder=source.parent,
        dev=Path("dev"),
        settings=Path(".env"),
        named=False,
        source=source,
        debug_port=port,
    )
    lists = {file.name: lists for file, _, lists in entries.documents(place)}
    (entry,) = (one for one in lists["launch.json"][0].wanted if where in one["name"])
    return dict(json.loads(json.dumps(entry).replace("${workspaceFolder}", str(opened))))


@pytest.mark.parametrize("where", ["in its container", "on the host"])
def test_a_breakpoint_is_hit_in_a_folder_that_was_opened_by_a_link(
    tmp_path: Path, where: str
) -> None:
    """The editor has the path of the link, the process another one."""
    source, container = tmp_path / "Mem ÖS" / "src", tmp_path / "app" / "src"
    for folder in (source, container):
        (folder / "memos").mkdir(parents=True)
        (folder / "memos" / "x.py").write_text("a = 1\nb = a + 1\nc = b\n")
    opened = tmp_path / "link"
    opened.symlink_to(source.parent)
    shown = opened / "src" / "memos" / "x.py"
    runs = container if "container" in where else source

    with debugged(runs / "memos" / "x.py") as port, closing(Editor(port=port)) as editor:
        editor.break_at(shown, 2)
        arguments = json.dumps(launched(source, port, where, opened))
        # there is no container here, and so no such folder
        editor.attach(json.loads(arguments.replace(f'"{IN_CONTAINER}"', f'"{container}"')))
        stop = editor.stopped()
        assert editor.frames(stop)[0] == Frame(file=shown, line=2, function="<module>")
        editor.go_on(stop)

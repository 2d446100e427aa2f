"""Pure: what editors are told: tasks, ways to debug, and where a line names a place in a file."""

import html
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.core.foreign.documents import Json
from scripts.loop.editor.jsonc import Entries

PREFIX = "MemOS: "
"""How the names of all entries of ours begin."""
IN_CONTAINER = "/app/src"
"""Where the compose file mounts MEMOS_SRC."""
DEBUGGED, HOST_DEBUGGED = "up with debugger", "API on the host with debugger"
ANSWERS = r"memos: reload: version \d+ answers"
"""What the API writes on the host once it can be debugged."""
TEST = "memosTest"
OPENED = "${workspaceFolder}"
"""The folder that VS Code has open: by a link it may have another name than it has here."""
_BEFORE = "^(?:error: |[✗!] memos: | +evidence: |.*memos: reload: .+?: )?"
"""What stands before a place in a file: in findings, and in the lines of the supervisor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A command of ours that an editor offers."""

    name: str
    words: tuple[str, ...]
    """What `dev` is given."""
    detail: str
    seen_from: str = ""
    """From where it names files of code, if it does: `source`, that of MemOS, or the `folder`."""
    lasting: bool = False
    """It goes on until somebody ends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder that is opened in an editor, and what its entries are about."""

    folder: Path
    dev: Path
    """The launcher of this checkout."""
    settings: Path
    """The settings file of the stack."""
    named: bool
    """ENV_FILE named it, and has to for every command."""
    source: Path | None = None
    """The src/ of MemOS in it; None for this checkout."""
    debug_port: int = 0
    variables: Path | None = None
    """The file of what the API's container gets, for a process of this machine."""

    @property
    def env(self) -> dict[str, str]:
        """The environment of each command."""
        return {"ENV_FILE": str(self.settings)} if self.named else {}


LOOKING = (
    Task(
        name="up",
        words=("inv", "up"),
        detail="start the stack, and wait until all answers",
        seen_from="source",
    ),
    Task(name="ps", words=("inv", "ps"), detail="how is it?", seen_from="source"),
    Task(name="doctor", words=("inv", "doctor"), detail="what could be wrong?", seen_from="source"),
    Task(name="smoke", words=("inv", "smoke"), detail="memories in, found again, out again"),
    Task(
        name="logs",
        words=("inv", "logs", "--follow"),
        detail="what all services write",
        lasting=True,
    ),
    Task(name="down", words=("inv", "down"), detail="stop the stack, keep the data"),
)
OF_MEMOS = (
    Task(
        name=DEBUGGED,
        words=("inv", "up", "--debug"),
        detail="a debugger can be attached then",
        seen_from="source",
    ),
    Task(
        name="reload",
        words=("inv", "reload"),
        detail="take the code now, wait till it answers",
        seen_from="source",
    ),
    Task(
        name="API on the host",
        words=("inv", "api.host"),
        detail="instead of its container, with the Python of this checkout",
        lasting=True,
    ),
    Task(
        name=HOST_DEBUGGED,
        words=("inv", "api.host", "--debug"),
        detail="the same, and a debugger can be attached",
        lasting=True,
    ),
    Task(name="API in its container", words=("inv", "api.container"), detail="no more on the host"),
    Task(
        name="test this file",
        words=("inv", "memos.test", "--", "${file}"),
        detail="MemOS' own tests in the open file",
        seen_from="folder",
    ),
)
OF_CHECKOUT = (
    Task(name="nox", words=("nox",), detail="all checks, e2e too", seen_from="folder"),
    Task(
        name="nox -t fast",
        words=("nox", "-t", "fast"),
        detail="the checks without containers",
        seen_from="folder",
    ),
)


def tasks(place: Place) -> tuple[Task, ...]:
    """Return the commands for a folder."""
    return (*LOOKING, *(OF_MEMOS if place.source else OF_CHECKOUT))


def documents(place: Place) -> Iterator[tuple[Path, str, Sequence[Entries]]]:
    """Yield VS Code's files for a folder, each with its version and our entries."""
    code = place.folder / ".vscode"
    wanted = [_task(task, place) for task in tasks(place)]
    yield code / "tasks.json", "2.0.0", [Entries(array="tasks", key="label", wanted=wanted)]
    if place.source is not None:
        launches = Entries(array="configurations", key="name", wanted=[*_launches(place)])
        inputs = Entries(array="inputs", key="id", wanted=[_name_of_test()])
        yield code / "launch.json", "0.2.0", [launches, inputs]


def _task(task: Task, place: Place) -> Mapping[str, Json]:
    background = {"isBackground": True} if task.lasting else {}
    return {
        "label": PREFIX + task.name,
        "detail": task.detail,
        "type": "process",
        "command": str(place.dev),
        "args": list(task.words),
        **({"options": {"env": place.env}} if place.env else {}),
        **background,
        "problemMatcher": [*_matchers(task, place)],
    }


def _matchers(task: Task, place: Place) -> Iterator[Mapping[str, Json]]:
    """Yield how a place in a file is known in what a task writes: FILE:LINE: WHY, a setting.

    One that lasts has none: what was mended meanwhile would stay a problem.
    """
    bases = {"source": place.source, "folder": place.folder}
    if (base := bases.get(task.seen_from)) is not None:
        pattern = rf"{_BEFORE}(\S.*?\.py):(\d+)(?: in MEMOS_SRC)?: (.+)$"
        yield _matcher(base, pattern, file=1, line=2, message=3)
    if task.name == HOST_DEBUGGED:
        yield _until_it_answers(place)
    if task.seen_from and task.words[0] == "inv":
        name = re.escape(place.settings.name)
        pattern = rf"^(?:error: |[✗!] | +)?(.*?(?<!\S)\(?({name}) line (\d+)\b.*)$"
        yield _matcher(place.settings.parent, pattern, file=2, line=3, message=1)


def _until_it_answers(place: Place) -> Mapping[str, Json]:
    """Return how VS Code knows that what it started first is ready; it finds no problem."""
    background = {"activeOnStart": True, "beginsPattern": "^wrote ", "endsPattern": ANSWERS}
    return {**_matcher(place.folder, "^(?!)()()$", file=1, message=2), "background": background}


def _matcher(base: Path, pattern: str, **groups: int) -> Mapping[str, Json]:
    return {
        "owner": "memos-dev",
        "source": "MemOS",
        "fileLocation": ["autoDetect", str(base)],
        "pattern": {"regexp": pattern, **groups},
    }


def _launches(place: Place) -> Iterator[Mapping[str, Json]]:
    """Yield the ways to debug MemOS: its API, which may have another path, and its tests."""
    below = place.source.relative_to(place.folder).parts if place.source else ()
    here = "/".join((OPENED, *below))
    for where, there, before in (
        ("in its container", IN_CONTAINER, DEBUGGED),
        ("on the host", str(place.source), HOST_DEBUGGED),
    ):
        yield {
            "name": f"{PREFIX}debug the API {where}",
            "type": "debugpy",
            "request": "attach",
            "connect": {"host": "127.0.0.1", "port": place.debug_port},
            "pathMappings": [{"localRoot": here, "remoteRoot": there}],
            "justMyCode": False,
            "subProcess": True,
            "preLaunchTask": PREFIX + before,
        }
    yield {
        "name": f"{PREFIX}debug a test of this file",
        "type": "debugpy",
        "request": "launch",
        "module": "pytest",
        "args": ["${file}", "-k", f"${{input:{TEST}}}"],
        "cwd": OPENED,
        "envFile": str(place.variables),
        "console": "integratedTerminal",
        "justMyCode": False,
    }


def _name_of_test() -> Mapping[str, Json]:
    """Return the question that the last of them asks."""
    return {
        "id": TEST,
        "type": "promptString",
        "description": "Name of the test, or a part of it; empty: all tests of the file",
        "default": "",
    }


def configurations(place: Place) -> Iterator[tuple[Path, str]]:
    """Yield PyCharm's files for a folder, a file for each command."""
    for task in tasks(place):
        if not any("${" in word for word in task.words):  # PyCharm has other names for those
            name = task.name.replace(" ", "-").lower()
            yield place.folder / ".run" / f"memos-{name}.run.xml", _configuration(task, place)


def _configuration(task: Task, place: Place) -> str:
    """Return a run configuration of PyCharm, in the form in which it writes them itself."""
    words = shlex.join([str(place.dev), *task.words])
    script = " ".join(
        [*(f"{name}={shlex.quote(value)}" for name, value in place.env.items()), words]
    )
    options = {
        "SCRIPT_TEXT": script,
        "INDEPENDENT_SCRIPT_PATH": "true",
        "SCRIPT_PATH": "",
        "SCRIPT_OPTIONS": "",
        "INDEPENDENT_SCRIPT_WORKING_DIRECTORY": "true",
        "SCRIPT_WORKING_DIRECTORY": "$PROJECT_DIR$",
        "INDEPENDENT_INTERPRETER_PATH": "true",
        "INTERPRETER_PATH": "/bin/sh",
        "INTERPRETER_OPTIONS": "",
        "EXECUTE_IN_TERMINAL": "true",
        "EXECUTE_SCRIPT_FILE": "false",
    }
    name = html.escape(PREFIX + task.name)
    lines = (
        '<component name="ProjectRunConfigurationManager">',
        f'  <configuration default="false" name="{name}" type="ShConfigurationType">',
        *(
            f'    <option name="{option}" value="{html.escape(value)}" />'
            for option, value in options.items()
        ),
        "    <envs />",
        '    <method v="2" />',
        "  </configuration>",
        "</component>",
    )
    return "\n".join(lines) + "\n"

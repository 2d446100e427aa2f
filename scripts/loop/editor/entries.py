"""Pure: what editors are told: tasks, ways to debug, and where a line names a place in a file."""

import html
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.core.foreign.documents import Json
from scripts.loop.editor.jsonc import Entries

PREFIX = "MemOS: "
"""How the names of all entries of ours begin."""
MATCHER = {
    "owner": "memos-dev",
    "source": "MemOS",
    "fileLocation": "absolute",
    "pattern": {
        "regexp": "^(?:error: |[✗!] )?(/.+?):(\\d+): (.+)$",
        "file": 1,
        "line": 2,
        "message": 3,
    },
}
"""FILE:LINE: MESSAGE, as `inv reload` writes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A command of ours that an editor offers."""

    name: str
    words: tuple[str, ...]
    """What `dev` is given."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder that is opened in an editor, and what its entries are about."""

    folder: Path
    dev: Path
    """The launcher of this checkout."""
    env_file: Path | None
    """What ENV_FILE named."""
    source: Path | None = None
    """The src/ of MemOS in it; None for this checkout."""

    @property
    def env(self) -> dict[str, str]:
        """The environment of each command."""
        return {"ENV_FILE": str(self.env_file)} if self.env_file else {}


LOOKING = (
    Task(name="up", words=("inv", "up"), detail="start the stack, and wait until all answers"),
    Task(name="ps", words=("inv", "ps"), detail="how is it?"),
    Task(name="doctor", words=("inv", "doctor"), detail="what could be wrong?"),
    Task(name="smoke", words=("inv", "smoke"), detail="memories in, found again, out again"),
    Task(name="logs", words=("inv", "logs", "--follow"), detail="what all services write"),
    Task(name="down", words=("inv", "down"), detail="stop the stack, keep the data"),
)
OF_CHECKOUT = (
    Task(name="nox", words=("nox",), detail="all checks, e2e too"),
    Task(name="nox -t fast", words=("nox", "-t", "fast"), detail="the checks without containers"),
)


def tasks(place: Place) -> tuple[Task, ...]:
    """Return the commands for a folder."""
    return (*LOOKING, *(() if place.source else OF_CHECKOUT))


def documents(place: Place) -> Iterator[tuple[Path, str, Sequence[Entries]]]:
    """Yield VS Code's files for a folder, each with its version and our entries."""
    code = place.folder / ".vscode"
    wanted = [_task(task, place) for task in tasks(place)]
    yield code / "tasks.json", "2.0.0", [Entries(array="tasks", key="label", wanted=wanted)]


def _task(task: Task, place: Place) -> Mapping[str, Json]:
    background = {"isBackground": True} if "--follow" in task.words else {}
    return {
        "label": PREFIX + task.name,
        "detail": task.detail,
        "type": "process",
        "command": str(place.dev),
        "args": list(task.words),
        **({"options": {"env": place.env}} if place.env else {}),
        **background,
        "problemMatcher": MATCHER,
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

"""What a process of this machine is given to be the API: what its container gets, made fit."""

import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.config import compose
from scripts.config.settings import GIVEN
from scripts.config.workspace import Workspace
from scripts.core.errors import ConfigError, EngineError, RefusedError
from scripts.core.process import Runner, last_words
from scripts.loop import addresses, host_env
from scripts.watch.on_host import SERVICE

CODE = Path("docker", "memos-api")
"""Below the root: what starts the API in its container, and on this machine."""
QUIET = "on_host"
"""In there; what Python runs from it when it starts keeps the .env of a checkout from counting."""
PATH = "PYTHONPATH"
ALWAYS = {
    "PYTHON_DOTENV_DISABLED": "1",
    # as its image has it
    "PYTHONUNBUFFERED": "1",
    "PYTHONWARNINGS": "ignore::UserWarning:pydantic.main",
}
CONTAINERS = frozenset({"MEMOS_DEBUG", "MEMOS_DEBUG_BIND"})
"""What only a container needs so: there the debugger listens on every address."""
NOWHERE = "PYTHONDONTWRITEBYTECODE"
HOME = "HF_HOME"
"""Where MemOS looks for its tokenizer."""
TOKENIZER = Path("hub", "models--gpt2", "refs", "main")
"""Below that; written last, so all is there with it."""


def folder(space: Workspace) -> Path:
    """Return where the process works: MemOS writes below its working directory."""
    return space.cache / "host"


def variables(space: Workspace, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the compose file gives the API, with the addresses and folders of this machine.

    Raises EngineError for an engine elsewhere, ConfigError for an address that is not published.
    """
    if not space.engine.answers_here:
        raise EngineError(
            f"the engine at {space.engine.endpoint} is on another machine, and so are its ports",
            next_step="run this there; or name that machine by ssh: REMOTE=USER@HOST in .env",
        )
    given = addresses.rewritten(
        compose.document(space.resolved),
        SERVICE,
        source=str(space.settings.memos_src or ""),
        far=space.engine.remote != "",
    )
    if given.gaps:
        raise ConfigError(
            f"no process of this machine reaches what {SERVICE} is given:"
            f" {addresses.told(given.gaps)}",
            next_step="publish it under ports: in docker/docker-compose.yml, or name another"
            f" address in {space.settings.file}",
        )
    kept = {HOME: str(folder(space) / "huggingface")} if not environ.get(HOME) else {}
    own = {name: value for name, value in given.variables.items() if not _left_out(name)}
    made = {**ALWAYS, **kept, **own, PATH: path(space.settings.root, own.get(PATH, ""))}
    return {**made, GIVEN: " ".join(sorted(made))}


def path(root: Path, *more: str) -> str:
    """Return a PYTHONPATH with which no .env of a checkout counts, and `more` behind that."""
    return ":".join(filter(None, (str(root / CODE / QUIET), *more)))


def _left_out(name: str) -> bool:
    """Say whether a variable is no process' of this machine: plain Compose would take its own."""
    return name in CONTAINERS or name.startswith("COMPOSE_")


def compiled(space: Workspace, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what has Python keep what it compiles, apart where the user wants it nowhere else.

    uv compiles nothing when it installs: each start would compile 3,000 modules anew, of 6 CPU-s.
    """
    if not environ.get(NOWHERE):
        return {}
    return {NOWHERE: "", "PYTHONPYCACHEPREFIX": str(folder(space) / "compiled")}


def write(space: Workspace, given: Mapping[str, str], runner: Runner) -> Path:
    """Write `.env.host`, and the tokenizer that the image has, where it is missing; give the file.

    RefusedError where the tokenizer cannot be written.
    """
    work = folder(space)
    work.mkdir(mode=0o700, parents=True, exist_ok=True)
    work.chmod(0o700)  # whoever made it: MemOS' own files in it are open to all
    file = space.settings.host_file
    host_env.write(file, space.settings.file, given)
    home = work / "huggingface"
    if given.get(HOME) == str(home) and not (home / TOKENIZER).exists():
        script = space.settings.root / CODE / "tokenizer.py"
        done = runner([sys.executable, str(script), str(home)], timeout=30)
        if done.exit_code:
            raise RefusedError(
                f"the tokenizer cannot be written: {last_words(done)}", next_step="df -h"
            )
    return file

"""`inv smoke`: the trial, what the API wrote meanwhile, and what an earlier one left behind."""

import os
import re
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.config.settings import Settings
from scripts.config.workspace import Workspace
from scripts.core import files
from scripts.core.errors import BrokenError, ConfigError, ExitCode
from scripts.core.finding import Finding
from scripts.core.look import Look, State
from scripts.core.stack import Stack
from scripts.engine.containers import containers
from scripts.tell.report import Report
from scripts.watch import mends, on_host
from scripts.watch.mends import Mends
from scripts.watch.published import API, CYPHER, MILVUS, VECTORS, behind, running, serving
from scripts.watch.smoke import stores
from scripts.watch.smoke.api_log import ApiLog
from scripts.watch.smoke.stage import Stage
from scripts.watch.smoke.trial import Scope, Trial

ENGLISH_ONLY = "all-MiniLM-L6-v2"
CUBE = re.compile("smoke-[0-9a-f]{12}")
"""The name of a cube of a trial."""
DELETES = "2331"
"""The number of the issue without whose mend `delete_memory` leaves a vector, or all."""


def smoke(space: Workspace, tell: Report) -> ExitCode:
    """Try the job, and tell each stage as it ends; BROKEN with the cause when one fails."""
    stack = space.stack
    look = Look(containers=on_host.seen(space.cache, containers(space.api, stack.project)))
    scope = scope_of(stack, space.settings, look, mends.read(space.api, look))
    service, _ = behind(stack, API)
    log = ApiLog(
        api=space.api,
        service=service,
        container=look.container(service.name),
        secrets=space.settings.secrets(),
    )
    _require_reached(stack, look)
    reached = running(stack, look.containers)
    trial = Trial(stack=reached, cube=f"smoke-{os.urandom(6).hex()}", scope=scope, say=tell.say)
    notes = Notes(file=space.cache / "smoke" / "cubes.json")
    with files.held(space.cache / "smoke", "smoke"):
        notes.sweep(reached, scope, tell)
        log.begin()
        stages, failure = _tried(trial, notes, log, tell)
    code = ExitCode.OK if failure is None else ExitCode.BROKEN
    tell.smoke(
        {
            "exit_code": int(code),
            "cube": trial.cube,
            "stages": [stage.document for stage in stages],
            "errors": [asdict(said) for said in log.errors()],
            "finding": None if failure is None else asdict(failure) | {"victims": []},
        }
    )
    return code


def _require_reached(stack: Stack, look: Look) -> None:
    """Raise ConfigError where the API or its databases are on a node that nothing leads to."""
    for service in filter(None, (serving(stack, port) for port in (API, CYPHER, VECTORS))):
        one = look.container(service.name)
        if one is not None and not service.at(one.address).ports:
            raise ConfigError(
                f"no port of {one.service} answers here: it is on node {one.node}, which publishes"
                " none, and ssh does not lead there",
                next_step=f"NODES={one.node}=USER@HOST in .env; or, where all who reach the nodes"
                " may use it, BIND_ADDRESS=0.0.0.0 and ALLOW_WITHOUT_LOGIN=yes, then: inv up",
            )


def scope_of(stack: Stack, settings: Settings, look: Look, mended: Mends | None) -> Scope:
    """Return what can be tried with this stack, as it runs and with the MemOS that it has."""
    on = settings.get("ENABLE_PREFERENCE_MEMORY") == "true"
    return Scope(
        dimension=settings.dimension,
        no_preference="" if on else f"it is off ({settings.origin('ENABLE_PREFERENCE_MEMORY')})",
        in_milvus=on and settings.memos.uses_milvus,
        no_chinese=_no_chinese(settings),
        no_milvus=_no_milvus(stack, look),
        no_delete=_no_delete(mended),
        no_feedback="it needs a chat model of your own" if settings.stand_in_chats else "",
    )


def _no_chinese(settings: Settings) -> str:
    model = settings.get("MOS_EMBEDDER_MODEL")
    if not settings.local_embedder:
        return f"whether {model} knows Chinese is not known here"
    return f"{model} knows English only" if model == ENGLISH_ONLY else ""


def _no_milvus(stack: Stack, look: Look) -> str:
    service, (user, _) = serving(stack, MILVUS), behind(stack, API)
    if service is None:
        return "this stack has none"
    container = look.container(service.name)
    runs = container is not None and container.state is State.RUNNING
    return "" if runs or service.name in user.needs else "it does not run, and MemOS needs none"


def _no_delete(mended: Mends | None) -> str:
    if mended is None:
        return "the API does not say which MemOS it is"
    left = f"delete_memory of MemOS {mended.version} leaves data (#{DELETES}, not mended)"
    return left if DELETES in mended.left else ""


def _tried(
    trial: Trial, notes: "Notes", log: ApiLog, tell: Report
) -> tuple[list[Stage], Finding | None]:
    """Run the trial; return its stages, and why it failed if it did."""
    stages: list[Stage] = []
    notes.add(trial.cube)
    try:
        with closing(trial.run()) as run:
            for stage in run:
                stages.append(stage)
                tell.stage(stage)
    except BrokenError as error:
        stages.append(trial.failed())
        tell.stage(stages[-1])
        return stages, log.explained(error)
    finally:
        if trial.gone():
            notes.drop(trial.cube)
        else:
            tell.say(f"what is left of cube {trial.cube} goes with the next inv smoke")
    return stages, None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """Cubes of trials whose traces may be left: of one that was killed, or that was outlived."""

    file: Path

    def cubes(self) -> list[str]:
        """Return them, the oldest first; what is in other cubes is not ours to remove."""
        found = files.read_json(self.file)
        names = found if isinstance(found, list) else []
        return [name for name in names if isinstance(name, str) and CUBE.fullmatch(name)]

    def add(self, cube: str) -> None:
        """Note a cube before anything is put into it."""
        files.write_json(self.file, [*self.cubes(), cube])

    def drop(self, cube: str) -> None:
        """Forget a cube that is gone."""
        files.write_json(self.file, [other for other in self.cubes() if other != cube])

    def sweep(self, stack: Stack, scope: Scope, tell: Report) -> None:
        """Remove what earlier trials left; what cannot be removed stays noted."""
        for cube in self.cubes():
            try:
                stores.remove(stack, cube, in_milvus=scope.in_milvus)
                stores.require_absent(stack, cube, in_milvus=scope.in_milvus)
            except BrokenError:
                return  # the trial tells what is wrong
            self.drop(cube)
            tell.say(f"removed what an earlier inv smoke left in cube {cube}")

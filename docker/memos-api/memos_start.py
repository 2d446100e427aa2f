"""Start the MemOS API: load what connects to nothing, mend it, wait for its databases, import it.

MemOS calls its databases while `memos.api.server_api` is imported, and ends when one is not there.
Loading the 3500 modules that it takes needs 2.4 s of one core and nobody, so it is done while the
databases start; what remains then is 0.13 s. So this container may start before them
(`x-start: early` in the compose file), and after a reboot the order does not matter.

Where a source is mounted it does so under a supervisor, which makes a new version of the API
whenever a file changes (`memos_reload`).
"""

import gc
import importlib
import json
import logging.config
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from os import environ
from pathlib import Path

import memos_mends
import memos_structure
import memos_vectors
from memos_reload import debugger, listening, settings, state

SOURCE = Path("/app/src")
"""Where the compose file mounts MEMOS_SRC, or an empty folder."""
STATE = Path("/app/reload.json")
"""What the supervisor tells, and is read from outside."""
APP = "memos.api.server_api:app"
CALLS, METRICS = "0.0.0.0:8000", "0.0.0.0:9464"
"""Where the API is asked, and where it tells of itself, in a container."""
QUIET = (
    # all that server_api imports but server_router, which connects
    *("memos.api.handlers.component_init", "memos.api.handlers.add_handler"),
    *("memos.api.handlers.chat_handler", "memos.api.handlers.feedback_handler"),
    *("memos.api.handlers.search_handler", "memos.api.product_models", "memos.api.exceptions"),
    *("memos.api.middleware.request_context", "starlette.staticfiles"),
    # what MemOS imports only where it is used, and uses at every start
    *("memos.graph_dbs.neo4j_community", "memos.vec_dbs.qdrant", "neo4j", "qdrant_client"),
    *("chonkie", "jieba.analyse", "pika"),
    # what uvicorn loads when it serves
    *("uvicorn.loops.auto", "uvicorn.lifespan.on", "uvicorn.protocols.http.auto"),
    "uvicorn.protocols.websockets.auto",
)
"""Modules that connect to nothing when they are imported, in MemOS 2.0.6 to 2.0.33."""
WITHOUT_MILVUS = (2, 0, 8)
"""From this release on MemOS connects to no Milvus, whatever is set."""
TIMEOUT = 2.0
"""Seconds for one question to a database."""
INTERVAL = 0.05
"""Seconds between two questions; a port that nobody listens on says so in less than 1 ms."""
AGAIN = 5.0
"""Seconds after which the log says once more what is waited for; at first sooner."""
REJECTED = frozenset({401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database that the API connects to while it is imported."""

    name: str
    address: str
    ask: Callable[[], str]
    """Returns why it does not answer yet; an empty text when it does."""


def configure_logs_once() -> None:
    """Let a configuration of the log that is in force be in force, as MemOS has it from 2.0.33 on.

    Before, each of 145 modules configures all of it anew: half of what the import of MemOS' own
    modules takes, and 145 times a wait for the disk.
    """
    configure: Callable[..., None] = logging.config.dictConfig
    in_force: list[object] = []

    def once(config: object) -> None:
        if not any(config is one for one in in_force):
            in_force[:] = [config]
            configure(config)

    vars(logging.config)["dictConfig"] = once


def load(names: Iterable[str] = QUIET) -> None:
    """Import modules without the garbage collector, which would only look through what stays.

    One that another version of MemOS lacks is left out; any other error is the API's own.
    """
    gc.disable()
    configure_logs_once()
    memos_structure.use()
    for name in names:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not f"{name}.".startswith(f"{error.name}."):
                raise
    gc.freeze()
    gc.enable()


def databases(env: Mapping[str, str], version: str) -> tuple[Database, ...]:
    """The databases that these variables have a MemOS connect to (`memos/api/config.py`).

    Milvus only with preference memory, and before 2.0.8; one that is a folder, or none that we
    know, not at all.
    """
    found = []
    backend = env.get("GRAPH_DB_BACKEND") or env.get("NEO4J_BACKEND", "")
    if backend.lower().startswith("neo4j"):
        uri = env.get("NEO4J_URI", "bolt://localhost:7687")
        login = (env.get("NEO4J_USER", "neo4j"), env.get("NEO4J_PASSWORD", "12345678"))
        found.append(Database(name="neo4j", address=uri, ask=lambda: ask_neo4j(uri, login)))
    if not env.get("QDRANT_PATH"):
        host = f"{env.get('QDRANT_HOST', 'localhost')}:{env.get('QDRANT_PORT', '6333')}"
        base = env.get("QDRANT_URL") or f"http://{host}"
        ready = urllib.request.Request(f"{base.rstrip('/')}/readyz")
        found.append(Database(name="qdrant", address=base, ask=lambda: ask_http(ready)))
    in_milvus = memos_mends.numbers(version) < WITHOUT_MILVUS
    if in_milvus and env.get("ENABLE_PREFERENCE_MEMORY") == "true":
        base = env.get("MILVUS_URI", "http://localhost:19530")
        user, password = env.get("MILVUS_USER_NAME", "root"), env.get("MILVUS_PASSWORD", "12345678")
        # urllib sends a header as Latin-1, and the server reads UTF-8
        token = f"Bearer {user}:{password}".encode().decode("latin-1")
        collections = urllib.request.Request(
            f"{base.rstrip('/')}/v2/vectordb/collections/list",
            data=b"{}",
            headers={
                "Content-Type": "application/json",
                "Authorization": token,
            },
        )
        found.append(
            Database(name="milvus", address=base, ask=lambda: ask_http(collections, field="code"))
        )
    return tuple(found)


def ask_neo4j(uri: str, login: tuple[str, str]) -> str:
    """Run a query that needs the login; a rejected one is an answer, MemOS tells the rest."""
    neo4j = importlib.import_module("neo4j")
    limits = {"connection_timeout": TIMEOUT, "max_transaction_retry_time": 0}
    with neo4j.GraphDatabase.driver(uri, auth=login, **limits) as driver:
        try:
            driver.execute_query("RETURN 1")
        except neo4j.exceptions.AuthError:
            return ""
        # a name that nobody has is a ValueError
        except (
            neo4j.exceptions.DriverError,
            neo4j.exceptions.Neo4jError,
            OSError,
            ValueError,
        ) as e:
            return plain(e)
    return ""


def ask_http(request: urllib.request.Request, *, field: str = "") -> str:
    """Make a call that only a ready server answers well; `field` of the answer must be 0."""
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            text = answer.read()
        return "" if not field or json.loads(text).get(field) == 0 else text.decode()[:120]
    except urllib.error.HTTPError as error:
        return "" if error.code in REJECTED else f"HTTP {error.code}"
    except (OSError, ValueError, AttributeError) as error:
        return plain(error)


def plain(error: Exception) -> str:
    """Return an error in one line; what wraps a reason puts it last."""
    lines = [line for line in str(getattr(error, "reason", error)).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1].strip()[-120:]


def wait(
    wanted: Iterable[Database],
    say: Callable[[str], None],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Return when all have answered; one that never does is named in the log again and again."""
    began = clock()
    for one in wanted:
        due = 0.0
        while why := one.ask():
            passed = clock() - began
            if passed >= due:
                due = max(1.0, min(2 * passed, passed + AGAIN))
                where = re.sub("//[^/]*@", "//", one.address)  # no login in a log
                say(f"waiting for {one.name} at {where}, {passed:.0f} s so far: {why}")
            sleep(INTERVAL)
    say(f"the databases answer, after {clock() - began:.1f} s")


def log(line: str) -> None:
    """Write a line of the container's log."""
    print(f"memos: {line}", file=sys.stderr, flush=True)


def watched(wanted: str, mounted: Path = SOURCE) -> Path | None:
    """Return the source whose changes count, by RELOAD: yes, no or nothing.

    Nothing: a mounted one; yes: else the copy that is installed.
    """
    if wanted == "no":
        return None
    if (mounted / "memos").is_dir():
        return mounted
    installed = find_spec("memos") if wanted == "yes" else None
    return Path(installed.origin).parent if installed and installed.origin else None


def supervised(source: Path, state_file: Path = STATE) -> dict[str, str]:
    """Return what the supervisor of this container is told.

    It ends when its first version fails, as this program would: the engine then starts it again,
    and `inv` tells why. The second time it stays, for the edit that mends it.
    """
    stays = state.failed_at_first(state_file)
    return {
        "MEMOS_RELOAD_SOURCE": str(source),
        "MEMOS_RELOAD_STATE": str(state_file),
        "MEMOS_RELOAD_BIND": CALLS,
        "MEMOS_RELOAD_METRICS": METRICS,
        "MEMOS_RELOAD_FIRST": "" if stays else settings.EXIT,
    }


def debug(bind: str) -> None:
    """Let editors attach to this process at host:port; it starts too where they cannot."""
    if not bind:
        return
    try:
        debugger.listen(bind)
    except (ImportError, OSError, ValueError, subprocess.SubprocessError) as error:
        log(f"no debugger: {error}")
    else:
        log("a debugger may attach")


def main() -> None:
    """Load, mend, wait, look what made the vectors, serve; or have a supervisor do so."""
    if (source := watched(environ.get("RELOAD", ""))) is not None:
        environ.update(supervised(source))
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a reload asked for before it can be
        sys.exit(importlib.import_module("memos_reload.supervisor").main())
    load()
    log("loaded; nothing has been connected to yet")
    debug(debugger.asked(environ))
    memos_mends.apply(environ, log)
    wait(databases(environ, memos_mends.running()), log)
    try:
        memos_vectors.check(environ, log)
    except memos_vectors.OtherModelError as error:
        sys.exit(f"memos: {error}")
    addresses = listening.address(CALLS), listening.address(METRICS)
    sockets = listening.sockets(*addresses, log)
    importlib.import_module("memos_metrics").serve(APP, sockets)


if __name__ == "__main__":
    main()

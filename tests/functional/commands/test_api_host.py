"""`inv api.host`, `inv api.container`, `inv env --host`: the API as a process of this machine."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from dotenv import dotenv_values

from scripts.config import release, settings
from scripts.config.second_stack import other_files
from scripts.core.inventory import Engine
from scripts.core.look import HostProcess
from scripts.data.context import DataContext
from scripts.loop import api_host
from scripts.machine import processes
from scripts.watch import on_host
from tests.kit import servers
from tests.kit.changes import Change, put
from tests.kit.checkout import Checkout, DataCheckout
from tests.kit.on_host import noted, wrote
from tests.kit.places import ROOT
from tests.kit.workflows import assignments

PYTHON = """#!/bin/sh
test "$1" != -c || {{ echo '{contents}'; exit; }}
exec {python} "$@"
"""
"""An environment's Python that says what is installed, and runs ours for all else."""
SUPERVISOR = """
import json, os, signal, sys, time
from pathlib import Path

def end(*_):
    print("told to end", flush=True)
    sys.exit()

signal.signal(signal.SIGTERM, end)
Path("given.json").write_text(json.dumps(dict(os.environ)))
print("2026-11-27 12:00:00 - memos - INFO - one \\x1b[31mversion\\x1b[0m", flush=True)
{then}
"""
CTRL_C = "os.kill(os.getppid(), signal.SIGINT); time.sleep(60)"
"""Typed on the terminal of `inv api.host`."""


@pytest.fixture
def source(at: Checkout, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a checkout of MemOS with an environment, and have MEMOS_SRC name it; return it."""
    folder = at.folder / "my MemOS"
    (folder / "src" / "memos").mkdir(parents=True)
    (folder / "src" / "memos" / "__init__.py").write_text('__version__ = "2.0.6"\n')
    (folder / ".env").write_text("NEO4J_URI=bolt://of.the.checkout:1\n")
    extras = release.extras(ROOT / release.LOCKS)
    has(folder, *extras, "pip")
    api = at.root / "docker" / "memos-api"
    (api / "tokenizer.py").symlink_to(ROOT / "docker" / "memos-api" / "tokenizer.py")
    supervise(at, CTRL_C)
    put("MEMOS_SRC", str(folder))(at)
    put("ODD_ONE", "'a \"b\" $c #d'")(at)
    memos = at.config["services"]["memos"]
    mount = {"type": "bind", "source": str(folder / "src"), "target": "/app/src", "read_only": True}
    memos["volumes"] = [mount]
    memos["environment"] |= {
        "PYTHONPATH": "/app/src",
        "NEO4J_URI": "bolt://neo4j-docker:7474",
        "ODD_ONE": 'a "b" $$c #d',
        "NEO4J_PASSWORD": "s e c r e t",
    }
    memos["depends_on"] = {"neo4j": {"condition": "service_healthy"}}
    # what answers for the container in these tests goes on listening
    monkeypatch.setattr(api_host, "FREE", 0.0)
    return folder


def has(folder: Path, *packages: str, python: tuple[int, int] = (3, 11)) -> None:
    """Let the environment of a checkout hold these packages."""
    contents = json.dumps({"python": python, "packages": dict.fromkeys(packages, "1.0")})
    file = folder / ".venv" / "bin" / "python"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(PYTHON.format(contents=contents, python=shlex.quote(sys.executable)))
    file.chmod(0o755)


def supervise(at: Checkout, then: str) -> None:
    """Let the supervisor do something once it has said what it was given."""
    program = at.root / "docker" / "memos-api" / "memos_reload"
    program.mkdir(exist_ok=True)
    (program / "__main__.py").write_text(SUPERVISOR.format(then=then))


def cache(at: Checkout) -> Path:
    """Return the cache of the stack."""
    return at.root / ".cache" / "memos-test"


def neo4j(at: Checkout) -> str:
    """Return the address of Neo4j on this machine."""
    (port,) = at.config["services"]["neo4j"]["ports"]
    return f"127.0.0.1:{port['published']}"


def state_of(at: Checkout, name: str = "memos") -> str:
    """Ask the engine how a container is."""
    at.inv("ps", "--format", "json")
    rows = json.loads(at.shown().out)["services"]
    return next(str(row["state"]) for row in rows if row["service"] == name)


# the API ----------------------------------------------------------------------------------------


def test_the_api_runs_under_its_supervisor_until_ctrl_c(at: Checkout, source: Path) -> None:
    """With what the container gets, as this machine needs it; its container is stopped."""
    assert at.inv("api.host") == 0

    shown = at.shown()
    assert shown.out.splitlines() == [
        "2026-11-27 12:00:00 - memos - INFO - one version",
        "told to end",
    ]
    assert f"the Python is {source}/.venv/bin/python (the checkout's own .venv)" in shown.err
    assert "inv api.container brings its container back" in shown.err
    given = json.loads((cache(at) / "host" / "given.json").read_text())
    (port,) = at.config["services"]["memos"]["ports"]
    quiet = at.root / "docker" / "memos-api" / "on_host"
    assert given["MEMOS_RELOAD_SOURCE"] == str(source / "src")
    assert given["PYTHONPATH"] == f"{quiet}:{source}/src"
    assert given["MEMOS_RELOAD_PYTHON"] == str(source / ".venv" / "bin" / "python")
    assert given["MEMOS_RELOAD_BIND"] == f"127.0.0.1:{port['published']}"
    assert given["MEMOS_RELOAD_METRICS"].startswith("127.0.0.1:")
    assert given["MEMOS_RELOAD_STATE"] == str(cache(at) / "host" / "reload.json")
    assert given["NEO4J_URI"] == f"bolt://{neo4j(at)}"
    assert given["ODD_ONE"] == 'a "b" $c #d'
    assert given["PYTHON_DOTENV_DISABLED"] == "1"
    assert "127.0.0.1" in given["NO_PROXY"].split(",")
    assert "MEMOS_DEBUG_BIND" not in given
    tokenizer = "hub/models--gpt2/refs/main"
    assert (Path(given["HF_HOME"]) / tokenizer).exists()
    assert state_of(at) == "exited"


def test_what_python_compiles_is_kept_apart_where_it_may_lie_nowhere_else(
    at: Checkout, source: Path
) -> None:
    """Else each start would compile all packages again."""
    del source
    at.patch.setenv("PYTHONDONTWRITEBYTECODE", "1")

    assert at.inv("api.host") == 0

    given = json.loads((cache(at) / "host" / "given.json").read_text())
    assert given["PYTHONDONTWRITEBYTECODE"] == ""
    assert given["PYTHONPYCACHEPREFIX"] == str(cache(at) / "host" / "compiled")


def test_what_it_wrote_is_kept_for_its_owner_and_nobody_is_noted_any_more(
    at: Checkout, source: Path
) -> None:
    """Each line behind its moment, as it was written."""
    del source
    assert at.inv("api.host") == 0

    log = cache(at) / "host" / "log"
    first, last = log.read_text().splitlines()
    assert first.partition(" ")[2].endswith("one \x1b[31mversion\x1b[0m")
    assert last.endswith("Z told to end")
    assert log.stat().st_mode & 0o777 == 0o600
    assert not (cache(at) / "host.json").exists()


def test_what_is_written_beside_it_is_for_its_owner_only(at: Checkout, source: Path) -> None:
    """MemOS makes its files as it likes; so the folder is closed, also one that was open."""
    del source
    folder = cache(at) / "host"
    folder.mkdir(mode=0o755, parents=True)

    assert at.inv("api.host") == 0

    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_tokenizer_that_was_written_in_part_is_written_anew(at: Checkout, source: Path) -> None:
    """Ctrl-C, or a full disk, may have ended that."""
    del source
    tokenizer = cache(at) / "host" / "huggingface" / "hub" / "models--gpt2"
    (tokenizer / "snapshots").mkdir(parents=True)

    assert at.inv("api.host") == 0

    assert (tokenizer / "refs" / "main").exists()


def test_the_secrets_are_in_the_file_alone_which_shell_and_dotenv_read_alike(
    at: Checkout, source: Path
) -> None:
    """It lies beside the settings, for their owner only."""
    del source
    assert at.inv("api.host") == 0

    shown = at.shown()
    assert "s e c r e t" not in shown.out + shown.err
    file = at.root / ".env.host"
    assert file.stat().st_mode & 0o777 == 0o600
    read = dotenv_values(file)
    assert (read["NEO4J_PASSWORD"], read["ODD_ONE"]) == ("s e c r e t", 'a "b" $c #d')
    script = f'set -a; . {shlex.quote(str(file))}; printf %s "$ODD_ONE|$NEO4J_PASSWORD"'
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == 'a "b" $c #d|s e c r e t'


def test_an_api_that_ends_by_itself_is_broken_and_told_why(at: Checkout, source: Path) -> None:
    """By what it wrote, as of a container."""
    del source
    supervise(at, 'print("ImportError: cannot import name X", flush=True); sys.exit(3)')

    assert at.inv("api.host") == 5

    told = at.shown().err
    assert "ImportError: cannot import name X" in told
    assert "inv api.host" in told
    assert "inv api.container brings its container back" in told


def test_the_debugger_listens_on_this_machine_alone(at: Checkout, source: Path) -> None:
    """The container's own address of it is any; debugpy must be there."""
    at.config["services"]["memos"]["environment"] |= {
        "MEMOS_DEBUG": "yes",
        "MEMOS_DEBUG_BIND": "0.0.0.0:5678",
    }
    port = servers.closed_port()
    put("MEMOS_DEBUG_PORT", str(port))(at)
    assert at.inv("api.host", "--debug") == 2
    told = at.shown().err
    assert "lacks debugpy" in told
    assert "-m pip install debugpy" in told

    has(source, *release.extras(ROOT / release.LOCKS), "debugpy")
    assert at.inv("api.host", "--debug") == 0

    given = json.loads((cache(at) / "host" / "given.json").read_text())
    assert (given["MEMOS_DEBUG"], given["MEMOS_DEBUG_BIND"]) == ("yes", f"127.0.0.1:{port}")


def test_a_debug_port_that_is_taken_is_told_with_its_variable(at: Checkout, source: Path) -> None:
    """Before the container is stopped; the process itself would only log it."""
    has(source, *release.extras(ROOT / release.LOCKS), "debugpy")
    with servers.tcp(servers.silent) as port:
        put("MEMOS_DEBUG_PORT", str(port))(at)
        assert at.inv("api.host", "--debug") == 5

    assert f"port {port} is taken by" in (told := at.shown().err)
    assert "give MEMOS_DEBUG_PORT another port" in told
    assert state_of(at) == "running"


# a command --------------------------------------------------------------------------------------


def test_a_command_runs_in_the_checkout_with_the_same_variables(at: Checkout, source: Path) -> None:
    """As in its activated environment, beside a note of who it is; its exit code is ours."""
    note = shlex.quote(str(cache(at) / "host.json"))
    copied = f"until cp {note} . 2>/dev/null; do sleep 0.01; done"  # it is, once it has begun
    script = f'printf "%s\\n" "$NEO4J_URI" "$PWD" "$VIRTUAL_ENV" "$PATH" >said; {copied}; exit 9'

    assert at.inv("api.host", "--", "sh", "-c", script) == 9

    uri, folder, home, path = (source / "said").read_text().splitlines()
    assert (uri, folder, home) == (f"bolt://{neo4j(at)}", str(source), str(source / ".venv"))
    assert path.startswith(f"{home}/bin:")
    document = json.loads((source / "host.json").read_text())
    assert document["folder"] == str(source)
    assert document["pid"] != os.getpid()
    assert not (cache(at) / "host.json").exists()
    assert state_of(at) == "exited"


def test_a_command_needs_no_environment(at: Checkout, source: Path) -> None:
    """It may bring its own, as poetry run does."""
    (source / ".venv" / "bin" / "python").unlink()

    assert at.inv("api.host", "--", "true") == 0


@pytest.mark.parametrize("name", ["no-such-program", "./no-such-program"])
def test_a_command_that_is_not_there_is_told(at: Checkout, source: Path, name: str) -> None:
    """Before the container is stopped for it."""
    del source
    assert at.inv("api.host", "--", name) == 4

    assert "no-such-program" in at.shown().err
    assert state_of(at) == "running"


def test_a_program_of_the_checkout_is_found_there(at: Checkout, source: Path) -> None:
    """Wherever the command is typed; and how the container comes back is said at its end."""
    program = source / "run.sh"
    program.write_text("#!/bin/sh\npwd >said; exit 9\n")
    program.chmod(0o755)

    assert at.inv("api.host", "--", "./run.sh") == 9

    assert (source / "said").read_text() == f"{source}\n"
    assert "inv api.container brings its container back" in at.shown().err


def test_what_runs_in_it_does_not_end_it(at: Checkout, source: Path) -> None:
    """It would end itself half-way, and leave the container stopped."""
    del source
    noted(cache(at), pid=os.getppid())

    assert at.inv("api.container") == 2
    assert "leave that, as a shell by exit" in at.shown().err
    assert at.inv("down") == 2
    assert on_host.read(cache(at)) is not None


def test_no_debugger_is_told_of_a_command(at: Checkout, source: Path) -> None:
    """Nobody would listen there."""
    put("MEMOS_DEBUG", "yes")(at)

    assert at.inv("api.host", "--debug", "--", "true") == 2
    assert "--debug is for the API itself" in at.shown().err
    note = shlex.quote(str(cache(at) / "host.json"))
    script = f"until cp {note} . 2>/dev/null; do sleep 0.01; done"
    assert at.inv("api.host", "--", "sh", "-c", script) == 0

    assert json.loads((source / "host.json").read_text())["debug_port"] is None


@pytest.mark.parametrize("words", [(), ("--", "sleep", "60")])
def test_what_cannot_be_noted_is_not_left_running(
    at: Checkout, source: Path, words: tuple[str, ...]
) -> None:
    """It would hold the port, and no command knew of it."""
    del source
    supervise(at, "time.sleep(60)")
    begun = list[int]()

    def full(_: Path, process: HostProcess) -> None:
        begun.append(process.pid)
        raise OSError(28, "No space left on device")

    at.patch.setattr(on_host, "note", full)

    assert at.inv("api.host", *words) == 2

    assert [processes.birth(pid) for pid in begun] == [""]
    assert "No space left on device" in at.shown().err


def test_ctrl_c_while_the_api_is_noted_ends_it(at: Checkout, source: Path) -> None:
    """As at any other moment."""
    del source
    supervise(at, "time.sleep(60)")
    begun = list[int]()

    def typed(_: Path, process: HostProcess) -> None:
        begun.append(process.pid)
        raise KeyboardInterrupt

    at.patch.setattr(on_host, "note", typed)

    assert at.inv("api.host") == 0

    assert [processes.birth(pid) for pid in begun] == [""]


# what is missing, before anything is stopped ----------------------------------------------------


def no_source(at: Checkout) -> None:
    """Name no checkout."""
    put("MEMOS_SRC", "")(at)


def gone(at: Checkout) -> None:
    """Name a checkout that is not there."""
    put("MEMOS_SRC", "/no/such/MemOS")(at)


def no_environment(at: Checkout) -> None:
    """Have none in the checkout."""
    (at.folder / "my MemOS" / ".venv" / "bin" / "python").unlink()


def broken_environment(at: Checkout) -> None:
    """Have one whose Python does not run."""
    file = at.folder / "my MemOS" / ".venv" / "bin" / "python"
    file.write_text("#!/bin/sh\necho no libpython >&2; exit 127\n")


def lacking(at: Checkout) -> None:
    """Have one without two packages."""
    names = {*release.extras(ROOT / release.LOCKS), "pip"} - {"neo4j", "jieba"}
    has(at.folder / "my MemOS", *names)


def old_python(at: Checkout) -> None:
    """Have one of a Python that MemOS takes, and what loads its versions does not."""
    has(at.folder / "my MemOS", python=(3, 10))


def no_database(at: Checkout) -> None:
    """Have a database that does not run."""
    at.state["containers"]["id-neo4j"] = at.container("neo4j", "exited")


def unpublished(at: Checkout) -> None:
    """Have MemOS call a service at a port that no process of this machine reaches."""
    at.config["services"]["memos"]["environment"]["X_API_BASE"] = "http://etcd-docker:8080/v1"


def taken(at: Checkout) -> None:
    """Let another program have the port."""
    at.state["containers"]["id-memos"] = at.container("memos", "exited")


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (no_source, 2, ("MEMOS_SRC is empty", "MEMOS_SRC=/path/to/MemOS in ")),
        (gone, 2, ("/no/such/MemOS",)),
        (no_environment, 2, ("there is no environment", "python3 -m venv ", "2.0.6.txt")),
        (broken_environment, 2, ("does not run: no libpython",)),
        (lacking, 2, ("lacks neo4j, jieba", "-m pip install neo4j==5.", "jieba==0.42")),
        (old_python, 2, ("is Python 3.10; what loads the API wants 3.11 or newer",)),
        (no_database, 5, ("neo4j: exited", "inv up --service neo4j")),
        (unpublished, 2, ("X_API_BASE names etcd:8080, which is not published",)),
        (taken, 5, ("is taken by python", "stop it, or give MEMOS_PORT another port")),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_what_is_missing_is_told_before_anything_is_stopped(
    at: Checkout, source: Path, change: Change, code: int, told: tuple[str, ...]
) -> None:
    """With the cause, and what to type."""
    (port,) = at.config["services"]["memos"]["ports"]
    put("MEMOS_PORT", port["published"])(at)
    before = "exited" if change is taken else "running"
    change(at)

    assert at.inv("api.host") == code

    shown = at.shown()
    assert all(text in shown.err for text in told), shown.err
    assert not (cache(at) / "host.json").exists()
    put("MEMOS_SRC", str(source))(at)
    assert state_of(at) == before


# beside a process that runs ---------------------------------------------------------------------


@pytest.fixture
def process(at: Checkout, source: Path) -> Iterator[HostProcess]:
    """Run a process that is noted as the API, and stop the container; return it."""
    at.state["containers"]["id-memos"] = at.container("memos", "exited")
    (port,) = at.config["services"]["memos"]["ports"]
    put("MEMOS_PORT", port["published"])(at)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"]) as running:
        found = noted(cache(at), int(port["published"]), running.pid)
        wrote(found, "INFO: it serves", "ERROR: one fault")
        yield found
        with suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGKILL)
    del source


def test_a_second_one_is_refused_with_who_it_is(at: Checkout, process: HostProcess) -> None:
    """And how it is seen and ended."""
    assert at.inv("api.host") == 4

    told = at.shown().err
    assert f"pid {process.pid}" in told
    assert "inv api.container" in told


def test_ps_shows_the_process_as_the_service(at: Checkout, process: HostProcess) -> None:
    """Its number, age, use, and what it answers to the same probe."""
    assert at.inv("ps", "--format", "json") == 0

    rows = {row["service"]: row for row in at.document("ps")["services"]}
    memos = rows.pop("memos")
    assert (memos["state"], memos["ready"], memos["host_pid"]) == ("running", True, process.pid)
    assert memos["memory_bytes"] > 1 << 20
    assert 0 <= memos["uptime_seconds"] < 120
    assert {row["host_pid"] for row in rows.values()} == {None}
    assert at.inv("ps") == 0
    assert f"on this machine, pid {process.pid}" in at.shown().out


def test_its_debugger_is_no_stranger(at: Checkout, process: HostProcess) -> None:
    """Whoever looks knows who holds that port, too."""
    at.config["services"]["memos"]["ports"].append(
        {"target": 5678, "published": "0", "host_ip": "127.0.0.1", "protocol": "tcp"}
    )
    with servers.tcp(servers.silent) as port:
        at.config["services"]["memos"]["ports"][-1]["published"] = str(port)
        on_host.note(cache(at), replace(process, debug_port=port))
        at.inv("doctor", "--format", "json")
        codes = [one["code"] for one in at.document("doctor")["findings"]]

    assert "port-taken" not in codes


def test_logs_and_doctor_read_what_it_wrote(at: Checkout, process: HostProcess) -> None:
    """From its file, beside the logs of containers; its port is no stranger's."""
    del process
    assert at.inv("logs", "--service", "memos", "--level", "error") == 0
    assert at.shown().out == "memos  | ERROR: one fault\n"

    assert at.inv("doctor", "--format", "json") in {0, 5}
    codes = [one["code"] for one in json.loads(at.shown().out)["findings"]]
    assert not {"port-taken", "stopped", "ended"} & {*codes}


def test_up_takes_it_for_the_service_and_starts_no_container(
    at: Checkout, process: HostProcess
) -> None:
    """All else is started; its port is no conflict."""
    at.state["containers"]["id-etcd"] = at.container("etcd", "exited")

    assert at.inv("up") == 0

    told = at.shown().err
    assert f"memos runs on this machine (pid {process.pid})" in told
    assert "etcd      started" in told
    assert not any(" memos" in call for call in at.calls() if " create " in call)
    assert on_host.read(cache(at)) == process


def test_restart_leaves_it_alone(at: Checkout, process: HostProcess) -> None:
    """And says so; where nothing else is named it is a mistake."""
    at.answer(" stop ", "true")

    assert at.inv("restart", "--service", "memos") == 2
    assert "inv api.container" in at.shown().err
    assert at.inv("restart", "--service", "memos", "--service", "qdrant") == 0
    assert any(call.endswith(" stop qdrant") for call in at.calls())
    assert on_host.read(cache(at)) == process


def test_stopping_the_api_alone_ends_it(at: Checkout, process: HostProcess) -> None:
    """What stands for a service is stopped as that is."""
    assert at.inv("down", "--service", "memos") == 0

    told = at.shown().err
    assert f"ending memos on this machine (pid {process.pid})" in told
    assert "memos is stopped" in told
    assert on_host.read(cache(at)) is None


def test_down_ends_it_too(at: Checkout, process: HostProcess) -> None:
    """It would be left without its databases."""
    assert at.inv("down") == 0

    assert f"ending memos on this machine (pid {process.pid})" in at.shown().err
    assert on_host.read(cache(at)) is None
    assert not (cache(at) / "host.json").exists()


def test_the_container_comes_back_when_the_process_has_ended(
    at: Checkout, process: HostProcess
) -> None:
    """And answers; once more is no error."""
    assert at.inv("api.container") == 0

    told = at.shown().err
    assert f"ending memos on this machine (pid {process.pid})" in told
    assert on_host.read(cache(at)) is None
    assert state_of(at) == "running"
    assert at.inv("api.container") == 0


def test_without_a_container_there_is_none_to_bring_back(
    at: Checkout, process: HostProcess
) -> None:
    """The process is left alone, too."""
    del at.state["containers"]["id-memos"]

    assert at.inv("api.container") == 2

    assert "inv up --service memos" in at.shown().err
    assert on_host.read(cache(at)) == process


def test_a_process_that_does_not_end_is_killed(at: Checkout, process: HostProcess) -> None:
    """One that stands still hears no SIGTERM."""
    os.kill(process.pid, signal.SIGSTOP)
    at.patch.setattr(processes.end, "__kwdefaults__", {"grace": 0.2})

    assert at.inv("api.container") == 0

    assert on_host.read(cache(at)) is None


class TestData:
    """What is done to data that the process uses."""

    @pytest.fixture
    def kind(self) -> type[Checkout]:
        """Its stack keeps data."""
        return DataCheckout

    @pytest.mark.parametrize("words", ["reset --service neo4j --yes", "snapshot.save"])
    def test_data_that_it_uses_is_left_as_it_is(self, at: Checkout, words: str) -> None:
        """It would go on writing; nothing is stopped for it."""
        at.state["containers"]["id-memos"] = at.container("memos", "exited")
        noted(cache(at))

        assert at.inv(*words.split()) == 2

        told = at.shown().err
        assert "memos uses this data, and runs on this machine" in told
        assert "inv api.container" in told
        assert state_of(at, "neo4j") == "running"


# the variables for a shell ----------------------------------------------------------------------


def test_a_shell_gets_the_variables_and_no_secret_is_printed(at: Checkout, source: Path) -> None:
    """What is printed reads the file, which only its owner may read."""
    assert at.inv("env", "--host") == 0

    lines = at.shown().out
    assert "s e c r e t" not in lines
    script = f'{lines}\nprintf %s "$NEO4J_PASSWORD|$PYTHONPATH"'
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.startswith("s e c r e t|")
    assert said.endswith(f":{source}/src")
    assert at.inv("env", "--host", "--offset", "100") == 2


def test_later_steps_of_a_workflow_get_the_variables_masked(at: Checkout, source: Path) -> None:
    """And where the API answers; what is printed is for the runner, which shows none of it."""
    del source
    exported = at.folder / "exported"
    at.patch.setenv("GITHUB_ENV", str(exported))

    assert at.inv("env", "--github") == 0

    lines = at.shown().out.splitlines()
    assert "::add-mask::s e c r e t" in lines
    assert all(line.startswith("::add-mask::") for line in lines)
    found = dict(assignments(exported.read_text()))
    assert (found["NEO4J_PASSWORD"], found["ODD_ONE"]) == ("s e c r e t", 'a "b" $c #d')
    assert found["NEO4J_URI"] == f"bolt://{neo4j(at)}"
    (port,) = at.config["services"]["memos"]["ports"]
    assert found["MEMOS_URL"] == f"http://127.0.0.1:{port['published']}"
    assert at.inv("env", "--github", "--host") == 2


def test_its_file_is_no_settings_file(at: Checkout, source: Path) -> None:
    """A second stack is not in its way."""
    del source
    assert at.inv("env", "--host") == 0

    (at.root / ".env.host").write_text("NEO4J_HTTP_PORT=27474\n")

    assert "NEO4J_HTTP_PORT" not in str(other_files(at.root, at.env_file))


def test_what_a_shell_was_given_is_no_setting_of_another_stack(at: Checkout, source: Path) -> None:
    """Else `down --volumes` with a second file would be about the first stack."""
    del source
    assert at.inv("env", "--host") == 0
    given = dotenv_values(at.root / ".env.host")
    assert given["NEO4J_PASSWORD"] == "s e c r e t"
    assert not any(name.startswith("COMPOSE_") for name in given)
    second = at.root / "second.env"
    second.write_text("COMPOSE_PROJECT_NAME=another\nNEO4J_PASSWORD=its-own-one\n")
    environ = {**{name: value or "" for name, value in given.items()}, "ENV_FILE": str(second)}

    found = settings.load(at.root, environ)

    assert found.get("NEO4J_PASSWORD") == "its-own-one"
    assert found.overruled() == []
    assert settings.load(at.root, {**environ, "MEMOS_DEV_GIVEN": ""}).overruled()


# what goes wrong on the way ---------------------------------------------------------------------


def test_an_engine_elsewhere_has_its_ports_elsewhere(at: Checkout, source: Path) -> None:
    """No process of this machine reaches them."""
    del source
    at.patch.setattr(Engine, "local", property(lambda _: False))

    assert at.inv("api.host") == 3

    assert "is on another machine, and so are its ports" in at.shown().err


def test_a_container_that_does_not_stop_keeps_the_port(at: Checkout, source: Path) -> None:
    """Nothing is started beside it."""
    del source
    at.patch.setattr(DataContext, "stop", lambda *_: None)

    assert at.inv("api.host") == 5

    assert "its container does not stop: memos is running" in at.shown().err
    assert not (cache(at) / "host.json").exists()


def test_a_home_of_the_users_own_models_is_left_as_it_is(at: Checkout, source: Path) -> None:
    """The real tokenizer may be there; no stand-in is written."""
    del source
    at.patch.setenv("HF_HOME", str(at.folder / "models"))

    assert at.inv("api.host") == 0

    given = json.loads((cache(at) / "host" / "given.json").read_text())
    assert given["HF_HOME"] == str(at.folder / "models")
    assert not (at.folder / "models").exists()


def test_a_tokenizer_that_cannot_be_written_is_told(at: Checkout, source: Path) -> None:
    """Before the container is stopped."""
    del source
    program = at.root / "docker" / "memos-api" / "tokenizer.py"
    program.unlink()
    program.write_text("raise SystemExit('the disk is full')\n")

    assert at.inv("api.host") == 4

    assert "the tokenizer cannot be written: the disk is full" in at.shown().err
    assert state_of(at) == "running"


def denied(pid: int, **_: object) -> None:
    """Be another user than the process is of."""
    raise PermissionError(1, "Operation not permitted", pid)


@pytest.mark.parametrize(
    ("ends", "code", "told"),
    [
        (denied, 2, ("belongs to another user", "sudo kill ")),
        (lambda *_: None, 5, ("does not end", "ps -o pid,stat,cmd -p ")),
    ],
)
def test_a_process_that_cannot_be_ended_is_told(
    at: Checkout, process: HostProcess, ends: object, code: int, told: tuple[str, ...]
) -> None:
    """It goes on, and the container stays as it is."""
    at.patch.setattr(processes, "end", ends)

    assert at.inv("api.container") == code

    shown = at.shown().err
    assert all(text in shown for text in told)
    assert on_host.read(cache(at)) == process

"""The supervisor on a small source: an edit answers, and nothing that a version does stops it."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.kit.reloading import POOL, THREAD, Reloading, listens, reloading, toy, write


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Reloading]:
    """A source whose first version answers, and a template that has loaded its packages."""
    with reloading(tmp_path) as found:
        found.serves(1)
        found.rested()
        yield found


@pytest.fixture
def hurried(tmp_path: Path) -> Iterator[Reloading]:
    """The same, for what hangs."""
    with reloading(tmp_path, hurried=True) as found:
        found.serves(1)
        found.rested()
        yield found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reloading]:
    """The same, for all that only edit."""
    with reloading(tmp_path_factory.mktemp("shared")) as found:
        found.serves(1)
        found.rested()
        yield found


@pytest.fixture
def api(shared: Reloading) -> Reloading:
    """A source as it was in the beginning, whose version counts as the first."""
    return shared.renewed()


def test_an_edit_answers(api: Reloading) -> None:
    """The new code, and what is told of it."""
    assert (api.get(), api.told["watching"]["how"]) == ("one", "events")

    api.write("answer.py", 'TEXT = "two"\n')
    api.serves(2)

    assert api.get() == "two"
    run = api.last
    assert (run["files"], run["first_files"], run["outcome"]) == (1, ["memos/answer.py"], "answers")
    assert set(run["seconds"]) == {"compile", "import", "connect", "answer"}
    assert f"memos: reload: version {api.base + 2} answers after " in api.log
    assert "(memos/answer.py)" in api.log


def test_without_file_events_the_folder_is_looked_at(tmp_path: Path) -> None:
    """As where the container's folder is another system's; it is said."""
    with reloading(tmp_path, polling=True) as api:
        api.serves(1)
        assert api.told["watching"]["how"] == "polling"
        assert "src is watched by polling: no file events come from" in api.log
        api.write("answer.py", 'TEXT = "two"\n')
        api.serves(2)
        assert api.get() == "two"


def test_two_saves_within_a_second_that_are_equally_long_are_two(api: Reloading) -> None:
    """Byte code knows a file by its size and by whole seconds."""
    for number, text in enumerate(("two", "six", "ten"), start=2):
        api.write("answer.py", f'TEXT = "{text}"\n')
        api.serves(number)
        assert api.get() == text


@pytest.mark.parametrize(
    ("text", "stage", "line", "error"),
    [
        ("TEXT = (\n", "connect", 1, "SyntaxError: '(' was never closed"),
        ("\nTEXT = nothing\n", "connect", 2, "NameError: name 'nothing' is not defined"),
        ("import absent\n", "connect", 1, "ModuleNotFoundError: No module named 'absent'"),
        ("raise SystemExit('no')\n", "connect", 1, "no"),
        ("import os\nos._exit(3)\n", "connect", 0, "it ended with exit code 3"),
    ],
)
def test_a_version_that_fails_is_told_and_the_old_one_serves_on(
    api: Reloading, text: str, stage: str, line: int, error: str
) -> None:
    """By file and line; the next edit answers again."""
    api.write("answer.py", text)
    failed = api.ends(2, "failed")

    assert api.get() == "one"
    assert (failed["stage"], failed["line"], failed["error"]) == (stage, line, error)
    assert failed["file"] == ("memos/answer.py" if line else "")
    assert f"version {api.base + 2} failed, version {api.base + 1} serves on: " in api.log

    api.write("answer.py", 'TEXT = "mended"\n')
    api.serves(3)
    assert api.get() == "mended"


def test_a_file_that_nothing_imports_holds_nobody_up(api: Reloading) -> None:
    """A template, or a test that is being written; it is told all the same, once."""
    api.write("page.py", "class {{ name }}:\n")
    api.write("answer.py", 'TEXT = "two"\n')
    api.until(lambda: api.get() == "two", "the edit")
    api.until(
        lambda: "nothing has imported what does not compile: memos/page.py:1: " in api.log, "it"
    )

    assert any(run["file"] == "memos/page.py" for run in api.told["runs"])
    api.write("answer.py", 'TEXT = "three"\n')
    api.until(lambda: api.get() == "three", "the next edit")
    assert api.last["error"] == ""
    (api.source / "memos" / "page.py").unlink()


def test_an_import_that_hangs_is_told_by_its_line(hurried: Reloading) -> None:
    """And is given up while the old version serves on."""
    api = hurried
    api.write("api/__init__.py", "import threading\n\nthreading.Event().wait()\n")
    failed = api.ends(2, "failed")

    assert (failed["file"], failed["line"]) == ("memos/api/__init__.py", 3)
    assert "does not go on here (in threading.py:" in failed["error"]
    assert api.get() == "one"


def test_a_version_that_does_not_connect_is_told_and_waits_beside_the_old_one(
    hurried: Reloading,
) -> None:
    """What it waits for may come; another edit takes its place."""
    api = hurried
    api.write("answer.py", "import time\nTEXT = 'two'\ntime.sleep(600)\n")
    api.until(lambda: (api.told["pending"] or {}).get("error"), "where it is")

    pending = api.told["pending"]
    assert (pending["stage"], pending["file"], pending["line"]) == ("connect", "memos/answer.py", 3)
    assert api.get() == "one"

    api.write("answer.py", "TEXT = 'three'\n")
    api.serves(3)
    assert api.get() == "three"
    assert api.ends(2, "superseded")


QUIET = "\ndef shut_down():\n    pass\n"
STUCK = "import signal, time\ndef shut_down():\n    time.sleep(600)\n"
IGNORES = STUCK.replace("    t", "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    t")
OLD_HABITS = {
    "an open stream": (QUIET, "/stream"),
    "a call that is stuck": (QUIET, "/stuck"),
    "an event loop that stands still": (QUIET, "/still"),
    "a shutdown that is stuck": (STUCK, ""),
    "SIGTERM ignored": (IGNORES, ""),
    "a thread that nobody ends": (THREAD + QUIET, ""),
    "a pool of processes": (POOL + QUIET, ""),
}


@pytest.mark.parametrize("habit", OLD_HABITS)
def test_what_the_old_version_does_keeps_no_new_one_away(tmp_path: Path, habit: str) -> None:
    """It answers at once, and of the old one nothing is left."""
    text, call = OLD_HABITS[habit]
    write(toy(tmp_path) / "memos" / "habit.py", text)
    with reloading(tmp_path) as api:
        api.serves(1)
        api.rested()
        template = api.template
        before = api.processes()
        if call:
            api.begin(call)

        api.write("answer.py", 'TEXT = "two"\n')
        api.serves(2)

        assert api.get() == "two"
        api.until(lambda: len(api.processes()) <= 2 + 2 * ("pool" in habit), "the old one's end")
        assert set(before) & set(api.processes()) == {template}


def test_no_connection_is_refused_or_lost_over_edits(api: Reloading) -> None:
    """Calls wait while one version takes over from another; each answer is a whole one."""
    answers: list[str] = []
    failed: list[str] = []
    done = threading.Event()

    def call() -> None:
        while not done.wait(0.01):
            try:
                answers.append(api.get())
            except requests.RequestException as error:
                failed.append(str(error))

    callers = [threading.Thread(target=call) for _ in range(3)]
    for one in callers:
        one.start()
    try:
        for number in range(2, 8):
            api.write("answer.py", f'TEXT = "text {number}"\n')
            api.serves(number)
            assert api.get() == f"text {number}"
    finally:
        done.set()
        for one in callers:
            one.join()

    assert failed == []
    assert len(answers) > 50
    assert {"one", *(f"text {number}" for number in range(2, 8))} >= set(answers)


def test_a_checkout_of_two_hundred_files_is_one_version(api: Reloading) -> None:
    """And so is what editors leave beside a file nothing at all."""
    for number in range(200):
        api.write(f"many_{number}.py", f"NUMBER = {number}\n")
    api.serves(2)
    (api.source / "memos" / ".answer.py.swp").write_text("swap")
    (api.source / "memos" / "__pycache__").mkdir()
    (api.source / "memos" / "__pycache__" / "answer.cpython-311.pyc").write_text("code")
    api.write("answer.py", 'TEXT = "two"\n')
    api.serves(3)
    shutil.rmtree(api.source / "memos" / "__pycache__")
    for file in api.source.glob("memos/many_*.py"):
        file.unlink()

    assert api.ends(3, "answers")["first_files"] == ["memos/answer.py"]
    assert api.ends(2, "answers")["files"] == 200


def test_a_reload_can_be_asked_for(api: Reloading) -> None:
    """Also when nothing has changed, and it says that it was."""
    before = api.told["asked"]
    api.process.send_signal(signal.SIGHUP)
    api.serves(2)

    assert api.told["asked"] == api.last["asked"] == before + 1
    assert api.last["files"] == 0


def test_a_source_that_vanishes_is_told_and_comes_back(api: Reloading) -> None:
    """The old version serves on."""
    away = api.folder / "away"
    api.source.rename(away)
    api.until(lambda: "is not there" in api.told["watching"]["why"], "that it is gone")
    assert api.get() == "one"

    write(away / "memos" / "answer.py", 'TEXT = "two"\n')
    away.rename(api.source)
    api.serves(2)
    assert api.get() == "two"
    api.write("answer.py", 'TEXT = "three"\n')
    api.serves(3)
    assert api.get() == "three"


def test_a_version_that_is_killed_is_started_again(alone: Reloading) -> None:
    """As the engine does with a container."""
    (serving,) = {*alone.processes()} - {alone.template}
    os.kill(serving, signal.SIGKILL)
    alone.serves(2)

    assert alone.get() == "one"
    assert "version 1 has ended by itself (it was ended by SIGKILL)" in alone.log


ENDS_ONCE = """
import os, pathlib, uvicorn
TEXT = "two"
once = pathlib.Path({file!r})
async def ends(server, sockets=None):
    await server.lifespan.startup()  # until it is told to serve
    os._exit(3)
if not once.exists():
    once.touch()
    uvicorn.Server.startup = ends
"""


def test_a_version_that_ends_as_it_takes_over_is_started_again(
    api: Reloading, tmp_path: Path
) -> None:
    """The one before it has left already: nobody else would answer until the next edit."""
    api.write("answer.py", ENDS_ONCE.format(file=str(tmp_path / "once")))

    failed = api.ends(2, "failed")
    assert (failed["stage"], failed["error"]) == ("serve", "it ended with exit code 3")
    api.serves(3)
    assert api.get() == "two"
    assert api.last["first_files"] == ["memos/answer.py"]


def test_a_template_that_is_killed_is_made_again(alone: Reloading) -> None:
    """The version that serves does not notice."""
    os.kill(alone.template, signal.SIGKILL)
    assert alone.get() == "one"
    alone.write("answer.py", 'TEXT = "two"\n')
    alone.serves(2)
    assert alone.get() == "two"


DAEMON = THREAD.replace("args", "daemon=True, args")
FIRST = """
import sys
if "memos" not in sys.modules:
    raise ImportError("too early")
"""


@pytest.mark.parametrize("more", ["", FIRST], ids=["a thread", "a thread, and an error"])
def test_a_package_that_starts_a_thread_is_left_to_the_versions(tmp_path: Path, more: str) -> None:
    """It is named once, whatever it consists of, and each version still answers."""
    modules = [f"busy.part_{number}" for number in range(6)]
    for name in modules:
        write(tmp_path / "site" / f"{name.replace('.', '/')}.py", "")
    write(tmp_path / "site" / "busy" / "__init__.py", DAEMON + more)
    text = f"import {', '.join(modules)}\nTEXT = "
    write(toy(tmp_path) / "memos" / "answer.py", f'{text}"one"\n')
    with reloading(tmp_path, env={"PYTHONPATH": str(tmp_path / "site")}) as api:
        api.serves(1)
        api.until(lambda: "busy starts a thread" in api.log, "the name")
        api.rested()
        api.write("answer.py", f'{text}"two"\n')
        api.serves(2)
        assert api.get() == "two"
        assert api.log.count("starts a thread when it is imported") == 1


LATE = """
import signal, threading, time
def late(*_):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
signal.signal(signal.SIGALRM, late)
signal.setitimer(signal.ITIMER_REAL, 0.3)
"""


def test_a_thread_that_begins_after_its_import_is_seen_before_a_fork(tmp_path: Path) -> None:
    """Nobody knows whose it is: nothing is loaded any more, and it is said."""
    write(tmp_path / "site" / "late.py", LATE)
    write(toy(tmp_path) / "memos" / "answer.py", 'import late\nTEXT = "one"\n')
    with reloading(tmp_path, env={"PYTHONPATH": str(tmp_path / "site")}) as api:
        api.serves(1)
        api.rested()
        tasks = Path(f"/proc/{api.template}/task")
        api.until(lambda: len(list(tasks.iterdir())) > 1, "the thread")
        api.write("answer.py", 'TEXT = "two"\n')
        api.serves(2)
        assert api.get() == "two"
        assert "each version is a full start: a package starts a thread some time after" in api.log


def test_an_edit_waits_for_all_packages_that_are_left_to_the_versions(tmp_path: Path) -> None:
    """Each of them costs the template in which it is met."""
    for name in ("busy", "busy_too", "busy_as_well"):
        write(tmp_path / "site" / f"{name}.py", f"import time\ntime.sleep(0.3)\n{DAEMON}")
    text = "import busy, busy_too, busy_as_well\nTEXT = "
    write(toy(tmp_path) / "memos" / "answer.py", f'{text}"one"\n')
    with reloading(tmp_path, env={"PYTHONPATH": str(tmp_path / "site")}) as api:
        api.serves(1)
        api.write("answer.py", f'{text}"two"\n')
        api.serves(2)
        assert api.get() == "two"
        assert api.log.count("starts a thread when it is imported") == 3


def test_other_packages_are_loaded_anew(tmp_path: Path) -> None:
    """What the source wants of them has changed; it is said."""
    toy(tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    with reloading(tmp_path) as api:
        api.serves(1)
        api.rested()
        os.utime(tmp_path / "pyproject.toml", (1, 1))
        api.write("answer.py", 'TEXT = "two"\n')
        api.serves(2)
        assert "have changed" in api.log
        assert api.get() == "two"


def test_a_first_version_that_fails_is_what_callers_are_told(tmp_path: Path) -> None:
    """503 with file and line, until an edit mends it."""
    write(toy(tmp_path) / "memos" / "answer.py", "TEXT = nothing\n")
    with reloading(tmp_path) as api:
        api.ends(1, "failed")
        api.until(lambda: listens(api.port), "the reason")
        assert "nothing answers" in api.log
        answer = requests.get(f"http://127.0.0.1:{api.port}/", timeout=20)
        assert answer.status_code == 503
        assert "version 1 failed: memos/answer.py:1: NameError" in answer.text

        api.write("answer.py", 'TEXT = "mended"\n')
        api.serves(2)
        assert api.get() == "mended"


def test_one_that_is_to_give_up_ends_with_its_first_version(tmp_path: Path) -> None:
    """For an engine that starts it again, and for who tells why."""
    write(toy(tmp_path) / "memos" / "answer.py", "TEXT = nothing\n")
    with reloading(tmp_path, env={"MEMOS_RELOAD_FIRST": "exit"}) as api:
        assert api.process.wait(20) == 1
        assert "NameError: name 'nothing' is not defined" in api.log
        api.until(lambda: not api.processes(), "the end of all")


def test_a_stop_ends_all_of_it_as_the_signal_does(alone: Reloading) -> None:
    """Nothing is left, and the exit code is that of a program without a supervisor."""
    alone.begin("/stuck")
    alone.process.terminate()

    assert alone.process.wait(20) == -signal.SIGTERM
    alone.until(lambda: not alone.processes(), "the end of all")


def test_a_stop_ends_the_version_that_is_being_ended_as_well(alone: Reloading) -> None:
    """It has a second for that, which nobody waits for any more."""
    before = alone.processes()
    alone.begin("/still")  # it hears of nothing
    alone.write("answer.py", 'TEXT = "two"\n')
    alone.serves(2)
    alone.process.terminate()
    for pid in {*alone.processes()} - {*before}:
        os.kill(pid, signal.SIGKILL)

    alone.process.wait(20)
    alone.until(lambda: not alone.processes(), "the end of all")


def test_what_a_version_starts_has_nothing_of_its_open_files(api: Reloading) -> None:
    """Neither the port nor the supervisor's ear: it may live longer than the version."""
    numbers = "map(int, os.listdir('/proc/self/fd'))"
    found = f"[n for n in {numbers} if n > 2 and os.path.exists(f'/proc/self/fd/{{n}}')"
    api.write("answer.py", f"import os\nTEXT = str({found} and os.get_inheritable(n)])\n")
    api.serves(2)
    assert api.get() == "[]"


def test_a_supervisor_that_is_killed_leaves_nobody_behind(alone: Reloading) -> None:
    """Its versions hold the port."""
    alone.process.kill()
    alone.until(lambda: not alone.processes(), "the end of all")


def test_a_port_that_is_taken_is_told(tmp_path: Path, api: Reloading) -> None:
    """In one line."""
    env = {"MEMOS_RELOAD_BIND": f"127.0.0.1:{api.port}"}
    other = tmp_path / "other"
    other.mkdir()
    with reloading(other, env=env) as second:
        assert second.process.wait(20) == 1
        assert "Address already in use" in second.log
        assert "Traceback" not in second.log


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_a_commit_of_the_past_is_one_version(tmp_path: Path) -> None:
    """As a contributor goes back and forth."""
    source = toy(tmp_path)

    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-C", str(source), "-c", "user.name=a", "-c", "user.email=a@b", *words],
            check=True,
        )

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    for number in range(200):
        write(source / "memos" / f"many_{number}.py", f"NUMBER = {number}\n")
    write(source / "memos" / "answer.py", 'TEXT = "two"\n')
    git("add", ".")
    git("commit", "--quiet", "-m", "two")
    with reloading(tmp_path) as api:
        api.serves(1)
        assert api.get() == "two"
        git("checkout", "--quiet", "HEAD~1")
        api.serves(2)
        assert (api.get(), api.last["files"]) == ("one", 201)


def test_a_package_itself_can_be_the_source(tmp_path: Path) -> None:
    """As the copy that is installed in the image; what lies beside it is no part of it."""
    source = toy(tmp_path)
    env = {"MEMOS_RELOAD_SOURCE": str(source / "memos"), "PYTHONPATH": str(source)}
    with reloading(tmp_path, env=env) as api:
        api.serves(1)
        api.rested()
        write(source / "beside.py", "")
        api.write("answer.py", 'TEXT = "two"\n')
        api.serves(2)
        assert (api.get(), api.last["first_files"]) == ("two", ["answer.py"])
        assert "memos.answer" not in (tmp_path / "reload-modules.json").read_text()

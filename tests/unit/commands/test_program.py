"""How `inv` begins: with stand-ins for what nothing of ours needs, and with what was compiled."""

import importlib
import os
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from invoke import __version__
from invoke.parser.argument import Argument
from invoke.parser.context import ParserContext
from invoke.program import Program

from scripts.commands import program
from scripts.machine import streams

NAMES = ("importlib.metadata", "invoke.vendor.yaml", "unittest.mock")


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has imported what there are stand-ins for."""
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.usefixtures("unloaded")
def test_stand_ins_are_gone_when_invoke_is_there() -> None:
    """Who imports one of these afterwards gets the real one."""
    with program.stand_ins():
        assert all(isinstance(sys.modules[name], SimpleNamespace) for name in NAMES)

    assert set(NAMES) & sys.modules.keys() == set()
    assert importlib.import_module("unittest.mock").Mock


def test_what_somebody_has_imported_stays() -> None:
    """A stand-in would break it."""
    real = importlib.import_module("importlib.metadata")

    with program.stand_ins():
        assert sys.modules["importlib.metadata"] is real
    assert sys.modules["importlib.metadata"] is real


def test_the_version_of_invoke_is_its_own() -> None:
    """`inv --version` says it."""
    assert program.version("invoke") == __version__
    assert program.version("no-such-package") == ""


def test_settings_for_invoke_in_yaml_are_read() -> None:
    """Also while nothing of YAML was loaded before."""
    assert program.safe_load("run: {echo: true}") == {"run": {"echo": True}}


def test_what_is_compiled_is_kept_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PYTHONDONTWRITEBYTECODE beside the sources, with it in the cache alone."""
    monkeypatch.setattr(sys, "pycache_prefix", None)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for unwanted, place in ((False, None), (True, str(program.COMPILED))):
        monkeypatch.setattr(sys, "flags", SimpleNamespace(dont_write_bytecode=unwanted))
        program.keep_compiled()

        assert sys.pycache_prefix == place
    monkeypatch.setattr(sys, "pycache_prefix", "/of/the/user")
    program.keep_compiled()
    assert sys.pycache_prefix == "/of/the/user"


def test_invoke_is_told_to_keep_what_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would have Python compile each of our modules for each command."""
    typed: list[str] = []
    monkeypatch.setattr(sys, "argv", ["/a/inv", "ps", "--all"])
    monkeypatch.setattr(sys, "pycache_prefix", str(Path("/of/the/user")))
    monkeypatch.setattr("gc.set_threshold", lambda _: None)
    monkeypatch.setattr(streams, "prepare", lambda: None)
    before = os.umask(0o002)
    monkeypatch.setattr(Program, "run", lambda _, argv: typed.extend(argv))

    program.run()

    assert typed == ["/a/inv", "--write-pyc", "ps", "--all"]
    assert os.umask(before) == 0o022


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (["inv", "ps"], ["ps"]),
        (["inv", "--help", "log"], ["logs"]),
        (["inv", "ps", "logs", "--grep", "x"], ["ps", "logs"]),
        (["inv", "pss"], ["ps", "logs"]),
        (["inv", "--complete", "--", "inv", "ps", "--"], ["ps", "logs"]),
    ],
    ids=["one", "an alias", "two", "none", "a Tab"],
)
def test_flags_are_read_of_the_tasks_that_are_named(typed: list[str], kept: list[str]) -> None:
    """Of all where none is, so that what is wrong is told as ever."""
    tasks = [ParserContext("ps"), ParserContext("logs", aliases=["log"])]

    assert [task.name for task in program.wanted(tasks, typed)] == kept


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("images.save --help", "--help images.save"),
        ("snapshot.restore --yes -h", "--help snapshot.restore"),
        ("memos.test -- --help", "memos.test -- --help"),
        ("--help ps", "--help ps"),
        ("--help", "--help"),
        ("", ""),
        ("ps", "ps"),
    ],
)
def test_help_is_asked_for_behind_any_task(typed: str, read: str) -> None:
    """No bundle is made that is called --help; what is behind -- is another program's."""
    assert list(program.helped(typed.split())) == read.split()


def test_what_is_meant_for_another_program_keeps_its_words() -> None:
    """Invoke makes one text of what stands after --."""
    words = ["memos.test", "-f", "json", "--", "-k", "a or b", "", "--"]
    quoted = program.passed_on(words)

    assert quoted[:4] == words[:4]
    assert shlex.split(" ".join(quoted[4:])) == words[4:]
    assert program.passed_on(["up", "--service", "a b"]) == ["up", "--service", "a b"]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (["c", "RETURN 1"], ["c", "--query", "RETURN 1"]),
        (["c", "--write", "RETURN 1"], ["c", "--write", "--query", "RETURN 1"]),
        (["c", "RETURN 1", "--limit", "2"], ["c", "--query", "RETURN 1", "--limit", "2"]),
        (["c", "--limit", "2", "RETURN 1"], ["c", "--limit", "2", "--query", "RETURN 1"]),
        (["c", "--limit=2", "ps"], ["c", "--limit=2", "--query", "ps"]),
        (["c", ""], ["c", "--query", ""]),
        (["c", "-q", "RETURN 1", "ps"], ["c", "-q", "RETURN 1", "ps"]),
        (["c", "--query=RETURN 1", "ps"], ["c", "--query=RETURN 1", "ps"]),
        (["c"], ["c"]),
        (["c", "--help"], ["c", "--help"]),
        (["ps", "RETURN 1"], ["ps", "RETURN 1"]),
        ([], []),
    ],
)
def test_the_name_of_a_query_may_be_left_out(typed: list[str], read: list[str]) -> None:
    """It is the first word that is no flag, and no value of one."""
    query = Argument(names=("query", "q"), kind=str)
    flags = [Argument(name="limit", kind=str), Argument(name="write", kind=bool, default=False)]
    tasks = [ParserContext("ps"), ParserContext("c", args=[query, *flags])]

    assert program.named(typed, tasks) == read

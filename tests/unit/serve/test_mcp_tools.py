"""What a program may call, what it is told of it, and what is typed for it."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from scripts.commands.program import inv
from scripts.core.errors import ConfigError
from scripts.live import tasks
from scripts.serve.mcp import tools
from tasks import ns
from tests.kit.places import ROOT

GUIDE = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")


def test_only_what_reads_is_offered_by_default() -> None:
    """What changes something, be it for a moment as smoke, is behind --write."""
    reading, every = tools.offered(write=False), tools.offered(write=True)

    assert list(reading) == ["status", "findings", "logs", "timeline", "memories", "metrics"]
    assert [*every][len(reading) :] == ["smoke", "restart", "reload", "snapshot_save"]


@pytest.mark.parametrize("tool", tools.TOOLS, ids=lambda one: one.name)
def test_a_tool_is_a_task_with_flags_that_it_has(tool: tools.Tool) -> None:
    """And gives JSON where that has some."""
    inv(ns)  # the real parser
    (task,) = [one for one in ns.to_contexts() if one.name == tool.task]

    assert set(tool.takes) <= set(task.args)
    assert bool(tool.gives) == (tool.task in tasks.FORMATTED)
    Draft202012Validator.check_schema(tool.arguments)


@pytest.mark.parametrize("name", ["status", "findings", "logs", "memories"])
def test_a_tool_that_quotes_others_says_so(name: str) -> None:
    """A line of a log may be written to be obeyed."""
    assert "data" in tools.FOREIGN
    assert tools.offered(write=False)[name].does.endswith(tools.FOREIGN)
    assert tools.INSTRUCTIONS.endswith(tools.FOREIGN)


@pytest.mark.parametrize(
    ("name", "given", "typed"),
    [
        ("status", {}, ["ps"]),
        ("status", {"service": ["neo4j", "a b"]}, ["ps", "--service=neo4j", "--service=a b"]),
        ("logs", {"tail": 5, "grep": "a=b"}, ["logs", "--tail=5", "--grep=a=b"]),
        ("snapshot_save", {"name": "a"}, ["snapshot.save", "--name=a"]),
    ],
)
def test_what_is_typed_for_a_call(name: str, given: dict[str, Any], typed: list[str]) -> None:
    """A word for each value, whatever is in it."""
    assert [*tools.words(tools.chosen(name, write=True), given)] == typed


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("status", {"service": "neo4j"}, 'status: service: found "neo4j", wanted a list of names'),
        ("status", {"services": []}, "status: services: found a key that is not known"),
        ("logs", {"tail": 0}, "logs: tail: found 0, wanted lines of each service: 200"),
        ("logs", {"tail": 10_000_000}, "logs: tail: found 10000000, wanted lines"),
        ("logs", {"tail": "5"}, 'logs: tail: found "5", wanted lines'),
        ("logs", {"level": "debug"}, 'logs: level: found "debug", wanted one of error'),
        ("status", {"service": ["--all"]}, 'status: service[0]: found "--all", wanted the name'),
        ("snapshot_save", {"name": "-x"}, 'snapshot_save: name: found "-x", wanted what to call'),
        ("logs", {"grep": "a\0b"}, 'logs: grep: found "a\\u0000b", wanted only lines'),
        ("logs", {"grep": "\ud800"}, "logs: grep: found "),
        ("logs", {"grep": "a" * 1000}, "logs: grep: found "),
        ("timeline", {"run": True}, "timeline: run: found true, wanted 1 is the last"),
        ("findings", {"fix": True}, "findings: fix: found a key that is not known"),
    ],
)
def test_wrong_arguments_are_told_with_what_is_taken(
    name: str, given: dict[str, Any], told: str
) -> None:
    """Nothing is run; the next step says what the tool takes."""
    with pytest.raises(ConfigError) as caught:
        tools.words(tools.chosen(name, write=True), given)

    assert str(caught.value).startswith(told)
    assert caught.value.next_step.startswith(f"{name} takes ")


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("restart", "ask your user to start it as: inv mcp --write"),
        ("rm", "one of: status, findings, logs, timeline, memories, metrics"),
    ],
)
def test_a_tool_that_is_not_offered_is_told(name: str, step: str) -> None:
    """Whoever only reads hears how it could change something; what is no tool, which there are."""
    with pytest.raises(ConfigError) as caught:
        tools.chosen(name, write=False)

    assert caught.value.next_step == step


@pytest.mark.parametrize("tool", tools.TOOLS, ids=lambda one: one.name)
def test_the_guide_names_every_tool_and_its_task(tool: tools.Tool) -> None:
    """And says behind what it is."""
    row = next(line for line in GUIDE.splitlines() if f"`{tool.name}`" in line)

    assert f"`inv {tool.task}`" in row
    assert ("`--write`" in row) == tool.writes


def test_the_settings_of_clients_in_the_guide_can_be_pasted() -> None:
    """Each is JSON, and starts the server of a checkout by its whole path."""
    blocks = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)

    found = [next(iter(json.loads(block).values()))["memos-dev"] for block in blocks]

    assert [(one["command"], one["args"]) for one in found] == [
        ("/path/to/checkout/dev", ["inv", "mcp"])
    ] * 2

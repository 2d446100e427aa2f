"""Every task explains itself."""

import pytest
from invoke.parser.context import ParserContext
from invoke.program import Program

import tasks

CONTEXTS: list[ParserContext] = tasks.ns.to_contexts()


@pytest.mark.parametrize("name", tasks.ns.task_names)
def test_every_task_has_a_sentence_for_the_list(name: str) -> None:
    """`inv --list` shows the first line of the docstring."""
    assert (tasks.ns[name].__doc__ or "").splitlines()[0].endswith(".")


@pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: context.name)
def test_every_flag_has_a_help_text_and_none_took_h(context: ParserContext) -> None:
    """`inv TASK -h` must give help, and explain every flag that there is."""
    arguments = [argument for name, argument in context.args.items() if name == argument.name]

    assert [argument.name for argument in arguments if not argument.help] == []
    assert "h" not in context.args


def test_only_the_flag_that_would_be_h_has_no_short_form() -> None:
    """`inv env --host`: those beside it keep theirs."""
    (env,) = (one for one in CONTEXTS if one.name == "env")

    assert {name: env.args[name].names for name in ("offset", "write", "host")} == {
        "offset": ("offset", "o"),
        "write": ("write", "w"),
        "host": ("host",),
    }


@pytest.mark.parametrize(
    "name",
    [
        *("up", "ps", "logs", "restart", "down", "smoke", "config", "env"),
        *("images.status", "images.build", "images.pull", "images.save", "images.load"),
        *("reload", "api.host", "api.container", "shell", "editor", "memos.test"),
        *("console.neo4j", "console.milvus", "console.qdrant"),
        *("engine.start", "engine.stop", "engine.status", "engine.env", "engine.remove"),
    ],
)
def test_the_commands_that_people_write_down_are_there(name: str) -> None:
    """Names of commands stay."""
    assert name in tasks.ns.task_names


def test_the_list_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`inv --list` works with nothing but this checkout."""
    Program(namespace=tasks.ns, binary="inv").run(["inv", "--list"], exit=False)

    shown = capsys.readouterr().out
    assert "up" in shown
    assert "engine.status" in shown

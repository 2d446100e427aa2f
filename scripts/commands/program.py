"""The `inv` of .venv/bin: invoke, with all that it needs and nothing that it does not.

More than half of what invoke imports is for its own version, for tests of tasks (asyncio among it)
and for settings of its own in YAML. While it is loaded, stand-ins take the places of these.
"""

import gc
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, cast

from scripts.machine import streams

if TYPE_CHECKING:
    from invoke.collection import Collection
    from invoke.parser.context import ParserContext
    from invoke.program import Program

ROOT = Path(__file__).resolve().parents[2]
COMPILED = ROOT / ".cache" / "pycache"
"""Where compiled modules are kept for whoever wants none beside the sources."""
GARBAGE = 20_000
"""Objects from which on Python looks for garbage: a command makes hardly any. Its default is 700,
with which it looks forty times before a command has begun."""
OTHERS_WRITE = 0o022
"""No file of ours is another user's to change, whatever the caller's umask: root reads them too."""
NAMELESS = "query"
"""A flag whose name may be left out: --query 'RETURN 1' may be typed as 'RETURN 1'."""


def run() -> None:
    """Run what was typed; invoke ends the process with the exit code."""
    gc.set_threshold(GARBAGE)
    streams.prepare()
    os.umask(os.umask(OTHERS_WRITE) | OTHERS_WRITE)
    keep_compiled()
    # without this flag invoke has Python compile all of our modules anew for each command
    try:
        inv().run([sys.argv[0], "--write-pyc", *passed_on(helped(sys.argv[1:]))])
    finally:
        streams.finish()


def inv(namespace: "Collection | None" = None) -> "Program":
    """Return what runs what was typed, with these tasks; by default those of tasks.py."""
    with stand_ins():
        from invoke import __version__
        from invoke.parser import Parser
        from invoke.program import Program

    class Inv(Program):
        """invoke's own program, which copies the flags of all tasks to read those of one."""

        def _make_parser(self) -> Parser:
            parser = super()._make_parser()
            contexts = wanted(parser.contexts.values(), self.argv)
            self.core.unparsed[:] = named(self.core.unparsed, contexts)
            for context in contexts:
                require_values(context)
            parser.contexts = Parser(contexts).contexts
            return parser

    return Inv(
        namespace=namespace,
        name="Invoke",
        binary="inv[oke]",
        binary_names=["invoke", "inv"],
        version=__version__,
    )


def wanted(tasks: Iterable["ParserContext"], words: Sequence[str]) -> list["ParserContext"]:
    """Return the tasks that these words may name; all when they name none, or for a Tab."""
    every = list(tasks)
    named = [task for task in every if {task.name, *task.aliases} & {*words}]
    return every if "--complete" in words or not named else named


def require_values(task: "ParserContext") -> None:
    """Have a flag that may be repeated need a value, as others do.

    invoke takes its empty list for one: `inv down --service` would stop them all.
    """
    for argument in task.args.values():
        if argument.kind is list:
            argument.raw_value = None


def helped(words: Sequence[str]) -> Sequence[str]:
    """Return these words, or --help and the task that it stands behind.

    invoke takes it for the value of a task that wants one: a bundle, by the name of --help.
    """
    ours = words[: words.index("--")] if "--" in words else words
    asked = ours[1:] and not ours[0].startswith("-") and {"--help", "-h"} & {*ours[1:]}
    return ["--help", ours[0]] if asked else words


def passed_on(words: Sequence[str]) -> list[str]:
    """Return these words with those after `--` quoted: invoke makes one text of them."""
    ours = list(words)
    first = ours.index("--") + 1 if "--" in ours else len(ours)
    return [*ours[:first], *map(shlex.quote, ours[first:])]


def named(words: Sequence[str], tasks: Iterable["ParserContext"]) -> list[str]:
    """Return the words with the name of a query before it, where it was left out."""
    takers = {task.name: task for task in tasks if NAMELESS in task.args}
    taker = takers.get(words[0]) if words else None
    if taker is None:
        return list(words)
    flags = {name: taker.flags[name] for name in (*taker.flags, *taker.flags.aliases)}
    value_comes = False
    for at, word in enumerate(words[1:], start=1):
        if value_comes:
            value_comes = False
            continue
        name, with_value, _ = word.partition("=")
        flag = flags.get(name)
        if flag is not None and flag.name == NAMELESS:
            break
        if not word.startswith("-"):
            return [*words[:at], f"--{NAMELESS}", *words[at:]]
        value_comes = flag is not None and flag.takes_value and not with_value
    return list(words)


def keep_compiled() -> None:
    """Let Python keep what it compiles, though not where the user does not want it."""
    if sys.flags.dont_write_bytecode and sys.pycache_prefix is None:
        sys.pycache_prefix, sys.dont_write_bytecode = str(COMPILED), False


@contextmanager
def stand_ins() -> Iterator[None]:
    """Put something small in the place of what invoke imports and no task of ours needs.

    What was imported before stays, and whoever imports it afterwards gets the real one.
    """
    small = {
        "importlib.metadata": SimpleNamespace(version=version),
        "invoke.vendor.yaml": SimpleNamespace(safe_load=safe_load),
        "unittest.mock": SimpleNamespace(Mock=None),
    }
    put = {name: cast("ModuleType", one) for name, one in small.items() if name not in sys.modules}
    sys.modules.update(put)
    try:
        yield
    finally:
        for name in put:
            del sys.modules[name]


def version(name: str) -> str:
    """Return the version of a package of the environment, going by the name of its folder."""
    folders = Path(sys.prefix).glob(f"lib/python*/site-packages/{name}-*.dist-info")
    return next((folder.stem.partition("-")[2] for folder in folders), "")


def safe_load(text: str) -> object:
    """Read YAML: somebody has settings for invoke."""
    import yaml

    return yaml.safe_load(text)


if __name__ == "__main__":  # pragma: no cover - .venv/bin/inv calls `run` itself
    run()

"""Runs the `run:` steps of a GitHub workflow as a runner does: in order, with variables and files.

An action of others (`uses:`) is not run but named; one of ours (`uses: ./`) is run step by step.
Of expressions it knows what our workflows have: names, texts, `==`, `!=`, `!`, `&&`, `||`, and the
functions of `if:`.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.kit.places import ROOT

FOLDER = ROOT / ".github" / "workflows"
ACTION = ROOT / "action.yml"
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
TOKEN = re.compile(r"\s*('[^']*'|&&|\|\||==|!=|!|\(|\)|[\w.-]+)")
OURS = "./"
"""The action of this repository, as a step names it."""
SHELL = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
"""What a runner starts for `shell: bash`."""
Values = Mapping[str, Any]


class Loader(yaml.SafeLoader):
    """Reads YAML 1.2's booleans, as GitHub does: `on` is a key like others."""


Loader.yaml_implicit_resolvers = {
    first: [
        (tag, re.compile(r"^(?:true|false)$")) if tag.endswith(":bool") else (tag, pattern)
        for tag, pattern in resolvers
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def document(file: Path) -> dict[str, Any]:
    """Return a workflow or an action as it is written."""
    return parsed(file.read_text(encoding="utf-8"))


def parsed(text: str) -> dict[str, Any]:
    """Return the document that a text is."""
    found: dict[str, Any] = Loader(text).get_single_data()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A step that was run, or an action that was left out."""

    what: str
    """Its words, or `uses` and the action."""
    exit_code: int | None = 0
    """None for what was left out."""
    output: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    """What the workflow gives it, and what steps before it have exported."""


@dataclass(kw_only=True)
class Runner:
    """A machine on which a job runs, in a checkout."""

    root: Path
    environ: Mapping[str, str]
    """Of the machine itself."""
    context: dict[str, Any] = field(default_factory=dict)
    """What expressions know: github, matrix, secrets."""
    answers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The outputs of actions that are left out, by their name without the hash."""
    without: tuple[str, ...] = ()
    """How steps begin that are left out."""
    instead: Mapping[str, str] = field(default_factory=dict)
    """Variables that beat those of the workflow."""
    say: Callable[[Ran], object] = lambda _: None
    """Is told of each step as it ends."""
    failed: bool = False
    exported: dict[str, str] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)

    def job(self, workflow: Values, name: str) -> list[Ran]:
        """Run all steps of a job whose `if:` holds; give them."""
        job = workflow["jobs"][name]
        given = {"github": {"job": name}, "strategy": {"job-index": 0}, **self.context}
        given["steps"] = {}
        given["github"] = {"job": name, **self.context.get("github", {})}
        self._steps(job["steps"], given, {**workflow.get("env", {}), **job.get("env", {})})
        return self.ran

    def _steps(self, steps: list[Values], context: dict[str, Any], env: Values) -> None:
        for step in steps:
            if not holds(str(step.get("if", "success()")), context, failed=self.failed):
                continue
            result = self._step(step, context, {**env, **step.get("env", {})})
            if "id" in step:
                context["steps"][step["id"]] = {"outputs": result}

    def _step(self, step: Values, context: dict[str, Any], env: Values) -> Mapping[str, str]:
        if step.get("run", "-").startswith(self.without):
            self._tell(Ran(what=step["run"], exit_code=None))
            return {}
        if "run" in step:
            return self._run(filled(step["run"], context), _texts(env, context))
        if step["uses"] != OURS:
            self._tell(Ran(what=f"uses {step['uses']}", exit_code=None))
            return self.answers.get(step["uses"].partition("@")[0], {})
        action = document(ACTION)
        given = {name: one.get("default", "") for name, one in action["inputs"].items()}
        given |= _texts(step.get("with", {}), context)
        inside = {**context, "inputs": given, "steps": {}}
        self._steps(action["runs"]["steps"], inside, {"GITHUB_ACTION_PATH": str(self.root), **env})
        return {}

    def _run(self, words: str, env: Mapping[str, str]) -> Mapping[str, str]:
        with tempfile.TemporaryDirectory() as folder:
            files = {one: Path(folder, one) for one in ("GITHUB_OUTPUT", "GITHUB_ENV")}
            for file in files.values():
                file.touch()
            given = {**self.exported, **env, **self.instead}
            names = {"GITHUB_WORKSPACE": str(self.root), "RUNNER_TEMP": folder}
            done = subprocess.run(
                [*SHELL, words],
                cwd=self.root,
                env={**self.environ, **names, **{n: str(f) for n, f in files.items()}, **given},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            outputs = dict(assignments(files["GITHUB_OUTPUT"].read_text()))
            self.exported |= assignments(files["GITHUB_ENV"].read_text())
        self.failed |= bool(done.returncode)
        self._tell(Ran(what=words, exit_code=done.returncode, output=done.stdout, env=given))
        return outputs

    def _tell(self, ran: Ran) -> None:
        self.ran.append(ran)
        self.say(ran)


def assignments(text: str) -> Iterator[tuple[str, str]]:
    """Yield what a step wrote for those after it: NAME=VALUE, or several lines up to a mark."""
    lines = iter(text.splitlines())
    for line in lines:
        name, mark, end = line.partition("<<")
        if mark and "=" not in name:
            value = iter(lambda: next(lines), end)
            yield name, "\n".join(value)
        else:
            name, _, one = line.partition("=")
            yield name, one


def _texts(env: Values, context: Values) -> dict[str, str]:
    return {name: filled(str(value), context) for name, value in env.items()}


def filled(text: str, context: Values) -> str:
    """Return a text with what its expressions mean."""
    return EXPRESSION.sub(lambda match: _text(value(match[1], context)), text)


def holds(condition: str, context: Values, *, failed: bool) -> bool:
    """Say whether a step runs: without a function of its own only while nothing failed."""
    inside = EXPRESSION.fullmatch(condition.strip())
    condition = inside[1] if inside else condition
    asked = re.search(r"\b(success|failure|always|cancelled)\(\)", condition)
    known = {"success": not failed, "failure": failed, "always": True, "cancelled": False}
    found = bool(value(condition, {**context, **known}))
    return found and (bool(asked) or not failed)


def value(expression: str, context: Values) -> object:
    """Return what an expression means; ValueError for what this reader does not know."""
    words = expression.replace("()", "")
    if TOKEN.sub("", words).strip():
        raise ValueError(f"not known here: {expression!r}")
    reader = _Reader(TOKEN.findall(words), context)
    found = reader.either()
    if reader.tokens:
        raise ValueError(f"not known here: {expression!r}")
    return found


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, tokens: list[str], context: Values) -> None:
        self.tokens, self.context = list(tokens), context

    def either(self) -> object:
        found = self.both()
        while self._next("||"):
            other = self.both()
            found = found or other
        return found

    def both(self) -> object:
        found = self.compared()
        while self._next("&&"):
            other = self.compared()
            found = found and other
        return found

    def compared(self) -> object:
        found = self.one()
        if self._next("=="):
            return _text(found) == _text(self.one())
        if self._next("!="):
            return _text(found) != _text(self.one())
        return found

    def one(self) -> object:
        if self._next("!"):
            return not self.one()
        word = self.tokens.pop(0)
        if word.startswith("'"):
            return word[1:-1]
        found: object = self.context
        for part in word.split("."):
            found = found.get(part, "") if isinstance(found, Mapping) else ""
        return found

    def _next(self, word: str) -> bool:
        if self.tokens[:1] == [word]:
            self.tokens.pop(0)
            return True
        return False


def _text(found: object) -> str:
    return str(found).lower() if isinstance(found, bool) else str(found)


def uses(node: object) -> Iterator[str]:
    """Yield every action that a document names."""
    if isinstance(node, Mapping):
        if isinstance(node.get("uses"), str):
            yield node["uses"]
        for one in node.values():
            yield from uses(one)
    elif isinstance(node, list):
        for one in node:
            yield from uses(one)


def steps(found: Values) -> Iterator[Values]:
    """Yield every step of a workflow or an action."""
    for job in found.get("jobs", {}).values():
        yield from job.get("steps", ())
    yield from found.get("runs", {}).get("steps", ())


def machine(**more: str) -> dict[str, str]:
    """Return the variables of a runner: ours, less those that a test or a user has set here."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    return {**{name: os.environ[name] for name in kept if name in os.environ}, "CI": "true", **more}

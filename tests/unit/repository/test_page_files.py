"""The files of the live page: small, in both languages, and nothing is written inline."""

import ast
import json
import re
import shlex

import pytest

from scripts.live.actions import OFFERS
from tests.kit.places import ROOT

FOLDER = ROOT / "scripts" / "serve" / "page" / "files"
MARKUP, STYLE, SCRIPT = (
    (FOLDER / f"page.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
)
SCHEMAS = {
    name: json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text())
    for name in ("state", "timeline", "reload")
}
MOST = 60_000
"""Bytes of all three, as they are sent."""
WORDS = re.findall(
    r'^  "?([\w.]+)"?: "(.*)",$',
    SCRIPT.partition("const WORDS")[2].partition("\n};")[0],
    re.MULTILINE,
)
"""Each word, and what stands for it: English|Chinese."""
UNSAFE = (
    *("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "Fragment("),
    *("eval(", "Function(", "cssText", 'setAttribute("style"', "srcdoc", "import("),
)
"""What makes markup or code of a text, or is refused by the page's policy."""
HAN = re.compile("[\u4e00-\u9fff]")
PHASES = {
    name
    for file in (ROOT / "scripts").rglob("*.py")
    for name in re.findall(r'phase\([\w.]+, "(\w+)"', file.read_text(encoding="utf-8"))
}
"""Phases of a start that the code names where they begin; the rest is named by jobs."""
SAME = {"cpu"}
"""Words that are the same in both languages."""


def test_all_three_are_small() -> None:
    """A person can read them, and they are there at once."""
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) <= MOST


@pytest.mark.parametrize("unsafe", UNSAFE)
def test_no_text_becomes_markup(unsafe: str) -> None:
    """Whatever a log or a name says, it is shown as text."""
    assert unsafe not in SCRIPT


def test_nothing_is_written_inline() -> None:
    """The policy of the page allows no script or style within it, and none from elsewhere."""
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=\"/page\.js\")", MARKUP)
    addresses = re.findall(r"https?://[^'\")\s]+", MARKUP + STYLE + SCRIPT)
    assert set(addresses) == {"http://www.w3.org/2000/svg"}
    assert "@import" not in STYLE
    assert "url(" not in STYLE


def test_every_word_is_there_in_both_languages() -> None:
    """With the same gaps to fill, and once only."""
    assert len(WORDS) > 100
    assert len(dict(WORDS)) == len(WORDS)
    for word, both in WORDS:
        english, chinese = both.split("|")
        assert english, word
        assert not HAN.search(english), word
        assert word in SAME or HAN.search(chinese), word
        gaps = [sorted(re.findall(r"\{\w+\}", one)) for one in (english, chinese)]
        assert gaps[0] == gaps[1], word


def test_no_word_is_left_over() -> None:
    """Each is asked for by its name, or by the kind of word that it is."""
    code = SCRIPT.partition("@typedef {keyof typeof WORDS} Word")[2]
    asked = set(re.findall(r'["`](\w+)["`]', code))
    asked |= set(re.findall(r"\w+", re.findall(r"const VIEWS = .*", code)[0]))
    kinds = tuple(f"{kind}_" for kind in re.findall(r'called\("(\w+)"', code))
    ends = tuple(re.findall(r"\$\{\w+\}(_\w+)`", code))
    begins = tuple(re.findall(r"`(\w+_)\$\{", code))
    left = {word for word, _ in WORDS if word not in asked}
    left = {one for one in left if not one.startswith(kinds + begins) and not one.endswith(ends)}
    assert left == set()


def test_all_that_the_document_may_say_has_a_word() -> None:
    """How a start ended, its phases, and what became of an edit, are told in both languages."""
    known = {word for word, _ in WORDS}
    phase = SCHEMAS["timeline"]["$defs"]["phase"]["properties"]
    edit = SCHEMAS["reload"]["$defs"]["run"]["properties"]
    told = {
        "verdict": SCHEMAS["timeline"]["properties"]["verdict"]["enum"],
        "outcome": [*edit["outcome"]["enum"], "failed", "stopped"],
        "phase": {*PHASES, "base", "pull", "build", "checks", "data"},
        "level": ["info", "warning", "error"],
    }
    assert {"engine", "images", "create"} <= PHASES
    assert {"going", "done", "failed", "stopped"} == set(phase["outcome"]["enum"])
    assert {f"{kind}_{word}" for kind, words in told.items() for word in words} <= known


def test_what_the_page_offers_can_be_done() -> None:
    """Each task by its name, asked for an option that it takes."""
    known = SCRIPT.partition("const TASKS = {")[2].partition("};")[0]
    asked = re.findall(r'"?([\w.]+)"?: "(\w*)"', known)
    assert len(asked) > 8
    for task, option in asked:
        assert {option} - {""} <= OFFERS[task].takes, task


@pytest.mark.parametrize(
    ("interface", "place"), [("State", ()), ("Service", ("service",)), ("Finding", ("finding",))]
)
def test_the_page_reads_only_what_the_document_has(interface: str, place: tuple[str, ...]) -> None:
    """Its types name no field that schemas/state.schema.json does not."""
    types = (FOLDER.parent / "document.d.ts").read_text()
    body = types.partition(f"interface {interface} {{\n")[2].partition("\n}")[0]
    document = SCHEMAS["state"]
    found = document["$defs"][place[0]] if place else document
    fields = set(re.findall(r"^  (\w+)\??:", body, re.MULTILINE))
    assert fields
    assert fields <= set(found["properties"])


def _texts() -> set[str]:
    """Every text of the code that names a command of ours or of docker, gaps filled."""
    told = set()
    for file in (ROOT / "scripts").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.keyword(arg="next_step" | "step", value=value):
                    told.add(_text(value))
                case _:
                    pass
    return told - {""}


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_text(one) or "neo4j" for one in values)
        case _:
            return ""


def test_what_is_copied_of_a_next_step_is_a_command() -> None:
    """Without the prose around it, so that a shell takes it as it is."""
    found = re.findall(r"^const STEP = /(.*)/s;$", SCRIPT, re.MULTILINE)
    step = re.compile(found[0], re.DOTALL)
    copied = {one[2] for text in _texts() if (one := step.match(text))}
    assert len(copied) > 40
    for command in copied:
        words = list(shlex.shlex(command, posix=True, punctuation_chars=True))
        assert not {"(", ")", ";"} & set(words), command
        assert not re.search(r"[,:]( |$)| (tells|shows|says|brings|has|then|or)\b", command), (
            command
        )

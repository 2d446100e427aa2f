"""How a page is looked at: as wide, as dark, and by whom; what it must be for everybody."""

import base64
import hashlib
import io
import itertools
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.kit.attacks import SCRIPT
from tests.e2e.kit.browser import Tab
from tests.kit.places import ROOT

TARGET = ROOT / ".cache" / "pages"
THEMES = {"light": False, "dark": True}
WIDTHS = {"desktop": 1280, "phone": 360}
LANGUAGES = {"en": "en-US", "zh": "zh-CN"}
READABLE = 12
"""Pixels of the smallest letters."""
AXE = "axe-core@4.14.1"
AXE_HASH = (
    "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)
"""The sha512 of its archive at npm."""
SERIOUS = """axe.run(document, {resultTypes: ["violations"]}).then((found) => found.violations
  .filter((one) => ["serious", "critical"].includes(one.impact))
  .map((one) => `${one.id}: ${one.nodes.slice(0, 3).map((node) => node.html).join(" ")}`))"""
LETTERS = """Math.min(...[...document.querySelectorAll("text, p, td, li, a, button, span, code")]
  .filter((one) => one.checkVisibility() && one.textContent.trim())
  .map((one) => parseFloat(getComputedStyle(one).fontSize)))"""
WIDE = "document.documentElement.scrollWidth"
REACHABLE = """[...document.querySelectorAll("a[href], button, input, select, [tabindex='0']")]
  .filter((one) => one.checkVisibility() && !one.disabled).length"""
FOCUS = """(() => {
  const one = document.activeElement;
  (window.reached ??= new Set()).add(one);
  const how = getComputedStyle(one);
  const seen = one === document.body || how.outlineStyle !== "none" || how.boxShadow !== "none";
  return seen ? "" : one.outerHTML;
})()"""
"""Notes where the keys have led; what has the focus and does not show it."""
TEXTS = (
    *("project", "checkout", "error", "next", "version", "container", "answer", "image", "output"),
    *("contains", "cause", "evidence", "next_step", "code", "name", "what", "outcome", "verdict"),
    *("text", "lines", "words", "cube", "mended", "not_offered"),
)
"""The fields of the document that are shown, and name nothing that the page decides by."""
POISON = f"""
const parse = JSON.parse;
const texts = new Set({json.dumps(TEXTS)});
function poisoned(value, key) {{
  if (typeof value === "string") return texts.has(key) ? value + {json.dumps(SCRIPT)} : value;
  if (Array.isArray(value)) return value.map((one) => poisoned(one, key));
  if (value === null || typeof value !== "object") return value;
  const all = Object.entries(value);
  return Object.fromEntries(all.map(([name, one]) => [name, poisoned(one, name)]));
}}
JSON.parse = (said, reviver) => poisoned(parse(said, reviver), "");
"""
"""Puts a script behind every text that the page is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One way to look at a page."""

    width: str
    theme: str
    language: str = "en"

    @property
    def name(self) -> str:
        """As files are named by it."""
        return f"{self.width}-{self.theme}-{self.language}"


def looks() -> Iterator[Look]:
    """Yield every way to look."""
    for width, theme, language in itertools.product(WIDTHS, THEMES, LANGUAGES):
        yield Look(width=width, theme=theme, language=language)


def kept(tab: Tab, name: str, width: str) -> None:
    """Keep a screenshot; the page must be no wider than its window, its letters readable."""
    tab.shot(TARGET / f"{name}.png")
    wide, letters = tab.ask(WIDE), tab.ask(LETTERS)
    assert wide <= WIDTHS[width], f"{name}: {wide} pixels wide"
    assert letters >= READABLE, f"{name}: letters of {letters} pixels"


def rules() -> str:
    """Return the script of axe-core, as npm has it; AssertionError where npm has none."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["npm", "pack", "--silent", AXE, "--pack-destination", folder]
        assert shutil.which(words[0]), "there is no npm; next: apt-get install npm"
        done = subprocess.run(words, stdout=subprocess.DEVNULL, cwd=folder, check=False)
        assert done.returncode == 0, f"npm gives no {AXE}; next: look at the network"
        archive = next(Path(folder).glob("*.tgz")).read_bytes()
    found = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    assert found == AXE_HASH, f"{AXE} is another one: sha512-{found}"
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        script = packed.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode()


def accessible(tab: Tab, axe: str) -> None:
    """Nothing that axe-core finds is serious; without its rules that is not looked at."""
    if not axe:
        return
    if not tab.ask("'axe' in window"):
        tab.ask(f"{axe}; 0")
    serious = tab.ask(SERIOUS)
    assert not serious, "\n".join(serious)


def by_keys(tab: Tab) -> None:
    """Everything can be reached with Tab, and where it is can be seen."""
    tab.ask("delete window.reached; 0")  # all views are one document
    wanted = tab.ask(REACHABLE)
    for _ in range(wanted + 2):
        tab.press("Tab")
        unseen = tab.ask(FOCUS)
        assert not unseen, f"nobody sees that this has the focus: {unseen}"
    reached = tab.ask("[...window.reached].filter((one) => one !== document.body).length")
    assert reached >= wanted, f"Tab reaches {reached} of {wanted}"


def harmless(tab: Tab) -> None:
    """What was sent as a script is shown as text, and nothing of it has run."""
    text = tab.until("document.querySelector('main').innerText")
    assert SCRIPT in text, f"a script was sent, and is not shown:\n{text}"
    assert not tab.ask("'taken' in window || document.querySelector('main :is(img, script)')")

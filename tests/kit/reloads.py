"""States of the API's supervisor, as it writes them."""

import json
from pathlib import Path
from typing import Any

from tests.kit.changes import put
from tests.kit.checkout import Checkout

BEGAN = "2026-11-27T20:00:00.000Z"
SECONDS = {"compile": 0.02, "import": 0.38, "connect": 0.11, "answer": 0.61}


def run(version: int, **facts: object) -> dict[str, Any]:
    """Return a version that answers, after an edit of one file."""
    return {
        "version": version,
        "asked": 0,
        "files": 1,
        "first_files": ["memos/api/x.py"],
        "began": BEGAN,
        "seconds": SECONDS,
        "outcome": "answers",
        "stage": "",
        "file": "",
        "line": 0,
        "error": "",
        **facts,
    }


def failed(version: int, **facts: object) -> dict[str, Any]:
    """Return a version with a syntax error."""
    where = {"stage": "compile", "file": "memos/api/x.py", "line": 12}
    said = {"error": "SyntaxError: invalid syntax", "seconds": {"compile": 0.01}}
    return run(version, outcome="failed", **{**where, **said, **facts})


def state(*runs: dict[str, Any], **facts: object) -> str:
    """Return the file of a supervisor that has made these versions."""
    good = [one["version"] for one in runs if one["outcome"] == "answers"]
    watching = {"folder": "/app/src", "how": "events", "why": "", "files": 320}
    return json.dumps(
        {
            "format": 1,
            "pid": 7,
            "watching": watching,
            "template": {"ready": True, "modules": 3184, "why": ""},
            "asked": 0,
            "serving": good[-1] if good else None,
            "pending": None,
            "runs": list(runs),
            **facts,
        }
    )


def edited(at: Checkout, said: str, then: str = "") -> Path:
    """Set MEMOS_SRC to a checkout; its supervisor says this, and after a SIGHUP that."""
    source = at.folder / "MemOS" / "src"
    (source / "memos").mkdir(parents=True)
    (source / "memos" / "__init__.py").write_text('__version__ = "2.0.6"\n')
    put("MEMOS_SRC", str(source.parent))(at)
    at.state["files"] = {"id-memos": {"/app/reload.json": said}}
    if then:
        at.state["hung_up"] = {"id-memos": {"/app/reload.json": then}}
    return source

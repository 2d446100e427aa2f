"""`inv report`: all that is known of a stack as one file."""

import json
from pathlib import Path

from scripts.core import files
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError
from scripts.core.units import size
from scripts.live import report
from scripts.tell import handout
from scripts.tell.report import Report

PAGE, DATA = ".html", ".json"


def write(checkout: Checkout, name: str, tell: Report, *, yes: bool) -> None:
    """Write a report; ConfigError for a name that cannot be, DeclinedError for one that is kept."""
    file = files.absolute(name, Path.cwd())
    if file.suffix not in {PAGE, DATA} or file.is_dir():
        raise ConfigError(
            f"FILE is {name!r}, which ends in neither {PAGE} nor {DATA}",
            next_step="inv report stack.html, or: inv report stack.json",
        )
    if not file.parent.is_dir():
        raise ConfigError(f"there is no folder {file.parent}", next_step=f"inv report {file.name}")
    if file.exists():
        tell.confirm(
            f"Replace {file}?",
            (),
            yes=yes,
            otherwise="another name, or the same command with --yes",
        )
    tell.say("asking the engine, the services and their models, some seconds at most")
    found = tell.origins.document(report.document(checkout))
    page = file.suffix == PAGE
    files.write(file, handout.page(found) if page else json.dumps(found, indent=1) + "\n")
    tell.say(
        f"wrote {file} ({size(file.stat().st_size)}): secrets are masked; read it before you hand"
        " it on, logs may hold more that is nobody's business"
    )

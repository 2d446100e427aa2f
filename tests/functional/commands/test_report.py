"""`inv report`: all that is known of a stack as one file, whatever state it is in."""

import base64
import json
import stat
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from scripts.config import settings
from scripts.config.rules.schema import validate
from scripts.core.files import Json
from scripts.core.texts import MASK, is_secret
from scripts.live.report import LONGEST
from scripts.start.history import runs, timeline
from scripts.tell.page import escape
from scripts.watch.logs import LogReader
from tests.kit.changes import broken_env, no_yaml
from tests.kit.checkout import Checkout
from tests.kit.fake_engine import framed
from tests.kit.fakes import raising
from tests.kit.pages import Reader
from tests.kit.places import ROOT

SECRET = 'p&ss "w/rd"ü%\'4711'
AT = "2026-01-31T12:00:00.5Z"


def said(at: Checkout, name: str, *lines: str) -> None:
    """Let a container have written these lines."""
    raw = framed(*(f"{AT} {line}" for line in lines))
    at.state["logs"][name] = base64.b64encode(raw).decode()


def reported(at: Checkout, name: str = "report.json", *words: str) -> str:
    """Write a report; give its text."""
    file = at.folder / name
    assert at.inv("report", str(file), *words) == 0, at.shown().err
    return file.read_text(encoding="utf-8")


def document(at: Checkout) -> Json:
    """Return a report as JSON; all its parts keep their schemas."""
    found = json.loads(reported(at))
    assert validate(found, "report") == ()
    assert validate(found["checkup"], "doctor") == ()
    assert [validate(one, "timeline") for one in found["starts"]] == [()] * len(found["starts"])
    return found


def test_a_report_holds_all_that_is_known(at: Checkout) -> None:
    """Services, findings, the last start, logs, settings with their origins, versions."""
    at.state["containers"]["id-etcd"] = at.container("etcd", "created")
    said(at, "id-memos", "ERROR: it fell over", "x" * 100_000)
    assert at.inv("up", "--timeout", "20") == 0

    found = document(at)

    assert [one["service"] for one in found["services"]] == list(at.config["services"])
    assert found["starts"][0]["verdict"] == "ready"
    assert found["versions"]["engine"].startswith("26.1.5")
    (log,) = (one["lines"] for one in found["logs"] if one["service"] == "memos")
    first = {"at": f"{AT[:-1]}00Z", "level": "error", "text": "ERROR: it fell over"}
    assert (log[0], len(log[1]["text"])) == (first, LONGEST)
    assert {"variable": "IMAGE_SOURCE", "value": "registry", "origin": ".env line 1"} in found[
        "settings"
    ]


def test_as_a_page_it_needs_no_network_and_is_for_its_owner(at: Checkout) -> None:
    """Who made it decides who gets it."""
    text = reported(at, "report.html")

    assert (Reader(text).open, Reader(text).refers) == ([], [])
    assert stat.S_IMODE((at.folder / "report.html").stat().st_mode) == 0o600
    assert "secrets are masked" in at.shown().err


@pytest.mark.parametrize("change", [broken_env, no_yaml, None])
def test_where_little_can_be_asked_the_rest_is_reported(at: Checkout, change: object) -> None:
    """A broken file, or no engine: what is not known says why."""
    if callable(change):
        change(at)
    else:
        at.patch.setenv("DOCKER_HOST", "unix:///nowhere.sock")

    found = document(at)

    assert any(one["fatal"] for one in found["checkup"]["findings"])
    assert change is broken_env or found["unknown"]
    assert found["settings"]
    assert Reader(reported(at, "report.html")).open == []


def test_a_bug_in_reading_the_logs_leaves_the_rest(at: Checkout) -> None:
    """What is not known says why."""
    at.patch.setattr(LogReader, "lines", raising(ValueError("odd")))

    assert document(at)["unknown"]["logs"] == "unexpected: ValueError"


def test_no_secret_is_in_it_in_any_form(at: Checkout) -> None:
    """Not in a log, a name, an error, a start or a setting; not as URLs or JSON have it either."""
    secrets = {name: f'{name}-p&ss"w/rd ü%+x' for name in example_secrets()}
    at.env_file.write_text(settings.changed_text(at.env_file.read_text(), secrets))
    forms = [
        form
        for one in secrets.values()
        for form in (one, quote(one), quote_plus(one), quote(one, safe=""), json.dumps(one)[1:-1])
    ]
    said(at, "id-memos", *forms, *(f"http://me:{form}@host/" for form in forms))
    sick = at.container("etcd", "exited")
    sick["State"]["Error"] = sick["Name"] = " ".join(forms)
    at.state["containers"]["id-etcd"] = sick
    run = timeline.document(timeline.run((), (), began=" ".join(forms), before=1.0))
    folder = at.root / ".cache" / "memos-test" / runs.FOLDER
    folder.mkdir(parents=True)
    (folder / "1.json").write_text(json.dumps({**run, "why": " ".join(forms)}))

    page, text = reported(at, "report.html"), reported(at)

    assert len(secrets) > 5
    assert min(page.count(MASK), text.count(MASK)) > 4 * len(forms)
    for one in forms:
        assert one not in page
        assert escape(one) not in page
        assert one not in text
        assert json.dumps(one)[1:-1] not in text


def test_a_secret_that_was_changed_since_is_hidden_too(at: Checkout) -> None:
    """What runs was started with it, and may write it."""
    at.state["containers"]["id-neo4j"]["Config"]["Env"] = ["NEO4J_PASSWORD=before-it-changed"]
    said(at, "id-memos", "ERROR: no login as neo4j/before-it-changed")

    text = reported(at)

    assert f"no login as neo4j/{MASK}" in text
    assert "before-it-changed" not in text


def example_secrets() -> list[str]:
    """Return the variables of `.env.example` that are secrets."""
    given = settings.of_example(ROOT, {})
    return [name for name in given.names() if is_secret(name) and name != "CHAT_MODEL_LIST"]


def test_a_file_that_is_there_is_replaced_only_when_that_is_meant(at: Checkout) -> None:
    """Nobody can answer here."""
    reported(at)
    file = at.folder / "report.json"
    file.write_text("mine")

    assert at.inv("report", str(file)) == 7
    assert "--yes" in at.shown().err
    assert file.read_text() == "mine"
    assert json.loads(reported(at, "report.json", "--yes"))["report"] == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("report.txt", "ends in neither .html nor .json"),
        ("none/report.html", "there is no folder"),
        (".", "ends in neither"),
    ],
)
def test_a_name_that_cannot_be_is_told(at: Checkout, name: str, told: str) -> None:
    """Before anything is asked."""
    assert at.inv("report", str(at.folder / name)) == 2
    assert told in at.shown().err
    assert not Path(at.folder / name).is_file()

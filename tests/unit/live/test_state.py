"""The document keeps its schema, says what is going on, and changes with nothing else."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scripts.config.rules.schema import SCHEMAS, validate
from scripts.core.errors import EngineError
from scripts.core.finding import advice, fatal
from scripts.core.inventory import ImageStatus
from scripts.core.look import HealthResult, Look, Usage
from scripts.core.stack import Link, Port
from scripts.live import state
from scripts.live.patch import without_nulls
from scripts.live.state import Seen
from tests.kit.builders import ENGINE, container, reading, service, stack

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SINCE = "2026-11-23T01:59:00.000Z"
STORE = service("store")
WEB = service(
    "web",
    "store",
    ports=(Port(host="127.0.0.1", published=8000, target=80),),
    links=(Link(label="page", url="http://127.0.0.1:8000/docs"),),
)
IMAGES = [
    ImageStatus(service="store", image="s", present=True, contains="partly a stand-in"),
    ImageStatus(service="web", image="w", present=True, contains="real"),
]
BROKEN = fatal("ended", "it ended, exit code 1", "inv up", service="store", evidence="boom")
HEALTHS = (HealthResult(at="2026-11-23T01:58:00Z", exit_code=1, output="refused"),)
LOOK = Look(
    containers=(
        container("store", "exited", exit_code=1, healths=HEALTHS),
        container("web", started_at="2026-11-23T01:58:01Z"),
    ),
    readings=(reading("web"),),
    ready_since={"web": SINCE},
)
HEAD = {"project": "test", "checkout": "/checkout", "language": "", "read_only": False}


def shown(look: Look = LOOK, now: datetime = NOW, **facts: Any) -> dict[str, Any]:
    """Return a whole document of a look, which keeps its schema."""
    given = {"findings": (BROKEN,), "since": {("store", "ended"): SINCE}} | facts
    seen = Seen(stack=stack(STORE, WEB), look=look, images=IMAGES, **given)
    parts = without_nulls(state.services(seen, now))
    document = {**HEAD, "engine": state.engine(ENGINE), **parts}
    assert validate(document, "state") == ()
    return document


def test_a_service_is_shown_with_all_that_people_look_at() -> None:
    """The row of `inv ps`, what it needs, where it is opened; nothing that is not known."""
    web = shown()["services"]["web"]

    assert web["ready"]
    assert (web["ready_since"], web["started_at"]) == (SINCE, "2026-11-23T01:58:01Z")
    assert web["needs"] == ["store"]
    assert web["links"] == [{"name": "page", "url": "http://127.0.0.1:8000/docs"}]
    assert {"host_pid", "reload", "memory_bytes", "uptime_seconds"} & web.keys() == set()


def test_a_finding_says_since_when() -> None:
    """Once for all, and beside its service."""
    document = shown()

    (found,) = document["findings"]
    assert (found["code"], found["evidence"], found["since"]) == ("ended", "boom", SINCE)
    assert document["services"]["store"]["findings"] == [found]
    assert document["services"]["web"]["findings"] == []


def test_the_last_results_of_a_check_are_shown() -> None:
    """With what it printed."""
    assert shown()["services"]["store"]["healths"] == [
        {"at": "2026-11-23T01:58:00Z", "exit_code": 1, "output": "refused"}
    ]


def test_a_stand_in_is_marked_also_where_it_is_one_in_part() -> None:
    """As `inv ps` does it."""
    services = shown()["services"]

    assert [services[name]["stand_in"] for name in shown()["order"]] == [True, False]


def test_a_look_in_which_nothing_happened_gives_the_same_document() -> None:
    """What a service uses goes another way, and a moment that passes is no change."""
    used = {"web": Usage(memory=1, cpu=1, read_at=1)}

    assert shown(replace(LOOK, usage=used), NOW + timedelta(minutes=1)) == shown()


def test_services_without_a_container_are_there_too() -> None:
    """Before the first start, for instance."""
    document = shown(Look(), findings=())

    assert [one["state"] for one in document["services"].values()] == ["absent", "absent"]


def test_what_is_worth_knowing_is_a_finding_of_its_service_alone() -> None:
    """What the look brought along is told once."""
    told = advice("api-errors", "it wrote errors", "inv logs", service="web")

    document = shown(
        replace(LOOK, advice=(told,)), findings=(told,), since={("web", "api-errors"): SINCE}
    )

    assert [one["code"] for one in document["services"]["web"]["findings"]] == ["api-errors"]


def test_what_cannot_be_asked_says_why_and_what_next() -> None:
    """The rest of the document stays as it was seen."""
    silent = state.silent(EngineError("no engine is running", next_step="inv engine.start"))

    assert silent == {
        "answers": False,
        "error": "no engine is running",
        "next": "inv engine.start",
    }
    assert validate(HEAD | {"engine": silent}, "state") == ()


def test_the_rows_have_every_field_of_ps_but_those_that_move() -> None:
    """A field that is new there is told here too."""
    fields = set(_properties("ps.schema.json")) - {"uptime_seconds", "memory_bytes", "cpu_seconds"}

    assert fields <= set(_properties("state.schema.json"))


def _properties(name: str) -> list[str]:
    rules = json.loads(Path(SCHEMAS, name).read_text(encoding="utf-8"))
    return list(rules["$defs"]["service"]["properties"])

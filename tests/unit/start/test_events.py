"""The words of events are those that the schemas promise."""

import json
from typing import Any

from scripts.config.rules.schema import SCHEMAS
from scripts.core.finding import Verdict
from scripts.start.events import Ending, EventKind


def properties(schema: str) -> dict[str, Any]:
    """Return what a schema says of the fields of its documents."""
    text = (SCHEMAS / f"{schema}.schema.json").read_text(encoding="utf-8")
    fields: dict[str, Any] = json.loads(text)["properties"]
    return fields


def test_every_kind_and_every_ending_stands_in_the_schema_and_no_other() -> None:
    """A word that a program may read is promised; one that nobody writes is not."""
    event = properties("event")

    assert event["event"]["enum"] == list(EventKind)
    assert sorted(event["verdict"]["enum"]) == sorted(Ending)


def test_a_run_that_is_kept_ends_as_its_schema_says() -> None:
    """One that was refused before its first container is kept too."""
    assert {*properties("timeline")["verdict"]["enum"]} == {*Ending}


def test_every_verdict_is_an_ending() -> None:
    """A start that is not refused or interrupted ends as it is judged."""
    assert [Ending(verdict.value).name for verdict in Verdict] == [one.name for one in Verdict]

"""The plan of a data command follows from the compose file, and from what runs and is there."""

from dataclasses import replace
from typing import Any

import pytest

from scripts.core.stack import Service, Stack, Together, Volume
from scripts.data import manifest, plan
from scripts.data.model import Command, Plan, Survey
from scripts.tell import data_report
from tests.kit.builders import container, service, stack


def grouped(name: str, group: str, *needs: str) -> Service:
    """Return a service of a data group."""
    return replace(service(name, *needs), data_group=group)


STACK = replace(
    stack(
        service("api", "graph", "vectors"),
        grouped("graph", "graph"),
        grouped("meta", "vectors"),
        service("panel", "vectors"),
        grouped("vectors", "vectors", "meta"),
    ),
    volumes=(
        Volume(key="graph_data", name="p_graph_data", group="graph"),
        Volume(key="meta_data", name="p_meta_data", group="vectors"),
        Volume(key="vectors_data", name="p_vectors_data", group="vectors"),
    ),
    together=(Together(groups=("graph", "vectors"), reason="They point at each other"),),
)
ALL = STACK.names()


def planned(command: Command, *groups: str, alive: tuple[str, ...] = ALL) -> Plan:
    """Return the plan when these services run and all have containers."""
    containers = [container(name, state="running" if name in alive else "exited") for name in ALL]
    survey = Survey(image="i:1", sizes={"graph_data": 2048, "meta_data": 1024})
    return replace(plan.plan(STACK, command, groups, containers, survey), snapshot="one")


def test_all_that_depends_on_a_group_stops_before_it() -> None:
    """Transitively, and nobody before those who need it."""
    assert planned(Command.SAVE, "vectors").stops == ("api", "panel", "vectors", "meta")
    assert planned(Command.SAVE, "graph").stops == ("api", "graph")


def test_only_what_runs_stops_and_so_starts_again() -> None:
    """A stack that is down stays down."""
    assert planned(Command.RESET, "vectors", alive=("meta",)).stops == ("meta",)
    assert planned(Command.RESET, "vectors", alive=()).stops == ()


def test_only_a_reset_removes_containers_and_only_those_of_the_group() -> None:
    """They hold the volumes, also when they are stopped."""
    assert planned(Command.RESET, "vectors", alive=()).removes == ("meta", "vectors")
    assert planned(Command.RESTORE, "vectors").removes == ()


def test_a_restore_replaces_all_volumes_of_its_groups() -> None:
    """Also one that is not there yet; what is not there cannot be saved or deleted."""
    keys = {c: [one.key for one in planned(c, "vectors").volumes] for c in Command}
    assert keys[Command.SAVE] == keys[Command.RESET] == ["meta_data"]
    assert keys[Command.RESTORE] == ["meta_data", "vectors_data"]
    assert planned(Command.RESET, "graph", "vectors").size == 3072


@pytest.mark.parametrize(
    ("command", "groups", "told"),
    [
        (
            Command.RESET,
            ["graph"],
            "graph without vectors leaves dangling halves; for both: inv reset --",
        ),
        (
            Command.SAVE,
            ["vectors"],
            "for both: inv snapshot.save --service graph --service vectors",
        ),
        (Command.RESTORE, ["vectors"], "this snapshot holds vectors only"),
    ],
)
def test_half_of_what_belongs_together_is_told(
    command: Command, groups: list[str], told: str
) -> None:
    """With the reason that the compose file gives, and the command for both."""
    (line,) = planned(command, *groups).advice
    assert line.startswith("They point at each other: ")
    assert told in line
    assert planned(command, "graph", "vectors").advice == ()


def test_the_lines_of_a_plan_come_in_the_order_of_what_happens() -> None:
    """What stops, what is kept, what goes, what starts, and a note."""
    assert list(data_report.plan_lines(planned(Command.RESET, "vectors"))) == [
        "stops     api, panel, vectors, meta",
        "snapshot  one, checked before anything is deleted",
        "removes   the containers of meta, vectors",
        "deletes   p_meta_data (1.0 KiB)",
        "starts    meta, vectors, panel, api",
        f"note: {planned(Command.RESET, 'vectors').advice[0]}",
    ]


def test_a_plan_says_also_what_will_not_happen() -> None:
    """Nothing runs, nothing is there, no snapshot is made."""
    idle = replace(planned(Command.RESET, "vectors", alive=()), snapshot="", volumes=(), advice=())
    assert list(data_report.plan_lines(idle)) == [
        "stops     nothing: nothing of it runs",
        "snapshot  none: what is deleted is lost for good",
        "removes   the containers of meta, vectors",
        "deletes   nothing: there is no volume yet",
        "starts    nothing: nothing of it ran",
    ]
    restore = list(data_report.plan_lines(planned(Command.RESTORE, "vectors")))
    assert restore[1] == "snapshot  one, read whole and checked first"
    assert restore[2:4] == [
        "replaces  p_meta_data (1.0 KiB)",
        "          p_vectors_data (not there yet)",
    ]


def test_a_meter_shows_share_bytes_and_pace() -> None:
    """Also when there is more than was thought, or nothing at all."""
    half = f"{'━' * 12}{'╌' * 12}   50%  1.0 KiB of 2.0 KiB  512 B/s"
    assert data_report.meter(1024, 2048, 2.0) == half
    assert "100%  4.0 KiB of 4.0 KiB" in data_report.meter(4096, 2048, 0.0)
    assert data_report.meter(0, 0, 0.0).startswith("━" * 24)


@pytest.mark.parametrize(("automatic", "by"), [(True, "inv reset"), (False, "you")])
def test_a_row_of_the_list_says_who_made_a_snapshot(automatic: bool, by: str) -> None:
    """And a damaged one why it cannot be read."""
    facts = {
        "created_at": "2026-01-31T12:00:00.000Z",
        "groups": ["graph"],
        "tar_bytes": 2048,
        "command": "reset",
        "automatic": automatic,
    }
    row = {"name": "one", "bytes": 10, "manifest": facts, "problem": ""}
    made = ("one", "2026-01-31 12:00:00", "graph", "2.0 KiB", "10 B", by, "")
    assert data_report.snapshot_row(row) == made
    cut = {**row, "manifest": None, "problem": "cut"}
    assert data_report.snapshot_row(cut) == ("one", "", "", "", "10 B", "", "cut")


def manifest_of(
    version: str, source: str = "packages", key: str = "graph_data", group: str = "graph"
) -> dict[str, Any]:
    """Return as much of a manifest as is judged."""
    services = [{"service": "graph", "version": version}]
    held = {"volumes": [{"key": key}], "groups": [group]}
    return {"image_source": source, "services": services, **held}


@pytest.mark.parametrize(
    ("version", "refused"),
    [("5.26.4", False), ("5.9", False), ("5.27", True), ("v6", True), ("", False)],
)
def test_an_older_server_is_refused(version: str, refused: bool) -> None:
    """Numbers are compared as numbers; what is not known is let through."""
    doubts = manifest.doubts(manifest_of(version), "packages", {"graph": "5.26.4"})
    assert bool(list(doubts)) is refused
    assert list(manifest.obstacles(STACK, manifest_of(version))) == []


def test_another_source_is_told_and_another_stack_is_refused() -> None:
    """The first can be overruled."""
    other = manifest_of("1", "registry", "other_data")
    assert list(manifest.obstacles(STACK, other)) == ["the stack has no volume other_data"]
    (doubt,) = manifest.doubts(other, "packages", {})
    assert "IMAGE_SOURCE=registry, and here it is packages" in doubt


def test_a_group_that_the_stack_does_not_know_is_refused() -> None:
    """Else its data would be left out, and nobody told."""
    (obstacle,) = manifest.obstacles(STACK, manifest_of("1", group="queue"))
    assert obstacle == "the stack has no data group queue"


def test_the_stack_of_some_services_waits_for_no_other() -> None:
    """What a user had stopped holds nobody up."""
    only = STACK.only(("api", "graph"))
    assert [(one.name, one.needs) for one in only.services] == [("api", ("graph",)), ("graph", ())]
    assert isinstance(only, Stack)


def test_what_belongs_together_and_runs_elsewhere_is_not_offered() -> None:
    """Its data is not this stack's: neither deleted with the other half, nor restored."""
    away = replace(service("vectors"), elsewhere="http://vectors.example:1")
    alone = replace(
        STACK,
        services=(*(one for one in STACK.services if one.data_group == "graph"), away),
        volumes=STACK.volumes[:1],
    )

    (told,) = plan.halves(alone, Command.RESET, ["graph"])
    assert "vectors, which is not this stack's to change" in told
    assert "inv reset" not in told
    obstacles = list(manifest.obstacles(alone, manifest_of("1", group="vectors")))
    assert obstacles[-1] == (
        "the data of what runs elsewhere is not this stack's: vectors (http://vectors.example:1)"
    )

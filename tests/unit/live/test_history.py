"""What was, of the last day: it survives a restart, a kill at any moment, and a full disk."""

import json
from pathlib import Path

import pytest

from scripts.core import files
from scripts.core.units import written
from scripts.live import history
from scripts.live.history import FILE, History
from tests.kit.clock import Clock

BEGAN = 1_800_000_000.0


@pytest.fixture
def clock() -> Clock:
    """Return a clock."""
    return Clock(BEGAN)


def sick(code: str, service: str = "") -> dict[str, object]:
    """Return a finding as `inv ps` has it."""
    return {"code": code, "cause": f"it is {code}", "service": service}


def test_a_finding_has_since_and_until_also_over_a_restart(tmp_path: Path, clock: Clock) -> None:
    """One that goes on is the same one; what is gone meanwhile ends with the next look."""
    first = History(tmp_path, clock)
    assert [one["since"] for one in first.findings([sick("a"), sick("b", "x")])] == [
        written(BEGAN)
    ] * 2
    first.close()
    clock.now += 60
    again = History(tmp_path, clock)

    found = again.findings([sick("b", "x"), sick("b", "y")])

    assert [(one["service"], one["since"]) for one in found] == [
        ("x", written(BEGAN)),
        ("y", written(BEGAN + 60)),
    ]
    assert again.past() == [
        *({"at": written(at), "kind": "finding", "service": service, "text": "it is b"}
        for at, service in ((BEGAN + 60, "y"), (BEGAN, "x"))),
        {
            "at": written(BEGAN),
            "kind": "finding",
            "service": "",
            "text": "it is a",
            "until": written(BEGAN + 60),
        },
    ]  # fmt: skip


def test_what_comes_back_is_another_one(tmp_path: Path, clock: Clock) -> None:
    """Each time with a beginning and an end of its own."""
    found = History(tmp_path, clock)
    for now in ([sick("a")], [], [sick("a")]):
        clock.now += 1
        found.findings(now)
    found.close()

    assert [one.get("until") for one in History(tmp_path, clock).past()] == [
        *(None, written(BEGAN + 2))
    ]


def test_what_is_over_is_noted_once(tmp_path: Path, clock: Clock) -> None:
    """A start is told with every look; one of days ago is no news."""
    for _ in range(2):
        found = History(tmp_path, clock)
        for _ in range(2):
            found.happened("start", written(BEGAN - 5), "ready", until=written(BEGAN))
            found.happened("start", written(BEGAN - 10**6), "ready")
        found.close()

    (one,) = History(tmp_path, clock).past()
    assert (one["at"], one["until"]) == (written(BEGAN - 5), written(BEGAN))


def test_a_kill_at_any_moment_costs_the_line_that_is_being_written(
    tmp_path: Path, clock: Clock
) -> None:
    """The file is cut at each byte: what was whole before is there, and can be written on."""
    found = History(tmp_path, clock)
    found.findings([sick("a")])
    found.findings([])
    found.began("action", "1", "under way")
    found.close()
    file = tmp_path / FILE
    whole = file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600

    for cut in range(len(whole) + 1):
        file.write_bytes(whole[:cut])
        lines = [json.loads(line) for line in whole[:cut].splitlines() if line.endswith(b"}")]
        found = History(tmp_path, clock)
        found.happened("start", written(BEGAN), "later")
        found.close()

        again = History(tmp_path, clock)

        texts = [line["text"] for line in lines if "text" in line]
        assert [one["text"] for one in again.past()] == ["later", *reversed(texts)]
        again.close()


def test_what_was_cut_spoils_nothing_after_it(tmp_path: Path, clock: Clock) -> None:
    """A disk that is full for a moment leaves half a line."""
    found = History(tmp_path, clock)
    with (tmp_path / FILE).open("a") as file:
        file.write('\n{"at": "20')
    found.findings([sick("a")])
    found.close()

    assert [one["text"] for one in History(tmp_path, clock).past()] == ["it is a"]


@pytest.mark.parametrize(
    "text",
    [
        "[1]\n",
        '{"key": 1}\n{"at": 1}\n',
        "\x00\xff\n",
        '{"key": "x", "until": "y"}\n',
        "[" * 99,
        '{"key": [1], "at": "a", "kind": "b", "text": "c"}\n{"key": "x", "at": 1}',
    ],
)
def test_what_nobody_of_us_has_written_is_left_out(tmp_path: Path, clock: Clock, text: str) -> None:
    """And the file is right afterwards."""
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(text)

    found = History(tmp_path, clock)

    assert found.past() == []
    assert (tmp_path / FILE).read_text() == ""


def test_a_day_is_kept_and_what_goes_on(tmp_path: Path, clock: Clock) -> None:
    """Whatever is older goes, from what is shown and at the next start from the file."""
    found = History(tmp_path, clock)
    found.findings([sick("long"), sick("short")])
    found.findings([sick("long")])
    clock.now += history.DAY + 1
    found.happened("start", written(clock.now), "new")

    assert [one["text"] for one in found.past()] == ["new", "it is long"]
    found.close()
    History(tmp_path, clock)
    assert "short" not in (tmp_path / FILE).read_text()


def test_the_file_stays_small(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest go, while it is written too; the newest are shown, the last first."""
    monkeypatch.setattr(history, "MOST", 20_000)
    found = History(tmp_path, clock)
    for number in range(1000):
        found.happened("start", written(BEGAN + number), f"{number} {'x' * 600}")

    assert (tmp_path / FILE).stat().st_size <= 20_000
    shown = found.past()
    assert [one["text"].split()[0] for one in shown][:2] == ["999", "998"]
    assert max(len(one["text"]) for one in shown) == history.LONGEST
    found.close()
    assert History(tmp_path, clock).past() == shown[: len(History(tmp_path, clock).past())]


def test_what_cannot_be_made_smaller_is_not_tried_with_each_entry(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may be full for hours; with room again it becomes small."""
    monkeypatch.setattr(history, "MOST", 5_000)
    monkeypatch.setattr(history, "AGAIN", 10_000)
    found = History(tmp_path, clock)
    tries: list[Path] = []

    def full(file: Path, _: str) -> None:
        tries.append(file)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files, "write", full)
        for number in range(30):  # 18,000 bytes
            found.happened("start", written(BEGAN + number), f"{number} {'x' * 600}")
    assert len(tries) == 2
    for number in range(30, 60):
        found.happened("start", written(BEGAN + number), f"{number} {'x' * 600}")

    assert (tmp_path / FILE).stat().st_size <= 5_000


def test_one_process_writes(tmp_path: Path, clock: Clock) -> None:
    """Another page of the stack shows the same, and leaves the file alone."""
    one, two = History(tmp_path, clock), History(tmp_path, clock)
    one.happened("start", written(BEGAN), "of one")
    two.happened("start", written(BEGAN + 1), "of two")
    one.close()

    assert [entry["text"] for entry in two.past()] == ["of two"]
    assert [entry["text"] for entry in History(tmp_path, clock).past()] == ["of one"]


def test_a_folder_that_nobody_may_write_to_is_no_error(tmp_path: Path, clock: Clock) -> None:
    """What happens is remembered as long as it goes on."""
    (tmp_path / "cache").touch()  # root may write in every folder, and in no file as in one
    found = History(tmp_path / "cache", clock)
    found.happened("start", written(BEGAN), "one")

    assert len(found.past()) == 1


def test_more_than_is_shown_is_kept_with_an_entry(tmp_path: Path, clock: Clock) -> None:
    """An action has its record in it."""
    found = History(tmp_path, clock)
    found.began("action", "x", "inv reset", record={"id": 7})
    found.ended("action", "x", text="inv reset: done", record={"id": 7, "exit_code": 0})
    found.close()

    again = History(tmp_path, clock)

    assert [one["record"] for one in again.of("action")] == [{"id": 7, "exit_code": 0}]
    assert again.of("start") == []
    assert json.dumps(again.past()).count("record") == 0


def test_what_the_document_tells_is_noted(tmp_path: Path, clock: Clock) -> None:
    """Once: each look tells all of it again."""
    found = History(tmp_path, clock)
    start = {"began": written(BEGAN - 60), "seconds": 30.0, "verdict": "ready", "prepared": 1.0}
    reload = {
        "began": written(BEGAN - 20),
        "version": 2,
        "outcome": "failed",
        "error": "NameError: x",
        "seconds": {"compile": 0.1},
    }
    parts = {"findings": [sick("a")], "starts": [start], "reloads": [reload], "order": []}

    assert [found.saw(parts), found.saw(parts), found.saw({})] == [True, False, False]

    assert [(one["kind"], one["text"], one.get("until")) for one in found.past()] == [
        ("finding", "it is a", None),
        ("reload", "version 2: failed NameError: x", written(BEGAN - 20)),
        ("start", "ready after 30 s", written(BEGAN - 30)),
    ]
    assert found.since() == {("", "a"): written(BEGAN)}
    assert found.saw({"findings": []})
    found.happened("start", "no moment", "odd")
    assert found.saw({"starts": [{**start, "began": "9999"}]})

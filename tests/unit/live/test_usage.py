"""The last quarter of an hour of use is there, also after whoever measured it was killed."""

from pathlib import Path

from scripts.core.look import Usage
from scripts.core.units import SECOND
from scripts.live.usage import FILE, KEPT, Ring


def used(seconds: float, cpu: float, memory: int = 100) -> dict[str, Usage]:
    """Return what one service has used of a processor, after so many seconds."""
    return {"web": Usage(memory=memory, cpu=int(cpu * SECOND), read_at=int(seconds * SECOND))}


def test_a_row_has_percent_of_a_processor_and_bytes() -> None:
    """From the second time on: the first says nothing about a rate."""
    ring = Ring(None)

    assert ring.add(used(10, 1.0), 1000.0) is None
    assert ring.add(used(15, 3.5), 1005.0) == {"at": 1005.0, "services": {"web": [50.0, 100]}}


def test_a_service_that_was_started_again_is_left_out_once() -> None:
    """Its count began anew."""
    ring = Ring(None)
    ring.add(used(10, 5.0), 1000.0)

    assert ring.add(used(15, 0.1), 1005.0) is None


def filled(file: Path, rows: int) -> Ring:
    """Return a ring with rows of the moments 1 to `rows`, written to a file."""
    ring = Ring(file)
    for number in range(rows + 1):
        ring.add(used(number, 0.5 * number), float(number))
    return ring


def test_whoever_comes_later_gets_what_was_missed(tmp_path: Path) -> None:
    """And no more than is kept."""
    ring = filled(tmp_path / FILE, KEPT + 5)

    assert [number for number, _ in ring.after(KEPT + 2)] == [KEPT + 3, KEPT + 4, KEPT + 5]
    assert len(ring.after(0)) == KEPT


def test_a_clock_that_goes_back_hides_no_row() -> None:
    """An hour comes twice, and who follows has each row once."""
    ring = Ring(None)
    for number, at in enumerate((4000.0, 4005.0, 400.0, 405.0)):
        ring.add(used(number, 0.5 * number), at)

    assert [row["at"] for _, row in ring.after(1)] == [400.0, 405.0]


def test_the_next_one_begins_with_what_was_written(tmp_path: Path) -> None:
    """Though the last line may be cut off, as where a process was killed or the disk was full."""
    file = tmp_path / FILE
    rows = filled(file, 3).after(0)
    odd = ('{"at": 4.0, "serv', '{"at": "x", "services": {}}', "7", '{"at": 5.0, "services": 1}')
    with file.open("a") as opened:
        opened.write("\n".join(odd))

    assert Ring(file).after(0) == rows


def test_the_file_stays_small_and_is_its_owners(tmp_path: Path) -> None:
    """A page may be open for weeks."""
    file = tmp_path / FILE
    filled(file, 5 * KEPT)

    assert len(file.read_text().splitlines()) <= 2 * KEPT + 1
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(Ring(file).after(0)) == KEPT


def test_where_nothing_can_be_written_it_is_seen_all_the_same(tmp_path: Path) -> None:
    """A disk may be full, or the cache another user's."""
    (tmp_path / "not a folder").touch()

    assert len(filled(tmp_path / "not a folder" / FILE, 2).after(0)) == 2

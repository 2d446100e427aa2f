"""The log of a process of this machine: whole lines, each behind its moment, and never too many."""

from pathlib import Path

from scripts.core.units import nanoseconds
from scripts.loop.host_log import HostLog
from scripts.watch import on_host


def test_the_lines_of_an_earlier_run_lie_beside_it(tmp_path: Path) -> None:
    """Those before them are gone."""
    file = tmp_path / "host" / "log"
    for text in ("first", "second ✓", "third"):
        log = HostLog(file)
        log.write(text)
        log.close()

    moment, _, text = file.read_text().strip().partition(" ")
    assert text == "third"
    assert nanoseconds(moment) > 0
    assert on_host.earlier(file).read_text().endswith("Z second ✓\n")
    assert {one.stat().st_mode & 0o777 for one in file.parent.iterdir()} == {0o600}


def test_a_log_that_grows_is_begun_anew(tmp_path: Path) -> None:
    """What is kept is twice as long at most."""
    file = tmp_path / "log"
    log = HostLog(file, most=100)

    for number in range(20):
        log.write(f"line {number}")
    log.close()

    assert file.read_text().endswith("line 19\n")
    assert file.stat().st_size <= 100
    assert on_host.earlier(file).stat().st_size <= 100

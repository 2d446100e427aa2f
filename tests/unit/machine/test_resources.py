"""Facts of a machine, read from recorded files of /proc."""

import gzip
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.machine import resources
from scripts.machine.resources import look

MEMINFO = """MemTotal:        8126764 kB
MemFree:          412340 kB
MemAvailable:    5120000 kB
HugePages_Total:       0
"""
CPUINFO = """processor\t: 0
vendor_id\t: GenuineIntel
flags\t\t: fpu sse4_2 avx
bugs\t\t: spectre_v1

processor\t: 1
flags\t\t: fpu
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with memory and processor."""
    (tmp_path / "meminfo").write_text(MEMINFO)
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    return tmp_path


def test_memory_is_what_programs_can_still_get(proc: Path) -> None:
    """Not the total and not what is unused: MemAvailable, in bytes."""
    assert look(proc, proc).memory == 5120000 * 1024


def test_flags_are_those_of_the_first_processor(proc: Path) -> None:
    """All words of the first line of flags."""
    assert look(proc, proc).cpu_flags == {"fpu", "sse4_2", "avx"}


def test_a_processor_without_a_line_of_flags_has_none(proc: Path) -> None:
    """ARM calls them Features: not known is not missing."""
    (proc / "cpuinfo").write_text("Features\t: fp asimd\n")

    assert look(proc, proc).cpu_flags == frozenset()


def test_a_machine_without_proc_is_not_known(tmp_path: Path) -> None:
    """On macOS there is no /proc: sizes are 0 and flags are none."""
    found = look(tmp_path, tmp_path / "none")

    assert (found.memory, found.cpu_flags) == (0, frozenset())


def test_a_folder_that_this_user_may_not_see_is_measured_above_it(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As that of an engine which is root's."""
    folder = proc / "closed" / "data"
    folder.mkdir(parents=True)

    def usage(path: Path) -> SimpleNamespace:
        if path.is_relative_to(proc / "closed"):
            raise PermissionError
        return SimpleNamespace(free=7)

    closed = {folder, proc / "closed"}
    monkeypatch.setattr("os.access", lambda path, _: path not in closed)
    monkeypatch.setattr("shutil.disk_usage", usage)

    assert look(folder, proc).disk_free == 7


def test_a_folder_that_is_not_there_yet_is_measured_where_it_would_be(proc: Path) -> None:
    """The nearest folder that exists is on the same disk."""
    folder = proc / "not" / "yet"
    found = look(folder, proc)

    assert found.disk_free > 0
    assert found.disk == str(folder)


def test_what_a_kernel_lacks_is_read_from_what_it_was_built_with(tmp_path: Path) -> None:
    """Built in or as a module; from /proc, or else from /boot."""
    text = "CONFIG_VXLAN=y\nCONFIG_IP_VS=m\n# CONFIG_INET_ESP is not set\n"
    wanted = ("VXLAN", "IP_VS", "INET_ESP", "ABSENT")
    (tmp_path / "proc").mkdir()
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot" / f"config-{os.uname().release}").write_text(text)

    def asked() -> tuple[str, ...]:
        return resources.lacks(resources.kernel(tmp_path / "proc", tmp_path / "boot"), wanted)

    assert asked() == ("INET_ESP", "ABSENT")

    (tmp_path / "proc" / "config.gz").write_bytes(gzip.compress(b"CONFIG_VXLAN=y\n"))
    assert asked() == ("IP_VS", "INET_ESP", "ABSENT")


@pytest.mark.parametrize("content", [None, b"no gzip"])
def test_a_kernel_that_does_not_tell_lacks_nothing(tmp_path: Path, content: bytes | None) -> None:
    """It may have all."""
    if content is not None:
        (tmp_path / "config.gz").write_bytes(content)

    assert resources.kernel(tmp_path, tmp_path / "absent") == ""
    assert resources.lacks("", ("IP_VS",)) == ()

"""Processes where there is no /proc: `ps` says when one began."""

from pathlib import Path

import pytest

from scripts.core.process import Completed
from scripts.machine import processes


@pytest.mark.parametrize(
    ("said", "birth"),
    [
        ("Ss   Fri Nov 27 20:10:07 2026\n", "Fri Nov 27 20:10:07 2026"),
        ("R+ Fri Nov 27 20:10:07 2026\n", "Fri Nov 27 20:10:07 2026"),
        ("Z    Fri Nov 27 20:10:07 2026\n", ""),
        ("", ""),
    ],
)
def test_ps_is_asked_where_there_is_no_proc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, birth: str
) -> None:
    """As on macOS, in the same words to every shell; what was not waited for has ended too."""
    asked: list[tuple[str, ...]] = []

    def run(argv: list[str], *, env: dict[str, str]) -> Completed:
        asked.append(tuple(argv))
        assert env == {"LC_ALL": "C", "TZ": "UTC"}
        return Completed(argv=tuple(argv), exit_code=0, stdout=said, stderr="")

    monkeypatch.setattr(processes, "PROC", tmp_path / "none")
    monkeypatch.setattr(processes, "run", run)

    assert processes.birth(7) == birth
    assert asked == [("ps", "-o", "stat=,lstart=", "-p", "7")]
    assert processes.began(7) == 0
    assert processes.family(7) == (7,)
    assert processes.used([7]) is None

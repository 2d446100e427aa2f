"""What the standard streams carry, whatever the other end is."""

import os
import sys
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path

import pytest

from scripts.machine import streams
from scripts.machine.streams import Output


@pytest.fixture
def pipe() -> Iterator[tuple[int, Output]]:
    """A pipe: the end that reads, and the stream that writes into it."""
    ends, begins = os.pipe()
    streams.register()
    output = Output(os.fdopen(begins, "wb"), encoding="ascii", errors=streams.ESCAPED)
    yield ends, output
    output.close()


def test_letters_that_an_encoding_lacks_are_written_as_json_has_them(
    pipe: tuple[int, Output],
) -> None:
    """Also those beyond 65535, and what is no letter at all, as in the name of a file."""
    ends, output = pipe
    output.write("ü … 库 😀 \udcff ok")
    output.flush()

    written = os.read(ends, 999).decode()
    os.close(ends)
    assert written == r"\u00fc \u2026 \u5e93 \ud83d\ude00 \udcff ok"


def test_only_what_cannot_be_written_is_escaped() -> None:
    """Bytes that are no text are another's matter."""
    with pytest.raises(UnicodeDecodeError):
        streams.escape(UnicodeDecodeError("ascii", b"\xff", 0, 1, "no"))


def test_where_nobody_reads_any_more_writing_goes_on(pipe: tuple[int, Output]) -> None:
    """And it is known, for what would go on for ever."""
    ends, output = pipe
    before = output.unheard
    os.close(ends)

    assert output.write("x" * 100_000) == 100_000
    output.flush()

    assert not before
    assert output.unheard
    output.write("more")
    output.flush()


def test_that_nobody_reads_is_known_before_anything_is_written(pipe: tuple[int, Output]) -> None:
    """What waits for news would else go on until some come."""
    ends, output = pipe
    before = output.unheard
    os.close(ends)

    assert (before, output.unheard) == (False, True)
    output.write("x")
    output.flush()


def test_a_stream_keeps_its_encoding_and_its_buffer() -> None:
    """A terminal sees each line at once."""
    ends, begins = os.pipe()
    before = TextIOWrapper(os.fdopen(begins, "wb"), encoding="gbk", line_buffering=True)

    with streams.output(before, begins) as after:
        after.write("库\n")
        assert os.read(ends, 9) == "库\n".encode("gbk")

    os.close(ends)


def test_all_three_are_made_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that was closed when Python began: it has none then."""
    ends, begins = os.pipe()
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", TextIOWrapper(os.fdopen(begins, "wb"), encoding="ascii"))

    streams.prepare()
    sys.stderr.write("ü")
    sys.stderr.close()

    assert os.read(ends, 99) == b"\\u00fc"
    assert isinstance(sys.stdout, Output)
    assert sys.stdin.fileno() == 0
    os.close(ends)


def test_a_full_disk_at_the_end_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is left that Python's own end would stumble over."""
    with Path("/dev/full").open("wb") as full:
        monkeypatch.setattr(sys, "stdout", streams.output(TextIOWrapper(full), full.fileno()))
        sys.stdout.write("x")

        with pytest.raises(SystemExit) as caught:
            streams.finish()

        sys.stdout.close()
    assert caught.value.code == 2
    assert "error: stdout cannot be written: No space left" in capsys.readouterr().err

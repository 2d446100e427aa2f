"""What is made of logs: lines as the stack's servers wrote them."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.watch.log_lines import LogLine, Restart, chosen, level, levelled, marked, merged, split

MOMENT = "2026-11-23T01:55:09.201591587Z"
AT = 1795398909201591587


def piece(text: bytes, stream: int = 1) -> bytes:
    """Return a piece of a stream with its header."""
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


def line(text: str, at: int = 0, service: str = "web") -> LogLine:
    """Return a line that has no level yet."""
    return LogLine(service=service, at=at, text=text)


def texts(lines: list[LogLine]) -> list[str]:
    """Return what stands in the lines."""
    return [one.text for one in lines]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # written by Neo4j 5.26.4
        ("2026-11-23 03:08:23.571+0000 INFO  Starting...", "info"),
        ("2026-11-23 03:08:23.571+0000 WARN  Unrecognized setting.", "warning"),
        ("2026-11-23 03:08:23.571+0000 ERROR Failed to start Neo4j: level=info", "error"),
        ("Changed password for user 'neo4j'. IMPORTANT: this change will only take effect", ""),
        # Milvus 2.3.5
        ('[2026/11/23 03:08:24.300 +00:00] [INFO] [roles/roles.go:1] ["starting"]', "info"),
        ('[2026/11/23 03:08:24.300 +00:00] [WARN] [client/client.go:90] ["RootCoord"]', "warning"),
        ('[2026/11/23 03:08:24.300 +00:00] [ERROR] [x/y.go:1] ["failed"] [error="x"]', "error"),
        ("2026/11/23 03:08:24 maxprocs: Leaving GOMAXPROCS=2: CPU quota undefined", ""),
        ("    __  _________ _   ____  ______    ", ""),
        # its image (2.5.4), of every program that starts in it
        ("ERROR: ld.so: object '/milvus/lib/' from LD_PRELOAD cannot be preloaded", "debug"),
        # MemOS 2.0.6 and uvicorn
        ("INFO:     Application startup complete.", "info"),
        ('INFO:     172.18.0.1:4 - "POST /product/get_all HTTP/1.1" 500 ERROR', "info"),
        ("ERROR:    Exception in ASGI application", "error"),
        (
            "trace-id | path=None | memos.mem_reader - WARNING - utils.py:138 - <module> - x",
            "warning",
        ),
        # the Qdrant front, the embedder, the Milvus page
        ("INFO 1 collections, listening on 0.0.0.0:6333", "info"),
        ("POST /v1/embeddings 200 9 ms", ""),
        ("2026-11-23 03:08:27,470 Serving on http://0.0.0.0:3000", ""),
        # SeaweedFS 4
        ("I1123 03:08:22.475203 master.go:400 current: 127.0.0.1:9333 peers:none", "info"),
        ("W1123 03:08:22.475203 volume.go:1 ERROR in the text", "warning"),
        ("E1123 03:08:22.475203 filer.go:370 no", "error"),
        ("F1123 03:08:22.475203 filer.go:370 no", "error"),
        # etcd 3.5.16
        ('{"level":"info","ts":"2026-11-23T01:55:06Z","msg":"ready to serve"}', "info"),
        ('{"level":"warn","ts":"2026-11-23T01:55:06Z","msg":"apply took too long"}', "warning"),
        ('{"level":"fatal","ts":"2026-11-23T01:55:06Z","msg":"discovery failed"}', "error"),
        ('{"ts":"2026-11-23T01:55:06Z","msg":"ERROR here","level": "debug"}', "debug"),
        # the API's supervisor
        (
            "memos: reload: version 8 failed, version 7 serves on: x.py:1: ValueError: WARNING",
            "error",
        ),
        ("memos: reload: version 8 does not come, nothing answers: x.py:1: it does not", "error"),
        ("memos: reload: version 7 has ended by itself (exit 1): it is started again", "error"),
        ("memos: reload: version 9 answers after 0.61 s (x.py)", "info"),
        # others
        ("time=2026 level=error msg=no", "error"),
        ("2026-11-23T01:55:06.1Z  INFO qdrant::startup: Loading", "info"),
        ("Error: cannot read the folder", "error"),
        ("a terror: no level", ""),
        ("", ""),
    ],
)
def test_the_level_of_a_line_is_what_it_states(text: str, expected: str) -> None:
    """In the formats of the servers of this stack; the first word that counts wins."""
    assert level(text) == expected


def test_a_traceback_has_the_level_of_the_line_before() -> None:
    """All of it, until a line states a level again."""
    written = [
        "ERROR:    Exception in ASGI application",
        "Traceback (most recent call last):",
        '  File "/app/x.py", line 1, in f',
        "ValueError: no",
        "INFO:     done",
        "plain",
        "WARNING:  odd",
        "    indented",
        "plain again",
    ]

    found = [one.level for one in levelled(map(line, written))]

    assert found == [*["error"] * 4, "info", "info", "warning", "warning", "info"]


@pytest.mark.parametrize(
    ("before", "expected"),
    [("INFO: x", "error"), ("WARNING: x", "warning"), ("ERROR: x", "error"), ("plain", "error")],
)
@pytest.mark.parametrize(
    "fall",
    [
        "Traceback (most recent call last):",
        "panic: runtime error",
        'Exception in thread "main" java.lang.IllegalStateException',
        "thread 'main' panicked at src/main.rs:1:1:",
    ],
)
def test_a_fall_is_an_error_unless_it_was_told_as_a_warning(
    before: str, expected: str, fall: str
) -> None:
    """A program that fell says so without a level."""
    found = list(levelled(map(line, [before, fall, "goroutine 1 [running]:", "DEBUG x"])))

    assert [one.level for one in found[1:]] == [expected, expected, "debug"]


def cut(raw: bytes, *, moments: bool = True, step: int = 10**6) -> list[tuple[int, str]]:
    """Read a stream that comes in steps of so many bytes."""
    return list(split((raw[at : at + step] for at in range(0, len(raw), step)), moments=moments))


@given(
    written=st.lists(st.tuples(st.sampled_from([1, 2]), st.text("aé €")), max_size=6),
    step=st.integers(1, 40),
)
def test_a_stream_gives_the_same_lines_however_it_is_cut(
    written: list[tuple[int, str]], step: int
) -> None:
    """Also within a header, a moment or a letter."""
    raw = b"".join(piece(f"{MOMENT} {text}\n".encode(), stream) for stream, text in written)

    assert cut(raw, step=step) == [(AT, text) for _, text in written]


def test_what_the_engine_itself_says_among_the_lines_has_the_moment_before() -> None:
    """It writes what it cannot read into the stream, without one."""
    own = piece(b"Error grabbing logs: invalid character\n", 2)

    told = (AT, "Error grabbing logs: invalid character")
    assert cut(piece(f"{MOMENT} one\n".encode()) + own) == [(AT, "one"), told]
    assert cut(own) == [(0, told[1])]


def test_a_long_line_comes_in_pieces_each_with_its_moment() -> None:
    """The first one counts; a line of the other stream may come between."""
    later = "2026-11-23T01:55:10.000000000Z"
    raw = (
        piece(f"{MOMENT} one ".encode())
        + piece(f"{later} other\n".encode(), 2)
        + piece(f"{later} line\n".encode())
        + piece(f"{later} without end".encode())
        + b"\1\0"
    )

    assert [(at == AT, text) for at, text in cut(raw)] == [
        (False, "other"),
        (True, "one line"),
        (False, "without end"),
    ]


def test_a_log_cannot_steer_the_terminal() -> None:
    """Colours, titles and bells are taken out; a progress bar gives several lines, tabs stay."""
    raw = piece(b"\x1b[1;31mred\x1b[0m\x07\tx\x1b]0;title\x07\n\n10 %\r20 %\r\n")

    assert [text for _, text in cut(raw, moments=False)] == ["red\tx", "", "10 %", "20 %"]


CRASH = Restart(service="web", at=15, exit_code=1)
UNKNOWN = Restart(service="web", at=25)


def test_a_restart_is_marked_between_two_lines() -> None:
    """With its exit code, where the engine still knows it."""
    lines = [line("a", 10), line("b", 20), line("c", 30)]

    found = list(marked(lines, [UNKNOWN, CRASH], continued=False))

    assert texts(found) == [
        "a",
        "--- web restarted (exit 1) ---",
        "b",
        "--- web restarted ---",
        "c",
    ]
    assert [one.mark for one in found] == [False, True, False, True, False]


@pytest.mark.parametrize(("continued", "marks"), [(False, 0), (True, 1)])
def test_before_the_first_line_there_is_nothing_to_mark(marks: int, *, continued: bool) -> None:
    """Unless lines were shown before; and none comes after the last."""
    found = list(marked([line("b", 20)], [CRASH, UNKNOWN], continued=continued))

    assert sum(one.mark for one in found) == marks


def test_services_come_in_one_order_of_time() -> None:
    """Each in its own order, and none is read further than needed."""
    read: list[int] = []

    def service(name: str, *moments: int) -> Iterator[LogLine]:
        for at in moments:
            read.append(at)
            yield line(str(at), at, name)

    found = merged([service("a", 1, 4, 5), service("b", 2, 3, 9)])

    assert [next(found).at for _ in range(3)] == [1, 2, 3]
    assert read == [1, 2, 4, 3]
    assert [one.at for one in found] == [4, 5, 9]


@pytest.mark.parametrize(
    ("at_least", "text", "expected"),
    [
        ("", "", "debug plain info warning mark error"),
        ("info", "", "plain info warning mark error"),
        ("warning", "", "warning mark error"),
        ("error", "", "mark error"),
        ("", "ERR", "mark error"),
        ("warning", "info", "mark"),
        ("", "[w]", "mark"),
    ],
)
def test_lines_are_chosen_by_level_and_text(at_least: str, text: str, expected: str) -> None:
    """The text is plain, large or small; a mark is always shown."""
    lines = [
        LogLine(service="web", at=1, text=name, level="info" if name == "plain" else name)
        for name in ("debug", "plain", "info", "warning")
    ]
    mark = LogLine(service="web", at=1, text="mark", mark=True)
    lines += [mark, LogLine(service="web", at=2, text="error", level="error")]

    assert texts(list(chosen(lines, at_least=at_least, text=text))) == expected.split()

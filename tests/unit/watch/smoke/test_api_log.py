"""What is taken of the API's log: what came since, each error once, no secret."""

from collections.abc import Sequence

from scripts.core.errors import BrokenError, RefusedError
from scripts.engine.api import Api
from scripts.watch.smoke.api_log import SHOWN, WIDTH, ApiLog, Said
from tests.kit.builders import container, service
from tests.kit.fake_engine import framed

KEY = "a-key-of-ours"


class Engine(Api):
    """An engine that has a log, as long as it has one."""

    def __init__(self, *lines: str) -> None:
        """Keep the lines, a second apart."""
        super().__init__("unix:///nowhere")
        self.lines: Sequence[str] | None = lines
        self.asked: list[object] = []

    def raw(self, path: str, /, **query: object) -> bytes:
        """Return the lines that are wanted, with their moments."""
        assert path == "/containers/id-memos/logs"
        self.asked.append(query.get("since"))
        if self.lines is None:
            raise RefusedError("no such container", next_step="inv ps")
        last = 1 if query.get("tail") == 1 else len(self.lines)
        stamped = [f"1970-01-01T00:00:{n:02}Z {line}" for n, line in enumerate(self.lines)]
        return framed(*stamped[-last:]) if stamped else b""


def log(engine: Engine) -> ApiLog:
    """Return the log of an API on that engine."""
    memos = service("memos")
    return ApiLog(api=engine, service=memos, container=container("memos"), secrets=[KEY])


def error(text: str, request: str = "0a1b") -> str:
    """Return an error as MemOS writes it."""
    return f"{request} | path=/product/add | AddHandler - ERROR - x.py:1 - f - {text}"


def test_only_what_comes_after_the_last_line_counts() -> None:
    """By the engine's clock: ours may be another."""
    engine = Engine("one", "two", "three")
    one = log(engine)

    one.begin()
    one.lines()

    assert engine.asked == [None, "2.000000001"]


def test_each_error_is_told_once_with_how_often_it_came() -> None:
    """Ids and numbers apart; a warning is none, and what follows an error is no other one."""
    id_ = "77f81f6d-b7ed-4668-b545-cf756c71f96"
    lines = (
        *(
            error(f"no vector of {id_}1", "0a"),
            "  File x.py, line 1",
            error(f"no vector of {id_}2"),
        ),
        *("WARNING: it is late", error("another")),
    )

    assert log(Engine(*lines)).errors() == (
        Said(line=f"AddHandler - ERROR - x.py:1 - f - no vector of {id_}2", times=2),
        Said(line="AddHandler - ERROR - x.py:1 - f - another", times=1),
    )


def test_many_and_long_errors_are_bounded_and_hold_no_secret() -> None:
    """The last ones are shown; what a cut leaves of a secret would not be recognised as one."""
    lines = [error(f"{chr(n) * 150} {KEY} password=hunter22 {'y' * 900}") for n in range(65, 85)]

    shown = log(Engine(*lines)).errors()

    assert len(shown) == SHOWN
    assert all(len(said.line) <= WIDTH for said in shown)
    assert not any(part in said.line for said in shown for part in ("a-key", "hunter"))


def test_a_failure_that_no_log_explains_is_told_as_it_is() -> None:
    """With the last error, which may help whoever knows MemOS."""
    failure = BrokenError("memos: it stored nothing: {...}", next_step="inv ps")

    found = log(Engine(error("never seen before"))).explained(failure)

    assert (found.code, found.next_step, found.fatal) == ("smoke-failed", "inv ps", True)
    assert found.cause == "memos: it stored nothing: {...}"
    assert found.evidence.endswith("never seen before")


def test_a_failure_keeps_the_code_that_it_has_of_its_own() -> None:
    """For programs: a search that finds nothing is no call that was refused."""
    failure = BrokenError("memos: nothing", next_step="inv ps", code="search-empty")

    assert log(Engine()).explained(failure).code == "search-empty"


def test_a_known_cause_takes_the_place_of_what_was_answered() -> None:
    """It says more, and has a better next step."""
    failure = BrokenError('memos: search found nothing: {"code": 200}', next_step="inv ps")
    said = error("'Neo4jCommunityGraphDB' object has no attribute 'search_by_fulltext'")

    found = log(Engine(said)).explained(failure)

    assert found.code == "memos-defect"
    assert found.cause.startswith("memos: search found nothing: a defect of this MemOS")
    assert "MEMOS_MENDS=yes" in found.next_step


def test_an_api_that_is_gone_has_no_log() -> None:
    """Removed meanwhile, or never made: the failure is told all the same."""
    engine = Engine()
    engine.lines = None
    failure = BrokenError("memos: nobody", next_step="inv ps")
    one = log(engine)
    never = ApiLog(api=engine, service=one.service, container=None)
    for each in (one, never):
        each.begin()
        assert (each.lines(), each.errors()) == ((), ())
        assert each.explained(failure).cause == "memos: nobody"

"""What the API tells of itself, on real sockets: a small source, also without a supervisor."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from scripts.core.foreign.exposition import Sample, quantile, samples
from tests.kit.places import ROOT
from tests.kit.reloading import PATIENCE, Reloading, listens, reloading, toy, write

SERVER_API = """
import asyncio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from memos.answer import TEXT

async def add(request):
    await asyncio.sleep(float(request.query_params.get("seconds", 0)))
    return PlainTextResponse(TEXT, status_code=int(request.query_params.get("status", 200)))

async def search(request):
    raise RuntimeError("no such luck")

async def stream(request):
    async def events():
        while True:
            yield "data: more\\n\\n"
            await asyncio.sleep(0.05)
    return StreamingResponse(events(), media_type="text/event-stream")

routes = [Route("/product/add", add), Route("/product/search", search)]
app = Starlette(routes=[*routes, Route("/product/chat/stream", stream)])
"""
LIBRARY = """
import sys, types
counted = types.ModuleType("prometheus_client")
counted.generate_latest = lambda: {said}
sys.modules["prometheus_client"] = counted
"""
"""A stand-in for the library that MemOS counts its tasks with."""
ALONE = """
import sys
sys.path[:0] = [{place!r}, {source!r}]
import memos_metrics
from memos_reload import listening
calls, metrics = (("127.0.0.1", int(port)) for port in sys.argv[1:])
memos_metrics.serve("memos.api.server_api:app", listening.sockets(calls, metrics, print))
"""


def port() -> int:
    """Return a port that nobody has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Metrics:
    """What is told on a port."""

    def __init__(self, at: int) -> None:
        """Ask nothing yet."""
        self.port = at

    def answer(self, path: str = "/metrics") -> requests.Response:
        """Ask once, over a connection of its own."""
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=30)

    def samples(self) -> tuple[Sample, ...]:
        """Return all numbers that are told."""
        answer = self.answer()
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        return samples(answer.text)

    def number(self, name: str, **labels: str) -> float | None:
        """Return one of them; None where it is not told."""
        found = [one for one in self.samples() if (one.name, one.labels) == (name, labels)]
        return found[0].value if found else None

    def calls(self) -> dict[tuple[str, str], float]:
        """Return how many calls were answered with which status."""
        name = "memos_api_calls_total"
        found = [one for one in self.samples() if one.name == name]
        return {(one.labels["call"], one.labels["status"]): one.value for one in found}


@contextmanager
def supervised(folder: Path, library: str = "") -> Iterator[tuple[Reloading, Metrics]]:
    """Run the source under the supervisor of its container."""
    write(toy(folder) / "memos" / "api" / "server_api.py", library + SERVER_API)
    metrics = Metrics(port())
    env = {"MEMOS_RELOAD_METRICS": f"127.0.0.1:{metrics.port}"}
    with reloading(folder, env=env) as api:
        api.serves(1)
        yield api, metrics


def test_calls_are_counted_by_their_names_and_statuses(tmp_path: Path) -> None:
    """Those that fail too; what asks for the numbers is no call, and no line of the log."""
    with supervised(tmp_path) as (api, metrics):
        assert metrics.calls() == {}
        for path in ("add", "add?status=422", "search", "add", "sea", "../openapi.json"):
            api.get(f"/product/{path}")

        assert metrics.calls() == {
            ("add", "200"): 2,
            ("add", "422"): 1,
            ("search", "500"): 1,
            ("other", "404"): 2,
        }
        assert metrics.number("memos_api_calls_in_flight", call="add") == 0
        assert metrics.number("memos_api_info", version="0.0.1") == 1
        assert '"GET /product/add HTTP/1.1" 200' in api.log
        assert "GET /metrics" not in api.log


def test_times_are_told_in_buckets_that_say_how_long_half_of_them_took(tmp_path: Path) -> None:
    """Three that are quick and one that is not: p50 is of the first, p95 of the last."""
    with supervised(tmp_path) as (api, metrics):
        for seconds in (0, 0, 0, 0.5):
            api.get(f"/product/add?seconds={seconds}")

        name = "memos_api_call_seconds"
        buckets = [
            (float(one.labels["le"]), one.value)
            for one in metrics.samples()
            if one.name == f"{name}_bucket"
        ]
        p50, p95 = (quantile(share, buckets) for share in (0.5, 0.95))
        assert p50 is not None
        assert p95 is not None
        assert p50 < 0.5 <= p95
        assert metrics.number(f"{name}_count", call="add") == 4
        total = metrics.number(f"{name}_sum", call="add")
        assert total is not None
        assert total >= 0.5


def test_a_call_that_goes_on_is_in_flight(tmp_path: Path) -> None:
    """It is counted when it has ended."""
    with supervised(tmp_path) as (api, metrics):
        api.begin("/product/chat/stream")

        def running() -> float | None:
            return metrics.number("memos_api_calls_in_flight", call="chat")

        api.until(lambda: running() == 1, "the call")
        assert metrics.calls() == {}
        api.sessions.pop().close()
        api.until(lambda: running() == 0, "its end")
        assert metrics.calls() == {("chat", "200"): 1}


def test_each_version_counts_anew_and_says_since_when(tmp_path: Path) -> None:
    """An edit is a new process; while none can answer, that is told in place of numbers."""
    with supervised(tmp_path) as (api, metrics):
        api.get("/product/add")
        before = metrics.number("memos_api_start_time_seconds")
        api.write("answer.py", 'TEXT = "two"\n')
        api.serves(2)

        assert metrics.calls() == {}
        after = metrics.number("memos_api_start_time_seconds")
        assert before is not None
        assert after is not None
        assert before < after
        assert api.get("/product/add") == "two"
        assert metrics.calls() == {("add", "200"): 1}


def test_where_no_version_answers_the_reason_is_told_here_too(tmp_path: Path) -> None:
    """503, as the API's own port has it."""
    folder = toy(tmp_path)
    write(folder / "memos" / "answer.py", "TEXT = nothing\n")
    metrics = Metrics(port())
    with reloading(tmp_path, env={"MEMOS_RELOAD_METRICS": f"127.0.0.1:{metrics.port}"}) as api:
        api.ends(1, "failed")
        api.until(lambda: listens(metrics.port), "the reason")

        answer = metrics.answer()
        assert (answer.status_code, answer.text) == (503, api.get())
        assert "name 'nothing' is not defined" in answer.text

        api.write("answer.py", 'TEXT = "one"\n')
        api.serves(2)
        assert metrics.number("memos_api_info", version="0.0.1") == 1


def test_the_api_serves_where_the_port_of_the_metrics_is_taken(tmp_path: Path) -> None:
    """It is said once."""
    toy(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        env = {"MEMOS_RELOAD_METRICS": f"127.0.0.1:{taken.getsockname()[1]}"}
        with reloading(tmp_path, env=env) as api:
            api.serves(1)
            api.write("answer.py", 'TEXT = "two"\n')
            api.serves(2)

            assert api.get() == "two"
            assert api.log.count("no metrics are served: ") == 1


def test_what_memos_counts_is_told_as_well(tmp_path: Path) -> None:
    """In the words of its library."""
    said = 'b"memos_scheduler_tasks_failed_total{user_id=\\"me\\"} 3.0\\n"'
    with supervised(tmp_path, LIBRARY.format(said=said)) as (api, metrics):
        api.get("/product/add")
        assert metrics.number("memos_scheduler_tasks_failed_total", user_id="me") == 3
        assert metrics.calls() == {("add", "200"): 1}


def test_numbers_that_cannot_be_told_are_said_once_and_stop_nothing(tmp_path: Path) -> None:
    """Whatever the library raises."""
    with supervised(tmp_path, LIBRARY.format(said="1 / 0")) as (api, metrics):
        answers = [metrics.answer() for _ in range(2)]

        assert [one.status_code for one in answers] == [500, 500]
        assert "the metrics cannot be told: ZeroDivisionError" in answers[0].text
        assert api.log.count("memos: the metrics cannot be told") == 1
        assert api.get("/product/add") == "one"


@pytest.mark.parametrize("path", ["/", "/product/add", "/metrics/x"])
def test_the_second_port_has_nothing_else(tmp_path: Path, path: str) -> None:
    """No call reaches the API there."""
    with supervised(tmp_path) as (_, metrics):
        answer = metrics.answer(path)

        assert (answer.status_code, answer.text) == (404, "only /metrics is here\n")
        assert metrics.calls() == {}


def test_without_a_supervisor_it_is_the_same(tmp_path: Path) -> None:
    """As in a container without a mounted source; a stop is the stop of all."""
    write(toy(tmp_path) / "memos" / "api" / "server_api.py", SERVER_API)
    program = ALONE.format(place=str(ROOT / "docker" / "memos-api"), source=str(tmp_path / "src"))
    calls, metrics = port(), Metrics(port())
    words = [sys.executable, "-c", program, str(calls), str(metrics.port)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stderr is not None
        try:
            while "startup complete" not in process.stderr.readline():
                assert process.poll() is None
            url = f"http://127.0.0.1:{calls}/product/add"
            session = requests.Session()
            given_up = time.monotonic() + PATIENCE
            while True:  # it listens a moment after it says so
                try:
                    assert session.get(url, timeout=30).text == "one"
                    break
                except requests.ConnectionError:
                    assert time.monotonic() < given_up
                    time.sleep(0.01)
            assert metrics.calls() == {("add", "200"): 1}
        finally:
            process.terminate()
            said = process.stderr.read()
    assert "GET /metrics" not in said
    assert process.returncode in {0, -15}

"""What made the stored vectors is remembered in Qdrant, and a change stops the API's start."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import memos_vectors
import pytest
from memos_vectors import LOCAL, MARKER, VECTORS, OtherModelError

from tests.kit.servers import Answer, Request, http


@dataclass(kw_only=True)
class Server:
    """A Qdrant that holds vectors or none, and perhaps remembers what made them."""

    filled: bool = False
    model: str = ""
    calls: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        """Answer as Qdrant does."""
        self.calls.append(f"{request.method} {request.path}")
        missing = 404, {"status": {"error": "Not found"}}
        point = {"id": 1, "payload": {"model": self.model}}
        match request.method, request.path:
            case "POST", path if path == f"/collections/{VECTORS}/points/scroll":
                return (200, {"result": {"points": [{"id": "a"}]}}) if self.filled else missing
            case "POST", _:
                return (200, {"result": [point]}) if self.model else missing
            case "GET", _:
                return (200, {"result": {}}) if self.model else missing
            case _, path if "points" in path:
                self.model = str(json.loads(request.body)["points"][0]["payload"]["model"])
            case _:
                pass
        return 200, {"result": True}


@contextmanager
def running(server: Server) -> Iterator[dict[str, str]]:
    """Run it, and give the variables by which it is found."""
    with http(server.answer) as port:
        yield {"QDRANT_HOST": "127.0.0.1", "QDRANT_PORT": str(port), "MOS_EMBEDDER_MODEL": "new"}


def checked(server: Server, **env: str) -> list[str]:
    """Check with these variables, and give what the log says."""
    said: list[str] = []
    with running(server) as variables:
        memos_vectors.check(variables | env, said.append)
    return said


@pytest.mark.parametrize("before", ["", "old"])
def test_an_empty_store_is_the_models_that_is_set(before: str) -> None:
    """Nothing can be mixed yet."""
    server = Server(model=before)

    assert checked(server) == [
        f"vectors are made by new from now on, as {MARKER} in Qdrant remembers"
    ]
    assert server.model == "new"


def test_the_same_model_is_asked_for_and_no_more() -> None:
    """Two questions, nothing written, nothing said."""
    server = Server(filled=True, model="new")

    assert checked(server) == []
    assert {call.split()[0] for call in server.calls} == {"POST"}
    assert len(server.calls) == 2


def test_vectors_of_another_model_stop_the_start() -> None:
    """Both names are told, and where the one that is set comes from; nothing is written."""
    server = Server(filled=True, model="old")

    with pytest.raises(OtherModelError, match=r"the model old, wanted new \(MOS_EMBEDDER_MODEL\)"):
        checked(server)
    assert server.model == "old"


def test_a_model_may_get_another_name() -> None:
    """Who says that both are one is believed, and it is remembered."""
    server = Server(filled=True, model="old")

    checked(server, MOS_EMBEDDER_SAME_AS="old")

    assert server.model == "new"


def test_what_was_stored_before_anything_was_remembered_is_the_first_local_models() -> None:
    """With an endpoint of one's own nobody knows, and what is set is believed."""
    with pytest.raises(OtherModelError, match="the model all-MiniLM-L6-v2, wanted new"):
        checked(Server(filled=True), MOS_EMBEDDER_API_BASE=LOCAL)

    first = Server(filled=True)
    checked(first, MOS_EMBEDDER_API_BASE=LOCAL, MOS_EMBEDDER_MODEL="all-MiniLM-L6-v2")
    own = Server(filled=True)
    checked(own, MOS_EMBEDDER_API_BASE="http://model.example/v1")

    assert (first.model, own.model) == ("all-MiniLM-L6-v2", "new")


def test_a_qdrant_that_cannot_tell_stops_nothing() -> None:
    """MemOS says itself what is wrong with it."""
    said: list[str] = []
    with http(lambda _: (500, "broken")) as port:
        env = {"QDRANT_URL": f"http://127.0.0.1:{port}", "MOS_EMBEDDER_MODEL": "new"}
        memos_vectors.check(env, said.append)

    assert "what made the stored vectors is not known: HTTP Error 500" in said[0]


def test_a_qdrant_in_a_folder_is_not_asked() -> None:
    """There is no server then."""
    memos_vectors.check({"QDRANT_PATH": "/data"}, pytest.fail)

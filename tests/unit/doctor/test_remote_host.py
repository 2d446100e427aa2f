"""What a throw-away container printed, read."""

import pytest

from scripts.doctor.remote_host import look, parse
from scripts.engine.api import Api
from tests.kit.fakes import FakeApi


@pytest.mark.parametrize("text", ["", "sh: df: not found\n", "a\nb c d\n", "a\n1 2 3 free 5 /\n"])
def test_what_is_no_answer_of_df_is_not_known(text: str) -> None:
    """Nothing is guessed."""
    assert parse(text) is None


class Container(FakeApi):
    """An engine whose containers print the same."""

    def post(self, path: str, body: object = None, **query: object) -> object:
        """Make, start, wait."""
        del path, body, query
        return {"Id": "new"}

    def delete(self, path: str, **query: object) -> object:
        """Remove, and remember it."""
        del query
        self.asked.append(f"DELETE {path}")
        return None

    def raw(self, path: str, **query: object) -> bytes:
        """Print nonsense."""
        del path, query
        return b"\xffnonsense"


def test_an_image_that_prints_something_else_is_of_no_use() -> None:
    """The container is removed all the same; an image that is not there is not tried."""
    api: Api = Container({"/images/here/json": {}})

    assert look(api, ["away", "here"]) is None
    assert api.asked[-1] == "DELETE /containers/new"  # type: ignore[attr-defined]

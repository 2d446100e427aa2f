"""What a throw-away container printed, read."""

import pytest

from scripts.doctor.remote_host import SCRIPT, look
from scripts.engine.remote.there import hardware
from scripts.engine.throwaway import Helper
from tests.kit.fakes import FakeApi


@pytest.mark.parametrize("text", ["", "sh: df: not found\n", "a\nb c d\n", "a\n1 2 3 free 5 /\n"])
def test_what_is_no_answer_of_df_is_not_known(text: str) -> None:
    """Nothing is guessed."""
    assert hardware(text, "/") is None


def test_an_image_that_prints_something_else_is_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that is not there is not tried."""
    tried: list[str] = []

    def run(self: Helper, script: str) -> str:
        tried.append(self.image)
        return "nonsense" if script == SCRIPT else ""

    monkeypatch.setattr(Helper, "run", run)

    assert look(FakeApi({"/images/here/json": {}}), "memos-dev", ["away", "here"]) is None
    assert tried == ["here"]

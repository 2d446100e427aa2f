"""What a viewer may type, and how it is typed."""

import pytest

from scripts.core.errors import ConfigError
from scripts.core.files import Json
from scripts.live.actions import OFFERS, words


@pytest.mark.parametrize(
    ("task", "options", "typed"),
    [
        ("up", {}, "up"),
        ("restart", {"service": ["memos", "a-b"]}, "restart --service memos --service a-b"),
        ("down", {"service": ["attu"]}, "down --service attu"),
        ("reset", {"all": True, "no_snapshot": True, "service": []}, "reset --all --no-snapshot"),
        ("snapshot.save", {"name": "", "service": None}, "snapshot.save"),
        ("snapshot.restore", {"name": "a-1.b", "anyway": False}, "snapshot.restore --name a-1.b"),
    ],
)
def test_options_become_what_is_typed(task: str, options: dict[str, Json], typed: str) -> None:
    """What is empty is not typed."""
    assert " ".join(words(task, options)) == typed


@pytest.mark.parametrize(
    ("task", "options", "told"),
    [
        ("engine.remove", {}, "the task 'engine.remove' is not offered"),
        ("up", {"yes": True}, "up does not take yes"),
        ("down", {}, "down needs a service"),
        ("down", {"service": []}, "down needs a service"),
        ("down", {"service": ["--volumes"]}, "service is '--volumes'"),
        ("restart", {"service": "memos"}, "service is 'memos'"),
        ("restart", {"service": [{"a": 1}]}, "service is {'a': 1}"),
        ("snapshot.verify", {"name": "/etc/passwd"}, "name is '/etc/passwd'"),
        ("snapshot.verify", {"name": "a b"}, "name is 'a b'"),
        ("snapshot.verify", {"name": "x\n--yes"}, "name is"),
        ("reset", {"all": "yes"}, "all is 'yes'"),
        ("reset", {"all": 1}, "all is 1"),
    ],
)
def test_nothing_else_can_be_typed(task: str, options: dict[str, Json], told: str) -> None:
    """No flag in the place of a name, no file of this machine, no task that is not meant."""
    with pytest.raises(ConfigError, match=told.replace("{", r"\{")) as caught:
        words(task, options)

    assert caught.value.next_step


def test_what_deletes_or_stops_is_asked_about_first() -> None:
    """And what asks in a terminal shows its plan there too."""
    asked = {name for name, offer in OFFERS.items() if offer.question}

    assert asked == OFFERS.keys() - {
        *("up", "smoke", "doctor", "reload", "snapshot.list", "snapshot.verify")
    }
    assert all(offer.dry for offer in OFFERS.values() if offer.asks)

"""What the user prefers is remembered, with the API's defaults and no model of one's own."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from scripts.config.rules import schema
from scripts.core.polling import poll
from tests.e2e.kit.checkout import Checkout, made
from tests.e2e.kit.memories import preferences, say
from tests.e2e.kit.official import row

pytestmark = pytest.mark.docker

CUBE = "taste"
SAID = (
    *("I prefer tea over coffee.", "I love hiking in the mountains.", "I never eat meat."),
    *("I always take the aisle seat on planes.", "I hate loud music at work."),
    *("I prefer dark mode in every editor.", "I always pay in cash at small shops."),
    "我喜欢安静的古镇，讨厌人多的景点。",
)
"""More than the six that one search returns."""
ASKED = {
    "What should I have to drink with my breakfast?": "I prefer tea over coffee.",
    "推荐我去什么样的地方度假？": "我喜欢安静的古镇，讨厌人多的景点。",
}
"""In other words, and which of what was said answers it."""
SETTLE = 60.0
"""Seconds for what is done in the background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """A stack to which the user has said what they like."""

    stack: Checkout
    group: str
    """The data group of what keeps it."""

    def found(self) -> dict[str, str]:
        """Return the first preference that each question finds; nothing for none."""
        every = {question: preferences(self.stack, CUBE, question) for question in ASKED}
        return {question: found[0] for question, found in every.items() if found}


@pytest.fixture(scope="module")
def remembered(engine: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taste]:
    """A stack with preference memory in which all that was said has arrived."""
    del engine
    on = {"ENABLE_PREFERENCE_MEMORY": "true"}
    with made(tmp_path_factory.mktemp("taste"), "memos-e2e-taste", changes=on) as stack:
        stack.inv("up", "--service", "memos")
        packages = stack.values()["IMAGE_SOURCE"] == "packages"
        taste = Taste(stack=stack, group="preferences" if packages else "milvus")
        for text in SAID:
            say(stack, CUBE, text)
        for found in poll(taste.found, timeout=SETTLE, interval=1.0):
            if found == ASKED:
                break
        yield taste


@pytest.fixture
def taste(remembered: Taste) -> Taste:
    """The same, all of it up, whatever the test before did."""
    remembered.stack.inv("up", "--service", "memos")
    return remembered


@row("milvus", "preference memory of MemOS 2.0.6 finds what was said, by its meaning")
def test_a_stated_preference_is_found_by_its_meaning(taste: Taste) -> None:
    """In English and in Chinese, before all others."""
    assert taste.found() == ASKED


def test_it_survives_down_and_up(taste: Taste) -> None:
    """The store serves it again without a word of MemOS."""
    taste.stack.inv("down")
    taste.stack.inv("up", "--service", "memos")

    assert taste.found() == ASKED


def test_it_survives_kill_9(taste: Taste) -> None:
    """What was acknowledged is there when the store is back."""
    name = {"preferences": "memos-preferences", "milvus": "milvus-standalone"}[taste.group]
    taste.stack.docker("kill", "--signal", "KILL", f"memos-e2e-taste-{name}")
    taste.stack.inv("up", "--service", "memos")

    assert taste.found() == ASKED


def test_a_reset_of_its_group_forgets_it_and_a_restore_brings_it_back(taste: Taste) -> None:
    """And no other group is touched."""
    done = taste.stack.inv("reset", "--service", taste.group, "--yes")
    assert taste.found() == {}

    (snapshot,) = {word for word in done.stderr.split() if word.startswith("before-reset-")}
    taste.stack.inv("snapshot.restore", snapshot.rstrip(","), "--yes")
    assert taste.found() == ASKED


def test_nobody_gets_in_without_the_password(taste: Taste) -> None:
    """The doctor tries a wrong one."""
    told = taste.stack.inv("doctor", check=False).stdout

    assert f"{taste.group}: a wrong password is rejected" in told


def test_what_is_preferred_is_found_with_a_query_in_its_store(taste: Taste) -> None:
    """In Milvus' words, also where a stand-in keeps it; a change is not even sent."""
    stack, name = taste.stack, "explicit_preference"
    query = f'entities/query {{"collectionName": "{name}", "filter": "id != \\"\\"", "limit": 100}}'
    words = ("--service", taste.group, "--format", "json")

    found = stack.inv("console.milvus", query, *words).document

    assert schema.validate(found, "console") == ()
    assert "I prefer tea over coffee." in str(found["rows"])
    drop = f'collections/drop {{"collectionName": "{name}"}}'
    assert stack.inv("console.milvus", drop, *words, check=False).exit_code == 2
    assert stack.inv("console.milvus", query, *words).document["count"] == found["count"]

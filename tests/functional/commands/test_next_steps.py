"""Next steps lead on: whatever the engine and Compose say, none is what has just failed."""

import json
import re
import shlex

import pytest

from scripts.config.rules.schema import validate
from scripts.core.files import Json
from tests.kit.checkout import Checkout
from tests.kit.fake_engine import made
from tests.kit.refused import TEXTS

UNKNOWN = {"what nobody has heard of": ("Error response from daemon: something else", ("", "", ""))}
SAID = {name: said for name, (said, _) in (TEXTS | UNKNOWN).items()}


def result(at: Checkout) -> Json:
    """Return the last line of `--format json`; each line keeps its schema."""
    lines = [json.loads(line) for line in at.shown().out.splitlines()]
    assert [validate(line, "event") for line in lines] == [()] * len(lines)
    return lines


def leads_on(next_step: str, failed: str) -> bool:
    """Say whether something is done before the command that has just failed."""
    first = re.split(r"; | \(|, then: ", next_step)[0]
    return first != failed and not first.startswith((f"{failed} ", "inv ps"))


def refusing(at: Checkout, words: str, said: str) -> None:
    """Let Compose end so where it is called with these words."""
    at.answer(words, f"printf '%s\\n' {shlex.quote(said)} >&2; exit 1")


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_what_compose_says_while_it_makes_containers_leads_on(at: Checkout, said: str) -> None:
    """With a code of its own where the text is known."""
    refusing(at, " create ", said)

    code = at.inv("up", "--format", "json")

    (told,) = result(at)
    assert (code, told["verdict"]) == (told["exit_code"], "refused")
    assert said in told["detail"]
    assert leads_on(told["next_step"], "inv up"), told["next_step"]
    if said != SAID["what nobody has heard of"]:
        assert told["code"] not in {"refused", "broken"}


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_what_the_engine_says_when_it_starts_one_leads_on(at: Checkout, said: str) -> None:
    """The service is named, and the exit code is 5: waiting does not help."""
    at.state["containers"]["id-etcd"] = at.container("etcd", "created")
    at.state["refuse"] = {"id-etcd": said}

    assert at.inv("up", "--service", "etcd", "--format", "json") == 5

    (found,) = [line["finding"] for line in result(at) if line["event"] == "finding"]
    assert found["service"] == "etcd"
    assert said[:60] in found["evidence"]
    assert leads_on(found["next_step"], "inv up --service etcd"), found["next_step"]
    assert leads_on(found["next_step"], "inv up"), found["next_step"]


DOWN = ("a network that somebody else is in", "a volume that somebody uses", *UNKNOWN)


@pytest.mark.parametrize("said", [SAID[name] for name in DOWN], ids=DOWN)
def test_what_compose_says_while_it_takes_all_down_leads_on(at: Checkout, said: str) -> None:
    """Looking and stopping must work above all."""
    refusing(at, " down ", said)

    assert at.inv("down") in {4, 5}

    told = at.shown().err
    next_step = told.partition("next: ")[2].splitlines()[0]
    assert leads_on(next_step, "inv down"), next_step


def test_where_no_start_was_kept_the_next_step_makes_one_that_is(at: Checkout) -> None:
    """`inv up` keeps none where all runs already."""
    assert at.inv("timeline") == 2
    assert "next: inv restart" in at.shown().err

    for name in list(at.state["containers"]):
        folder = str(at.root / "docker")
        at.state["containers"][name] = made(name[3:], "exited", folder=folder, project="memos-test")
    at.close()
    assert at.inv("timeline") == 2
    assert "next: inv up" in at.shown().err

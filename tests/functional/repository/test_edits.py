"""What `nox -s bench -- --reload` counts: when an edit answers, and what callers meet meanwhile."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.bench import edits
from tests.bench.edits import Subject, Visits, side_by_side, visited
from tests.kit import servers

NAMES = [f"part/{name}.py" for name in "abcdefgh"]


def answers(source: Path, request: servers.Request) -> servers.Answer:
    """Answer as an API does that runs this source: with the newest edit of any file."""
    if request.path == "/bench/files":
        return 200, NAMES
    texts = (file.read_text() for file in sorted(source.rglob("*.py")))
    return 200, max(
        (int(one) for text in texts for one in re.findall(r"max\((\d+)", text)), default=0
    )


@pytest.fixture
def subjects(tmp_path: Path) -> Iterator[tuple[Subject, Subject]]:
    """Two APIs, each with a source of its own."""
    found = []
    with ExitStack() as stack:
        for name in ("ours", "theirs"):
            source = tmp_path / name
            for file in NAMES:
                (source / "memos" / file).parent.mkdir(parents=True, exist_ok=True)
                (source / "memos" / file).write_text("first = 1\n")
            port = stack.enter_context(servers.http(partial(answers, source)))
            found.append(Subject(url=f"http://127.0.0.1:{port}", source=source))
        yield found[0], found[1]


def test_each_edit_is_of_another_file_and_waited_for(
    subjects: tuple[Subject, Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spread over the package; the other is edited now and then; nobody is refused."""
    monkeypatch.setattr(edits, "BETWEEN", 0.0)
    ours, theirs = subjects

    found = side_by_side(ours, theirs, number=4, rarely=2)

    assert [len(found[name]["seconds"]) for name in ("ours", "theirs")] == [4, 2]
    assert (found["ours"]["refused"], found["ours"]["failed"]) == (0, 0)
    edited = [name for name in NAMES if "_b" in (ours.source / "memos" / name).read_text()]
    assert edited == NAMES[::2]


def test_an_edit_takes_the_place_of_the_one_before_in_its_file(
    subjects: tuple[Subject, Subject],
) -> None:
    """So that a file does not grow with each."""
    subject, _ = subjects
    file = subject.source / "memos" / NAMES[0]

    subject.edited(file, 1)
    subject.edited(file, 2)

    assert file.read_text() == "first = 1\n" + edits.MARK.format(number=2)


def test_who_is_refused_is_counted_apart_from_who_gets_no_answer(
    subjects: tuple[Subject, Subject],
) -> None:
    """By those who ask while nobody listens, and while it fails."""
    nobody = Subject(url="http://127.0.0.1:9", source=Path())
    wrong = Subject(url=f"{subjects[0].url}/", source=Path())
    visits = Visits()

    visits.visit(nobody)
    with servers.http(lambda _: (500, "")) as port:
        visits.visit(Subject(url=f"http://127.0.0.1:{port}", source=Path()))
    visits.visit(wrong)

    assert (visits.asked, visits.refused, visits.failed) == (3, 1, 1)


def test_callers_come_on_while_others_wait(subjects: tuple[Subject, Subject]) -> None:
    """At least one has asked when the block ends."""
    with visited(subjects[0]) as visits:
        pass

    assert visits.asked >= 1
    assert visits.longest > 0

"""JSON with comments is changed where it is ours, and nowhere else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.core.foreign.documents import DEPTH, Json
from scripts.loop.editor import jsonc
from scripts.loop.editor.jsonc import Entries

OURS: list[dict[str, Json]] = [
    {
        "label": "MemOS: up",
        "args": ["inv", "up"],
        "problemMatcher": {"owner": "ä", "background": {}},
    },
    {"label": "MemOS: ps", "args": []},
]
STALE = json.dumps({"label": "MemOS: up", "args": ["inv", "former"]})
TASKS = Entries(array="tasks", key="label", wanted=OURS)
INPUTS = Entries(array="inputs", key="id", wanted=[{"id": "memosTest", "default": ""}])
TRIVIA = st.lists(
    st.sampled_from([" ", "\n", "\t", "\r\n", '// a ] } , " /* */\n', '/* b , { [ " // ä\n */']),
    max_size=3,
).map("".join)
SCALARS: st.SearchStrategy[Json] = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.text()),
    st.floats(allow_nan=False, allow_infinity=False),
)
VALUES: st.SearchStrategy[Json] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
LABELS = st.text().filter(lambda label: label not in {one["label"] for one in OURS})
TASKS_OF_USER: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {"label": LABELS}, optional={"args": VALUES, "x": VALUES}
)


@st.composite
def written(draw: st.DrawFn, value: Json) -> str:
    """Return a value as somebody may have written it: with comments, and commas at the end."""
    if isinstance(value, (dict, list)):
        parts = [
            draw(written(part)) for part in (value.values() if isinstance(value, dict) else value)
        ]
        if isinstance(value, dict):
            names = [json.dumps(name) + draw(TRIVIA) + ":" for name in value]
            parts = [name + part for name, part in zip(names, parts, strict=True)]
        spare = draw(st.booleans())
        parts += [""] if parts and spare else []
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        text = opening + ",".join(draw(TRIVIA) + part for part in parts) + draw(TRIVIA) + closing
    else:
        text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    return draw(TRIVIA) + text + draw(TRIVIA)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[str, Json]]:
    """Return the text of a user's tasks.json, and what it holds."""
    others = draw(
        st.dictionaries(
            st.text().filter(lambda name: name not in {"tasks", "inputs"}), VALUES, max_size=3
        )
    )
    tasks = draw(st.none() | st.lists(TASKS_OF_USER | VALUES, max_size=3))
    value = others if tasks is None else {**others, "tasks": tasks}
    names = draw(st.permutations([*value]))
    value = {name: value[name] for name in names}
    return draw(st.sampled_from(["", "\ufeff"])) + draw(written(value)), value


def merged(text: str) -> str:
    """Return a text with two tasks and an input of ours in it."""
    return jsonc.merged(text, "2.0.0", [TASKS, INPUTS])


def value_of(text: str) -> Json:
    """Return what a text holds."""
    node = jsonc.parsed(text)
    assert node is not None
    return node.value


def left_of(text: str, whole: str) -> bool:
    """Say whether a text is left of the whole when something is taken out of that."""
    letters = iter(whole)
    return all(letter in letters for letter in text)


@given(documents())
def test_what_a_user_wrote_is_read_as_vs_code_reads_it(document: tuple[str, Json]) -> None:
    """Comments, commas at the end and all."""
    text, value = document

    assert value_of(text) == value


@given(documents())
def test_every_byte_of_the_user_stays_and_ours_come_behind(
    document: tuple[str, dict[str, Json]],
) -> None:
    """Whatever comments stand wherever: nothing is taken out, nothing changes its place."""
    text, value = document

    after = merged(text)

    assert left_of(text, after)
    wanted = {"version": "2.0.0", **value, "tasks": [*value.get("tasks", ()), *OURS]}
    assert value_of(after) == {**wanted, "inputs": list(INPUTS.wanted)}


@given(documents())
def test_a_second_time_nothing_changes(document: tuple[str, Json]) -> None:
    """Not a blank."""
    after = merged(document[0])

    assert merged(after) == after


@given(TRIVIA, TRIVIA, st.lists(TASKS_OF_USER, max_size=2))
def test_an_entry_of_ours_is_brought_up_to_date_where_it_stands(
    before: str, behind: str, tasks: list[Json]
) -> None:
    """Between the user's own, whose bytes stay."""
    own = [json.dumps(task) for task in tasks]
    text = '{"tasks": [' + ",".join([*own, before + STALE + behind, *own]) + "]}"

    after = merged(text)

    assert left_of(text.replace(STALE, ""), after)
    assert value_of(after)["tasks"] == [*tasks, OURS[0], *tasks, OURS[1]]
    assert merged(after) == after


@pytest.mark.parametrize("text", ["", "\n", "// mine\n", "/* mine */", "\ufeff", "// mine\r\n"])
def test_a_file_without_a_value_gets_one(text: str) -> None:
    """As VS Code leaves it when somebody deletes what was in it, and not the comments."""
    after = merged(text)

    assert after.startswith(text)
    assert value_of(after) == {"version": "2.0.0", "tasks": OURS, "inputs": INPUTS.wanted}
    assert merged(after) == after


def test_ours_look_like_the_rest_of_the_file() -> None:
    """Its line ends and its depth, the comment of the last task still behind that."""
    task = Entries(array="tasks", key="label", wanted=[{"label": "MemOS: ps", "args": ["inv"]}])
    text = (
        '// mine\r\n{\r\n\t"version": "2.0.0",\r\n\t"tasks": [\r\n'
        '\t\t{ "label": "build" } // the build\r\n\t]\r\n}\r\n'
    )

    assert jsonc.merged(text, "2.0.0", [task]) == (
        '// mine\r\n{\r\n\t"version": "2.0.0",\r\n\t"tasks": [\r\n'
        '\t\t{ "label": "build" }, // the build\r\n'
        '\t\t{\r\n\t\t\t"label": "MemOS: ps",\r\n\t\t\t"args": [\r\n\t\t\t\t"inv"\r\n'
        "\t\t\t]\r\n\t\t}\r\n\t]\r\n}\r\n"
    )


def test_an_entry_of_the_user_with_our_prefix_stays() -> None:
    """Only names that are ours now are ours."""
    text = '{"version": "2.0.0", "tasks": [{"label": "MemOS: mine"}]}'

    assert value_of(merged(text))["tasks"] == [{"label": "MemOS: mine"}, *OURS]


def test_of_two_arrays_of_one_name_the_last_counts() -> None:
    """As in VS Code: the first is not read by anybody."""
    after = merged('{"tasks": [1], "tasks": [2]}')

    assert value_of(after)["tasks"] == [2, *OURS]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "line 1, column 1: an object was expected"),
        ('{"tasks": {}}', "line 1, column 11: 'tasks' was expected to be an array"),
        ('{\n  "tasks": [1 2]}', "line 2, column 15: a comma or ] was expected"),
        ('{"a": 1 "b"', "line 1, column 9: a comma or } was expected"),
        ('{"tasks": [', "line 1, column 12: a value was expected"),
        ('{"tasks": [,]}', "line 1, column 12: a value was expected"),
        ("{tasks: []}", "line 1, column 2: a name in double quotes was expected"),
        ('{"a" 1}', "line 1, column 6: a colon was expected"),
        ('{"a": nope}', "line 1, column 7: a value of JSON was expected"),
        ('{"a": NaN}', "line 1, column 7: a value of JSON was expected"),
        ('{"a": "\\q"}', "line 1, column 7: a value of JSON was expected"),
        ("{} // end\n{}", "line 2, column 1: nothing more was expected"),
        ("{}/* no end", "line 1, column 3: no part of JSON"),
        ("{'a': 1}", "line 1, column 2: no part of JSON"),
        ('{"a": "no end}', "line 1, column 7: no part of JSON"),
        ("<html>", "line 1, column 1: no part of JSON"),
        ("[" * 70, f"line 1, column 61: deeper than {DEPTH} levels"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, told: str) -> None:
    """Nobody's file is mended by guessing."""
    with pytest.raises(ValueError, match=r"^line") as refused:
        merged(text)

    assert str(refused.value) == told

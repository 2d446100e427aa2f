"""`.env` is judged line by line: each defect with its line, and no value is ever shown."""

from typing import Any

import pytest

from scripts.config.rules.env import Problem
from scripts.core.errors import ConfigError
from scripts.core.finding import Finding
from scripts.doctor.env_lines import judge
from scripts.doctor.facts import SettingsFile

EXAMPLE = "# a port\nMEMOS_PORT=8000\n# a key\nOPENAI_API_KEY=EMPTY\n# off\n# ENV_FILE=\n"


def findings(text: str, **facts: Any) -> list[Finding]:
    """Return the findings about a file with this text, without those about what it lacks."""
    seen = SettingsFile(text=text, example=EXAMPLE, **facts)
    return [one for one in judge(seen) if one.code != "env-missing"]


def test_a_file_like_the_example_has_no_findings() -> None:
    """Comments and blank lines are fine, and so is a variable that only a comment names."""
    text = EXAMPLE + "\nENV_FILE=x\nNEO4J_HEAP=1g\n"

    assert (
        list(judge(SettingsFile(text=text, example=EXAMPLE, used=frozenset({"NEO4J_HEAP"})))) == []
    )


@pytest.mark.parametrize(
    ("text", "code", "fatal", "told"),
    [
        ("\nOPENAI_API_KEY sk-1\n", "env-line", True, ".env line 2: 'OPENAI_API_KEY …' is no"),
        ("OPENAI API KEY=sk-1\n", "env-line", True, ".env line 1: 'OPENAI …' is no NAME="),
        (
            "OPENAI_API_KEY= # mine\n",
            "env-read",
            True,
            ".env line 1: OPENAI_API_KEY is followed by",
        ),
        ("OPENAI_API_KEY=#mine\n", "env-comment", False, "a comment stands as the value of"),
        ("OPENAI_API_KEY=sk-1$more\n", "env-read", True, "line 1: OPENAI_API_KEY holds a $"),
        ("MEMOS_PORT=1 # mine\n", "env-comment", False, "line 1: a comment follows the value of"),
        ('OPENAI_API_KEY="sk-1"\n', "env-quotes", False, "quotes stand around the value of"),
        ("MEMOS_PORT =1\n", "env-blanks", False, "blanks stand around the name or value of"),
        ("MEMOS_PORT= 1\n", "env-blanks", False, "blanks stand around"),
        ("OPENAI_API_KEY=your_key\n", "env-placeholder", False, "line 1: a placeholder stands"),
        ("OPENAI_API_KEY=<key>\n", "env-placeholder", False, "a placeholder stands for"),
        ("OPENAI_API_KEY=sk-xxxx\n", "env-placeholder", False, "a placeholder stands for"),
        ("MEMOS_PORT=1\nMEMOS_PORT=2\n", "env-twice", False, "MEMOS_PORT in line 1 and line 2"),
        ("MEMOS_PORT=1\r\n", "env-crlf", False, "the line ends of Windows"),
        ("MEMOS_POTR=1\n", "env-unknown", False, "line 1: nothing reads MEMOS_POTR"),
        ("QUITE_ELSE=1\n", "env-unknown", False, ".env has 1 variable that .env.example does"),
        ("QDRANT_URL=http://q\n", "env-breaks-memos", True, "QDRANT_URL beats QDRANT_HOST"),
        ("QDRANT_PATH=/q\n", "env-breaks-memos", True, "line 1: QDRANT_PATH beats"),
        ("MOS_RERANKER_HEADERS_EXTRA=a\n", "env-breaks-memos", True, "EXTRA is no JSON"),
    ],
)
def test_a_defect_has_its_code_and_its_line(text: str, code: str, fatal: object, told: str) -> None:
    """Fatal is what `up` refuses, or what ends MemOS when it starts."""
    (found,) = [one for one in findings(text) if one.code == code]

    assert found.fatal is fatal
    assert told in found.cause
    assert found.next_step
    assert "sk-1" not in f"{found}"


def test_headers_that_are_json_do_not_break_memos() -> None:
    """Nor does an empty QDRANT_URL."""
    found = findings('MOS_RERANKER_HEADERS_EXTRA={"a": "b"}\nQDRANT_URL=\n')

    assert "env-breaks-memos" not in {one.code for one in found}


def test_a_misspelt_name_is_told_with_the_right_one() -> None:
    """Others come as one finding with their lines: MemOS may read them."""
    near, others = findings("MEMOS_POTR=1\nQUITE_ELSE=1\nALSO_ELSE=2\n")

    assert near.next_step == "did you mean MEMOS_PORT? Then edit .env"
    assert others.evidence == "QUITE_ELSE (line 2), ALSO_ELSE (line 3)"


def test_what_the_example_has_and_the_file_lacks_is_one_advice() -> None:
    """Of many names only the first are shown; a commented one is not wanted."""
    example = "".join(f"# a\nNAME_{letter}=\n" for letter in "ABCDEFGHIJ") + "# b\n# OFF=\n"
    (found,) = judge(SettingsFile(text="NAME_A=\n", example=example))

    assert (found.code, found.fatal) == ("env-missing", False)
    assert "lacks 9 variables" in found.cause
    assert found.evidence.startswith("NAME_B, NAME_C")
    assert found.evidence.endswith("and 1 more")


def test_a_value_that_cannot_be_right_is_told_with_its_line() -> None:
    """Or with the environment, with what to do about it."""
    text = "MEMOS_PORT is 'x', wanted a port"
    problem = Problem(name="MEMOS_PORT", text=text, origin=".env line 2")
    (found,) = findings("\nMEMOS_PORT=x\n", problems=(problem,), step="edit .env")

    assert found.cause == f".env line 2: {text}"
    assert (found.code, found.fatal, found.next_step) == ("env-value", True, "edit .env")


def test_quotes_that_a_value_needs_are_left_alone() -> None:
    """A dollar sign would mean something else without them."""
    assert findings("OPENAI_API_KEY='sk-1$more'\n") == []


def test_a_file_that_is_not_there_yet_is_no_fault() -> None:
    """`up` makes it; one that may not be read stops everything."""
    (absent,) = judge(SettingsFile(missing=True, example=EXAMPLE))
    problem = ConfigError("/x belongs to root", next_step="run this as root")
    (unreadable,) = judge(SettingsFile(unreadable=problem, example=EXAMPLE))

    assert (absent.code, absent.fatal) == ("env-absent", False)
    assert (unreadable.code, unreadable.fatal) == ("env-unreadable", True)
    assert unreadable.next_step == "run this as root"


def test_what_the_environment_overrides_is_told_by_name() -> None:
    """Never with a value."""
    (found,) = findings("MEMOS_PORT=1\n", exported=("MEMOS_PORT",))

    assert (found.code, found.fatal) == ("env-exported", False)
    assert found.next_step == "unset MEMOS_PORT, unless you mean it"

"""What is told of a value says where it comes from, and a next step works where it is typed."""

from pathlib import Path

import pytest

from scripts.config import settings
from scripts.config.settings import Settings
from scripts.core.errors import ConfigError
from scripts.core.finding import fatal
from scripts.tell.origins import Origins
from tests.kit.places import ROOT


@pytest.fixture
def origins(tmp_path: Path) -> Origins:
    """Settings with one line, one variable of the environment, and a file that ENV_FILE names."""
    (tmp_path / ".env.example").write_text((ROOT / ".env.example").read_text())
    (tmp_path / "two.env").write_text("\nMOS_EMBEDDER_MODEL=bge\n")
    environ = {"ENV_FILE": str(tmp_path / "two.env"), "NEO4J_PASSWORD": "correct-horse"}
    return Origins(lambda: settings.load(tmp_path, environ), "my two.env")


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        ("MOS_EMBEDDER_MODEL is bge: a", "MOS_EMBEDDER_MODEL (two.env line 2) is bge: a"),
        ("NEO4J_PASSWORD is wrong", "NEO4J_PASSWORD (the environment) is wrong"),
        ("another NEO4J_HEAP", "another NEO4J_HEAP (the default)"),
        ("two.env line 2: MOS_EMBEDDER_MODEL is x", "two.env line 2: MOS_EMBEDDER_MODEL is x"),
        ("SOME_OTHER_WORD and OOM", "SOME_OTHER_WORD and OOM"),
    ],
)
def test_a_variable_in_a_cause_has_its_origin_behind_it(
    origins: Origins, cause: str, told: str
) -> None:
    """Once; a word that is no variable has none."""
    assert origins.cause(cause) == told


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (
            "raise NEO4J_MEMORY in .env, then: inv up",
            "in 'my two.env', then: ENV_FILE='my two.env' inv up",
        ),
        ("cp .env.example .env", "cp .env.example 'my two.env'"),
        ("ENV_FILE=third.env inv up", "ENV_FILE=third.env inv up"),
        ("./dev inv up", "./dev inv up"),
        ('eval "$(inv engine.env)"', "eval \"$(ENV_FILE='my two.env' inv engine.env)\""),
        ("inv config shows it", "ENV_FILE='my two.env' inv config shows it"),
    ],
)
def test_a_next_step_names_the_file_in_use_and_uses_it(
    origins: Origins, step: str, told: str
) -> None:
    """It can be pasted; whether ENV_FILE was exported nobody can know."""
    assert origins.step(step).endswith(told)
    assert Origins().step(step) == step


def test_a_document_has_them_in_each_finding(origins: Origins) -> None:
    """Wherever they stand; all else stays as it is."""
    finding = {"cause": "NEO4J_PASSWORD is wrong", "next_step": "inv up", "code": "x"}
    found = origins.document({"services": [{"name": ".env", "findings": [finding]}], "n": 1})

    (service,) = found["services"]
    assert service["name"] == ".env"
    assert service["findings"][0]["cause"] == "NEO4J_PASSWORD (the environment) is wrong"
    assert service["findings"][0]["next_step"].startswith("ENV_FILE=")
    one = origins.finding(fatal("x", "NEO4J_PASSWORD is wrong", "inv up"))
    assert (one.cause, one.next_step) == (
        service["findings"][0]["cause"],
        service["findings"][0]["next_step"],
    )


def test_settings_that_cannot_be_read_leave_a_cause_as_it_is() -> None:
    """What is told is something else; that comes first."""

    def unreadable() -> Settings:
        raise ConfigError("no", next_step="none")

    assert Origins(unreadable).cause("NEO4J_PASSWORD is wrong") == "NEO4J_PASSWORD is wrong"

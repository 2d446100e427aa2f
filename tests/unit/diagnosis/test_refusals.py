"""What the engine and Compose say when they refuse: each text has its cause and exit code."""

import pytest

from scripts.core.errors import BrokenError, EngineError, ExitCode, RefusedError, StackError
from scripts.diagnosis.refused import explained
from tests.kit.recorded import Case, check
from tests.kit.refused import TEXTS

REGISTRIES = {"image-unknown"}


@pytest.mark.parametrize(("said", "wanted"), TEXTS.values(), ids=TEXTS)
def test_what_is_refused_while_containers_are_made_has_its_cause(
    said: str, wanted: tuple[str, str, str]
) -> None:
    """5 for what is broken, 4 for what a registry lacks; Compose's own words are shown too."""
    error = RefusedError(f"docker compose create failed: {said}", next_step="?", said=said)

    told = explained(error)

    code, cause, step = wanted
    assert (told.code, told.said) == (code, "")
    assert told.exit_code is (ExitCode.REFUSED if code in REGISTRIES else ExitCode.BROKEN)
    assert cause in str(told)
    assert str(told).endswith(str(error))
    assert step in told.next_step
    assert "--service " not in told.next_step.replace("--service neo4j", "")


@pytest.mark.parametrize(("said", "wanted"), TEXTS.values(), ids=TEXTS)
def test_the_same_is_told_of_a_service_that_the_engine_does_not_start(
    said: str, wanted: tuple[str, str, str]
) -> None:
    """One place knows these texts, whoever is told of them."""
    code, cause, step = wanted
    step = step.replace("the same again", "inv restart --service").replace("the service", "")
    facts = {"error": said}
    check(Case(state="created", facts=facts, wanted=(code, cause, step), evidence=said[:60]))


@pytest.mark.parametrize(
    "said",
    [
        "Cannot connect to the Docker daemon at unix:///run/docker.sock. Is it running?",
        "permission denied while trying to connect to the Docker daemon socket",
    ],
)
def test_an_engine_that_has_gone_meanwhile_is_3(said: str) -> None:
    """As everywhere else."""
    told = explained(RefusedError("docker compose down failed", next_step="?", said=said))

    assert isinstance(told, EngineError)
    assert told.next_step == "inv engine.status"


@pytest.mark.parametrize(
    "error",
    [
        RefusedError("docker compose create failed: no", next_step="inv doctor", said="no"),
        BrokenError("a full disk: no space left on device", next_step="make room"),
    ],
)
def test_what_nobody_knows_and_what_is_ours_stays_as_it_is(error: StackError) -> None:
    """Only the engine's and Compose's own words are read."""
    assert explained(error) is error

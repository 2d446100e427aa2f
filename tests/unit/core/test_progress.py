"""What a command is at is noted as a phase, however it ends."""

import pytest

from scripts.core.progress import End, Outcome, phase, unnoted


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "done"),
        (OSError(), "failed"),
        (SystemExit(), "failed"),
        (KeyboardInterrupt(), "stopped"),
    ],
)
def test_a_phase_ends_as_its_block_does(error: BaseException | None, outcome: str) -> None:
    """An error goes on to whoever knows it."""
    told: list[str] = []

    def note(name: str, what: str) -> End:
        told.append(f"{name} {what}")

        def end(outcome: Outcome, *, ago: float = 0.0) -> None:
            told.append(f"{outcome} {ago}")

        return end

    def block() -> None:
        with phase(note, "build", "db"):
            if error is not None:
                raise error

    if error is None:
        block()
    else:
        with pytest.raises(type(error)):
            block()
    assert told == ["build db", f"{outcome} 0.0"]


def test_where_nobody_wants_to_know_nothing_is_noted() -> None:
    """Downloads and builds of other commands."""
    with phase(unnoted, "engine", "download"):
        pass

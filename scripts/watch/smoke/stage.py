"""Pure: a stage of the trial, as it is told."""

from dataclasses import asdict, dataclass

OK, LEFT_OUT, FAILED = "ok", "left out", "failed"
"""What may become of a stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One thing that was tried and what it showed, or why it was left out."""

    name: str
    state: str = OK
    detail: str = ""
    seconds: float = 0.0

    @property
    def document(self) -> dict[str, object]:
        """The stage as schemas/smoke.schema.json has it."""
        return asdict(self) | {"seconds": round(self.seconds, 3)}

"""A clock for what is given one."""


class Clock:
    """Seconds that stand until a test moves them."""

    def __init__(self, now: float) -> None:
        """Begin at this moment."""
        self.now = now

    def __call__(self) -> float:
        """Return the moment."""
        return self.now

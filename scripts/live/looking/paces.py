"""When what is done again and again was done last, so that nothing is done oftener than it must."""

import math
import time
from collections.abc import Callable

Clock = Callable[[], float]


class Paces:
    """The moments, by whatever names the thing."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        """Nothing was done yet."""
        self._clock = clock
        self._last: dict[object, float] = {}

    def due(self, what: object, seconds: float) -> bool:
        """Say whether that was done so many seconds ago, or never, and note that it is done now."""
        now = self._clock()
        if now - self._last.get(what, -math.inf) < seconds:
            return False
        self._last[what] = now
        return True

"""The fence: a run whose lease is not renewed ends itself, long before anybody else may start it again."""

import time
from dataclasses import dataclass
from enum import Enum


class Fence(Enum):
    """What the time since the last renewal asks for."""

    HOLD = "hold"
    STOP = "stop"
    KILL = "kill"


@dataclass
class Renewals:
    """When the lease was last renewed, and what follows when it is not.

    Kept by the run's own init process, so that it holds even when the supervisor is stopped or hangs.
    """

    stop_after: float
    kill_after: float
    last: float

    def verdict(self, now: float) -> Fence:
        """What is due at this moment of `steady`."""
        since = now - self.last
        if since >= self.kill_after:
            return Fence.KILL
        return Fence.STOP if since >= self.stop_after else Fence.HOLD


def steady() -> float:
    """Seconds on a clock that never jumps, and that goes on while the machine sleeps (a lease does, too)."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)

"""Waiting on a condition with a deadline, instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_for(probe: Callable[[], Value], timeout: float = 20.0, what: str = "the condition") -> Value:
    """Call `probe` until it returns something true, and return that; fail loudly after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    pause = 0.005
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about within {timeout} s; last seen: {value!r}")
        time.sleep(pause)  # the polling interval, not a wait for luck
        pause = min(pause * 1.5, 0.1)

"""Asking again while a server restarts, up to a limit, for those who follow something for long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from danlu.errors import ApiError
from danlu.rest import RETRY_STATUS

T = TypeVar("T")
PATIENCE = 60.0
POLL = 0.5
_QUICK = 0.1


class Patience:
    """How long to go on without an answer, and how long to pause between two questions.

    Args:
        seconds: a server may be silent for so long.
        poll: seconds between two looks when nothing happens.
        until: seconds after which `ask` and `pause` raise TimeoutError; None: never.
        what: what is waited for, for that error.
    """

    def __init__(
        self, seconds: float = PATIENCE, poll: float = POLL, until: float | None = None, what: str = ""
    ) -> None:
        self._seconds, self._poll, self._until, self._what = seconds, poll, until, what
        self._began = self._heard = time.monotonic()
        self._next = min(_QUICK, poll)

    def ask(self, question: Callable[[], T]) -> T:
        """The answer, however often it must be asked for.

        Raises:
            ApiError: the server refused, or has been silent for too long.
            TimeoutError: the time is over.
        """
        while True:
            try:
                answer = question()
            except ApiError as error:
                self.forgive(error)
                self.pause()
            else:
                self.heard()
                return answer

    def heard(self) -> None:
        """The server has answered."""
        self._heard = time.monotonic()

    def forgive(self, error: ApiError) -> None:
        """Raise the error unless it may pass by itself."""
        passing = error.status in (0, *RETRY_STATUS)
        if not passing or time.monotonic() - self._heard > self._seconds:
            raise error

    def quicken(self) -> None:
        """Something happened: the next pauses are short."""
        self._next = min(_QUICK, self._poll)

    def pause(self) -> None:
        """Wait, a little longer each time; at most until the time is over.

        Raises:
            TimeoutError: it is over.
        """
        left = float("inf") if self._until is None else self._began + self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{self._what} after {self._until:g} s")
        time.sleep(min(self._next, left))
        self._next = min(self._next * 1.5, self._poll)

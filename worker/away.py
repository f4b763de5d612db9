"""What to do while the database is away: say so once, ask again politely, and keep looking after the runs."""

import logging
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

log = logging.getLogger(__name__)

_PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0)


class Politeness:
    """Guards one kind of work on the database: after a failure it rests, a little longer each time, up to 4 s."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._failures = 0
        self._again_at = 0.0

    @property
    def due(self) -> bool:
        """Whether the pause after the last failure is over."""
        return time.monotonic() >= self._again_at

    @property
    def failing(self) -> bool:
        """Whether the last guarded block failed."""
        return self._failures > 0

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Run the block; an error of the database ends it, is logged once, and starts a pause."""
        try:
            yield
        except (DBAPIError, PoolTimeout) as error:
            if self._failures == 0:
                cause = error.orig if isinstance(error, DBAPIError) else error
                log.warning("%s: the database gives no answer, trying again: %s", self._what, cause)
            pause = _PAUSES[min(self._failures, len(_PAUSES) - 1)]
            self._failures += 1
            self._again_at = time.monotonic() + pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads retries
        else:
            if self._failures:
                log.info("%s: the database answers again", self._what)
            self._failures = 0

"""Real servers for the tests of logins."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from served import Serve, Served, serving

from app.config import Settings


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers, and stops them at the end of the test."""
    with ExitStack() as stack:
        yield lambda settings: stack.enter_context(serving(settings))


@pytest.fixture
def served(serve: Serve, sqlite_settings: Settings) -> Served:
    """One server on a fresh SQLite home."""
    return serve(sqlite_settings)

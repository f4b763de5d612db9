"""A served home."""

from collections.abc import Iterator

import pytest
from rest import Rest, resting

from app.config import Settings


@pytest.fixture
def rest(sqlite_settings: Settings) -> Iterator[Rest]:
    with resting(sqlite_settings) as made:
        yield made


@pytest.fixture
def both(settings: Settings) -> Iterator[Rest]:
    """As `rest`, once on each database."""
    with resting(settings) as made:
        yield made

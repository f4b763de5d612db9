"""A served home, once on each database."""

from collections.abc import Iterator

import pytest
from rest import Rest, resting

from app.config import Settings


@pytest.fixture
def rest(settings: Settings) -> Iterator[Rest]:
    with resting(settings) as made:
        yield made

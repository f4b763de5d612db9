"""Served homes for the tests of saved views and reports."""

from collections.abc import Iterator

import pytest
from rest import Rest, resting
from served import Served, serving

from app.config import Settings


@pytest.fixture
def rest(settings: Settings) -> Iterator[Rest]:
    with resting(settings) as started:
        yield started


@pytest.fixture
def served(sqlite_settings: Settings) -> Iterator[Served]:
    with serving(sqlite_settings) as started:
        yield started

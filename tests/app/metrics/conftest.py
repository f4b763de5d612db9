"""A served home without a login."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from served import Served, serving

from app.config import load_settings


@pytest.fixture
def served(home: Path) -> Iterator[Served]:
    with serving(load_settings(home=home, port=0, auth="none")) as running:
        yield running


@pytest.fixture
def api(served: Served) -> httpx.Client:
    return served.client()

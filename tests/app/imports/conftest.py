"""A served home, once on each database, that may import below a folder of the test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rest import Rest, resting

from app.config import Settings


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder below which importing is allowed."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def rest(settings: Settings, data: Path) -> Iterator[Rest]:
    with resting(settings.model_copy(update={"import_roots": [str(data)]})) as made:
        yield made

"""Managers with limits of a test's own, and fakes as TensorBoard."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from boards import children_of, fake_program
from waiting import wait_for

from app.config import Settings
from app.tensorboard.manager import TensorBoards
from app.tensorboard.units import Limits


@pytest.fixture
def fake(tmp_path: Path) -> Callable[[str], str]:
    """Gives the program of a fake TensorBoard in a mode."""

    return lambda mode: fake_program(tmp_path, mode)


@pytest.fixture
def manage(sqlite_settings: Settings) -> Iterator[Callable[..., TensorBoards]]:
    """Starts managers on the test's home; afterwards nothing of theirs may be left."""
    with ExitStack() as stack:

        def make(**limits: Any) -> TensorBoards:
            boards = TensorBoards(sqlite_settings, limits=Limits(**limits))
            boards.start()
            stack.callback(boards.stop_all)
            return boards

        yield make
    wait_for(lambda: children_of(sqlite_settings) == [], 5, "the end of every child")

"""Event files, and what the tests of TensorBoard and of the metrics ask about its children."""

import math
import os
from pathlib import Path

import psutil
from waiting import wait_for

from app.config import Settings
from app.tensorboard.manager import TensorBoards
from app.tensorboard.units import State, Status
from danlu.events import EventWriter

FAKES = Path(__file__).parent / "fakes"


def write_scalars(folder: Path, tag: str = "loss", count: int = 100) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with EventWriter(folder) as writer:
        for step in range(count):
            writer.scalar(tag, math.exp(-step / 50), step)


def children_of(settings: Settings) -> list[psutil.Process]:
    """Every process whose command line names this home: whatever was left behind would be among them."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and str(settings.home) in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.status() != psutil.STATUS_ZOMBIE]


def wait_ready(boards: TensorBoards, slug: str, timeout: float = 30.0) -> Status:
    """Ask until it is ready; a failure is shown at once."""

    def ready() -> Status | None:
        status = boards.ensure(slug)
        assert status.state is not State.FAILED, status.reason
        return status if status.state is State.READY else None

    status = wait_for(ready, timeout, f"TensorBoard of {slug}")
    assert status is not None
    return status


def fake_program(folder: Path, mode: str) -> str:
    """A file that can be run as TensorBoard and behaves as `fakes/fake_tensorboard.py` does in that mode."""
    file = folder / f"{mode}.py"
    file.write_text(
        f"import sys\nsys.path.insert(0, {str(FAKES)!r})\n"
        f"import fake_tensorboard\nfake_tensorboard.main({mode!r})\n"
    )
    return str(file)

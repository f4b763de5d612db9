"""CPU per scalar of our event writer, beside torch's SummaryWriter."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.common import Figure

SCALARS, ROUNDS = 20_000, 5


def measure() -> Iterator[Figure]:
    """In turn, in one process; CPU time of all threads."""
    rounds = [(_ours(), _torchs()) for _ in range(ROUNDS)]
    ours = statistics.median(ours for ours, _ in rounds)
    torchs = statistics.median(torchs for _, torchs in rounds)
    yield Figure("danlu.Board.scalar", f"{ours * 1e6:.1f} µs", "≤ 5 µs", ours <= 5e-6)
    yield Figure("torch's SummaryWriter.add_scalar", f"{torchs * 1e6:.0f} µs")


def _ours() -> float:
    from danlu.board import Board

    with tempfile.TemporaryDirectory() as folder:
        board = Board(Path(folder))
        began = time.process_time()
        for step in range(SCALARS):
            board.scalar("loss", 0.5, step)
        board.close()
        return (time.process_time() - began) / SCALARS


def _torchs() -> float:
    from torch.utils.tensorboard import SummaryWriter

    with tempfile.TemporaryDirectory() as folder:
        writer = SummaryWriter(folder)
        began = time.process_time()
        for step in range(SCALARS):
            writer.add_scalar("loss", 0.5, step)
        writer.close()
        return (time.process_time() - began) / SCALARS

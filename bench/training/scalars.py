"""CPU of the loss that the Trainer logs at each step: ``log_every=1`` less ``log_every=0``.

The step does no more than hand out a loss, so that the difference is the logging alone: the mean since the last time, the
callbacks and the event file.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from bench.common import Figure

ROUNDS, STEPS = 7, 20_000


def measure() -> Iterator[Figure]:
    """In turn, in one process; CPU of all threads, from the start to the closed file."""
    rounds = [_cpu(1) - _cpu(0) for _ in range(ROUNDS + 1)][1:]  # the first imports
    each = statistics.median(rounds) / STEPS
    yield Figure(
        "the loss logged at each step by Trainer", f"{each * 1e6:.1f} µs of CPU", "< 5 µs", each < 5e-6
    )


def _cpu(log_every: int) -> float:
    from danlu import TensorBoardCallback, Trainer

    def update(_trainer: Any, _batch: Any) -> dict[str, torch.Tensor]:
        return outputs

    outputs = {"loss": torch.tensor(0.5)}
    with tempfile.TemporaryDirectory(prefix="danlu-bench-") as folder:
        board = TensorBoardCallback(save_dir=Path(folder, "board"), graph=False)
        trainer = Trainer(torch.nn.Linear(1, 1), update=update)
        began = time.process_time()
        trainer.fit(
            torch.zeros(STEPS, 1), epochs=1, batch_size=1, shuffle=False, ckpt_path=Path(folder, "checkpoint"),
            callbacks=[board], log_every=log_every, quiet=True, cpu=True,
        )  # fmt: skip
        took = time.process_time() - began
        written = sum(file.stat().st_size for file in Path(folder, "board").rglob("events*"))
        if (written > STEPS * 30) != bool(log_every):  # a scalar's record is longer than that
            raise RuntimeError(f"log_every={log_every} wrote {written} bytes in {STEPS} steps")
        return took

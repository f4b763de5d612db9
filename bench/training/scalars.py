"""CPU of a scalar that is logged each step through the Trainer: ``log_every=1`` less ``log_every=None``.

The step does no more than hand out its values, so that the difference is the logging alone.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from bench.common import Figure

ROUNDS, STEPS, SCALARS = 7, 3000, 20


def measure() -> Iterator[Figure]:
    """In turn, in one process; CPU of all threads, from the start to the closed file."""
    rounds = [_cpu(1) - _cpu(None) for _ in range(ROUNDS + 1)][1:]  # the first imports
    each = statistics.median(rounds) / (STEPS * SCALARS)
    yield Figure("a scalar each step through Trainer", f"{each * 1e6:.1f} µs of CPU", "< 5 µs", each < 5e-6)


def _cpu(log_every: int | None) -> float:
    from danlu import TensorBoardCallback, Trainer

    values = {f"value{number}": 0.5 for number in range(SCALARS)}

    def update(_trainer: Any, _batch: Any) -> dict[str, float]:
        return values

    batches = [torch.zeros(1)] * STEPS
    net = torch.nn.Linear(1, 1)
    with tempfile.TemporaryDirectory(prefix="danlu-bench-") as folder:
        board = TensorBoardCallback(save_dir=Path(folder), graph=False)
        began = time.process_time()
        Trainer(net, update=update).fit(
            batches, epochs=1, ckpt_path=Path(folder, "checkpoint"), callbacks=[board], log_every=log_every,
            quiet=True, cpu=True,
        )  # fmt: skip
        return time.process_time() - began

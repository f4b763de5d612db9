"""Saving 100 MB of tensors, safe on the disk: Danlu's checkpoint beside torch.save, flush and fsync."""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from bench.common import Figure
from bench.training import venv

ROUNDS = 15


def measure() -> Iterator[Figure]:
    """In turn, on the disk of the cache folder (/tmp may be memory, where fsync does nothing)."""
    torch.manual_seed(1)
    state = {"net": {f"layer{number}": torch.randn(1000, 1000) for number in range(25)}}
    venv.cache().mkdir(parents=True, exist_ok=True)
    rounds = [(_timed(_ours, state), _timed(_torchs, state)) for _ in range(ROUNDS + 1)][
        1:
    ]  # the first imports
    ratio = statistics.median(ours / torchs for ours, torchs in rounds)
    ours, torchs = (statistics.median(column) for column in zip(*rounds, strict=True))
    text = f"{ratio:.2f} ({ours * 1e3:.0f} ms, torch {torchs * 1e3:.0f} ms)"
    yield Figure("checkpoint of 100 MB: Danlu / torch.save and fsync", text, "≤ 1.3", ratio <= 1.3)


def _timed(save: Any, state: dict[str, Any]) -> float:
    with tempfile.TemporaryDirectory(dir=venv.cache()) as folder:
        os.sync()  # what the one before left to be written is not this one's work
        began = time.perf_counter()
        save(Path(folder), state)
        return time.perf_counter() - began


def _ours(folder: Path, state: dict[str, Any]) -> None:
    from danlu import checkpoint

    checkpoint.save(folder, "last", state, {"step": 1})


def _torchs(folder: Path, state: dict[str, Any]) -> None:
    with (folder / "last.pt").open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())

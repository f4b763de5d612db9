"""Histograms of the weights of a net of 25 million parameters (the shapes of ResNet-50), beside torch's SummaryWriter."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from bench.common import Figure

ROUNDS = 5


def measure() -> Iterator[Figure]:
    """In turn, in one process; until the files are closed."""
    weights = resnet50()
    millions = sum(value.numel() for value in weights.values()) / 1e6
    _ours({"w": torch.zeros(10)})  # the first use imports
    _torchs({"w": torch.zeros(10)})
    rounds = [(_ours(weights), _torchs(weights)) for _ in range(ROUNDS)]
    ratio = statistics.median(ours / torchs for ours, torchs in rounds)
    seconds = statistics.median(ours for ours, _ in rounds)
    name = f"histograms of {millions:.1f} M weights: Board / SummaryWriter"
    yield Figure(name, f"{ratio:.2f} ({seconds:.2f} s)", "≤ 0.5", ratio <= 0.5)


def resnet50() -> dict[str, Tensor]:
    """Random tensors with the shapes of ResNet-50's parameters."""
    shapes: dict[str, tuple[int, ...]] = {
        "stem": (64, 3, 7, 7),
        "head.weight": (1000, 2048),
        "head.bias": (1000,),
    }
    inside = 64
    for stage, (width, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3))):
        for block in range(blocks):
            name = f"{stage}.{block}"
            convolutions = {
                "1": (width, inside, 1, 1),
                "2": (width, width, 3, 3),
                "3": (4 * width, width, 1, 1),
            }
            if not block:
                convolutions["way"] = (4 * width, inside, 1, 1)
            for part, shape in convolutions.items():
                shapes[f"{name}.conv{part}"] = shape
                shapes[f"{name}.norm{part}.weight"] = shapes[f"{name}.norm{part}.bias"] = shape[:1]
            inside = 4 * width
    torch.manual_seed(1)
    return {name: torch.randn(shape) * 0.02 for name, shape in shapes.items()}


def _ours(weights: dict[str, Tensor]) -> float:
    from danlu.board import Board

    with tempfile.TemporaryDirectory() as folder:
        return _timed(weights, board := Board(folder), board.histogram)


def _torchs(weights: dict[str, Tensor]) -> float:
    from torch.utils.tensorboard import SummaryWriter

    with tempfile.TemporaryDirectory() as folder:
        return _timed(weights, writer := SummaryWriter(folder), writer.add_histogram)


def _timed(weights: dict[str, Tensor], writer: Any, histogram: Any) -> float:
    """Seconds until everything is written."""
    began = time.perf_counter()
    for name, value in weights.items():
        histogram(name, value, 1)
    writer.close()
    return time.perf_counter() - began

"""What the Trainer adds to nets whose own work dominates: beside a bare loop, same batches, same updates, no logging.
The Trainer keeps its checkpoints as they come.

The epochs after the first count, from the end of the first to the end of the last; the two take turns at going first.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from bench.common import Figure

ROUNDS, EPOCHS, STEPS = 15, 3, 8
CLASSES = 10


class Block(nn.Module):
    """Two convolutions with a way around them; halves the image when it widens it."""

    def __init__(self, inside: int, out: int) -> None:
        super().__init__()
        stride = 1 if inside == out else 2
        self.body = nn.Sequential(
            nn.Conv2d(inside, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(),
            nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out),
        )  # fmt: skip
        self.way = nn.Identity() if stride == 1 else nn.Conv2d(inside, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same or to (N, 2 C, H / 2, W / 2)."""
        return torch.relu(self.body(x) + self.way(x))


class Residual(nn.Sequential):
    """A small residual network: (N, 3, 32, 32) to (N, 10)."""

    batch, shape = 32, (3, 32, 32)

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            Block(16, 16), Block(16, 32), Block(32, 32), Block(32, 64), Block(64, 64),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, CLASSES),
        )  # fmt: skip


class Transformer(nn.Module):
    """Three encoder layers with dropout over 48 vectors of 128: (N, 48, 128) to (N, 10)."""

    batch, shape = 16, (48, 128)

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(128, 4, 512, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 3)
        self.head = nn.Linear(128, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 48, 128) to (N, 10)."""
        return self.head(self.encoder(x).mean(1))


@dataclass(frozen=True)
class Measured:
    """One training."""

    wall: float
    """Seconds a step."""
    cpu: float
    """Seconds of CPU a step, all threads."""
    weights: dict[str, Tensor]


class Marks:
    """The marks at the ends of epochs, and the weights at the last one."""

    def __init__(self, net: nn.Module) -> None:
        self._net = net
        self._marks: list[tuple[float, float]] = []
        self._weights: dict[str, Tensor] = {}

    def mark(self) -> None:
        """An epoch ended."""
        self._marks.append((time.perf_counter(), time.process_time()))
        if len(self._marks) == EPOCHS:  # here, because the best weights are put back after the last epoch
            self._weights = {name: value.clone() for name, value in self._net.state_dict().items()}

    def measured(self) -> Measured:
        """Of all epochs but the first."""
        steps = (EPOCHS - 1) * STEPS
        wall, cpu = (
            (last - first) / steps for first, last in zip(self._marks[0], self._marks[-1], strict=True)
        )
        return Measured(wall, cpu, self._weights)


def measure() -> Iterator[Figure]:
    """A residual network and a Transformer."""
    for kind in (Residual, Transformer):
        yield overhead(kind)


def overhead(kind: Callable[[], Any]) -> Figure:
    """Rounds of both; the figure is the median of the rounds' ratios.

    Its CPU stands beside it: on a busy machine that is steadier, but it does not see waiting.
    """
    rounds = []
    for number in range(ROUNDS):
        turns = (bare, trained) if number % 2 else (trained, bare)
        rounds.append({run: run(kind) for run in turns})
    pairs = [(turn[trained], turn[bare]) for turn in rounds]
    wall = statistics.median(ours.wall / theirs.wall for ours, theirs in pairs) - 1
    cpu = statistics.median(ours.cpu / theirs.cpu for ours, theirs in pairs) - 1
    step = statistics.median(theirs.wall for _, theirs in pairs)
    same = all(
        torch.equal(value, ours.weights[name])
        for ours, theirs in pairs
        for name, value in theirs.weights.items()
    )
    text = f"{wall:+.1%} of {step * 1e3:.0f} ms (CPU {cpu:+.1%})" + ("" if same else ", other weights")
    return Figure(f"{kind.__name__}: what Trainer adds to a step", text, "< 2 %", wall < 0.02 and same)


def start(kind: Callable[[], Any]) -> tuple[Any, torch.optim.Optimizer, DataLoader[Any]]:
    """The same net, optimizer and data for both."""
    torch.manual_seed(1)
    net = kind()
    count = net.batch * STEPS
    data = TensorDataset(torch.randn(count, *net.shape), torch.randint(CLASSES, (count,)))
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    torch.manual_seed(2)
    return net, optimizer, DataLoader(data, batch_size=net.batch, shuffle=True)


def bare(kind: Callable[[], Any]) -> Measured:
    """The loop that one writes by hand."""
    net, optimizer, loader = start(kind)
    loss_fn = nn.CrossEntropyLoss()
    marks = Marks(net)
    net.train()
    for _ in range(EPOCHS):
        total = 0.0
        for features, labels in loader:
            optimizer.zero_grad()
            loss = loss_fn(net(features), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        marks.mark()
    return marks.measured()


def trained(kind: Callable[[], Any]) -> Measured:
    """The Trainer."""
    from danlu import ModelCheckpoint, Trainer

    class Mark(ModelCheckpoint):
        def on_epoch_end(self, trainer: Any, logs: Any) -> None:
            super().on_epoch_end(trainer, logs)
            marks.mark()

    net, optimizer, loader = start(kind)
    marks = Marks(net)
    with tempfile.TemporaryDirectory(prefix="danlu-bench-") as folder:
        trainer = Trainer(net, nn.CrossEntropyLoss(), optimizer=optimizer)
        trainer.fit(
            loader,
            epochs=EPOCHS,
            ckpt_path=Path(folder, "checkpoint"),
            callbacks=[Mark()],
            quiet=True,
            cpu=True,
        )
    return marks.measured()

"""What the Trainer adds to nets whose own work dominates: beside a bare loop, same batches, same updates, no logging.
The Trainer keeps its checkpoints as they come.

The epochs after the first count, from the end of the first to the end of the last; the two take turns at going first.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from bench.common import Figure

ROUNDS, EPOCHS, STEPS = 9, 3, 12
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


Measured = tuple[float, dict[str, Tensor]]


def measure() -> Iterator[Figure]:
    """A residual network and a Transformer."""
    for kind in (Residual, Transformer):
        yield overhead(kind)


def overhead(kind: Callable[[], Any]) -> Figure:
    """Rounds of both; the figure is the median of the rounds' ratios."""
    ratios, steps, same = [], [], True
    for number in range(ROUNDS):
        turns: list[tuple[str, Callable[[Any], Measured]]] = [("bare", bare), ("danlu", trained)]
        seconds, weights = {}, {}
        for name, run in turns if number % 2 else reversed(turns):
            seconds[name], weights[name] = run(kind)
        ratios.append(seconds["danlu"] / seconds["bare"])
        steps.append(seconds["bare"])
        same = same and all(
            torch.equal(weights["bare"][name], value) for name, value in weights["danlu"].items()
        )
    ratio, step = statistics.median(ratios), statistics.median(steps)
    text = f"{(ratio - 1) * 100:+.1f} % of {step * 1e3:.0f} ms" + ("" if same else ", other weights")
    return Figure(f"{kind.__name__}: what Trainer adds to a step", text, "< 2 %", ratio < 1.02 and same)


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
    """Seconds a step of the loop that one writes by hand, and the weights."""
    net, optimizer, loader = start(kind)
    loss_fn = nn.CrossEntropyLoss()
    marks = []
    net.train()
    for _ in range(EPOCHS):
        total = 0.0
        for features, labels in loader:
            optimizer.zero_grad()
            loss = loss_fn(net(features), labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
        marks.append(time.perf_counter())
    return _per_step(marks), net.state_dict()


def trained(kind: Callable[[], Any]) -> Measured:
    """Seconds a step of the Trainer, and the weights."""
    from danlu import Callback, Trainer

    class Marks(Callback):
        def on_epoch_end(self, *_: object) -> None:
            marks.append(time.perf_counter())
            if len(marks) == EPOCHS:  # here, because the best weights are put back afterwards
                weights.update({name: value.clone() for name, value in net.state_dict().items()})

    net, optimizer, loader = start(kind)
    marks: list[float] = []
    weights: dict[str, Tensor] = {}
    with tempfile.TemporaryDirectory(prefix="danlu-bench-") as folder:
        trainer = Trainer(net, nn.CrossEntropyLoss(), optimizer=optimizer)
        trainer.fit(
            loader,
            epochs=EPOCHS,
            ckpt_path=Path(folder, "checkpoint"),
            callbacks=[Marks()],
            quiet=True,
            cpu=True,
        )
    return _per_step(marks), weights


def _per_step(marks: list[float]) -> float:
    return (marks[-1] - marks[0]) / ((EPOCHS - 1) * STEPS)

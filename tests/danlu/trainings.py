"""Small trainings of every kind, for the tests that cut them off and let them go on."""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from readback import points, values
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR, ReduceLROnPlateau
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from danlu import Trainer, checkpoint
from danlu.callbacks import EarlyStopping, ModelCheckpoint, TensorBoardCallback
from danlu.metrics import AUC, Accuracy
from danlu.recipe import RunContext

SAMPLES, BATCH, EPOCHS = 22, 4, 3
BATCHES = 6
"""Of an epoch; the last one is smaller."""
QUIET: dict[str, Any] = {"quiet": True, "log_every": 2}


def tensors(seed: int = 1, samples: int = SAMPLES) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, 2, generator=generator)
    return x, (x.sum(1, keepdim=True) > 0).float()


class Augmented(Dataset[Any]):
    """Draws from every generator that there is, in each sample."""

    def __init__(self) -> None:
        self.x, self.y = tensors()

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Any:
        noise = torch.rand(2) + float(np.random.rand()) + random.random()
        return self.x[index] + 0.1 * noise, self.y[index]


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        x, y = tensors()
        return iter([(x[index] + 0.1 * torch.rand(2), y[index]) for index in torch.randperm(len(x)).tolist()])


class StopAtOnce:
    """After the first epoch, which is always saved."""

    def on_epoch_end(self, trainer: Trainer, _logs: Any) -> None:
        trainer.stop("enough")


@dataclass
class Training:
    """What is trained and how, made anew for every start."""

    train: Any
    val: Any = None
    optimizer: Callable[[Any], Any] = lambda parameters: torch.optim.Adam(parameters, lr=0.05)
    scheduler: Callable[[Any], Any] | None = None
    per: str | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    callbacks: list[Any] = field(default_factory=list)
    dropout: float = 0.0
    update: Callable[[Trainer, Any], Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)


def _loader(**options: Any) -> Any:
    return DataLoader(TensorDataset(*tensors()), BATCH, shuffle=True, **options)


def _val() -> Any:
    return DataLoader(TensorDataset(*tensors(2, 10)), 4)


def _plain(**changes: Any) -> Training:
    return Training(**{"train": _loader(), "val": _val(), **changes})


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def _one_cycle(optimizer: Any) -> Any:
    return OneCycleLR(optimizer, max_lr=0.1, total_steps=EPOCHS * BATCHES)


KINDS: dict[str, Callable[[], Training]] = {
    "plain": _plain,
    "without validation": lambda: _plain(val=None),
    "dropout": lambda: _plain(dropout=0.5),
    "augmented": lambda: _plain(train=DataLoader(Augmented(), BATCH, shuffle=True), dropout=0.5),
    "a worker": lambda: _plain(
        train=DataLoader(Augmented(), BATCH, shuffle=True, num_workers=1), dropout=0.5
    ),
    "workers that stay": lambda: _plain(
        train=_loader(num_workers=1, persistent_workers=True),
        val=DataLoader(TensorDataset(*tensors(2, 10)), 4, num_workers=1, persistent_workers=True),
        dropout=0.5,
    ),
    "a stream": lambda: _plain(train=DataLoader(Stream(), BATCH), dropout=0.5),
    "validation draws": lambda: _plain(val=DataLoader(Augmented(), 8, shuffle=True), dropout=0.5),
    "accumulation": lambda: _plain(dropout=0.5, options={"gradient_accumulation_steps": 4}),
    "accumulated stream": lambda: _plain(
        train=DataLoader(Stream(), BATCH), options={"gradient_accumulation_steps": 4}
    ),
    "one cycle": lambda: _plain(
        scheduler=_one_cycle, per="step", optimizer=lambda items: torch.optim.SGD(items, lr=0.1, momentum=0.9)
    ),
    "cosine": lambda: _plain(scheduler=lambda optimizer: CosineAnnealingLR(optimizer, EPOCHS)),
    "plateau": lambda: _plain(
        scheduler=lambda optimizer: ReduceLROnPlateau(optimizer, patience=0, threshold=0.5),
        options={"val_every": 2},
    ),
    "own generator": lambda: _plain(train=_loader(generator=_generator()), dropout=0.5),
    "own generator, slowly": lambda: _plain(
        train=DataLoader(Augmented(), BATCH, shuffle=True, generator=_generator())
    ),
    "stopped early": lambda: _plain(
        options={"epochs": 6, "patience": 2, "monitor": "val_acc", "mode": "min"}, metrics={"acc": Accuracy()}
    ),
    "given early stopping": lambda: _plain(
        callbacks=[EarlyStopping("train_loss", 1, 0.5)], options={"epochs": 5}
    ),
    "stopped at once": lambda: _plain(callbacks=[StopAtOnce()], dropout=0.5),
    "metrics": lambda: _plain(
        metrics={
            "acc": Accuracy(),
            "auc": AUC(),
            "mean": lambda preds, labels: (preds - labels).abs().mean(),
        },
        options={"monitor": "val_auc"},
    ),
    "by hand": lambda: _plain(update=_by_hand, optimizer=_two, dropout=0.5),
    "clipped": lambda: _plain(options={"grad_clip_norm": 0.1, "mixed_precision": "bf16"}),
}


def _by_hand(trainer: Trainer, batch: Any) -> dict[str, Any]:
    """Two optimizers, one after the other, and a draw in between."""
    x, y = batch
    for name in ("first", "second"):
        assert trainer.loss_fn is not None
        loss = trainer.loss_fn(trainer(x + 0.1 * torch.rand(2)), y)
        trainer.backward(loss)
        trainer.step_optimizer(name)
    return {"loss": loss, "share": y.mean()}


def _two(parameters: Any) -> dict[str, Any]:
    items = list(parameters)
    return {
        "first": torch.optim.Adam(items[:2], lr=0.05),
        "second": torch.optim.SGD(items[2:], lr=0.1, momentum=0.9),
    }


def build(kind: str, run: RunContext | None) -> tuple[Trainer, Training]:
    """The trainer of a kind, as a script makes it at its start."""
    torch.manual_seed(5)
    np.random.seed(5)
    random.seed(5)
    training = KINDS[kind]()
    net = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Dropout(training.dropout), nn.Linear(6, 1))
    optimizer = training.optimizer(net.parameters())
    scheduler = training.scheduler(optimizer) if training.scheduler else None
    trainer = Trainer(
        net,
        nn.BCEWithLogitsLoss(),
        training.metrics,
        optimizer,
        scheduler,
        lr_scheduler_per=training.per,
        update=training.update,
        run=run,
    )
    return trainer, training


def train(
    kind: str,
    folder: Path,
    *,
    stop: Callable[[], bool] = bool,
    report: Callable[[Any], None] = lambda _news: None,
    fits: tuple[int, ...] = (EPOCHS,),
    saver: dict[str, Any] | None = None,
) -> Trainer:
    """Start a training, or start it again, as a script inside of a run does."""
    run = RunContext(id=1, dir=folder, stop=stop, report=report)
    try:
        trainer, training = build(kind, run)
        for epochs in fits:
            callbacks = [*training.callbacks, TensorBoardCallback(graph=False)]
            options = {"epochs": epochs, **QUIET, **training.options}
            trainer.fit(
                training.train,
                training.val,
                callbacks=[*callbacks, ModelCheckpoint(**saver or {})],
                **options,
            )
    finally:
        run.close()
    return trainer


def last(folder: Path) -> dict[str, Any]:
    """The last state of a run."""
    found = checkpoint.newest(folder / "checkpoints", "last")
    assert found is not None
    return found[1]


def shown(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The curves as TensorBoard shows them: a step that goes back drops what it overtakes."""
    curves: dict[str, list[tuple[int, float]]] = {}
    for tag in values(folder):
        kept: list[tuple[int, float]] = []
        for step, value in points(folder, tag):
            while kept and kept[-1][0] >= step:
                kept.pop()
            kept.append((step, value))
        curves[tag] = kept
    return curves


def _nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def difference(one: Any, other: Any, where: str = "") -> str:
    """Where two states differ first, by a single bit; "" where nowhere."""
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return f"{where}: {sorted(map(str, one))} and {sorted(map(str, other))}"
        return next(filter(None, (difference(one[key], other[key], f"{where}.{key}") for key in one)), "")
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return f"{where}: {len(one)} and {len(other)} items"
        pairs = enumerate(zip(one, other, strict=True))
        return next(filter(None, (difference(*pair, f"{where}[{number}]") for number, pair in pairs)), "")
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return "" if torch.equal(one, other) and one.dtype == other.dtype else f"{where}: other numbers"
    return "" if one == other or (_nan(one) and _nan(other)) else f"{where}: {one!r} and {other!r}"


def state_of(trainer: Trainer, folder: Path) -> dict[str, Any]:
    """All that must be the same after a training, however often it was cut off."""
    state = last(folder)
    for saved in state["callbacks"].values():
        if saved.get("best", None) and isinstance(saved["best"], dict):
            del saved["best"]["file"]  # numbered by the saves before it
    return {
        "state": state,
        "net": trainer.net.state_dict(),
        "history": trainer.history,
        "curves": shown(folder),
    }

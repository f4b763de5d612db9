"""The lesson on a whole training: two noisy rings, a small network, early stopping."""

from typing import Any

from pydantic import Field

from danlu.recipe import Params, RunContext, recipe


class RingsParams(Params):
    """The defaults are the tutorial's; they reach about 0.93 of the validation data in some 50 epochs."""

    lr: float = Field(1e-4, gt=0, le=1, description="Learning rate of Adam.")
    batch_size: int = Field(16, ge=1, le=8192, description="Points in one optimizer step.")
    epochs: int = Field(100, ge=1, le=10_000, description="Epochs at most.")
    patience: int = Field(
        10, ge=0, le=1000, description="Stop after so many epochs without a better acc/val; 0: never."
    )
    warmup: int = Field(
        20,
        ge=0,
        le=10_000,
        description="Epochs before patience counts: while the network still guesses, acc/val jumps by chance.",
    )
    samples: int = Field(8000, ge=20, le=1_000_000, description="Points in all; 70 % train, 30 % validate.")
    noise: float = Field(
        1.0, ge=0, le=5, description="Standard deviation of a point's distance from its ring."
    )
    hidden: int = Field(
        16, ge=2, le=1024, description="Width of the first hidden layer; the second has half of it."
    )
    histogram_every: int = Field(
        5, ge=0, le=1000, description="Epochs between histograms of weights; 0: none."
    )


@recipe(params=RingsParams, summary="Tell two noisy rings of points apart with a small network.")
def rings(params: RingsParams, run: RunContext) -> None:
    """Train, validate every epoch, stop early, keep the best and the last checkpoint."""
    import torch
    from torch import nn

    from danlu import EarlyStopping, TensorBoardCallback, Trainer
    from danlu.metrics import Accuracy
    from worker.recipes import _nets, _points

    torch.manual_seed(run.seed)
    train, val = _points.two_rings(params.samples, params.noise, run.seed)
    net = _nets.RingsNet(params.hidden)
    optimizer = torch.optim.Adam(net.parameters(), lr=params.lr)
    trainer = Trainer(net, nn.BCEWithLogitsLoss(), {"acc": Accuracy()}, optimizer, run=run)
    callbacks: list[Any] = [
        TensorBoardCallback(
            log_weight=params.histogram_every > 0, log_weight_freq=max(params.histogram_every, 1)
        )
    ]
    if params.patience:
        callbacks.append(EarlyStopping(patience=params.patience, warmup=params.warmup))
    trainer.fit(
        train,
        val,
        params.epochs,
        batch_size=params.batch_size,
        monitor="val_acc",
        mode="max",
        callbacks=callbacks,
    )

"""Stopping early, and deciding what is better."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from danlu.callbacks.base import Callback

if TYPE_CHECKING:
    from danlu.trainer import Trainer


def better(value: float, best: float | None, mode: str, min_delta: float = 0.0) -> bool:
    """Whether a value beats the best one by more than `min_delta`. NaN never does, and infinity is no minimum."""
    if math.isnan(value):
        return False
    if best is None:
        return math.isfinite(value)
    return value > best + min_delta if mode == "max" else value < best - min_delta


class EarlyStopping(Callback):
    """Ends the training when the monitored value has not become better for `patience` epochs.

    Args:
        monitor: a column of the history, such as `val_acc`; default: what `fit` monitors.
        patience: epochs without a better value; at least 1.
        min_delta: what "better" must exceed, in the value's own unit.
        mode: `min` or `max`; default: what `fit` uses, or by the metric's name.
        warmup: epochs of each `fit` before patience begins to count.

    Raises:
        ValueError: `patience` is below 1, or another mode.
    """

    every_rank = True

    def __init__(
        self,
        monitor: str | None = None,
        patience: int = 10,
        min_delta: float = 0.0,
        mode: str | None = None,
        warmup: int = 0,
    ) -> None:
        if patience < 1:
            raise ValueError(
                f"patience must be at least 1, not {patience}; None in fit() means: never stop early"
            )
        if mode not in {None, "min", "max"}:
            raise ValueError(f"mode must be 'min' or 'max', not {mode!r}")
        self.monitor, self.patience, self.min_delta, self.mode = monitor, patience, abs(min_delta), mode
        self.warmup = warmup
        self.best: float | None = None
        self.best_epoch = 0

    def on_epoch_end(self, trainer: "Trainer", logs: Mapping[str, float]) -> None:
        """Compare, count, and end it."""
        monitor, mode = trainer.monitored(self.monitor, self.mode, logs)
        epoch = trainer.progress.epoch
        if monitor not in logs:
            return  # an epoch without validation
        if better(logs[monitor], self.best, mode, self.min_delta):
            self.best, self.best_epoch = logs[monitor], epoch
        if epoch - max(self.best_epoch, trainer.progress.began + self.warmup) >= self.patience:
            trainer.stop(f"{monitor} did not get better in {self.patience} epochs")

    def state_dict(self) -> dict[str, Any]:
        """The best value and its epoch."""
        return {"best": self.best, "best_epoch": self.best_epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """What `state_dict` gave."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]

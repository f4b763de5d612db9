"""Checkpoints while the training goes on: the last state to go on from, and the best weights."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from danlu.callbacks.base import Callback
from danlu.callbacks.stopping import better

if TYPE_CHECKING:
    from danlu.trainer import Trainer

_SHARE = 0.01
"""Of the time that saving may take, as long as checkpoints are younger than `every_seconds`."""
_MOST_SHARE = 0.05
"""Of the time that it may take at all, unless `every` asks for more."""
_AGREE_STEPS = 10


class ModelCheckpoint(Callback):
    """Keeps the best weights and the last state in the folder `ckpt_path` of `fit`.

    The last state is saved after the first epoch, then as often as costs about 1 % of the time, at least every
    `every_seconds` (in the middle of an epoch, too), on SIGTERM and at the end. Best weights wait in memory for the next
    save: going on from an older state finds the same ones again.

    Args:
        best: keep the weights with the best monitored value, and put them back at the end.
        last: keep the whole state, so that the training can go on.
        every: save the last state after so many optimizer steps, too; None: by time alone.
        keep: how many of the last states are kept; at least 1. A damaged one falls back to the one before.
        every_seconds: how old the last state may become, unless saving it takes more than 5 % of the time.

    Raises:
        ValueError: `keep`, `every` or `every_seconds` is too small.
    """

    every_rank = True

    def __init__(
        self,
        best: bool = True,
        last: bool = True,
        every: int | None = None,
        keep: int = 2,
        every_seconds: float = 30.0,
    ) -> None:
        if keep < 1 or every_seconds <= 0 or (every is not None and every < 1):
            raise ValueError("ModelCheckpoint: keep and every are at least 1, every_seconds is above 0")
        self.keep_best, self.keep_last, self.every, self.keep = best, last, every, keep
        self.every_seconds = every_seconds
        self.best: dict[str, Any] | None = None
        """`value`, `epoch`, `step`, `monitor` of the best weights so far, and `file` once they are written."""
        self._weights: dict[str, Any] | None = None
        self._saved_at: float | None = None
        self._took = 0.0
        self._began = time.monotonic()

    def on_fit_start(self, trainer: "Trainer") -> None:
        """Count the time from here."""
        self._began = time.monotonic()

    def on_step_end(self, trainer: "Trainer") -> None:
        """Save in the middle of an epoch, where it is time."""
        if not self.keep_last:
            return
        progress = trainer.progress
        due = self.every is not None and progress.step % self.every == 0
        if trainer.ranks.world == 1:
            due = due or self._overdue()
        elif not due and progress.step % _AGREE_STEPS == 0:
            due = trainer.ranks.agree(self._overdue())
        if due:
            self.save(trainer)

    def on_epoch_end(self, trainer: "Trainer", logs: Mapping[str, float]) -> None:
        """Keep what is best, and save where it is time."""
        due = trainer.ranks.agree(self._due())
        monitor, mode = trainer.monitored(None, None, logs)
        if self.keep_best and monitor in logs:
            value = logs[monitor]
            if better(value, None if self.best is None else self.best["value"], mode):
                progress = trainer.progress
                self.best = {
                    "value": value, "monitor": monitor, "epoch": progress.epoch, "step": progress.step, "file": None,
                }  # fmt: skip
                weights = trainer.net.state_dict()
                self._weights = weights if due else {name: item.clone() for name, item in weights.items()}
        if due:
            self.save(trainer)

    def on_exception(self, trainer: "Trainer", error: BaseException) -> None:
        """The state is in doubt and stays unsaved; the best weights are not."""
        if trainer.ranks.first and self._weights is not None:  # the other processes may be gone
            self._replace(trainer)
            self._write_best(trainer)

    def save(self, trainer: "Trainer") -> None:
        """Write the last state, and the best weights if they are not written yet. Every process must call it."""
        from danlu import checkpoint, resuming  # torch is imported only where something is trained

        began = time.monotonic()
        with trainer.phase("saving"):
            if trainer.ranks.first:
                self._replace(trainer)
                self._write_best(trainer)
            self._weights = None
            if self.best is not None:
                self.best["file"] = trainer.ranks.agree(self.best["file"])
            if self.keep_last:
                state = resuming.state_of(trainer)
                if trainer.ranks.first:
                    if trainer.board is not None:
                        trainer.board.flush()  # what was logged before a checkpoint is not logged again
                    meta = {"epoch": trainer.progress.epoch, "step": trainer.progress.step, "best": self.best}
                    checkpoint.save(trainer.folder, "last", state, meta)
                    self._prune(trainer)
        trainer.ranks.agree(None)  # nobody goes on before it is there
        self._saved_at = time.monotonic()
        self._took = self._saved_at - began

    def _replace(self, trainer: "Trainer") -> None:
        """Before the first checkpoint of a training: remove those of another one."""
        from danlu import checkpoint

        if trainer.stale and (self.keep_best or self.keep_last):
            checkpoint.clear(trainer.folder)
            trainer.stale = False

    def _write_best(self, trainer: "Trainer") -> None:
        if self._weights is None or self.best is None:
            return
        from danlu import checkpoint

        weights, self._weights = self._weights, None
        meta = {name: self.best[name] for name in ("epoch", "step", "monitor", "value")}
        entry = checkpoint.save(trainer.folder, "best", {"net": weights, **meta}, meta)
        self.best["file"] = entry.path.name
        if not self.keep_last:
            self._prune(trainer)

    def _prune(self, trainer: "Trainer") -> None:
        from danlu import checkpoint

        folder = trainer.folder
        checkpoint.prune(folder, "last", self.keep)
        named = [entry.meta.get("best") for entry in checkpoint.entries(folder, "last")]
        spare = [best["file"] for best in (*named, self.best) if best and best.get("file")]
        checkpoint.prune(folder, "best", 0, spare)

    def _due(self) -> bool:
        if not self.keep_last:
            return True
        if self._saved_at is None:
            return True
        pause = max(min(self._took / _SHARE, self.every_seconds), self._took / _MOST_SHARE)
        return time.monotonic() - self._saved_at >= pause

    def _overdue(self) -> bool:
        since = self._saved_at or self._began
        return time.monotonic() - since >= max(self.every_seconds, self._took / _MOST_SHARE)

    def state_dict(self) -> dict[str, Any]:
        """Which weights are best."""
        return {"best": self.best}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """What `state_dict` gave."""
        self.best = state["best"]

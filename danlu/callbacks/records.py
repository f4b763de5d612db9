"""Small callbacks that write something down."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from danlu.callbacks.base import Callback

if TYPE_CHECKING:
    from danlu.trainer import Trainer


class CSVHistory(Callback):
    """The history as a CSV file, written whole after every epoch, so that it is never half a line.

    Args:
        path: of the file; its folder is made.
    """

    def __init__(self, path: str | Path = "history.csv") -> None:
        self.path = Path(path)

    def on_epoch_end(self, trainer: "Trainer", logs: Mapping[str, float]) -> None:
        """Replace the file."""
        self._write(trainer)

    def on_fit_end(self, trainer: "Trainer") -> None:
        """The same, for a training that ends by an error."""
        self._write(trainer)

    def _write(self, trainer: "Trainer") -> None:
        columns = list(dict.fromkeys(name for row in trainer.history for name in row))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_name(self.path.name + ".new")
        with new.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(trainer.history)
        new.replace(self.path)


class LRMonitor(Callback):
    """The learning rate of every group of parameters at each log, as `lr/0`, `lr/1`, … at optimizer steps."""

    def on_log(self, trainer: "Trainer", logs: Mapping[str, float]) -> None:
        """Log them."""
        if trainer.board is None:
            return
        rates = [group["lr"] for item in trainer.optimizers.values() for group in item.param_groups]
        for number, rate in enumerate(rates):
            trainer.board.scalar(f"lr/{number}", float(rate), trainer.progress.step)

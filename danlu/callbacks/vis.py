"""Pictures while it trains: the monitored curve, and whatever a function of the user's draws."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from danlu.callbacks.base import Callback
from danlu.callbacks.surroundings import Display, in_notebook

if TYPE_CHECKING:
    from danlu.trainer import Trainer


class VisDisplay(Callback):
    """Shows what `draw(trainer)` returns (a matplotlib figure, or anything a notebook can show) every `every` epochs.

    In a notebook it stays in one place and is replaced; a figure also goes to the board, where there is one, under `tag`.

    Raises:
        ValueError: `every` is below 1.
    """

    def __init__(self, draw: Callable[["Trainer"], Any], *, every: int = 1, tag: str = "display") -> None:
        if every < 1:
            raise ValueError(f"every must be at least 1, not {every}")
        self.draw, self.every, self.tag = draw, every, tag
        self._display: Display | None = None

    def on_fit_start(self, trainer: "Trainer") -> None:
        """Make room for it."""
        self._display = Display() if in_notebook() else None

    def on_epoch_end(self, trainer: "Trainer", logs: Mapping[str, float]) -> None:
        """Draw."""
        if trainer.progress.epoch % self.every:
            return
        picture = self.draw(trainer)
        if picture is None:
            return
        if self._display is not None:
            self._display.show_object(picture)
        if trainer.board is not None and hasattr(picture, "savefig"):
            trainer.board.figure(self.tag, picture, trainer.progress.epoch)


class VisMetric(Callback):
    """The curves of what is monitored, of train and val: live in a notebook; elsewhere one figure on the board at the end."""

    def __init__(self) -> None:
        self._display: Display | None = None

    def on_fit_start(self, trainer: "Trainer") -> None:
        """Make room for it."""
        self._display = Display() if in_notebook() else None

    def on_epoch_end(self, trainer: "Trainer", logs: Mapping[str, float]) -> None:
        """Draw it anew in a notebook."""
        if self._display is not None:
            self._display.show_object(curves(trainer.history, trainer.monitored(None, None, logs)[0]))

    def on_fit_end(self, trainer: "Trainer") -> None:
        """Draw it once for the board."""
        if self._display is None and trainer.board is not None and trainer.history:
            name = trainer.monitor or "val_loss"
            figure = curves(trainer.history, name)
            trainer.board.figure(f"history/{name.partition('_')[2]}", figure, trainer.progress.epoch)


def curves(history: list[dict[str, float]], monitor: str) -> Any:
    """A matplotlib figure of a column over the epochs, beside the same of the other part of the data."""
    from matplotlib.figure import Figure

    what = monitor.partition("_")[2]
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for part, style in (("train", "--"), ("val", "-")):
        points = [(row["epoch"], row[f"{part}_{what}"]) for row in history if f"{part}_{what}" in row]
        if points:
            axes.plot(*zip(*points, strict=True), style, label=f"{part}_{what}")
    axes.set_xlabel("epoch")
    axes.set_ylabel(what)
    axes.legend()
    return figure

"""Where the training stands, for whoever looks on: a bar in a terminal or a notebook, a line an epoch anywhere else."""

import html
import importlib.util
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from danlu.callbacks.base import Callback
from danlu.callbacks.surroundings import Display, in_notebook

if TYPE_CHECKING:
    from danlu.trainer import Trainer

_HEAD_AND_TAIL = 5
_BAR_SECONDS = 0.1


class ProgressBar(Callback):
    """A bar over epochs and steps, a line for each epoch, and the history's table at the end.

    In a terminal the bar is rich's; in a notebook it is HTML; elsewhere (a log, a file) there are the lines alone.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._display: Display | None = None
        self._began = self._epoch_began = self._shown = 0.0
        self._failed = False

    def on_fit_start(self, trainer: "Trainer") -> None:
        """Say on what it runs, and show the bar."""
        self._began = self._epoch_began = time.monotonic()
        self._failed = False
        several = f", {trainer.ranks.world} processes" if trainer.ranks.world > 1 else ""
        trainer.say(f"training on {trainer.device}{several}")
        if in_notebook():
            self._display = Display()
        elif sys.stdout.isatty():
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            text = TextColumn("{task.description}")
            self._bar = Progress(
                text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), transient=True
            )
            self._task = self._bar.add_task("epoch 1", total=trainer.goal, completed=trainer.progress.epoch)
            self._bar.start()

    def on_epoch_start(self, trainer: "Trainer") -> None:
        """Take the time."""
        self._epoch_began = time.monotonic()

    def on_log(self, trainer: "Trainer", logs: Mapping[str, float]) -> None:
        """Move the bar, ten times a second at most."""
        now = time.monotonic()
        if (self._bar is None and self._display is None) or now - self._shown < _BAR_SECONDS:
            return
        self._shown = now
        text = f"epoch {trainer.progress.epoch + 1}  step {trainer.progress.step}  {numbers(logs)}"
        self._show(trainer, text)

    def on_epoch_end(self, trainer: "Trainer", logs: Mapping[str, float]) -> None:
        """A line, or the bar one further."""
        seconds = time.monotonic() - self._epoch_began
        text = f"epoch {trainer.progress.epoch:3d}/{trainer.goal}  {numbers(logs)}  {seconds:.1f} s"
        if self._bar is not None:
            self._bar.console.print(text, highlight=False)
        elif self._display is None:
            trainer.say(text)
        self._show(trainer, text)

    def on_exception(self, trainer: "Trainer", error: BaseException) -> None:
        """Mark the bar."""
        self._failed = True

    def on_fit_end(self, trainer: "Trainer") -> None:
        """Take the bar away and show the table."""
        if self._display is not None:
            self._show(trainer, "interrupted" if self._failed else "")
            # A notebook shows what fit returns; a DataFrame is such a table already.
            if importlib.util.find_spec("pandas") is None:
                self._display.finish(table_html(trainer.history))
            self._display = None
            return
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if trainer.history:
            trainer.say(table(trainer.history))

    def _show(self, trainer: "Trainer", text: str) -> None:
        done = trainer.progress.epoch
        if self._bar is not None:
            self._bar.update(self._task, completed=done, description=text)
        if self._display is not None:
            colour = ' class="interrupted"' if self._failed else ""
            bar = f'<progress{colour} value="{done}" max="{trainer.goal}" style="width:300px;height:20px"></progress>'
            spent = time.monotonic() - self._began
            line = f"{100 * done / max(trainer.goal, 1):.0f}% [{done}/{trainer.goal}] [{spent:.0f} s]"
            self._display.show(f"<div>{bar} {line}<br>{html.escape(text)}</div>")


def numbers(logs: Mapping[str, float]) -> str:
    """`train_loss 0.1234  val_acc 0.9876`."""
    return "  ".join(f"{name} {value:.4g}" for name, value in logs.items())


def table(history: Sequence[Mapping[str, float]]) -> str:
    """The history as a table of text, its middle left out when it is long."""
    columns = list(dict.fromkeys(name for row in history for name in row))
    rows = [[_cell(row.get(name)) for name in columns] for row in _short(history)]
    if len(history) > len(rows):
        rows.insert(_HEAD_AND_TAIL, ["..."] * len(columns))
    widths = [max(len(line[place]) for line in [columns, *rows]) for place in range(len(columns))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in [columns, *rows]
    ]
    return "\n".join(lines)


def table_html(history: Sequence[Mapping[str, float]]) -> str:
    """The same as HTML."""
    columns = list(dict.fromkeys(name for row in history for name in row))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    rows = ["".join(f"<td>{_cell(row.get(name))}</td>" for name in columns) for row in _short(history)]
    if len(history) > len(rows):
        rows.insert(_HEAD_AND_TAIL, "<td>...</td>" * len(columns))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    count = f"<p>{len(history)} epochs</p>"
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{count}" if history else ""


def _short(history: Sequence[Mapping[str, float]]) -> list[Mapping[str, float]]:
    whole = list(history)
    return whole if len(whole) <= 2 * _HEAD_AND_TAIL else whole[:_HEAD_AND_TAIL] + whole[-_HEAD_AND_TAIL:]


def _cell(value: float | None) -> str:
    return "" if value is None else str(value) if isinstance(value, int) else f"{value:.6g}"

"""What the code of a run knows of its run, and how it reports: handed to recipes, and `danlu.run` in scripts."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsFloat

from danlu.runparams import RunParams

if TYPE_CHECKING:
    from danlu.board import Board
    from danlu.runcheckpoint import Checkpoints


def process_rank() -> int:
    """The number of this process among those that train together, as torchrun or torch.distributed have it; 0 alone."""
    told = os.environ.get("RANK", "")
    if told.isdigit():
        return int(told)
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    return 0


def _nothing(_update: Mapping[str, int | str | None]) -> None:
    """Report to nobody."""


def _never() -> bool:
    """Nobody asks to stop."""
    return False


@dataclass
class RunContext:
    """What a recipe or a script knows of its run, and how it reports.

    A test builds it directly: ``RunContext(id=1, dir=tmp_path)``; the run process adds ``report`` and ``stop``.
    """

    id: int
    dir: Path
    """The run's directory: its TensorBoard directory and its working directory."""
    device: str = "cpu"
    """Resolved already: "cpu", "cuda" or "mps"."""
    seed: int = 0
    attempt: int = 1
    """1 for the first execution; more when a worker was lost and the run goes on from its checkpoint."""
    report: Callable[[Mapping[str, int | str | None]], None] = _nothing
    """Gets {"phase": …} or {"step", "total", "epoch", "epochs"}; called often, so it must be cheap."""
    stop: Callable[[], bool] = _never
    params: RunParams = field(default_factory=RunParams.of_environment)
    """By item, by attribute, and with a default: ``run.params.get("lr", 0.1)``."""
    last_step: int = field(default=-1, init=False)
    """The step of the last `log`."""

    @property
    def first(self) -> bool:
        """Whether this is the process that writes: of several, which train together, rank 0 alone does."""
        return process_rank() == 0

    @cached_property
    def board(self) -> "Board":
        """The board of this run, opened at its directory on first use; one that writes nothing in other ranks."""
        from danlu.board import Board, SilentBoard

        return Board(self.dir) if self.first else SilentBoard()

    @property
    def checkpoints(self) -> Path:
        """The folder of this run's checkpoints, made on first use."""
        folder = self.dir / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @cached_property
    def checkpoint(self) -> "Checkpoints":
        """Saves and finds this run's state: ``save(state)``, ``load()``."""
        from danlu.runcheckpoint import Checkpoints

        return Checkpoints(self)

    def log(
        self,
        values: Mapping[str, SupportsFloat] | None = None,
        /,
        *,
        step: int | None = None,
        **more: SupportsFloat,
    ) -> None:
        """Draw numbers: ``log(loss=0.3, step=7)``, or ``log({"loss/train": 0.3}, step=7)`` for any name.

        Args:
            values: by tag; numbers, or tensors of one element.
            step: default: one more than the last one, from 0.
            more: the same, for tags that are names.
        """
        at = self.last_step + 1 if step is None else step.__index__()
        scalar = self.board.scalar
        if values is not None:
            for tag, value in values.items():
                scalar(tag, value, at)
        for tag, value in more.items():
            scalar(tag, value, at)
        self.last_step = at

    def image(self, tag: str, image: Any, step: int | None = None) -> None:
        """Draw one image, see `Board.image`; ``step`` is that of the last `log` by default."""
        self.board.image(tag, image, self._at(step))

    def figure(self, tag: str, figure: Any, step: int | None = None, *, close: bool = True) -> None:
        """Draw a matplotlib figure and close it, see `Board.figure`."""
        self.board.figure(tag, figure, self._at(step), close=close)

    def histogram(self, tag: str, values: Any, step: int | None = None, bins: int = 64) -> None:
        """Draw the distribution of a tensor, array or list, see `Board.histogram`."""
        self.board.histogram(tag, values, self._at(step), bins)

    def text(self, tag: str, text: str, step: int | None = None) -> None:
        """Write a text, shown as Markdown, see `Board.text`."""
        self.board.text(tag, text, self._at(step))

    def progress(
        self,
        step: int | None = None,
        total: int | None = None,
        epoch: int | None = None,
        epochs: int | None = None,
    ) -> None:
        """Say how far the run is: steps done of all, epochs done of all. None: not known, keep what was said."""
        if self.first:
            self.report({"step": step, "total": total, "epoch": epoch, "epochs": epochs})

    def phase(self, name: str) -> None:
        """Say what the run is busy with: "starting", "training", "saving"."""
        if self.first:
            self.report({"phase": name})

    def should_stop(self) -> bool:
        """Whether the run was asked to end (SIGTERM): save a checkpoint and return."""
        return self.stop()

    def flush(self) -> None:
        """Hand everything logged so far to the operating system: after it, killing the process loses nothing."""
        if "board" in self.__dict__:
            self.board.flush()

    def close(self) -> None:
        """Write out and close the board if it was opened. Called by whoever made the context.

        Raises:
            OSError: what was logged could not be written (a full disk).
        """
        if "board" in self.__dict__:
            self.board.close()

    def _at(self, step: int | None) -> int:
        return max(self.last_step, 0) if step is None else step

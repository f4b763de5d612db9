"""TensorBoard: curves, histograms, the graph, hyper-parameters, pictures, all of one training in one run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from danlu.board import Board, write_session_end, write_session_start
from danlu.callbacks.base import Callback

if TYPE_CHECKING:
    from danlu.trainer import Trainer


class TensorBoardCallback(Callback):
    """Writes what TensorBoard shows: `loss/train`, `loss/val`, `acc/train`, … and `lr` at each epoch (from 1), `loss/step` in
    between, at optimizer steps.

    Inside a run of Danlu a relative `save_dir` means the run's own board, so that its curves have the same names everywhere.

    Args:
        save_dir, model_name: the folder of the event file is `save_dir/model_name`.
        log_weight: histograms of every parameter, as `weights/…`, at the first epoch and then every `log_weight_freq` ones.
        log_weight_freq: epochs, at least 1.
        log_gradients: the same for the gradients of the epoch's last step, as `gradients/…`.
        graph: the network's graph, traced with the first samples that `example` or the data gives.
        hparams: values for the HPARAMS tab (a run of Danlu has its own there already).
        example: inputs for the graph: a tensor or a tuple of tensors.
        images, figures: functions of the trainer, called at the end of each epoch, that return tag → batch of images
            (N, C, H, W) and tag → matplotlib figure.

    Raises:
        ValueError: `log_weight_freq` is below 1.
    """

    def __init__(
        self,
        save_dir: str | Path = "runs",
        model_name: str = "model",
        log_weight: bool = False,
        log_weight_freq: int = 5,
        *,
        log_gradients: bool = False,
        graph: bool = True,
        hparams: Mapping[str, object] | None = None,
        example: Any = None,
        images: Callable[["Trainer"], Mapping[str, Any]] | None = None,
        figures: Callable[["Trainer"], Mapping[str, Any]] | None = None,
    ) -> None:
        if log_weight_freq < 1:
            raise ValueError(f"log_weight_freq must be at least 1, not {log_weight_freq}")
        self.folder = Path(save_dir) / model_name
        self.relative = not Path(save_dir).is_absolute()
        self.log_weight, self.log_weight_freq, self.log_gradients = log_weight, log_weight_freq, log_gradients
        self.graph, self.example, self.hparams = graph, example, hparams
        self.images, self.figures = images, figures
        self._board: Board | None = None
        self._own = False
        self._drawn = False
        self._failed = False

    def on_fit_start(self, trainer: "Trainer") -> None:
        """Open the board."""
        self._own = trainer.run is None or not self.relative
        self._board = Board(self.folder) if self._own else trainer.board
        if trainer.board is None:
            trainer.board = self._board
        if self.hparams is not None and self._own and self._board is not None and not self._drawn:
            write_session_start(self._board.writer, self.hparams)
        self._failed = False

    def on_log(self, trainer: "Trainer", logs: Mapping[str, float]) -> None:
        """The mean loss of the last steps."""
        if self._board is not None and "loss" in logs:
            self._board.scalar("loss/step", logs["loss"], trainer.progress.step)

    def on_epoch_end(self, trainer: "Trainer", logs: Mapping[str, float]) -> None:
        """The epoch's numbers, and what is drawn at this one."""
        board, epoch = self._board, trainer.progress.epoch
        if board is None:
            return
        for name, value in logs.items():
            board.scalar(tag_of(name), value, epoch)
        if self.graph and not self._drawn:
            self._draw_graph(trainer, board)
        self._drawn = True
        if epoch == 1 or epoch % self.log_weight_freq == 0:
            for name, parameter in trainer.net.named_parameters():
                if self.log_weight:
                    board.histogram(f"weights/{name}", parameter, epoch)
                if self.log_gradients and parameter.grad is not None:
                    board.histogram(f"gradients/{name}", parameter.grad, epoch)
        for tag, pictures in (self.images(trainer) if self.images else {}).items():
            board.images(tag, pictures, epoch)
        for tag, figure in (self.figures(trainer) if self.figures else {}).items():
            board.figure(tag, figure, epoch)

    def _draw_graph(self, trainer: "Trainer", board: Board) -> None:
        inputs = self.example if self.example is not None else trainer.example_inputs()
        if inputs is not None:
            board.graph(trainer.net, inputs)

    def on_exception(self, trainer: "Trainer", error: BaseException) -> None:
        """Remember that it did not end well."""
        self._failed = True

    def on_fit_end(self, trainer: "Trainer") -> None:
        """Close what was opened here; a run's own board stays open."""
        board, self._board = self._board, None
        if board is None or not self._own:
            return
        if trainer.board is board:
            trainer.board = None
        if self.hparams is not None:
            write_session_end(board.writer, "failed" if self._failed else "succeeded")
        board.close()

    def state_dict(self) -> dict[str, Any]:
        """Whether the graph is there already."""
        return {"drawn": self._drawn}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """What `state_dict` gave."""
        self._drawn = state["drawn"]


def tag_of(column: str) -> str:
    """The tag of a column of the history: `val_acc` is `acc/val`, so that both curves share a card."""
    for part in ("train", "val"):
        if column.startswith(part + "_"):
            return f"{column.removeprefix(part + '_')}/{part}"
    return column

"""The training harness: a network, a loss, metrics and an optimizer, and `fit`, `evaluate` and `predict` on them.

>>> trainer = danlu.Trainer(net, loss_fn=nn.BCEWithLogitsLoss(), metrics={"acc": Accuracy()}, optimizer=optimizer)
>>> history = trainer.fit(train_loader, val_loader, epochs=100, patience=10, monitor="val_acc", mode="max")

It knows no server and no database. Inside a run of Danlu it takes device, board and checkpoint folder from it.
"""

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from danlu import checkpoint, fitting
from danlu.batches import supervised
from danlu.callbacks.base import Callbacks
from danlu.data import batches_of, to_device
from danlu.loop import Progress, evaluate
from danlu.meters import check_names
from danlu.metrics import Metric, as_metric
from danlu.precision import Precision
from danlu.ranks import Ranks
from danlu.recipe import CheckpointUnreadable, NonFiniteLoss, RunContext
from danlu.running import current_run

Optimizers = torch.optim.Optimizer | dict[str, torch.optim.Optimizer]
_PER = ("epoch", "step")


class Trainer:
    """What is trained, and how a batch becomes a loss.

    Args:
        net: the network, on any device; `fit` moves it.
        loss_fn: the mean loss (0-dim) of (outputs, labels). None where the network's outputs have a `loss`, or `step` or
            `update` is given.
        metrics: by name: objects of `danlu.metrics`, torchmetrics' ones, or functions of (outputs, labels).
        optimizer: default: Adam with a learning rate of 3e-4. Several by name, for `update`.
        lr_scheduler: any of torch's.
        lr_scheduler_per: when it steps: "epoch", "step", or for ReduceLROnPlateau the column of the history that it watches
            (default there: what `fit` monitors).
        step: `step(trainer, batch)` for batches that are not (features, labels), dicts or tuples of these: the loss, or a dict
            with `loss`, and if wanted `preds` and `labels` for the metrics, `size` (samples), and further 0-dim values, which
            become columns of the history. It calls the network as `trainer(…)`.
        update: `update(trainer, batch)` does the whole step by itself, with `trainer.backward(loss)` and
            `trainer.step_optimizer(name)`: several optimizers, as adversarial networks need. Returns values as `step` does.
        run: the run of Danlu that is trained; default: the present one, if there is one.

    Raises:
        TypeError, ValueError: an argument is none of these; the message names it.

    Attributes:
        history: a dict for each epoch.
        progress: `epoch`, `step` and `batch` done.
    """

    def __init__(
        self,
        net: nn.Module,
        loss_fn: Callable[..., Tensor] | None = None,
        metrics: Mapping[str, Any] | None = None,
        optimizer: Optimizers | None = None,
        lr_scheduler: Any = None,
        *,
        lr_scheduler_per: str | None = None,
        step: Callable[["Trainer", Any], Any] | None = None,
        update: Callable[["Trainer", Any], Any] | None = None,
        run: RunContext | None = None,
    ) -> None:
        if not isinstance(net, nn.Module):
            raise TypeError(f"net must be a torch.nn.Module, not {type(net).__name__}")
        if step is not None and update is not None:
            raise ValueError("give step or update, not both: update does all that step's caller would do")
        check_names(list(metrics or {}))
        self.net, self.loss_fn, self.step, self.update = net, loss_fn, step, update
        self.metrics: dict[str, Metric] = {
            name: as_metric(name, item) for name, item in (metrics or {}).items()
        }
        self.val_metrics = copy.deepcopy(self.metrics)
        self.optimizers = _optimizers(net, optimizer)
        self.lr_scheduler = lr_scheduler
        self._per = _cadence(lr_scheduler, lr_scheduler_per)
        self.run = run if run is not None else current_run()
        self.progress = Progress()
        self.ranks = Ranks()
        self.device = next((item.device for item in net.parameters()), torch.device("cpu"))
        self.precision = Precision("no", self.device)
        self.board: Any = None
        self.folder = Path("checkpoint")
        self.monitor: str | None = None
        self.mode: str | None = None
        self.stopping = False
        self.goal = 0
        """Epochs that will be done when the present `fit` ends."""
        self.quiet: bool | None = None
        self.model: nn.Module = net
        self.callbacks = Callbacks((), first=True)
        self.asked: Callable[[], bool] = bool
        self.loop: Any = None
        self.calls = 0
        self.loaded: dict[str, Any] | None = None
        self.resting: tuple[checkpoint.Entry, list[int]] | None = None

    # -- for whoever trains

    def fit(self, train_data: Any, val_data: Any = None, epochs: int = 10, **options: Any) -> Any:
        """Train; see :class:`danlu.fitting.Options` for every option and its default.

        Returns:
            the history: a pandas DataFrame where pandas is installed, else a list of dicts, an epoch each.
        """
        return fitting.fit(self, train_data, val_data, fitting.Options(epochs=epochs, **options))

    def evaluate(self, data: Any, *, batch_size: int = 32, num_workers: int = 0) -> dict[str, float]:
        """The losses and metrics on some data, as `val_…`; the network in evaluation mode, without gradients."""
        batches = batches_of(
            data, name="data", batch_size=batch_size, num_workers=num_workers, device=self.device
        )
        with self._resting_mode():
            found = evaluate(self, batches, self.precision, bool)
        return {f"val_{name}": value for name, value in (found or {}).items()}

    def predict(self, data: Any, *, batch_size: int = 32, num_workers: int = 0) -> Any:
        """The network's outputs for some data, on the CPU: (N, …), or a list of these where it has several outputs.

        Labels in the data are left out.
        """
        batches = batches_of(
            data, name="data", batch_size=batch_size, num_workers=num_workers, device=self.device
        )
        found: list[Any] = []
        with self._resting_mode(), torch.no_grad(), self.precision.autocast():
            self.net.eval()
            for piece in batches.start():
                args, named, _ = supervised(
                    to_device(piece.batch, self.device), labelled=self.loss_fn is not None
                )
                outputs = self.net(*args, **named)
                several = isinstance(outputs, tuple | list)
                found.append([item.cpu() for item in outputs] if several else outputs.cpu())
        if not found:
            raise ValueError("data is empty: it gave no batch")
        if isinstance(found[0], list):
            return [torch.cat(parts) for parts in zip(*found, strict=True)]
        return torch.cat(found)

    def save_checkpoint(self, path: Path | str = "checkpoint.pt") -> Path:
        """Write the network's weights to a file that `load_checkpoint` and `torch.load` read."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with checkpoint.beside(path) as file:
            torch.save({"net": self.net.state_dict(), "epoch": self.progress.epoch}, file)
        return path

    def load_checkpoint(self, path: Path | str = "checkpoint") -> None:
        """Take the weights from a file, or from a folder of checkpoints its best ones.

        Raises:
            CheckpointUnreadable: there are none, they are damaged, or they are another network's.
        """
        path = Path(path)
        if path.is_dir():
            found = checkpoint.newest(path, "best") or checkpoint.newest(path, "last")
            if found is None:
                raise CheckpointUnreadable(f"{path} holds no finished checkpoint")
            self.take_weights(found[1], str(found[0].path))
        else:
            self.take_weights(checkpoint.read_file(path), str(path))

    save_ckpt = save_checkpoint
    load_ckpt = load_checkpoint

    def __call__(self, *args: Any, **named: Any) -> Any:
        """The network's outputs, while several processes train with the averaging of its gradients prepared."""
        return self.model(*args, **named)

    forward = __call__

    @property
    def history(self) -> list[dict[str, float]]:
        """A dict for each epoch: `epoch`, `train_loss`, `train_…`, `lr`, `val_loss`, `val_…`."""
        return self.progress.history

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimizer; of several the first."""
        return next(iter(self.optimizers.values()))

    @property
    def lr(self) -> float:
        """The present learning rate of the first group of parameters; 0 without an optimizer."""
        return float(self.optimizer.param_groups[0]["lr"]) if self.optimizers else 0.0

    # -- for `step`, `update` and callbacks

    def backward(self, loss: Tensor) -> None:
        """Inside `update`: add the gradients of a loss.

        Raises:
            NonFiniteLoss: it is NaN or infinite; no gradient was added.
        """
        value = float(loss.detach())
        if not torch.isfinite(torch.tensor(value)):
            raise NonFiniteLoss(self.progress.step, value)
        self.precision.backward(loss)

    def step_optimizer(self, name: str | None = None) -> None:
        """Inside `update`: one step of an optimizer (the first by default), and its gradients are zero again."""
        optimizer = self.optimizer if name is None else self.optimizers[name]
        parameters = [item for group in optimizer.param_groups for item in group["params"]]
        self.ranks.average(parameters)
        self.precision.step(optimizer, None)
        optimizer.zero_grad()

    def stop(self, why: str) -> None:
        """End the training after the present epoch."""
        if not self.stopping:
            self.say(f"{why}: stopped early")
        self.stopping = True

    def say(self, text: str) -> None:
        """Print a line, once for all processes, unless `quiet`."""
        if self.ranks.first and not self.quiet:
            print(text, flush=True)

    def monitored(self, monitor: str | None, mode: str | None, logs: Mapping[str, float]) -> tuple[str, str]:
        """What is watched, and whether less or more of it is better.

        Raises:
            ValueError: there is no such column, with the list of those that there are.
        """
        return fitting.monitored(self, monitor or self.monitor, mode, logs)

    # -- for the loop

    def outputs(self, batch: Any) -> dict[str, Any]:
        """The loss of a batch, with what the metrics need."""
        if self.step is None:
            return self._supervised(batch)
        found = self.step(self, batch)
        if isinstance(found, Tensor):
            return {"loss": found}
        if not isinstance(found, Mapping) or "loss" not in found:
            raise TypeError("step must return the loss (a 0-dim tensor), or a dict that has it as 'loss'")
        return dict(found)

    def _supervised(self, batch: Any) -> dict[str, Any]:
        args, named, labels = supervised(batch, labelled=self.loss_fn is not None)
        preds = self.model(*args, **named)
        if self.loss_fn is None:
            return fitting.own_loss(preds)
        try:
            loss = self.loss_fn(preds, labels)
        except (RuntimeError, ValueError, IndexError) as error:
            error.add_note(
                f"raised by the loss for outputs {fitting.shown(preds)} and labels {fitting.shown(labels)}"
            )
            raise
        return {"loss": loss, "preds": preds, "labels": labels}

    def example_inputs(self) -> Any:
        """One sample of the training data as the network takes it, for drawing its graph; None where that is not known."""
        batch = self.loop.example
        if batch is None or self.step is not None or self.update is not None:
            return None
        args, named, _ = supervised(to_device(batch, self.device), labelled=self.loss_fn is not None)
        if named or not all(isinstance(item, Tensor) for item in args):
            return None
        return tuple(item[:1] for item in args)

    def schedule(self, when: str, logs: Mapping[str, float] | None = None) -> None:
        """Step the learning rate's scheduler where its time has come."""
        if self.lr_scheduler is None:
            return
        if self._per in _PER:
            if when == self._per:
                self.lr_scheduler.step()
        elif logs is not None:
            name, _ = self.monitored(self._per, None, logs)
            if name in logs:
                self.lr_scheduler.step(logs[name])

    def drop_gradients(self) -> None:
        """Forget the gradients of a step that is not taken."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()

    def unsynced(self, last: bool) -> contextlib.AbstractContextManager[Any]:
        """Around a backward pass: gradients are averaged over the processes in the last one of a step only."""
        if last or self.model is self.net:
            return contextlib.nullcontext()
        context: contextlib.AbstractContextManager[Any] = self.model.no_sync()  # type: ignore[operator]
        return context

    def asked_to_stop(self) -> bool:
        """Whether somebody outside wants the training to end: save, and return."""
        return self.asked()

    def report(self, batches: int | None) -> None:
        """Tell the run how far it is."""
        if self.run is None or not self.ranks.first:
            return
        progress = self.progress
        steps = None if batches is None else -(-batches // fitting.accumulation(self))
        total = None if steps is None else steps * self.goal
        self.run.progress(progress.step, total, progress.epoch, self.goal)

    def tell(self, hook: str, *args: Any) -> None:
        """Call a hook of the callbacks."""
        self.callbacks.tell(hook, self, *args)

    @contextlib.contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Say what the run is busy with inside the block."""
        run = self.run if self.ranks.first else None
        if run is not None:
            run.phase(name)
        yield
        if run is not None:
            run.phase("training")

    def state_dict(self) -> dict[str, Any]:
        """Everything that a training goes on from. Every process must call it."""
        loop = self.loop
        return {
            "format": 1,
            "goal": self.goal,
            "net": self.net.state_dict(),
            "optimizers": {name: item.state_dict() for name, item in self.optimizers.items()},
            "scheduler": self.lr_scheduler.state_dict() if self.lr_scheduler is not None else None,
            "scaler": self.precision.scaler.state_dict() if self.precision.scaler is not None else None,
            "progress": self.progress.numbers(),
            "history": copy.deepcopy(self.progress.history),
            "callbacks": self.callbacks.state_dict(),
            "meters": self.ranks.gather(loop.meter.state_dict() if self.progress.batch else None),
            "rng": self.ranks.gather(loop.generators()),
        }

    def take_weights(self, state: Mapping[str, Any], where: str) -> None:
        """Load the network's weights out of a checkpoint's state, or a plain state dict."""
        fitting.load_weights(self.net, state.get("net", state), where)

    @contextlib.contextmanager
    def _resting_mode(self) -> Iterator[None]:
        """Every module is afterwards in the mode that it was in."""
        modes = [(module, module.training) for module in self.net.modules()]
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training


def _optimizers(net: nn.Module, given: Optimizers | None) -> dict[str, torch.optim.Optimizer]:
    if isinstance(given, torch.optim.Optimizer):
        return {"optimizer": given}
    if isinstance(given, dict) and all(isinstance(item, torch.optim.Optimizer) for item in given.values()):
        return given
    if given is not None:
        raise TypeError(
            f"optimizer must be one of torch.optim, or a dict of these, not {type(given).__name__}"
        )
    parameters = [item for item in net.parameters() if item.requires_grad]
    return {"optimizer": torch.optim.Adam(parameters, lr=3e-4)} if parameters else {}


def _cadence(scheduler: Any, per: str | None) -> str | None:
    if isinstance(scheduler, ReduceLROnPlateau):
        if per in _PER:
            raise ValueError(
                "lr_scheduler_per: ReduceLROnPlateau watches a column of the history, such as 'val_loss'"
            )
        return per
    if per is not None and per not in _PER:
        raise ValueError(
            f"lr_scheduler_per must be 'epoch' or 'step', not {per!r} (a column is for ReduceLROnPlateau)"
        )
    return per or "epoch"


class KerasModel(Trainer):
    """The Trainer with the names and the defaults that torchkeras' KerasModel has."""

    def __init__(
        self,
        net: nn.Module,
        loss_fn: Callable[..., Tensor] | None = None,
        metrics_dict: Mapping[str, Any] | None = None,
        optimizer: Optimizers | None = None,
        lr_scheduler: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(net, loss_fn, metrics_dict, optimizer, lr_scheduler, **options)

    def fit(self, train_data: Any, val_data: Any = None, epochs: int = 10, **options: Any) -> Any:
        """As `Trainer.fit`, with patience=5 and plot=True unless told otherwise."""
        return super().fit(train_data, val_data, epochs, **{"patience": 5, "plot": True, **options})

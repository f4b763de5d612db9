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

from danlu import checkpoint, fitting
from danlu.batches import supervised, to_device
from danlu.callbacks.base import Callbacks
from danlu.data import batches_of
from danlu.evaluation import evaluate, predict, untouched_modes
from danlu.given import PER, Optimizers, cadence, check, optimizers_of
from danlu.loop import Progress
from danlu.metrics import Metric, as_metric
from danlu.options import options_of
from danlu.precision import Precision
from danlu.ranks import Ranks
from danlu.recipe import CheckpointUnreadable, NonFiniteLoss, RunContext
from danlu.resuming import load_weights
from danlu.running import current_run
from danlu.wholefiles import beside


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
            `trainer.step_optimizer(name)`: several optimizers, as adversarial networks need. All gradients are zero when it is
            called. Returns values as `step` does.
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
        check(net, loss_fn, metrics, lr_scheduler, step, update, run)
        self.net, self.loss_fn, self.step, self.update = net, loss_fn, step, update
        self.metrics: dict[str, Metric] = {
            name: as_metric(name, item) for name, item in (metrics or {}).items()
        }
        self.val_metrics = copy.deepcopy(self.metrics)
        self.optimizers = optimizers_of(net, optimizer, by_hand=update is not None)
        self.lr_scheduler = lr_scheduler
        self.per = cadence(lr_scheduler, lr_scheduler_per)
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
        self.called = False
        self.stale = False
        self.searched: Path | None = None
        """Whether the folder holds checkpoints of another training, which the first of this one replaces."""
        self.resting: tuple[checkpoint.Entry, list[int]] | None = None

    # -- for whoever trains

    def fit(self, train_data: Any, val_data: Any = None, epochs: int = 10, **options: Any) -> Any:
        """Train; see :class:`danlu.options.Options` for every option and its default.

        Returns:
            the history: a pandas DataFrame where pandas is installed, else a list of dicts, an epoch each.
        """
        return fitting.fit(self, train_data, val_data, options_of(epochs=epochs, **options))

    def evaluate(self, data: Any, *, batch_size: int = 32, num_workers: int = 0) -> dict[str, float]:
        """The losses and metrics on some data, as `val_…`; the network in evaluation mode, without gradients."""
        batches = batches_of(
            data, name="data", batch_size=batch_size, num_workers=num_workers, device=self.device
        )
        with untouched_modes(self.net), self.alone():
            found = evaluate(self, batches, self.precision, bool, name="data")
        return {f"val_{name}": value for name, value in (found or {}).items()}

    def predict(self, data: Any, *, batch_size: int = 32, num_workers: int = 0) -> Any:
        """The network's outputs for some data, on the CPU: (N, …), or a list of these where it has several outputs.

        Labels in the data are left out.
        """
        batches = batches_of(
            data, name="data", batch_size=batch_size, num_workers=num_workers, device=self.device
        )
        return predict(self, batches)

    def save_checkpoint(self, path: Path | str = "checkpoint.pt") -> Path:
        """Write the network's weights to a file that `load_checkpoint` and `torch.load` read."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside(path) as file:
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
        self.called = True
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
        self.precision.update()
        self.precision.clear(optimizer)

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

    def example_inputs(self) -> Any:
        """One sample of the training data as the network takes it, for drawing its graph; None where that is not known."""
        batch = self.loop.example if self.loop is not None else None
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
        if self.per in PER:
            if when == self.per:
                self.lr_scheduler.step()
        elif logs is not None:
            name, _ = self.monitored(self.per, None, logs)
            if name in logs:
                self.lr_scheduler.step(logs[name])

    def drop_gradients(self) -> None:
        """Forget all gradients: a step begins, or is not taken."""
        for optimizer in self.optimizers.values():
            self.precision.clear(optimizer)

    def asked_to_stop(self) -> bool:
        """Whether somebody outside wants the training to end: save, and return."""
        return self.asked()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Inside, this process asks no other one."""
        ranks, model = self.ranks, self.model
        self.ranks, self.model = Ranks(), self.net
        try:
            yield
        finally:
            self.ranks, self.model = ranks, model

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

    def take_weights(self, state: Mapping[str, Any], where: str) -> None:
        """Load the network's weights out of a checkpoint's state, or a plain state dict."""
        load_weights(self.net, state.get("net", state), where)

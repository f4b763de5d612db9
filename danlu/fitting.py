"""What `Trainer.fit` does around the loop: devices, data, callbacks, going on from a checkpoint, ending well."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from danlu import ranks, resuming
from danlu.callbacks.base import Callbacks
from danlu.callbacks.saving import ModelCheckpoint
from danlu.callbacks.stopping import EarlyStopping
from danlu.data import batches_of
from danlu.loop import Loop, Plan
from danlu.options import DEFAULT_FOLDER, Options
from danlu.precision import Precision

if TYPE_CHECKING:
    from danlu.trainer import Trainer


def fit(trainer: "Trainer", train_data: Any, val_data: Any, options: Options) -> Any:
    """Train as the options say; the body of `Trainer.fit`."""
    trainer.quiet = options.quiet
    _refuse(trainer, options, validated=val_data is not None)
    trainer.folder = _folder(trainer, options)
    resume = options.resume if options.resume is not None else trainer.run is not None
    if options.devices > 1 and "WORLD_SIZE" not in os.environ:
        _launch(trainer, train_data, val_data, replace(options, resume=resume))
        trainer.calls += 1
        resuming.adopt(trainer)
        return history(trainer)
    trainer.ranks = ranks.join()
    _settle(trainer, options)
    resuming.unrest(trainer)
    shard, device = trainer.ranks.shard, trainer.device
    common: dict[str, Any] = {
        "batch_size": options.batch_size,
        "num_workers": options.num_workers,
        "device": device,
        "shard": shard,
    }
    train = batches_of(train_data, name="train_data", shuffle=options.shuffle, **common)
    val = None if val_data is None else batches_of(val_data, name="val_data", **common)
    trainer.monitor, trainer.mode = _monitor(trainer, options, validated=val is not None), options.mode
    log_every = 25 if options.log_every is None else options.log_every
    plan = Plan(
        options.val_every,
        log_every,
        options.gradient_accumulation_steps,
        options.grad_clip_norm,
        options.nonfinite,
    )
    trainer.loop = Loop(trainer, plan, trainer.precision, train, val)
    trainer.callbacks = Callbacks(_callbacks(trainer, options), first=trainer.ranks.first)
    try:
        with _stoppable(trainer):
            trainer.calls += 1
            if resuming.begin(trainer, options.epochs, resume=resume):
                _train(trainer)
    finally:
        trainer.loop = None  # it holds the data, copies of it on the device among them
    return history(trainer)


def _launch(trainer: "Trainer", train_data: Any, val_data: Any, options: Options) -> None:
    """Train in processes of their own. What can be refused is refused here, before there are any."""
    for name, data in (("train_data", train_data), ("val_data", val_data)):
        if name == "train_data" or data is not None:
            batches_of(data, name=name, batch_size=options.batch_size)
    if any(isinstance(item, ModelCheckpoint) and not item.keep_last for item in options.callbacks or ()):
        raise ValueError(
            "devices: what several processes train comes back as a file: ModelCheckpoint needs last=True"
        )
    monitor = _monitor(trainer, options, validated=val_data is not None)
    alone = replace(options, devices=1, monitor=monitor)

    def work() -> None:
        fit(trainer, train_data, val_data, alone)

    # One thread each: a fork of a process whose OpenMP has run hangs in its first parallel region.
    ranks.launch(options.devices, work, threads=1)


def _train(trainer: "Trainer") -> None:
    """Run the loop, and end well whatever it ends by."""
    saver = next((item for item in trainer.callbacks.all if isinstance(item, ModelCheckpoint)), None)
    if trainer.update is None:
        trainer.model = trainer.ranks.wrap(trainer.net)
    else:
        trainer.model = trainer.net
        trainer.ranks.share(trainer.net)
    failed: BaseException | None = None
    trainer.progress.done = False
    try:
        if trainer.run is not None and trainer.ranks.first:
            trainer.run.phase("training")
        trainer.tell("on_fit_start")
        alone = trainer.optimizers.values() if trainer.ranks.world == 1 else ()
        with trainer.precision.stepping(alone):
            trainer.progress.done = trainer.loop.run(trainer.goal)
        if saver is not None:
            saver.save(trainer)
        if not trainer.progress.done:
            trainer.say(
                f"asked to stop: saved in epoch {trainer.progress.epoch + 1} at step {trainer.progress.step}"
            )
    except BaseException as error:
        failed = error
        trainer.progress.opened = 0
        for other in trainer.callbacks.tell_all("on_exception", trainer, error):
            error.add_note(f"and a callback raised {other!r}")
        raise
    finally:
        trainer.model = trainer.net
        trouble = trainer.callbacks.tell_all("on_fit_end", trainer)
        resuming.rest(trainer, saver)
        if saver is not None and saver.best is not None:
            best = saver.best
            trainer.say(f"best {best['monitor']} {best['value']:.6g} in epoch {best['epoch']}")
        if failed is not None:
            for other in trouble:
                failed.add_note(f"and a callback raised {other!r} at the end")
    if trouble:
        raise trouble[0]


# -- preparations


def _folder(trainer: "Trainer", options: Options) -> Path:
    if trainer.run is not None and str(options.ckpt_path) == DEFAULT_FOLDER:
        return trainer.run.checkpoints
    return Path(options.ckpt_path)


def _refuse(trainer: "Trainer", options: Options, *, validated: bool) -> None:
    """Options that would do nothing are an error, not a surprise.

    Raises:
        ValueError: there is one; the message names it.
    """
    if trainer.update is not None:
        unused = {
            "grad_clip_norm": options.grad_clip_norm is not None,
            "gradient_accumulation_steps": options.gradient_accumulation_steps > 1,
            "mixed_precision": options.mixed_precision != "no",
            "nonfinite": options.nonfinite != "stop",
        }
        for name in (name for name, given in unused.items() if given):
            raise ValueError(f"{name} does nothing together with update, which does the whole step by itself")
    if trainer.per is not None and trainer.per.startswith("val_") and not validated:
        raise ValueError(f"lr_scheduler_per: there is no val_data, so {trainer.per} will not exist")


def _settle(trainer: "Trainer", options: Options) -> None:
    """Choose the device, move everything there, open the board."""
    device = _device(trainer, options)
    trainer.device = device
    trainer.net.to(device)
    if isinstance(trainer.loss_fn, nn.Module):
        trainer.loss_fn.to(device)
    for optimizer in trainer.optimizers.values():
        for state in optimizer.state.values():
            for name, value in state.items():
                if isinstance(value, Tensor) and name != "step":
                    state[name] = value.to(device)
    if trainer.precision.mode != options.mixed_precision or trainer.precision.scaler is None:
        trainer.precision = Precision(options.mixed_precision, device)
    if trainer.run is not None and trainer.ranks.first:
        trainer.board = trainer.run.board
    if trainer.ranks.rank > 0 and trainer.progress.fit == 0:
        torch.manual_seed(torch.initial_seed() + trainer.ranks.rank)  # or all would drop the same outputs


def _device(trainer: "Trainer", options: Options) -> torch.device:
    wanted = "cpu" if options.cpu else options.device
    if wanted is None and trainer.run is not None:
        wanted = trainer.run.device
    if wanted is None:
        found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        wanted = found.type if found is not None and found.type in {"cuda", "mps"} else "cpu"
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ValueError(f"device {wanted!r} is none: use cpu, cuda, cuda:N or mps") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device {wanted!r} is not there: torch {torch.__version__} finds no CUDA GPU")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device 'mps' is not there: torch finds no Apple GPU")
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    return device


def _callbacks(trainer: "Trainer", options: Options) -> list[Any]:
    """The given ones and the usual ones, so ordered that a checkpoint holds the states of all others."""
    from danlu.callbacks.progress import ProgressBar
    from danlu.callbacks.tensorboard import TensorBoardCallback
    from danlu.callbacks.vis import VisMetric

    given = list(options.callbacks or ())
    kinds = {type(item) for item in given}
    chosen = [item for item in given if not isinstance(item, ModelCheckpoint)]
    if trainer.board is not None and not any(isinstance(item, TensorBoardCallback) for item in given):
        chosen.append(TensorBoardCallback(graph=trainer.step is None and trainer.update is None))
    if options.plot and VisMetric not in kinds:
        chosen.append(VisMetric())
    if not options.quiet and ProgressBar not in kinds:
        chosen.append(ProgressBar())
    if options.patience is not None:
        chosen.append(EarlyStopping(patience=options.patience))
    chosen.sort(key=lambda item: not isinstance(item, TensorBoardCallback))  # the others find its board open
    savers = [item for item in given if isinstance(item, ModelCheckpoint)] or [ModelCheckpoint()]
    return chosen + savers


def _monitor(trainer: "Trainer", options: Options, *, validated: bool) -> str:
    monitor = options.monitor or ("val_loss" if validated else "train_loss")
    if not validated and monitor.startswith("val_"):
        instead = "train_" + monitor.removeprefix("val_")
        trainer.say(f"there is no val_data: monitoring {instead} instead of {monitor}")
        monitor = instead
    if trainer.step is None and trainer.update is None:
        names = ["train_loss", "lr", *(f"train_{name}" for name in trainer.metrics)]
        if validated:
            names += ["val_loss", *(f"val_{name}" for name in trainer.metrics)]
        if monitor not in names:
            raise ValueError(f"monitor {monitor!r} does not exist; there are {', '.join(names)}")
    return monitor


def monitored(
    trainer: "Trainer", monitor: str | None, mode: str | None, logs: Mapping[str, float]
) -> tuple[str, str]:
    """See `Trainer.monitored`."""
    name = monitor or "val_loss"
    validated = any(key.startswith("val_") for key in logs)
    if name not in logs and (validated or not name.startswith("val_")):
        if trainer.update is not None and monitor == trainer.monitor:
            return name, "min"  # whatever it returns, it need not be a loss
        raise ValueError(f"monitor {name!r} does not exist; there are {', '.join(logs)}")
    if mode is None and name == trainer.monitor:
        mode = trainer.mode
    if mode is None:
        metric = trainer.metrics.get(name.partition("_")[2])
        higher = metric.higher_is_better if metric is not None else None
        mode = "max" if higher else "min"
    return name, mode


@contextlib.contextmanager
def _stoppable(trainer: "Trainer") -> Iterator[None]:
    """Inside, SIGTERM makes the training save and end; outside of a run the process then ends as SIGTERM does."""
    if trainer.run is not None:
        trainer.asked = trainer.run.should_stop
        yield
        return
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        trainer.asked = bool
        yield
        return
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: asked.set())
    trainer.asked = asked.is_set
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        trainer.asked = bool
    if asked.is_set():
        sys.exit(128 + signal.SIGTERM)


# -- small things


def history(trainer: "Trainer") -> Any:
    """The history as a pandas DataFrame where pandas is installed, else as it is."""
    try:
        import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return trainer.history
    return pd.DataFrame(trainer.history)

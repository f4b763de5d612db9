"""A plain epoch loop for classifiers whose data fits in memory: early stopping, checkpoints, exact resuming.

A run that goes on from its checkpoint, also from the middle of an epoch, ends on the CPU with the very same
weights and curves as one that was never interrupted.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from danlu.recipe import CheckpointUnreadable, NonFiniteLoss, RunContext
from worker.recipes import _checkpoint

LOG_EVERY = 25
"""Steps between two values of ``loss/step``."""
_EVAL_BATCH = 1024


@dataclass
class Task:
    """What is trained, on what. The tensors are on the run's device already."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    loss: Callable[[Tensor, Tensor], Tensor]
    """The mean loss of (outputs, labels)."""
    correct: Callable[[Tensor, Tensor], Tensor]
    """How many of (outputs, labels) are right."""
    train: tuple[Tensor, Tensor]
    val: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Plan:
    """How long to train."""

    epochs: int
    batch_size: int
    patience: int
    """Epochs without a better acc/val after which to stop; 0: never."""
    warmup: int = 0
    """Epochs before patience begins to count."""


@dataclass
class Progress:
    """Where a run stands; this and the model's, optimizer's and generators' states are a checkpoint."""

    epoch: int = 0
    """Epochs done."""
    batch: int = 0
    """Batches done of the present epoch."""
    loss_sum: float = 0.0
    correct: int = 0
    window_sum: float = 0.0
    window: int = 0
    best: float = -1.0
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


def fit(task: Task, plan: Plan, run: RunContext, after_epoch: Callable[[int], None]) -> Progress | None:
    """Train until the epochs are done or ``acc/val`` no longer gets better, going on from ``checkpoints/last.pt``.

    Args:
        after_epoch: called with the number of epochs done, before that epoch's checkpoint is saved.

    Returns:
        how it ended; None when the run was asked to stop (the checkpoint is saved).

    Raises:
        NonFiniteLoss: before the optimizer step that it would have spoilt.
        CheckpointUnreadable: there is a checkpoint, but it is broken or of another model.
    """
    progress = _resume(task, run)
    run.phase("training")
    while not _finished(progress, plan):
        started = time.monotonic()
        if not _train_epoch(task, plan, run, progress):
            run.phase("saving")
            _save(task, run, progress)
            print(f"asked to stop: saved at epoch {progress.epoch + 1}, batch {progress.batch}", flush=True)
            return None
        _end_epoch(task, plan, run, progress, time.monotonic() - started)
        after_epoch(progress.epoch)
        _save(task, run, progress)
    if progress.epoch < plan.epochs:
        print(f"acc/val did not get better in {plan.patience} epochs: stopped early", flush=True)
    print(f"best acc/val {progress.best:.4f} in epoch {progress.best_epoch}", flush=True)
    return progress


def _finished(progress: Progress, plan: Plan) -> bool:
    waited = progress.epoch - max(progress.best_epoch, plan.warmup)
    return progress.epoch >= plan.epochs or (plan.patience > 0 and waited >= plan.patience)


def _train_epoch(task: Task, plan: Plan, run: RunContext, progress: Progress) -> bool:
    """Train the rest of the present epoch; False when the run was asked to stop in it."""
    inputs, labels = task.train
    # The order belongs to the seed and the epoch alone, so that it is the same again after a resume.
    generator = torch.Generator().manual_seed((run.seed << 20) + progress.epoch)
    order = torch.randperm(len(inputs), generator=generator).to(inputs.device)
    batches = math.ceil(len(inputs) / plan.batch_size)
    task.model.train()
    for batch in range(progress.batch, batches):
        if run.should_stop():
            return False
        chosen = order[batch * plan.batch_size : (batch + 1) * plan.batch_size]
        step = progress.epoch * batches + batch
        loss, correct = _train_step(task, inputs[chosen], labels[chosen], step)
        progress.batch = batch + 1
        progress.loss_sum += loss * len(chosen)
        progress.correct += correct
        progress.window_sum += loss
        progress.window += 1
        if progress.window == LOG_EVERY:
            run.board.scalar("loss/step", progress.window_sum / LOG_EVERY, step)
            progress.window_sum, progress.window = 0.0, 0
        if progress.window == 0 or step == 0:  # the very first step is news: the training has begun
            run.progress(step + 1, plan.epochs * batches, progress.epoch, plan.epochs)
    return True


def _train_step(task: Task, inputs: Tensor, labels: Tensor, step: int) -> tuple[float, int]:
    """One optimizer step; returns the loss and how many outputs were right."""
    task.optimizer.zero_grad()
    outputs = task.model(inputs)
    loss = task.loss(outputs, labels)
    value = loss.item()
    if not math.isfinite(value):
        raise NonFiniteLoss(step, value)
    loss.backward()  # type: ignore[no-untyped-call]
    task.optimizer.step()
    return value, int(task.correct(outputs, labels))


def _end_epoch(task: Task, plan: Plan, run: RunContext, progress: Progress, seconds: float) -> None:
    """Validate, log the epoch's scalars, keep the best weights and make ready for the next epoch."""
    count = len(task.train[0])
    batches, progress.epoch = progress.batch, progress.epoch + 1
    val_loss, val_acc = evaluate(task)
    values = {
        "loss/train": progress.loss_sum / count,
        "loss/val": val_loss,
        "acc/train": progress.correct / count,
        "acc/val": val_acc,
        "lr": float(task.optimizer.param_groups[0]["lr"]),
    }
    run.board.scalars(values, progress.epoch)
    progress.history.append({"epoch": progress.epoch, **values})
    progress.batch, progress.loss_sum, progress.correct = 0, 0.0, 0
    mark = ""
    if val_acc > progress.best:
        progress.best, progress.best_epoch, mark = val_acc, progress.epoch, " *"
        _checkpoint.save(
            run.checkpoints / "best.pt",
            {"model": task.model.state_dict(), "epoch": progress.epoch, "acc/val": val_acc},
        )
    run.progress(progress.epoch * batches, plan.epochs * batches, progress.epoch, plan.epochs)
    print(
        f"epoch {progress.epoch:3d}/{plan.epochs}  loss {values['loss/train']:.4f}  acc {values['acc/train']:.4f}  "
        f"val loss {val_loss:.4f}  val acc {val_acc:.4f}{mark}  {seconds:.1f} s",
        flush=True,
    )


@torch.no_grad()
def predict(model: nn.Module, inputs: Tensor) -> Tensor:
    """The model's outputs in evaluation mode."""
    model.eval()
    return torch.cat([model(part) for part in torch.split(inputs, _EVAL_BATCH)])


def evaluate(task: Task) -> tuple[float, float]:
    """The mean loss and the accuracy on the validation data."""
    inputs, labels = task.val
    outputs = predict(task.model, inputs)
    return task.loss(outputs, labels).item(), int(task.correct(outputs, labels)) / len(inputs)


def _save(task: Task, run: RunContext, progress: Progress) -> None:
    # What was logged up to here is not logged again after a resume, so it must be in the file first.
    run.board.flush()
    state: dict[str, Any] = {
        "model": task.model.state_dict(),
        "optimizer": task.optimizer.state_dict(),
        "progress": asdict(progress),
        "rng": torch.get_rng_state(),
    }
    if run.device == "cuda":
        state["rng_cuda"] = torch.cuda.get_rng_state()
    _checkpoint.save(run.checkpoints / "last.pt", state)


def _resume(task: Task, run: RunContext) -> Progress:
    path = run.checkpoints / "last.pt"
    state = _checkpoint.load(path, run.device)
    if state is None:
        return Progress()
    try:
        task.model.load_state_dict(state["model"])
        task.optimizer.load_state_dict(state["optimizer"])
        progress = Progress(**state["progress"])
        torch.set_rng_state(state["rng"].cpu())
        if run.device == "cuda" and "rng_cuda" in state:
            torch.cuda.set_rng_state(state["rng_cuda"].cpu())
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointUnreadable(f"{path} does not fit this run: {error}") from error
    print(f"going on from {path.name}: epoch {progress.epoch + 1}, batch {progress.batch}", flush=True)
    return progress

"""Where a `fit` begins: anew, on top of the one before, or in the middle, from a checkpoint; and where it rests."""

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from danlu import checkpoint
from danlu.loop import Progress
from danlu.recipe import CheckpointUnreadable

if TYPE_CHECKING:
    from danlu.callbacks.saving import ModelCheckpoint
    from danlu.trainer import Trainer


def begin(trainer: "Trainer", epochs: int, *, resume: bool) -> bool:
    """Make ready for `epochs` more epochs, or for the rest of them; whether there is anything left to train.

    Calls of `fit` are numbered, so that a script that is started again passes by those that had ended already.

    Raises:
        CheckpointUnreadable: there are checkpoints, but none is whole, or they are another training's.
    """
    progress = trainer.progress
    trainer.stopping = False
    searched, trainer.searched = trainer.searched, trainer.folder
    if trainer.loaded is None and searched != trainer.folder:
        if resume:
            found = checkpoint.newest(trainer.folder, "last")
            if found is not None and (progress.fit == 0 or found[1]["progress"]["fit"] >= trainer.calls):
                trainer.loaded = found[1]
                _restore(trainer, found[1], str(found[0].path))
                at = trainer.progress
                trainer.say(f"going on from epoch {at.epoch + 1}, batch {at.batch} (step {at.step})")
        else:
            trainer.stale = True  # kept until there is a better one: this training may fail in its first step
    progress = trainer.progress
    state = trainer.loaded
    if progress.fit > trainer.calls:
        trainer.say(f"fit number {trainer.calls} had ended before: nothing to train")
        return False
    if progress.fit == trainer.calls and state is not None:
        trainer.goal = progress.began + epochs
        early = progress.done and progress.epoch < state["goal"]
        if early or (progress.done and progress.epoch >= trainer.goal):
            _middle(trainer, state)
            trainer.loop.rewind()  # a next `fit` draws what it would have drawn
            rest(trainer, _saver(trainer))
            trainer.loaded = None
            return False
        _middle(trainer, state)
        trainer.stopping = bool(state["stopping"]) and not progress.done
        trainer.loaded = None
        return True
    trainer.loaded = None
    if progress.fit and not progress.done and trainer.ranks.agree(trainer.asked_to_stop()):
        return False  # the one before was asked to stop, and must be what goes on
    _carry_best(trainer)
    progress.fit, progress.began, progress.batch, progress.done = trainer.calls, progress.epoch, 0, False
    trainer.goal = progress.epoch + epochs
    return True


def state_of(trainer: "Trainer") -> dict[str, Any]:
    """Everything that a training goes on from. Every process must call it."""
    loop = trainer.loop
    scheduler, scaler = trainer.lr_scheduler, trainer.precision.scaler
    return {
        "format": 1,
        "goal": trainer.goal,
        "stopping": trainer.stopping,
        "net": trainer.net.state_dict(),
        "optimizers": {name: item.state_dict() for name, item in trainer.optimizers.items()},
        "scheduler": scheduler.state_dict() if scheduler is not None else None,
        "scaler": scaler.state_dict() if scaler is not None else None,
        "progress": trainer.progress.numbers(),
        "history": copy.deepcopy(trainer.progress.history),
        "callbacks": trainer.callbacks.state_dict(),
        "meters": trainer.ranks.gather(loop.meter.state_dict() if trainer.progress.batch else None),
        "rng": trainer.ranks.gather(loop.generators()),
    }


def adopt(trainer: "Trainer") -> None:
    """Take over what other processes have trained: history and best weights."""
    found = checkpoint.newest(trainer.folder, "last")
    if found is None:
        raise CheckpointUnreadable(f"the processes left no checkpoint in {trainer.folder}")
    trainer.searched = trainer.folder
    trainer.net.cpu()
    _restore(trainer, found[1], str(found[0].path))
    best = checkpoint.newest(trainer.folder, "best")
    if best is not None:
        trainer.resting = (found[0], [])
        trainer.take_weights(best[1], str(best[0].path))
        trainer.resting = (found[0], _versions(trainer))


def rest(trainer: "Trainer", saver: "ModelCheckpoint | None") -> None:
    """Put the best weights back, and remember where the training itself stands, so that a next `fit` goes on there."""
    best = saver.best if saver is not None and saver.keep_best else None
    # After an error the network may be a step further than the progress says.
    there = best is not None and best["epoch"] == trainer.progress.epoch and trainer.progress.done
    if best is None or best["file"] is None or there:
        return
    last = checkpoint.entries(trainer.folder, "last")
    chosen = [item for item in checkpoint.entries(trainer.folder, "best") if item.path.name == best["file"]]
    if not chosen or not trainer.progress.done:
        if chosen and not trainer.asked_to_stop():
            trainer.take_weights(checkpoint.load(chosen[0]), str(chosen[0].path))
        return
    trainer.take_weights(checkpoint.load(chosen[0]), str(chosen[0].path))
    if last:
        trainer.resting = (last[0], _versions(trainer))


def unrest(trainer: "Trainer") -> None:
    """Back from the best weights to the last ones, unless somebody has changed the network meanwhile."""
    resting, trainer.resting = trainer.resting, None
    if resting is not None and resting[1] == _versions(trainer):
        trainer.take_weights(checkpoint.load(resting[0]), str(resting[0].path))


def _versions(trainer: "Trainer") -> list[int]:
    return [tensor._version for tensor in trainer.net.state_dict().values()]


def _saver(trainer: "Trainer") -> "ModelCheckpoint | None":
    from danlu.callbacks.saving import ModelCheckpoint

    return next((item for item in trainer.callbacks.all if isinstance(item, ModelCheckpoint)), None)


def _restore(trainer: "Trainer", state: Mapping[str, Any], where: str) -> None:
    """Network, optimizers, scheduler, scaler, progress and history."""
    trainer.take_weights(state, where)
    try:
        for name, optimizer in trainer.optimizers.items():
            _check_kind(optimizer, state["optimizers"][name])
            optimizer.load_state_dict(state["optimizers"][name])
        if trainer.lr_scheduler is not None and state["scheduler"] is not None:
            trainer.lr_scheduler.load_state_dict(state["scheduler"])
        if trainer.precision.scaler is not None and state["scaler"] is not None:
            trainer.precision.scaler.load_state_dict(state["scaler"])
        trainer.progress = Progress(**state["progress"], history=list(state["history"]))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointUnreadable(f"{where} does not fit this training: {error!r}") from error


def _check_kind(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Torch would load the state of another kind of optimizer, and train with neither's settings.

    Raises:
        ValueError: it is one's.
    """
    own, saved = (set(item["param_groups"][0]) for item in (optimizer.state_dict(), state))
    if own - saved and saved - own:  # a newer torch, or a scheduler, only adds settings
        raise ValueError(
            f"an optimizer with {', '.join(sorted(saved - own))} instead of {', '.join(sorted(own - saved))}"
        )


def _callbacks_state(trainer: "Trainer", state: Mapping[str, Any]) -> None:
    trainer.callbacks.load_state_dict(state["callbacks"])


def _middle(trainer: "Trainer", state: Mapping[str, Any]) -> None:
    """Averages, callbacks and random generators, to go on as if nothing had happened."""
    _callbacks_state(trainer, state)
    rank, world = trainer.ranks.rank, len(state["rng"])
    if world != trainer.ranks.world:
        trainer.say(
            f"the checkpoint is of {world} processes, these are {trainer.ranks.world}: not the same numbers"
        )
    meters = state["meters"]
    meter = meters[rank] if trainer.progress.batch and rank < world else None
    trainer.loop.resume(meter, state["rng"][min(rank, world - 1)])


def _carry_best(trainer: "Trainer") -> None:
    """A further `fit` must beat the best weights of the one before."""
    saver = _saver(trainer)
    if saver is None or trainer.progress.fit == 0 or trainer.stale:
        return
    found = checkpoint.entries(trainer.folder, "best")
    if found and found[0].meta.get("monitor") == trainer.monitor and saver.best is None:
        meta = found[0].meta
        saver.best = {name: meta[name] for name in ("value", "monitor", "epoch", "step")} | {
            "file": found[0].path.name
        }


def load_weights(net: nn.Module, weights: Any, where: str) -> None:
    """Load a state dict.

    Raises:
        CheckpointUnreadable: it is another network's; the message says what differs.
    """
    own = net.state_dict()
    if not isinstance(weights, Mapping):
        raise CheckpointUnreadable(f"{where} holds no weights")
    differing = [
        *(f"{name} is missing" for name in own if name not in weights),
        *(f"{name} is not in this network" for name in weights if name not in own),
        *(
            f"{name} is {tuple(weights[name].shape)} there and {tuple(own[name].shape)} here"
            for name in own
            if isinstance(own[name], Tensor) and name in weights and weights[name].shape != own[name].shape
        ),
    ]
    if differing:
        more = f", and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise CheckpointUnreadable(f"{where} is of another network: {'; '.join(differing[:3])}{more}")
    try:
        net.load_state_dict(weights)
    except (RuntimeError, TypeError, ValueError) as error:
        raise CheckpointUnreadable(f"{where} does not fit this network: {error}") from error

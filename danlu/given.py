"""The Trainer's arguments, checked."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from danlu.meters import check_names
from danlu.recipe import RunContext

Optimizers = torch.optim.Optimizer | dict[str, torch.optim.Optimizer]
PER = ("epoch", "step")


def check(net: Any, loss_fn: Any, metrics: Any, lr_scheduler: Any, step: Any, update: Any, run: Any) -> None:
    """Refuse arguments of the Trainer that are not what they should be; the optimizer is left to `optimizers_of`.

    Raises:
        TypeError, ValueError: the message names the argument.
    """
    if not isinstance(net, nn.Module):
        raise TypeError(f"net must be a torch.nn.Module, not {_called(net)}")
    for name, value in (("loss_fn", loss_fn), ("step", step), ("update", update)):
        if value is not None and (not callable(value) or isinstance(value, type)):
            raise TypeError(
                f"{name} must be a function or an object that can be called, not {_called(value)}"
            )
    if metrics is not None and not isinstance(metrics, Mapping):
        raise TypeError(f"metrics must be a dict of metrics by name, not {_called(metrics)}")
    check_names(list(metrics or {}))
    if lr_scheduler is not None and (isinstance(lr_scheduler, type) or not hasattr(lr_scheduler, "step")):
        raise TypeError(f"lr_scheduler must be one of torch.optim.lr_scheduler, not {_called(lr_scheduler)}")
    if step is not None and update is not None:
        raise ValueError("give step or update, not both: update does all that step's caller would do")
    if run is not None and not isinstance(run, RunContext):
        raise TypeError(f"run must be a danlu.RunContext, not {_called(run)}")


def _called(value: object) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def optimizers_of(
    net: nn.Module, given: Optimizers | None, *, by_hand: bool
) -> dict[str, torch.optim.Optimizer]:
    """The optimizers by name; Adam on all parameters that learn, where none is given.

    Raises:
        TypeError: it is none, or one whose step calls the network again, and nobody steps it `by_hand`.
    """
    if isinstance(given, torch.optim.LBFGS) and not by_hand:
        raise TypeError("optimizer: LBFGS calls the network in its step; give an update that steps it itself")
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


def cadence(scheduler: Any, per: str | None) -> str | None:
    """When the scheduler steps; see `Trainer`."""
    if isinstance(scheduler, ReduceLROnPlateau):
        if per in PER:
            raise ValueError(
                "lr_scheduler_per: ReduceLROnPlateau watches a column of the history, such as 'val_loss'"
            )
        return per
    if per is not None and per not in PER:
        raise ValueError(
            f"lr_scheduler_per must be 'epoch' or 'step', not {per!r} (a column is for ReduceLROnPlateau)"
        )
    return per or "epoch"

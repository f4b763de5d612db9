"""The Trainer's arguments, checked."""

from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

Optimizers = torch.optim.Optimizer | dict[str, torch.optim.Optimizer]
PER = ("epoch", "step")


def optimizers_of(net: nn.Module, given: Optimizers | None) -> dict[str, torch.optim.Optimizer]:
    """The optimizers by name; Adam on all parameters that learn, where none is given."""
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

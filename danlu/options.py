"""The options of a training."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from danlu.callbacks.base import check

DEFAULT_FOLDER = "checkpoint"

_INTEGERS = {
    "epochs": 1, "patience": 1, "gradient_accumulation_steps": 1, "val_every": 1, "log_every": 0, "batch_size": 1,
    "num_workers": 0, "devices": 1,
}  # fmt: skip
_CHOICES = {"mode": ("min", "max"), "nonfinite": ("stop", "skip"), "mixed_precision": ("no", "bf16", "fp16")}
_KINDS: dict[str, tuple[type, ...]] = {
    "ckpt_path": (str, Path), "monitor": (str,), "device": (str, torch.device),
    **dict.fromkeys(("plot", "cpu", "shuffle", "quiet", "resume"), (bool,)),
}  # fmt: skip
_OPTIONAL = {"patience", "log_every", "quiet", "resume", "mode", "monitor", "device"}


@dataclass(frozen=True)
class Options:
    """The options of `Trainer.fit`."""

    epochs: int = 10
    """Epochs to train, at least 1. A second `fit` trains so many more and goes on where the first one ended."""
    ckpt_path: str | Path = DEFAULT_FOLDER
    """Folder of the checkpoints. The default means the run's own folder inside a run of Danlu."""
    patience: int | None = None
    """Epochs without a better monitored value after which to stop; None: never."""
    monitor: str | None = None
    """Column of the history that is best; default: `val_loss`, or `train_loss` without val_data."""
    mode: str | None = None
    """`min` or `max`; default: by what is monitored."""
    callbacks: Sequence[Any] | None = None
    plot: bool = False
    """Draw the monitored value: live in a notebook, else as a figure on the board."""
    quiet: bool | None = None
    """True: print nothing."""
    cpu: bool = False
    """Train on the CPU, whatever there is."""
    mixed_precision: str = "no"
    """`no`, `bf16` or `fp16`."""
    gradient_accumulation_steps: int = 1
    """Batches whose mean gradient makes one optimizer step."""
    grad_clip_norm: float | None = None
    """Greatest norm of all gradients together; None: they are never clipped."""
    val_every: int = 1
    """Epochs from one validation to the next."""
    log_every: int | None = None
    """Optimizer steps from one value of `loss/step` to the next; default 25; 0: none."""
    batch_size: int = 32
    """For data that is no DataLoader yet."""
    shuffle: bool = True
    """The same, for train_data."""
    num_workers: int = 0
    """The same."""
    device: str | torch.device | None = None
    """`cpu`, `cuda`, `cuda:1`, `mps`; default: the run's, else the best that there is."""
    devices: int = 1
    """Processes that train together, each on a GPU of its own or on the CPU."""
    resume: bool | None = None
    """Go on from the newest checkpoint in ckpt_path; default: inside a run of Danlu. Else old checkpoints are removed."""
    nonfinite: str = "stop"
    """What a NaN or infinite loss does before its step is taken: `stop` the training, or `skip` the step."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name, least in _INTEGERS.items():
            value = self._given(name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
                raise ValueError(f"{name} must be an integer of at least {least}, not {value!r}")
        for name, allowed in _CHOICES.items():
            value = self._given(name)
            if value is not None and value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}")
        for name, kinds in _KINDS.items():
            value = self._given(name)
            if value is not None and not isinstance(value, kinds):
                known = " or ".join(kind.__name__ for kind in kinds)
                raise ValueError(f"{name} must be a {known}, not {value!r}")
        clip = self.grad_clip_norm
        if clip is not None and not (isinstance(clip, int | float) and clip > 0):
            raise ValueError(f"grad_clip_norm must be a number above 0, not {clip!r}")
        if self.callbacks is not None and not isinstance(self.callbacks, list | tuple):
            raise TypeError(f"callbacks must be a list of callbacks, not a {type(self.callbacks).__name__}")
        for callback in self.callbacks or ():
            check(callback)

    def _given(self, name: str) -> Any:
        value = getattr(self, name)
        if value is None and name not in _OPTIONAL:
            raise ValueError(f"{name} must not be None")
        return value


def options_of(**given: Any) -> Options:
    """The options by name.

    Raises:
        TypeError: there is no such option; the message names the one that was probably meant.
    """
    known = [field.name for field in fields(Options)]
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f": did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"
            raise TypeError(f"fit has no option {name!r}{meant}")
    return Options(**given)

"""The options of a training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

DEFAULT_FOLDER = "checkpoint"


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
        for name in ("epochs", "gradient_accumulation_steps", "val_every", "batch_size", "devices"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1, not {value!r}")
        for name, allowed in (("mode", (None, "min", "max")), ("nonfinite", ("stop", "skip"))):
            if getattr(self, name) not in allowed:
                known = ", ".join(repr(item) for item in allowed if item)
                raise ValueError(f"{name} must be one of {known}, not {getattr(self, name)!r}")
        if self.grad_clip_norm is not None and not self.grad_clip_norm > 0:
            raise ValueError(f"grad_clip_norm must be above 0, not {self.grad_clip_norm!r}")
        if self.log_every is not None and self.log_every < 0:
            raise ValueError(f"log_every must be at least 0, not {self.log_every!r}")

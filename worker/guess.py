"""How far a script is that says nothing of it: from the params that bound it, and the steps of its curves. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

STEP_PARAMS = (
    "max_steps", "total_steps", "num_steps", "n_steps", "steps", "train_steps", "num_train_steps",
    "max_train_steps", "num_training_steps", "iterations", "max_iterations", "num_iterations", "n_iterations",
    "total_iterations", "iters", "max_iters", "num_iters", "n_iters", "total_iters", "total_timesteps",
)  # fmt: skip
"""Names that say how many steps a script takes altogether, the surest first."""
EPOCH_PARAMS = (
    "epochs", "max_epochs", "num_epochs", "n_epochs", "num_train_epochs", "total_epochs", "train_epochs",
    "nb_epochs", "nepochs",
)  # fmt: skip
"""The same for epochs."""


class Curve(Protocol):
    """What is needed of a curve's summary."""

    @property
    def step(self) -> int:
        """The newest step."""

    @property
    def last(self) -> float:
        """Its value."""

    @property
    def count(self) -> int:
        """Points so far."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a script was told about its length; None: nothing."""

    steps: int | None = None
    epochs: int | None = None


def bounds(params: Mapping[str, Any]) -> Bounds:
    """Read the length from the params.

    A name counts without regard to case, to dashes and to what stands before its last dot; a value that is no positive
    number (such as the -1 that stands for "no limit") does not.

    >>> bounds({"trainer.max_epochs": 3, "lr": 0.1})
    Bounds(steps=None, epochs=3)
    """
    plain = {
        name.rpartition(".")[2].lower().replace("-", "_"): _positive(value) for name, value in params.items()
    }
    return Bounds(_first(plain, STEP_PARAMS), _first(plain, EPOCH_PARAMS))


def _positive(value: object) -> int | None:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or value <= 0
    ):
        return None
    return math.ceil(value)


def _first(values: Mapping[str, int | None], names: tuple[str, ...]) -> int | None:
    return next((found for name in names if (found := values.get(name)) is not None), None)


def guess(bound: Bounds, curves: Mapping[str, Curve], *, settled: bool) -> dict[str, int]:
    """Any of step, total, epoch and epochs, from the newest points of a run's curves.

    1. A curve called `epoch` (Lightning and Hugging Face write one) holds the epochs done.
    2. Where the number of steps is known, the newest step is how far it is.
    3. Where the number of epochs is known and no step is beyond it, steps may be epochs. A script that counts batches
       is no further for a moment after its start: that moment has to be over.

    Args:
        bound: what the params say.
        curves: by tag.
        settled: whether the first point is a few seconds old.
    """
    if not curves:
        return {}
    newest = max(curves.values(), key=lambda curve: curve.step)
    found = _from_epoch_curve(bound, curves)
    if bound.steps is not None and 0 <= newest.step <= bound.steps:
        found |= {"step": newest.step, "total": bound.steps}
    elif not found and bound.epochs is not None and settled:
        done = newest.step + (newest.count == newest.step + 1)  # as many points: it counts from 0
        if 0 <= done <= bound.epochs:
            found = {"epoch": done, "epochs": bound.epochs}
    return found


def _from_epoch_curve(bound: Bounds, curves: Mapping[str, Curve]) -> dict[str, int]:
    values = [curve.last for tag, curve in curves.items() if tag.rpartition("/")[2] == "epoch"]
    if not values or not math.isfinite(max(values)) or bound.epochs is None:
        return {}
    done = math.floor(max(values))
    return {"epoch": done, "epochs": bound.epochs} if 0 <= done <= bound.epochs else {}

"""From steps to epochs, by what a run has logged as its epoch."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from app.metrics.wire import Points

NAME = "epoch"


def epoch_tag(tags: Iterable[str]) -> str | None:
    """The tag under which a run counts its epochs: `epoch`, else the first one that ends in `/epoch`; None without."""
    found = sorted(tag for tag in tags if tag == NAME or tag.endswith(f"/{NAME}"))
    return NAME if NAME in found else next(iter(found), None)


def to_epochs(step: NDArray[np.int64], epoch: Points | None) -> NDArray[np.float64]:
    """The epoch of each step, to four decimals.

    What counts is where a new epoch first shows: frameworks log a whole number again and again, and a line between
    these places spreads an epoch's points over it. Before the first and after the last place the nearest epoch's pace
    goes on. Without a pace (no epoch, or one only) the steps themselves come back.

    Args:
        step: ascending.
        epoch: the run's series of epochs; what is not finite in it, or goes backwards, is left out.
    """
    if epoch is None:
        return step.astype(np.float64)
    finite = np.isfinite(epoch.value)
    at, number = epoch.step[finite].astype(np.float64), epoch.value[finite].astype(np.float64)
    if len(number) < 2:
        return step.astype(np.float64)
    highest = np.maximum.accumulate(number)
    new = np.concatenate([[True], highest[1:] > highest[:-1]])
    at, number = at[new], highest[new]
    if len(number) < 2:
        return step.astype(np.float64)
    found = np.interp(step, at, number)
    first = (number[1] - number[0]) / (at[1] - at[0])
    last = (number[-1] - number[-2]) / (at[-1] - at[-2])
    found = np.where(step < at[0], number[0] + (step - at[0]) * first, found)
    found = np.where(step > at[-1], number[-1] + (step - at[-1]) * last, found)
    rounded: NDArray[np.float64] = np.round(found, 4)
    return rounded

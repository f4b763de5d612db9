"""What a request for series may say. Apart from `series`, so that routes need no numpy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

XAxis = Literal["step", "relative", "wall", "epoch"]
MIN_POINTS = 4
"""Thinning keeps the first, the last, the least and the greatest point at least."""


@dataclass(frozen=True)
class Window:
    """Which points of a series are wanted.

    Attributes:
        low: least x by the axis, inclusive; None: from the first point.
        high: greatest x, inclusive; None: to the last.
        since: run id → only points after this step; runs that are not named: all.
        at_most: points per series after thinning; 0 for all.
    """

    low: float | None = None
    high: float | None = None
    since: Mapping[int, int] = field(default_factory=dict)
    at_most: int = 1000

"""What a request for series may say. Apart from `series`, so that routes need no numpy."""

from typing import Literal

XAxis = Literal["step", "relative", "wall"]
MIN_POINTS = 4
"""Thinning keeps the first, the last, the least and the greatest point at least."""

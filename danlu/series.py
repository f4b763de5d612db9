"""What is remembered of one curve while its event files are followed: enough for its summary, and for rewinds."""

import math
from array import array
from bisect import bisect_left
from dataclasses import dataclass, replace

MAX_POINTS = 50_000
"""Points kept of one curve; beyond, the older half is folded into its summary."""


@dataclass(frozen=True)
class Summary:
    """A curve's summary. ``min`` and ``max`` know finite values only and are None when there is none.

    ``last`` may be NaN or infinite; values are 32-bit floats as written.
    """

    step: int
    last: float
    min: float | None
    max: float | None
    min_step: int | None
    max_step: int | None
    count: int


class Series:
    """The points of one curve, in steps that only grow: a step that goes back drops what it overtakes.

    TensorBoard does the same: a run that goes on from its checkpoint rewrites the steps since then, and the later
    value wins. A rewind into what was folded away (see ``MAX_POINTS``) keeps the folded part's min, max and count;
    one back to the first step starts over.
    """

    __slots__ = ("_base", "_first", "_seen", "_steps", "_summary", "_values")

    def __init__(self) -> None:
        self._steps = array("q")
        self._values = array("f")
        self._first = 0
        self._base: Summary | None = None
        self._summary: Summary | None = None
        # How many of the points the summary covers already.
        self._seen = 0

    def add(self, step: int, value: float) -> None:
        """Take the next point in the order of the files."""
        steps = self._steps
        if steps and step <= steps[-1]:
            self._rewind(step)
        if not steps and self._base is None:
            self._first = step
        steps.append(step)
        self._values.append(value)

    def summary(self) -> Summary:
        """The summary of all points; at least one must have been added."""
        new = _summarize(self._summary, self._steps, self._values, self._seen)
        self._summary, self._seen = new, len(self._steps)
        if len(self._steps) > MAX_POINTS:
            half = MAX_POINTS // 2
            self._base = _summarize(self._base, self._steps[:half], self._values[:half], 0)
            del self._steps[:half], self._values[:half]
            self._seen -= half
        return new

    def _rewind(self, step: int) -> None:
        """Drop the points from ``step`` on; the summary is made again from what is left, at its next use."""
        keep = bisect_left(self._steps, step)
        del self._steps[keep:], self._values[keep:]
        if step <= self._first:
            self._base = None
        if keep < self._seen:
            self._summary, self._seen = self._base, 0


def _summarize(old: Summary | None, steps: "array[int]", values: "array[float]", start: int) -> Summary:
    """``old`` and the points from ``start`` on, in one."""
    if start >= len(steps):
        if old is None:
            raise ValueError("a curve without points has no summary")
        return old
    finite = [index for index in range(start, len(values)) if math.isfinite(values[index])]
    new = Summary(steps[-1], values[-1], None, None, None, None, len(steps) - start)
    if finite:
        low, high = min(finite, key=values.__getitem__), max(finite, key=values.__getitem__)
        new = replace(new, min=values[low], min_step=steps[low], max=values[high], max_step=steps[high])
    return new if old is None else _merged(old, new)


def _merged(old: Summary, new: Summary) -> Summary:
    """Two summaries of one curve, the older part first: of equal extremes the first one stays."""
    if old.min is not None and (new.min is None or old.min <= new.min):
        new = replace(new, min=old.min, min_step=old.min_step)
    if old.max is not None and (new.max is None or old.max >= new.max):
        new = replace(new, max=old.max, max_step=old.max_step)
    return replace(new, count=old.count + new.count)

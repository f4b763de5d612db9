"""Ranks between ranks: where a moved run is put, and what is done when no number is left there. Pure functions."""

from itertools import pairwise


def between(lower: float | None, upper: float | None, end: float) -> float | None:
    """A rank between those of two neighbours; None where floating point has none left.

    Args:
        lower: the rank of the one before; None: there is none.
        upper: the rank of the one behind; None: there is none.
        end: what is behind everything that was ever submitted.

    >>> between(3.0, 4.0, 9.0), between(None, 4.0, 9.0), between(8.0, None, 9.0), between(9.0, 9.0, 10.0)
    (3.5, 3.0, 8.5, None)
    """
    if lower is None:
        return (end if upper is None else upper) - 1.0
    if upper is None:
        upper = end if end > lower else lower + 1.0
    middle = lower + (upper - lower) / 2
    return middle if lower < middle < upper else None


def spread(low: float | None, high: float, count: int) -> list[float] | None:
    """So many ranks, evenly between two others; None where they would not be distinct.

    Args:
        low: exclusive; None: as far down as is needed, which always works.
        high: exclusive.

    >>> spread(0.0, 4.0, 3), spread(None, 4.0, 3), spread(1.0, 1.0000000000000004, 5)
    ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], None)
    """
    if low is None:
        low = high - (count + 1)
    step = (high - low) / (count + 1)
    ranks = [low + step * place for place in range(1, count + 1)]
    distinct = all(one < other for one, other in pairwise([low, *ranks, high]))
    return ranks if distinct else None

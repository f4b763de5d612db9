"""Ticks of an axis, linear and logarithmic, and what stands at them. Pure."""

import math
from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60, 3600, 86_400
TIMES = (1, 2, 5, 10, 15, 30, MINUTE, 120, 300, 600, 900, 1800, HOUR, 7200, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY)  # fmt: skip


def linear(low: float, high: float, most: int) -> list[float]:
    """Round numbers from low to high, at most about `most`.

    >>> linear(0, 1, 6)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not high > low:
        return [low]
    raw = (high - low) / max(1, most)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [
        round(index * step, 12 - math.floor(math.log10(step)))
        for index in range(first, math.floor(high / step + 1e-9) + 1)
    ]


def logarithmic(low: float, high: float, most: int) -> list[float]:
    """Powers of ten from low to high, both above 0; with 2 and 5 between them where there are few, every other where many.

    >>> logarithmic(0.01, 10, 6)
    [0.01, 0.1, 1.0, 10.0]
    """
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    every = max(1, math.ceil((last - first) / max(1, most)))
    powers = [10.0**power for power in range(first, last + 1, every)]
    shown = [tick for tick in powers if low * 0.999 <= tick <= high * 1.001]
    if len(shown) >= 3:
        return shown
    more = [power * factor for power in powers for factor in (1, 2, 5)]
    shown = [tick for tick in more if low * 0.999 <= tick <= high * 1.001]
    return shown if len(shown) >= 2 else linear(low, high, most)


def moments(low: float, high: float, most: int) -> list[float]:
    """Round moments, in seconds since 1970."""
    raw = (high - low) / max(1, most)
    step = next((size for size in TIMES if size >= raw), None)
    if step is None:
        return linear(low, high, most)
    first = math.ceil(low / step)
    return [float(index * step) for index in range(first, math.floor(high / step) + 1)]


def number(value: float) -> str:
    """A tick's number, short.

    >>> number(0.2), number(1500000), number(0.00001), number(0)
    ('0.2', '1.5M', '1e-5', '0')
    """
    size = abs(value)
    if size == 0:
        return "0"
    for bound, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if bound <= size < 1e15:
            scale = 1e3 if letter == "k" else bound
            return f"{value / scale:.6g}{letter}"
    if 1e-3 <= size < 1e4:
        return f"{value:.6g}"
    mantissa, _, exponent = f"{value:.3e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def moment(value: float, step: float) -> str:
    """A tick's moment in UTC; days without their time; the number where the calendar has none."""
    try:
        at = datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return number(value)
    if step >= DAY:
        return at.strftime("%m-%d")
    return at.strftime("%H:%M") if step >= MINUTE else at.strftime("%H:%M:%S")

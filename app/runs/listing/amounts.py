"""Numbers, lengths of time and dates as people write them in a query. Pure."""

import math
import re
from datetime import UTC, datetime, timedelta

from app.runs.listing.language import QueryError

_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_LENGTH = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|min|[smhdw]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|min|[smhdw])")
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d?)(?:-(\d\d?)(?:[T ](\d\d?):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?)?)?",
    re.IGNORECASE,
)
_FAR_S = 100 * 365 * 86_400.0


def number(text: str) -> float | None:
    """A finite number as people write it: 1e-3, .5, 10_000, -2; None for anything else."""
    if not _NUMBER.fullmatch(text) or text.endswith("_"):
        return None
    try:
        amount = float(text)
    except ValueError:  # an underscore beside a dot
        return None
    return amount if math.isfinite(amount) else None


def length(text: str) -> float | None:
    """Seconds in 90s, 1h30m, 2d, 1.5h; None for anything else."""
    if not _LENGTH.fullmatch(text):
        return None
    seconds = sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(text))
    return seconds if math.isfinite(seconds) else None


def ago(now: datetime, seconds: float) -> datetime:
    """So many seconds before now; at most a hundred years."""
    return now - timedelta(seconds=min(seconds, _FAR_S))


def when(text: str, at: int, now: datetime) -> tuple[datetime, datetime]:
    """Begin and end of what a date names: a year, a month, a day, a minute or a second, in UTC.

    Raises:
        QueryError: it names none; `at` is its place in the query.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if text.lower() in {"today", "yesterday"}:
        start = today - timedelta(days=text.lower() == "yesterday")
        return start, start + timedelta(days=1)
    found = _DATE.fullmatch(text)
    remedy = "use 2026-11-01, 2026-11-01T12:30, today, or an age such as 2h"
    if not found:
        raise QueryError(f"{text!r} is no date: {remedy}", at)
    year, month, day, hour, minute, second, zone = found.groups()
    try:
        start = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=UTC,
        )
        if zone and zone.upper() != "Z":
            sign = -1 if zone[0] == "+" else 1
            start += sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
        if not month:
            return start, start.replace(year=start.year + 1)
        if not day:
            return start, (start + timedelta(days=32)).replace(day=1)
        step = timedelta(seconds=1) if second else timedelta(minutes=1) if hour else timedelta(days=1)
        return start, start + step
    except (ValueError, OverflowError):
        raise QueryError(f"{text!r} is no date: {remedy}", at) from None

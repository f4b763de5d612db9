"""How values are shown: filters of the templates. Pure functions from JSON values to short texts."""

import json
import math
from datetime import datetime
from typing import Any

from jinja2 import Environment

Json = dict[str, Any]
MINUTE, HOUR, DAY = 60, 3600, 86400
NONFINITE = {"nan": "NaN", "inf": "+∞", "-inf": "-∞"}
MARKS = {"queued": "○", "running": "●", "succeeded": "✓", "failed": "✗", "cancelled": "—"}


def install(environment: Environment) -> None:
    """Give the templates these filters. Calling it again changes nothing."""
    for filter_ in (browser, bytes_, duration, last, moment, number, progress, title, value, words):
        environment.filters[filter_.__name__.rstrip("_")] = filter_


def duration(seconds: float | None) -> str:
    """Seconds in words, two units at most; a dash for none.

    >>> duration(0.42), duration(83), duration(7265), duration(1200), duration(200000), duration(None)
    ('0.4 s', '1 m 23 s', '2 h 1 m', '20 m', '2 d 7 h', '—')
    """
    if seconds is None or not math.isfinite(seconds):
        return "—"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, size, below, name in ((DAY, HOUR, "h", "d"), (HOUR, MINUTE, "m", "h"), (MINUTE, 1, "s", "m")):
        if whole >= unit:
            rest = whole % unit // size
            return f"{whole // unit} {name}" + (f" {rest} {below}" if rest else "")
    return f"{whole} s"


def number(amount: float | None) -> str:
    """A measured number with four significant digits; a dash for none.

    >>> number(0.123456), number(0.0000123456), number(64), number(1234567.0), number(None)
    ('0.1235', '1.235e-05', '64', '1.235e+06', '—')
    """
    if amount is None:
        return "—"
    if float(amount).is_integer() and abs(amount) < 1e6:
        return str(int(amount))
    return f"{amount:.4g}"


def last(metric: Json | None) -> str:
    """The last value of a metric's summary, or what it is instead of a number."""
    if metric is None:
        return ""
    name = metric.get("nonfinite")
    return NONFINITE.get(name, str(name)) if name else number(metric["last"])


def value(item: Any) -> str:
    """A parameter's value, exactly and as JSON has it, except that strings stand without quotes."""
    if isinstance(item, str):
        return item
    return json.dumps(item, ensure_ascii=False)


def words(name: str | None) -> str:
    """A snake_case word as people write it.

    >>> words("out_of_memory"), words(None)
    ('out of memory', '')
    """
    return (name or "").replace("_", " ")


def bytes_(size: int) -> str:
    """A file's size.

    >>> bytes_(12), bytes_(2048), bytes_(5 * 2**20)
    ('12 B', '2.0 KiB', '5.0 MiB')
    """
    if size < 1024:
        return f"{size} B"
    amount = float(size)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1024:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1024:.1f} TiB"


def moment(iso: str) -> str:
    """An RFC 3339 time for people; the browser then makes it relative."""
    return datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M UTC")


def progress(run: Json) -> Json | None:
    """How far a run is, in percent and in words; None when it has not said.

    Steps are finer than epochs, so the bar follows them; the words name epochs where there are any.
    """
    at = run["progress"]
    percent = _percent(at["step"], at["total"])
    if percent is None:
        percent = _percent(at["epoch"], at["epochs"])
    if percent is None:
        return None
    if at["epoch"] is not None and at["epochs"]:
        text = f"epoch {at['epoch']} of {at['epochs']}"
    else:
        text = f"step {at['step']} of {at['total']}"
    return {"percent": percent, "words": text}


def _percent(done: int | None, whole: int | None) -> float | None:
    if done is None or not whole or whole <= 0:
        return None
    return round(min(100.0, max(0.0, 100 * done / whole)), 1)


BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
"""Names by the word in a User-Agent, the most particular first: Edge says that it is Chrome, and Chrome Safari."""
SYSTEMS = {
    "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS X": "macOS",
    "CrOS": "ChromeOS", "Linux": "Linux",
}  # fmt: skip


def browser(agent: str) -> str:
    """A browser's User-Agent in words, or as it is when nothing in it is known.

    >>> browser("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36")
    'Chrome on Linux'
    >>> browser("curl/8.5.0"), browser("")
    ('curl/8.5.0', 'unknown browser')
    """
    name = next((shown for word, shown in BROWSERS.items() if f"{word}/" in agent), None)
    system = next((shown for word, shown in SYSTEMS.items() if word in agent), None)
    if name is None:
        return agent or "unknown browser"
    return f"{name} on {system}" if system else name


def title(run: Json) -> str:
    """The title of a run's browser tab, with its state in front."""
    at = progress(run)
    done = f" {at['percent']:.0f} %" if at and run["state"] == "running" else ""
    return f"{MARKS[run['state']]}{done} {run['name']} #{run['id']}"

"""What a live run has to tell: its progress from `status.json`, its curves from the event files."""

import logging
import math
import time
from pathlib import Path
from typing import Any

from app.runs.untrusted import read_object
from app.workers.queries import MetricSummary
from danlu.tail import EventTail
from worker.spec import STATUS_FILE

log = logging.getLogger(__name__)

_PHASES = frozenset({"starting", "training", "saving"})
_COUNTS = ("step", "total", "epoch", "epochs")
_MOST = 2**63 - 1


class News:
    """Follows one attempt; `collect` gives what changed since the last call that was confirmed by `taken`."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._tail = EventTail(run_dir)
        self._told: dict[str, Any] = {}
        self._progress: dict[str, Any] = {}
        self._metrics: dict[str, MetricSummary] = {}
        self._first: tuple[float, float] | None = None
        self._notes = 0

    def collect(self) -> tuple[dict[str, Any], list[MetricSummary]]:
        """Changed progress columns and changed summaries. What was not `taken` comes again."""
        progress = self._read_progress(time.monotonic())
        self._progress = {name: value for name, value in progress.items() if self._told.get(name) != value}
        try:
            for tag, item in self._tail.poll().items():
                self._metrics[tag] = MetricSummary(
                    clean_tag(tag),
                    item.step,
                    item.last,
                    item.min,
                    item.max,
                    item.min_step,
                    item.max_step,
                    item.count,
                )
        except OSError as error:  # no descriptors, a broken disk: the next poll reads on
            log.warning("the event files of %s cannot be read: %s", self._run_dir, error)
        for note in self._tail.notes[self._notes :]:
            log.warning("%s: %s", self._run_dir.name, note)
        self._notes = len(self._tail.notes)
        return self._progress, list(self._metrics.values())

    def taken(self) -> None:
        """What `collect` gave has been stored."""
        self._told |= self._progress
        self._metrics.clear()

    @property
    def begun(self) -> bool:
        """Whether a first step or epoch has been stored."""
        return "step" in self._told or "epoch" in self._told

    @property
    def behind(self) -> bool:
        """Whether there was more to read than one call reads."""
        return self._tail.behind

    def _read_progress(self, now: float) -> dict[str, Any]:
        status = read_object(self._run_dir / STATUS_FILE)
        found: dict[str, Any] = {}
        if status.get("phase") in _PHASES:
            found["phase"] = status["phase"]
        for name in _COUNTS:
            value = status.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST:
                found[name] = value
        eta = self._eta(found, now)
        if eta is not None:
            found["eta_s"] = eta
        return found

    def _eta(self, found: dict[str, Any], now: float) -> float | None:
        """Seconds left at the pace since the first report of this attempt; None while that says nothing."""
        done, whole = (
            (found.get("step"), found.get("total"))
            if "total" in found
            else (found.get("epoch"), found.get("epochs"))
        )
        if done is None or not whole or done > whole:
            return None
        if self._first is None or done < self._first[1]:
            self._first = (now, done)
        since, begun = now - self._first[0], done - self._first[1]
        if begun <= 0 or since < 0.5:
            return None
        left = since * (whole - done) / begun
        # Two digits: a number that changes in every poll would be a write in every poll.
        return float(f"{left:.2g}") if math.isfinite(left) else None


def clean_tag(tag: str) -> str:
    """A tag that both databases store: no NUL, no lone surrogates."""
    return tag.encode("utf-8", "replace").decode().replace("\0", "\ufffd")

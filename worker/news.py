"""What a live run has to tell: its curves from the event files, its progress from wherever it says something of it."""

import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.runs.untrusted import read_object
from app.workers.queries import MetricSummary
from danlu.tagnames import clean_tag
from danlu.tail import EventTail, Summary
from worker.bars import Bars
from worker.guess import bounds, guess
from worker.output import NewOutput
from worker.spec import STATUS_FILE

log = logging.getLogger(__name__)

SETTLED_SECONDS = 3.0
"""After the first point of a curve, before its steps are taken for epochs."""
SILENT_SECONDS = 20.0
"""A run that has said nothing for so long is looked at less often."""
_PHASES = frozenset({"starting", "training", "saving"})
_COUNTS = ("step", "total", "epoch", "epochs")
_MOST = 2**63 - 1


class News:
    """Follows one attempt; `collect` gives what changed since the last call that was confirmed by `taken`.

    Args:
        run_dir: the run's folder.
        params: of the run; those that say how long it is bound a guess of its progress.
    """

    def __init__(self, run_dir: Path, params: Mapping[str, Any] | None = None) -> None:
        self._run_dir = run_dir
        self._tail = EventTail(run_dir)
        self._output = NewOutput(run_dir)
        self._bars = Bars()
        self._bounds = bounds(params or {})
        self._told: dict[str, Any] = {}
        self._progress: dict[str, Any] = {}
        self._metrics: dict[str, MetricSummary] = {}
        self._curves: dict[str, Summary] = {}
        self._replaces = False
        self._compared = False
        self._told_curves = False
        self._started = time.monotonic()
        self._curves_since: float | None = None
        self._first: tuple[float, float] | None = None
        self._notes = 0

    def collect(self) -> tuple[dict[str, Any], list[MetricSummary]]:
        """Changed progress columns and changed summaries. What was not `taken` comes again."""
        now = time.monotonic()
        try:
            self._read_curves(now)
            self._bars.feed(self._output.read())
        except OSError as error:  # no descriptors, a broken disk: the next poll reads on
            log.warning("what %s has written cannot be read: %s", self._run_dir, error)
        progress = self._read_progress(now)
        self._progress = {name: value for name, value in progress.items() if self._told.get(name) != value}
        for note in self._tail.notes[self._notes :]:
            log.warning("%s: %s", self._run_dir.name, note)
        self._notes = len(self._tail.notes)
        return self._progress, list(self._metrics.values())

    def taken(self) -> None:
        """What `collect` gave has been stored."""
        self._told |= self._progress
        self._told_curves = self._told_curves or bool(self._metrics)
        self._metrics.clear()
        self._replaces = False

    @property
    def replaces(self) -> bool:
        """Whether the summaries of the last `collect` are all that the run has, and those stored before are to go."""
        return self._replaces

    @property
    def begun(self) -> bool:
        """Whether a first step, epoch or point has been stored, or there was none for long."""
        told = "step" in self._told or "epoch" in self._told or self._told_curves
        return told or time.monotonic() - self._started > SILENT_SECONDS

    @property
    def behind(self) -> bool:
        """Whether there was more to read than one call reads."""
        return self._tail.behind

    # -- curves

    def _read_curves(self, now: float) -> None:
        fresh = self._tail.poll()
        if fresh and self._curves_since is None:
            self._curves_since = now
        if self._tail.renamed:
            self._curves = {}
            self._replaces = True
        self._curves |= fresh
        if self._curves and not self._compared and not self._tail.behind:
            # The rows of an earlier attempt may have other names: files were removed or came since they were written.
            self._compared = self._replaces = True
        if self._replaces:
            self._metrics.clear()
            fresh = self._curves
        for tag, summary in fresh.items():
            self._metrics[tag] = _row(tag, summary)

    # -- progress

    def _read_progress(self, now: float) -> dict[str, Any]:
        """What the run reports itself; else what its bars show; else what its curves let guess."""
        status = read_object(self._run_dir / STATUS_FILE)
        found: dict[str, Any] = {}
        for name in _COUNTS:
            value = status.get(name)
            if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST:
                found[name] = value
        if not found.keys() & {"step", "epoch"}:
            found = self._inferred(now)
        if status.get("phase") in _PHASES:
            found["phase"] = status["phase"]
        elif found or self._curves:
            found["phase"] = "training"
        eta = self._eta(found, now)
        if eta is not None:
            found["eta_s"] = eta
        # What a guess said before and does not say any more was wrong.
        withdrawn = [name for name in (*_COUNTS, "eta_s") if name in self._told]
        return dict.fromkeys(withdrawn) | found

    def _inferred(self, now: float) -> dict[str, Any]:
        shown = self._bars.progress(self._bounds)
        if not shown.keys() & {"total", "epochs"}:
            settled = self._curves_since is not None and now - self._curves_since >= SETTLED_SECONDS
            shown |= guess(self._bounds, self._curves, settled=settled)
        return {name: value for name, value in shown.items() if 0 <= value <= _MOST}

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


def _row(tag: str, item: Summary) -> MetricSummary:
    return MetricSummary(
        clean_tag(tag), item.step, item.last, item.min, item.max, item.min_step, item.max_step, item.count
    )

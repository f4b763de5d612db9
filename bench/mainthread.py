"""What the main thread of a page does, from Chromium's own trace: processor time, not the clock's, so that other programs on the
machine do not count.
"""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page

FRAME_US = 1e6 / 60
CATEGORIES = ["toplevel", "__metadata"]
TASK = "ThreadControllerImpl::RunTask"
QUIET_MS = 0.3
"""Frames with less work are those in which the page did nothing: timers, acknowledgements."""


@dataclass
class Trace:
    """Filled when its block has ended.

    Attributes:
        frames: when each frame with work began, in seconds since the first one, and the main thread's milliseconds in it.
    """

    frames: list[tuple[float, float]] = field(default_factory=list)

    @property
    def work(self) -> list[float]:
        """Milliseconds of each frame."""
        return [work for _, work in self.frames]

    def worst(self, seconds: float) -> list[float]:
        """The most expensive frame of each stretch of so many seconds."""
        found: dict[int, float] = defaultdict(float)
        for at, work in self.frames:
            found[int(at / seconds)] = max(found[int(at / seconds)], work)
        return list(found.values())


@contextmanager
def traced(opened: Browser, page: Page) -> Iterator[Trace]:
    """Trace what the page's main thread does in the block."""
    trace = Trace()
    opened.start_tracing(page=page, categories=CATEGORIES)
    try:
        yield trace
    finally:
        events = json.loads(opened.stop_tracing())["traceEvents"]
    trace.frames = frames_of(_tasks(events))


def frames_of(tasks: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Tasks put into frames: a frame begins with the first task that no earlier one has, and lasts a sixtieth of a second. A task
    counts whole where it begins, so that a long one is one expensive frame and not two cheap ones.

    Args:
        tasks: when each began, and its processor time; microseconds.

    Returns:
        Seconds since the first frame, and milliseconds of work, of each frame with any.
    """
    frames: list[list[float]] = []
    for began, work in sorted(tasks):
        if not frames or began >= frames[-1][0] + FRAME_US:
            frames.append([began, 0.0])
        frames[-1][1] += work
    first = frames[0][0] if frames else 0.0
    return [((began - first) / 1e6, work / 1e3) for began, work in frames if work / 1e3 >= QUIET_MS]


def spread(values: list[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def _tasks(events: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """The tasks of the page's main thread: of the renderers' main threads the one that worked most."""
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event.get("name") == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    found: defaultdict[tuple[int, int], list[tuple[float, float]]] = defaultdict(list)
    ends: defaultdict[tuple[int, int], float] = defaultdict(float)
    # One that was under way when the trace began or ended has no duration.
    whole = (event for event in events if event.get("name") == TASK and "tdur" in event)
    for event in sorted(whole, key=lambda one: one["ts"]):
        thread = event["pid"], event["tid"]
        if thread not in mains or event["ts"] < ends[thread]:  # one inside of another
            continue
        ends[thread] = event["ts"] + event["dur"]
        found[thread].append((event["ts"], event["tdur"]))
    if not found:
        raise RuntimeError("the trace has no task of a page's main thread")
    return max(found.values(), key=lambda tasks: sum(work for _, work in tasks))

"""What the main thread of a page does, from Chromium's own trace: processor time, not the clock's, so that other programs on the
machine do not count.
"""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page

FRAME_US = 1e6 / 60
CATEGORIES = ["toplevel", "__metadata", "cc"]
TASK = "ThreadControllerImpl::RunTask"
FRAME = "ProxyMain::BeginMainFrame"
QUIET_MS = 0.3
"""Frames with less work are those in which the page did nothing: timers, acknowledgements."""


class Task(NamedTuple):
    """What a thread did in one go.

    Attributes:
        began, ended: on the clock, microseconds.
        work: processor time, microseconds.
    """

    began: float
    ended: float
    work: float


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
    trace.frames = frames_of(*_tasks(events))


def frames_of(tasks: Iterable[Task], begins: Iterable[float]) -> list[tuple[float, float]]:
    """Tasks put into Chromium's own frames. To a frame belongs the task that draws it, and what was done in the sixtieth of a second
    before that and not for an earlier frame, for it held this one up. Tasks without a frame are put together where they began
    within a sixtieth of a second. A task counts whole where it begins.

    Args:
        tasks: the main thread's.
        begins: when it was told to draw a frame; microseconds.

    Returns:
        Seconds since the first frame, and milliseconds of work, of each frame with any.
    """
    ordered, begins = sorted(tasks), list(begins)
    drawing = [task for task in ordered if _within(task, begins)]
    frames: list[tuple[float, float]] = []
    loose: list[Task] = []
    after = 0
    for frame in drawing:
        place = ordered.index(frame, after)
        early = [task for task in ordered[after:place] if task.began < frame.began - FRAME_US]
        loose += early
        frames.append((frame.began, sum(task.work for task in ordered[after + len(early) : place + 1])))
        after = place + 1
    frames = sorted(frames + _together(loose + ordered[after:]))
    first = frames[0][0] if frames else 0.0
    return [((began - first) / 1e6, work / 1e3) for began, work in frames if work / 1e3 >= QUIET_MS]


def _within(task: Task, begins: Iterable[float]) -> bool:
    return any(task.began <= begin < task.ended for begin in begins)


def _together(tasks: Iterable[Task]) -> list[tuple[float, float]]:
    groups: list[list[float]] = []
    for task in tasks:
        if not groups or task.began >= groups[-1][0] + FRAME_US:
            groups.append([task.began, 0.0])
        groups[-1][1] += task.work
    return [(began, work) for began, work in groups]


def spread(values: list[float]) -> tuple[float, float]:
    """Median and 95th percentile."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]


def _tasks(events: list[dict[str, Any]]) -> tuple[list[Task], list[float]]:
    """The tasks of the page's main thread, and its frames: of the renderers' main threads the one that worked most."""
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event.get("name") == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    found: defaultdict[tuple[int, int], list[Task]] = defaultdict(list)
    # One that was under way when the trace began or ended has no duration.
    whole = (event for event in events if event.get("name") == TASK and "tdur" in event)
    for event in sorted(whole, key=lambda one: one["ts"]):
        thread = event["pid"], event["tid"]
        if thread not in mains or (
            found[thread] and event["ts"] < found[thread][-1].ended
        ):  # inside of another
            continue
        found[thread].append(Task(event["ts"], event["ts"] + event["dur"], event["tdur"]))
    if not any(found.values()):
        raise RuntimeError("the trace has no task of a page's main thread")
    thread = max(found, key=lambda one: sum(task.work for task in found[one]))
    begins = [
        event["ts"]
        for event in events
        if event.get("name") == FRAME and event["ph"] == "X" and (event["pid"], event["tid"]) == thread
    ]
    return found[thread], begins

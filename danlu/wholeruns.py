"""Event files of a run that is over, read from their first record to their last: what it was told, when it ran, its curves."""

import math
from array import array
from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from danlu.series import Summary
from danlu.tagnames import prefixes
from danlu.tail import EventTail

__all__ = ["Curve", "RunRead", "read_curves", "read_run"]

_EARLIEST, _LATEST = 0.0, 253_402_300_000.0
"""Seconds since 1970 between which a moment can be stored: up to the year 9999."""
MAX_CURVES = 1_000_000
"""Of one run; nothing of an export is to be left out."""
_SESSION_START = "_hparams_/session_start_info"


@dataclass(frozen=True, slots=True)
class RunRead:
    """What the event files of a run say of it.

    Attributes:
        params: hyper-parameters as `add_hparams` or `danlu` wrote them; of several sessions, a later value wins.
        started, finished: seconds since 1970 of the first and of the last record; None without any.
        summaries: by tag, named as `danlu.tagnames` does.
        notes: what could not be read, one sentence each.
    """

    params: dict[str, Any]
    started: float | None
    finished: float | None
    summaries: dict[str, Summary]
    notes: list[str]

    @property
    def step(self) -> int | None:
        """The last step of any curve; None without curves, and of negative ones."""
        last = max((summary.step for summary in self.summaries.values()), default=-1)
        return last if last >= 0 else None


@dataclass(slots=True)
class Curve:
    """Every point of one curve: steps that grow, seconds since 1970, values as they were written (32-bit floats)."""

    step: "array[int]" = field(default_factory=lambda: array("q"))
    wall: "array[float]" = field(default_factory=lambda: array("d"))
    value: "array[float]" = field(default_factory=lambda: array("f"))

    def add(self, step: int, wall: float, value: float) -> None:
        """Take the next point; a step that goes back drops what it overtakes, as TensorBoard has it."""
        if self.step and step <= self.step[-1]:
            keep = bisect_left(self.step, step)
            del self.step[keep:], self.wall[keep:], self.value[keep:]
        self.step.append(step)
        self.wall.append(wall)
        self.value.append(value)


def read_run(root: Path | str, folders: Collection[str] | None = None) -> RunRead:
    """Read the event files of a run; takes about a second for 100,000 points.

    Args:
        root: the run's folder.
        folders: which of the folders below it are its own ("" is the root); None for all.
    """
    tail = _Noticing(root, folders=folders)
    found: dict[str, Summary] = {}
    behind = True
    while behind:
        fresh = tail.poll()
        found = fresh if tail.renamed else found | fresh
        behind = tail.behind
    started = tail.first if math.isfinite(tail.first) else None
    return RunRead(
        tail.params, started, max(tail.last, tail.first) if started is not None else None, found, tail.notes
    )


def read_curves(root: Path | str, folders: Collection[str] | None = None) -> dict[str, Curve]:
    """Every point of every scalar curve of a run, by tag. In memory: 20 bytes a point.

    Args:
        root: the run's folder.
        folders: as for `read_run`.
    """
    tail = _Keeping(root, folders=folders)
    behind = True
    while behind:
        tail.poll()
        behind = tail.behind
    named = prefixes({folder for folder, _ in tail.curves})
    return {named[folder] + tag: curve for (folder, tag), curve in sorted(tail.curves.items())}


class _Noticing(EventTail):
    """Sees the times of all records and the hyper-parameters, beside the curves."""

    def __init__(self, root: Path | str, *, folders: Collection[str] | None) -> None:
        super().__init__(root, folders=folders)
        self.first, self.last = math.inf, -math.inf
        self.params: dict[str, Any] = {}

    def _see(self, event: Event, folder: str, changed: set[tuple[str, str]]) -> None:
        wall = event.wall_time
        if _EARLIEST < wall < _LATEST:
            self.first = min(self.first, wall)
            if not event.HasField(
                "file_version"
            ):  # written when the file is made, and says nothing of a run's end
                self.last = max(self.last, wall)
        super()._see(event, folder, changed)

    def _take(self, event: Event, folder: str, changed: set[tuple[str, str]]) -> None:
        for value in event.summary.value:
            if value.tag == _SESSION_START and value.metadata.plugin_data.plugin_name == "hparams":
                self.params |= _hparams(value.metadata.plugin_data.content)
        super()._take(event, folder, changed)


class _Keeping(EventTail):
    """Keeps every point."""

    most_tags = MAX_CURVES

    def __init__(self, root: Path | str, *, folders: Collection[str] | None) -> None:
        super().__init__(root, folders=folders)
        self.curves: dict[tuple[str, str], Curve] = {}

    def _point(self, folder: str, tag: str, event: Event, number: float) -> None:
        self.curves.setdefault((folder, tag), Curve()).add(event.step, event.wall_time, number)


def _hparams(content: bytes) -> dict[str, Any]:
    """The hyper-parameters of a session, by name; numbers without a fraction are integers again."""
    try:
        data = HParamsPluginData.FromString(content)
    except DecodeError:
        return {}
    found: dict[str, Any] = {}
    for name, value in sorted(data.session_start_info.hparams.items()):
        kind = value.WhichOneof("kind")
        if kind == "number_value":
            number = value.number_value
            whole = math.isfinite(number) and number.is_integer() and abs(number) < 2**53
            found[name] = int(number) if whole else number
        elif kind in {"bool_value", "string_value"}:
            found[name] = getattr(value, kind)
        elif kind == "list_value":
            found[name] = [item.string_value or item.number_value for item in value.list_value.values]
    return found

"""Scalars of runs, from whichever data servers hold them. Waits on child processes; call it from a thread."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from app.errors import GatewayTimeout
from app.metrics import series
from app.metrics.dataserver import ScalarReader, ServerGoneError
from app.metrics.epochs import epoch_tag
from app.metrics.names import Names, names
from app.metrics.queries import RunFolder
from app.metrics.wire import Points
from app.metrics.words import Window, XAxis
from app.tensorboard.manager import Source, TensorBoards

YOUNG = 3.0  # seconds after its start in which a data server may still be reading for the first time
Result = TypeVar("Result")


@dataclass(frozen=True)
class Reading:
    """What was read of some runs.

    Attributes:
        series: in the runs' order, then by tag.
        settled: all of it is as the event files are now; else a later reading may find more without a new file or byte.
    """

    series: list[series.Series]
    settled: bool


@dataclass(frozen=True)
class Tags:
    """Names of the scalar tags of each run, sorted; `settled` as in `Reading`."""

    of: dict[int, list[str]]
    settled: bool


def read_series(
    boards: TensorBoards,
    reader: ScalarReader,
    runs: Sequence[RunFolder],
    *,
    tags: Collection[str] | None = None,
    axis: XAxis = "step",
    at_most: int = 1000,
    window: Window | None = None,
) -> Reading:
    """Every scalar series of these runs, in the runs' order and then by tag.

    Args:
        boards: the manager of the data servers.
        reader: the client.
        runs: of one or several experiments.
        tags: only these; None for all.
        axis: what `x` is.
        at_most: points per series, 0 for all.
        window: instead of `at_most`: which points.

    Raises:
        Unavailable: a data server does not come up.
        GatewayTimeout: one does not answer, and neither does its successor.
    """
    window = window or Window(at_most=at_most)
    counted: dict[int, str | None] = {}
    settled = True
    if axis == "epoch":
        known = read_tags(boards, reader, runs)
        counted, settled = {run: epoch_tag(found) for run, found in known.of.items()}, known.settled
    more = {tag for tag in counted.values() if tag}
    points, as_files = _read_points(boards, reader, runs, tags if tags is None else {*tags, *more})
    kept = boards.limits.scalars
    made = []
    for run in runs:
        epoch = points[run.id].get(counted.get(run.id) or "")
        made += [
            series.make(run.id, tag, points[run.id][tag], axis=axis, window=window, kept=kept, epoch=epoch)
            for tag in sorted(points[run.id])
            if tags is None or tag in tags
        ]
    return Reading(made, settled and as_files)


def read_tags(boards: TensorBoards, reader: ScalarReader, runs: Sequence[RunFolder]) -> Tags:
    """Names of all scalar tags of each run.

    Raises:
        Unavailable: a data server does not come up.
        GatewayTimeout: one does not answer, and neither does its successor.
    """
    found: dict[int, list[str]] = {}
    settled = True
    for experiment, members in _by_experiment(runs).items():

        def read(asked: "_Asked") -> tuple[Names, dict[str, list[str]]]:
            listed = asked.tags(asked.every)
            return names(asked.source.names, [name for name, tags in listed.items() if tags]), listed

        asked, (named, listed) = _ask(boards, reader, experiment, [run.slug for run in members], read)
        settled = settled and all(asked.settled.values())
        for run in members:
            of_run = named[run.slug].items()
            found[run.id] = sorted({prefix + tag for name, prefix in of_run for tag in listed[name]})
    return Tags(found, settled)


def _read_points(
    boards: TensorBoards, reader: ScalarReader, runs: Sequence[RunFolder], tags: Collection[str] | None
) -> tuple[dict[int, dict[str, Points]], bool]:
    """Per run its series by tag, and whether they are as the files are."""
    found: dict[int, dict[str, Points]] = {}
    settled = True
    for experiment, members in _by_experiment(runs).items():

        def read(asked: "_Asked") -> tuple[Names, dict[str, dict[str, Points]]]:
            return asked.named_series(tags)

        asked, (named, answer) = _ask(boards, reader, experiment, [run.slug for run in members], read)
        settled = settled and all(asked.settled.values())
        for run in members:
            found[run.id] = {
                prefix + own: points
                for name, prefix in named[run.slug].items()
                for own, points in answer[name].items()
            }
    return found, settled


class _Asked:
    """One experiment's data server, asked for what the cache does not hold."""

    def __init__(self, reader: ScalarReader, experiment: str, source: Source) -> None:
        self.source = source
        self._reader = reader
        self._cache = reader.cache
        self._experiment = experiment
        stamps = [pair for members in source.stamps.values() for pair in members.items()]
        self.every = [name for name, _ in stamps]
        self._since = self._cache.notice(experiment, stamps, source.seen)
        self.settled = {name: source.read_until >= since for name, since in self._since.items()}

    def tags(self, wanted: Iterable[str]) -> dict[str, list[str]]:
        """Tags of these folders, as the event files call them."""
        listed = {
            name: self._cache.tags(self._experiment, name, settled=self.settled[name]) for name in wanted
        }
        missing = [name for name, tags in listed.items() if tags is None]
        answer = self._reader.tags(self.source.address, missing) if missing else {}
        for name in missing:
            own = answer.get(name, [])
            self._cache.put_tags(self._experiment, name, own, self._since[name], settled=self.settled[name])
            listed[name] = own
        return {name: tags or [] for name, tags in listed.items()}

    def named_series(self, tags: Collection[str] | None) -> tuple[Names, dict[str, dict[str, Points]]]:
        """The series of all these runs' folders, and how they are called."""
        if tags is None:
            listed = self.tags(self.every)
            named = names(self.source.names, [name for name, own in listed.items() if own])
            return named, self._series([(name, tag) for name, own in listed.items() for tag in own])
        # Only where a run has several folders does its curves' name depend on which of them hold scalars.
        several = [name for folders in self.source.names.values() if len(folders) > 1 for name in folders]
        holding = set(self.every).difference(several)
        holding.update(name for name, own in self.tags(several).items() if own)
        named = names(self.source.names, holding)
        prefixes = {name: prefix for members in named.values() for name, prefix in members.items()}
        return named, self._series([
            (name, tag.removeprefix(prefix))
            for name, prefix in prefixes.items()
            for tag in tags
            if tag.startswith(prefix)
        ])  # fmt: skip

    def _series(self, wanted: Sequence[tuple[str, str]]) -> dict[str, dict[str, Points]]:
        """These series by folder and own tag; one that is not there is left out."""
        found: dict[str, dict[str, Points]] = {name: {} for name in self.every}
        missing = []
        for name, tag in wanted:
            held = self._cache.get(self._experiment, name, tag, settled=self.settled[name])
            if held is None:
                missing.append((name, tag))
            elif held[0] is not None:
                found[name][tag] = held[0]
        if not missing:
            return found
        answer = self._reader.read(
            self.source.address, {name for name, _ in missing}, {tag for _, tag in missing}
        )
        for name, tag in missing:
            points = answer.get(name, {}).get(tag)
            self._cache.put(
                self._experiment, name, tag, points, self._since[name], settled=self.settled[name]
            )
            if points is not None:
                found[name][tag] = points
        return found


def _ask(
    boards: TensorBoards,
    reader: ScalarReader,
    experiment: str,
    slugs: Sequence[str],
    read: Callable[[_Asked], Result],
) -> tuple[_Asked, Result]:
    """Ask an experiment's data server, and its successor when it is found dead."""
    avoid: str | None = None
    for _ in range(2):
        source = boards.source(experiment, slugs, avoid=avoid)
        try:
            _await_loaded(reader, source)
            asked = _Asked(reader, experiment, source)
            return asked, read(asked)
        except ServerGoneError as gone:
            avoid = gone.address
    raise GatewayTimeout("The metrics' data server does not answer.", retry_after=5)


def _await_loaded(reader: ScalarReader, source: Source) -> None:
    """Give a server that has just started the time to read what is there: it answers before it has."""
    wanted = {name for names in source.names.values() for name in names}
    age = source.age
    while age < YOUNG and not source.read_until and not wanted <= reader.loaded(source.address):
        time.sleep(0.02)
        age += 0.06  # the sleep, and the call's own 44 ms


def _by_experiment(runs: Sequence[RunFolder]) -> dict[str, list[RunFolder]]:
    grouped: dict[str, list[RunFolder]] = defaultdict(list)
    for run in runs:
        grouped[run.experiment].append(run)
    return grouped

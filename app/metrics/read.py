"""Scalars of runs, from whichever data servers hold them. Waits on child processes; call it from a thread."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar

from app.errors import GatewayTimeout
from app.metrics import series
from app.metrics.dataserver import Points, ScalarReader, ServerGoneError
from app.metrics.names import Names, names, own_tags
from app.metrics.queries import RunFolder
from app.metrics.words import XAxis
from app.tensorboard.manager import Source, TensorBoards

YOUNG = 3.0  # seconds after its start in which a data server may still be reading for the first time
Result = TypeVar("Result")


def read_series(
    boards: TensorBoards,
    reader: ScalarReader,
    runs: Sequence[RunFolder],
    *,
    tags: Sequence[str] | None = None,
    axis: XAxis = "step",
    at_most: int = 1000,
) -> list[series.Series]:
    """Every scalar series of these runs, in the runs' order and then by tag.

    Args:
        boards: the manager of the data servers.
        reader: the client.
        runs: of one or several experiments.
        tags: only these; None for all.
        axis: what `x` is.
        at_most: points per series, 0 for all.

    Raises:
        Unavailable: a data server does not come up.
        GatewayTimeout: one does not answer, and neither does its successor.
    """
    found: dict[int, dict[str, Points]] = {}
    for experiment, members in _by_experiment(runs).items():
        slugs = [run.slug for run in members]

        def read(source: Source) -> tuple[Names, dict[str, dict[str, Points]]]:
            return _read_named(reader, source, tags)

        _, (named, answer) = _ask(boards, reader, experiment, slugs, read)
        for run in members:
            everything = {
                prefix + own: points
                for name, prefix in named[run.slug].items()
                for own, points in answer.get(name, {}).items()
            }
            # The server was asked for every tag of every run: what a folder's name made of a tag is left out here.
            found[run.id] = {t: points for t, points in everything.items() if tags is None or t in tags}
    kept = boards.limits.scalars
    return [
        series.make(run.id, tag, points, axis=axis, at_most=at_most, kept=kept)
        for run in runs
        for tag, points in sorted(found[run.id].items())
    ]


def read_tags(boards: TensorBoards, reader: ScalarReader, run: RunFolder) -> list[str]:
    """Names of all scalar tags of a run, sorted.

    Raises:
        Unavailable: the data server does not come up.
        GatewayTimeout: it does not answer, and neither does its successor.
    """

    def read(source: Source) -> dict[str, list[str]]:
        folders = source.names[run.slug]
        return reader.tags(source.address, folders) if folders else {}

    source, answer = _ask(boards, reader, run.experiment, [run.slug], read)
    named = names({run.slug: source.names[run.slug]}, answer)[run.slug]
    return sorted({prefix + tag for name, prefix in named.items() for tag in answer[name]})


def _read_named(
    reader: ScalarReader, source: Source, tags: Sequence[str] | None
) -> tuple[Names, dict[str, dict[str, Points]]]:
    """The series of all these runs' folders, and how they are called."""
    every = [name for folders in source.names.values() for name in folders]
    if not every:
        return names(source.names, ()), {}
    if tags is None:
        answer = reader.read(source.address, every)
        return names(source.names, answer), answer
    # Only where a run has several folders does its curves' name depend on which of them hold scalars.
    several = [name for folders in source.names.values() if len(folders) > 1 for name in folders]
    holding = set(every).difference(several)
    if several:
        holding.update(reader.tags(source.address, several))
    named = names(source.names, holding)
    return named, reader.read(source.address, holding, own_tags(tags, named)) if holding else {}


def _ask(
    boards: TensorBoards,
    reader: ScalarReader,
    experiment: str,
    slugs: Sequence[str],
    read: Callable[[Source], Result],
) -> tuple[Source, Result]:
    """Ask an experiment's data server, and its successor when it is found dead."""
    avoid: str | None = None
    for _ in range(2):
        source = boards.source(experiment, slugs, avoid=avoid)
        try:
            _await_loaded(reader, source)
            return source, read(source)
        except ServerGoneError as gone:
            avoid = gone.address
    raise GatewayTimeout("The metrics' data server does not answer.", retry_after=5)


def _await_loaded(reader: ScalarReader, source: Source) -> None:
    """Give a server that has just started the time to read what is there: it answers before it has."""
    wanted = {name for names in source.names.values() for name in names}
    age = source.age
    while age < YOUNG and not wanted <= reader.loaded(source.address):
        time.sleep(0.02)
        age += 0.06  # the sleep, and the call's own 44 ms


def _by_experiment(runs: Sequence[RunFolder]) -> dict[str, list[RunFolder]]:
    grouped: dict[str, list[RunFolder]] = defaultdict(list)
    for run in runs:
        grouped[run.experiment].append(run)
    return grouped

"""What runs have logged beside scalars, named as their curves are. Waits on child processes; call it from a thread."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from app.errors import GatewayTimeout, NotFound
from app.metrics.dataserver import ServerGoneError
from app.metrics.mediareader import BLOB_PLUGINS, Kind, Logged, MediaReader, folder_of
from app.metrics.names import Names, names
from app.metrics.queries import RunFolder
from app.tensorboard.manager import Source, TensorBoards

YOUNG = 3.0  # seconds after its start in which a data server may still be reading for the first time
KEPT: dict[Kind, int] = {"images": 50, "histograms": 50, "text": 100, "graph": 2**31}
"""Steps of a tag that the data server keeps, spread over all (see `tensorboard.commands`)."""
BLOB_LIMIT = 32 * 2**20
TEXT_LIMIT = 64 * 2**10  # characters of one text
TEXTS = 64  # of one step
BINS = 512  # of one histogram, as it is answered
MOST_BINS = 100_000
"""Of one histogram, as it may be logged."""
Result = TypeVar("Result")
_Media = dict[str, dict[str, tuple[Kind, int]]]


@dataclass
class MediaTag:
    """A tag of one kind, the runs that have it, and its last step in any of them."""

    kind: Kind
    tag: str
    runs: list[int]
    last: int


@dataclass(frozen=True)
class RunMedia:
    """What one run logged under a tag; `sampled`: the data server keeps some of its steps only."""

    run: int
    items: list[dict[str, Any]]
    sampled: bool


def read_media_tags(boards: TensorBoards, reader: MediaReader, runs: Sequence[RunFolder]) -> list[MediaTag]:
    """Every tag that is no scalar's, by kind and name.

    Raises:
        Unavailable: a data server does not come up.
        GatewayTimeout: one does not answer, and neither does its successor.
    """
    found: dict[tuple[Kind, str], MediaTag] = {}
    for experiment, members in _by_experiment(runs).items():
        _, (named, media) = _ask(
            boards, reader, experiment, members, lambda source: _read_named(reader, source)
        )
        for run in members:
            for name, prefix in named[run.slug].items():
                for own, (kind, last) in media.get(name, {}).items():
                    entry = found.setdefault((kind, prefix + own), MediaTag(kind, prefix + own, [], last))
                    entry.last = max(entry.last, last)
                    if run.id not in entry.runs:
                        entry.runs.append(run.id)
    return [found[key] for key in sorted(found)]


def read_media(
    boards: TensorBoards, reader: MediaReader, runs: Sequence[RunFolder], kind: Kind, tag: str
) -> list[RunMedia]:
    """What each of these runs logged under this tag, in the runs' order; a run without it has no items.

    Raises:
        Unavailable: a data server does not come up.
        GatewayTimeout: one does not answer, and neither does its successor.
    """
    logged: dict[int, list[Logged]] = {}
    for experiment, members in _by_experiment(runs).items():

        def read(source: Source, members: list[RunFolder] = members) -> dict[int, list[Logged]]:
            named, media = _read_named(reader, source)
            wanted = {
                run.id: (name, tag.removeprefix(prefix))
                for run in members
                for name, prefix in named[run.slug].items()
                if tag.startswith(prefix)
                and media.get(name, {}).get(tag.removeprefix(prefix), ("",))[0] == kind
            }
            if not wanted:
                return {}
            get = reader.blobs if kind in BLOB_PLUGINS.values() else reader.tensors
            folders, tags = ({pair[place] for pair in wanted.values()} for place in (0, 1))
            answer = get(source.address, folders, tags, kind)
            return {run: answer.get(name, {}).get(own, []) for run, (name, own) in wanted.items()}

        logged |= _ask(boards, reader, experiment, members, read)[1]
    body = {"images": _image, "histograms": _histogram, "text": _text, "graph": _image}[kind]
    return [
        RunMedia(
            run.id,
            [{"step": one.step, "wall": round(one.wall, 3)} | body(one) for one in logged.get(run.id, [])],
            len(logged.get(run.id, [])) >= KEPT[kind],
        )
        for run in runs
    ]


def read_blob(boards: TensorBoards, reader: MediaReader, run: RunFolder, key: str) -> bytes:
    """The bytes of a blob of this run.

    Raises:
        NotFound: the key is of no blob of this run.
        TooLarge: more than 32 MiB.
        Unavailable: the data server does not come up.
        GatewayTimeout: it does not answer, and neither does its successor.
    """

    def read(source: Source) -> bytes:
        if folder_of(key) not in source.names[run.slug]:
            raise NotFound(f"Run {run.id} has no such blob.")
        return reader.blob(source.address, key, BLOB_LIMIT)

    return _ask(boards, reader, run.experiment, [run], read)[1]


def _read_named(reader: MediaReader, source: Source) -> tuple[Names, _Media]:
    """What there is in these runs' folders, and how it is called: a folder that holds curves has a say in it."""
    every = [name for folders in source.names.values() for name in folders]
    if not every:
        return names(source.names, ()), {}
    media = reader.media(source.address, every)
    several = [name for folders in source.names.values() if len(folders) > 1 for name in folders]
    scalars = reader.tags(source.address, several) if several else {}
    holding = {name for found in (media, scalars) for name, tags in found.items() if tags}
    return names(source.names, holding), media


def _ask(
    boards: TensorBoards,
    reader: MediaReader,
    experiment: str,
    runs: Sequence[RunFolder],
    read: Callable[[Source], Result],
) -> tuple[Source, Result]:
    """Ask an experiment's data server, and its successor when it is found dead."""
    avoid: str | None = None
    for _ in range(2):
        source = boards.source(experiment, [run.slug for run in runs], avoid=avoid)
        try:
            _await_loaded(reader, source)
            return source, read(source)
        except ServerGoneError as gone:
            avoid = gone.address
    raise GatewayTimeout("The metrics' data server does not answer.", retry_after=5)


def _await_loaded(reader: MediaReader, source: Source) -> None:
    """Give a server that has just started the time to read what is there: it answers before it has."""
    wanted = {name for members in source.names.values() for name in members}
    age = source.age
    while age < YOUNG and not wanted <= reader.loaded(source.address):
        time.sleep(0.02)
        age += 0.06  # the sleep, and the call's own 44 ms


def _by_experiment(runs: Sequence[RunFolder]) -> dict[str, list[RunFolder]]:
    grouped: dict[str, list[RunFolder]] = defaultdict(list)
    for run in runs:
        grouped[run.experiment].append(run)
    return grouped


def _image(one: Logged) -> dict[str, Any]:
    keys: list[str] = one.value
    # Images come after the width and the height of the first one, as texts; a graph comes alone.
    return {"keys": keys[2:] if len(keys) > 2 else keys}


def _histogram(one: Logged) -> dict[str, Any]:
    """Bins as [left, right, count]; neighbours are put together where there are very many."""
    import numpy as np
    from tensorboard.util.tensor_util import make_ndarray

    # A script may write any tensor: one value stands for as many as its shape says, which may be all of the memory.
    shape = [dim.size for dim in one.value.tensor_shape.dim]
    if len(shape) != 2 or shape[1] != 3 or not 0 < shape[0] <= MOST_BINS:
        return {"bins": []}
    try:
        bins = np.asarray(make_ndarray(one.value), np.float64)
    except (TypeError, ValueError):
        return {"bins": []}
    if not np.isfinite(bins).all():
        return {"bins": []}
    if len(bins) > BINS:
        parts = np.array_split(bins, BINS)
        bins = np.array([[part[0, 0], part[-1, 1], part[:, 2].sum()] for part in parts])
    return {"bins": bins.tolist()}


def _text(one: Logged) -> dict[str, Any]:
    values = list(one.value.string_val)
    texts = [value.decode("utf-8", "replace") for value in values[:TEXTS]]
    cut = len(values) > TEXTS or any(len(text) > TEXT_LIMIT for text in texts)
    return {"texts": [text[:TEXT_LIMIT] for text in texts], "cut": cut}

"""Everything that a report shows, read at one moment: the runs of its blocks, then their series. Waits on child processes."""

from dataclasses import dataclass
from typing import Any

from app.config import Settings
from app.db import Database
from app.errors import AppError
from app.metrics.dataserver import ScalarReader
from app.metrics.order import in_order
from app.metrics.queries import RunFolder, run_folders
from app.metrics.read import read_series, read_tags
from app.reports.blocks import BlockError, Kind
from app.reports.curves import Chart, chart
from app.reports.groups import grouped
from app.reports.markdown import blocks_of
from app.reports.shown import Shown, resolve, tag_filter
from app.tensorboard.manager import TensorBoards

Json = dict[str, Any]
MAX_BLOCKS = 50
"""Of one report: each asks for runs, and in a file for curves."""
MAX_CHARTS = 40
"""Of one block."""
MAX_ALL_CHARTS = 200
"""Of one file: each may have a hundred curves."""
POINTS = 800
"""Of one curve: more than a printed chart has room for."""


@dataclass(frozen=True)
class Filled:
    """A block as it is shown.

    Attributes:
        kind: of the block.
        shown: what it stands for; None where it cannot be read.
        problem: why it shows nothing; "" where it does.
        charts: of a danlu-view.
        left_out: tags that found no room.
    """

    kind: Kind
    shown: Shown | None
    problem: str
    charts: tuple[Chart, ...] = ()
    left_out: int = 0


def resolved(db: Database, settings: Settings, experiment: str | None, body: str) -> list[Filled]:
    """The blocks of a report with their runs, in order, without series."""
    found = []
    with db.read() as session:
        for place, (kind, text) in enumerate(blocks_of(body)):
            if place >= MAX_BLOCKS:
                found.append(Filled(kind, None, f"a report shows {MAX_BLOCKS} of them at most"))
                continue
            try:
                found.append(Filled(kind, resolve(session, settings, experiment, kind, text), ""))
            except BlockError as error:
                found.append(Filled(kind, None, str(error)))
    return found


def filled(
    db: Database,
    settings: Settings,
    boards: TensorBoards,
    reader: ScalarReader,
    report: Json,
) -> list[Filled]:
    """The blocks of a report with their charts; one whose series cannot be read says so in its place."""
    found = resolved(db, settings, report["experiment"], report["body"])
    ids = {run["id"] for one in found if one.shown for run in one.shown.runs}
    with db.read() as session:
        folders = run_folders(session, sorted(ids))
    made, room = [], MAX_ALL_CHARTS
    for one in found:
        charted = one
        if one.kind == "danlu-view":
            charted = _charted(boards, reader, folders, one, min(MAX_CHARTS, room))
        made.append(charted)
        room -= len(charted.charts)
    return made


def _charted(
    boards: TensorBoards,
    reader: ScalarReader,
    known_folders: dict[int, RunFolder],
    block: Filled,
    most: int,
) -> Filled:
    shown = block.shown
    if shown is None or not shown.runs:
        return block
    folders = [known_folders[run["id"]] for run in shown.runs if run["id"] in known_folders]
    runs = {run["id"]: run for run in shown.runs}
    try:
        wanted = tag_filter(shown.tags)
        known = read_tags(boards, reader, folders)
        tags = [tag for tag in in_order(name for names in known.of.values() for name in names) if wanted(tag)]
        drawn = tags[:most]
        reading = read_series(boards, reader, folders, tags=drawn, axis=shown.look.axis, at_most=POINTS)
    except (BlockError, AppError) as error:
        return Filled(block.kind, shown, str(error))
    charts = []
    for tag in drawn:
        series = [one for one in reading.series if one.tag == tag]
        groups = grouped(series, runs, shown.look) if shown.look.group and len(runs) > 1 else None
        charts.append(chart(tag, series, runs, shown.look, groups))
    return Filled(block.kind, shown, "", tuple(charts), len(tags) - len(drawn))

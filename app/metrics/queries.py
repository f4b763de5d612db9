"""Which folders the runs of a metrics request lie in. SQL of the metrics room."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from app.db import ReadSession
from app.models import Experiment, Run

LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class RunFolder:
    """Where a run's event files are, below the experiments' folder."""

    id: int
    slug: str
    experiment: str


def run_folders(session: ReadSession, ids: Sequence[int]) -> dict[int, RunFolder]:
    """The runs with these ids; one that does not exist is left out."""
    possible = [number for number in ids if 0 < number <= LARGEST_ID]
    rows = session.execute(
        select(Run.id, Run.slug, Experiment.slug)
        .join(Experiment, Experiment.id == Run.experiment_id)
        .where(Run.id.in_(possible), Run.deleted_at.is_(None), Experiment.deleted_at.is_(None))
    )
    return {number: RunFolder(number, slug, experiment) for number, slug, experiment in rows}

"""What the proxy, the mirrors and the TensorBoard calls ask the database. SQL of this room."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import and_, func, select

from app.db import ReadSession
from app.models import Experiment, Run
from app.tensorboard.places import Elsewhere

Answer = TypeVar("Answer")
Ask = Callable[[ReadSession], Answer]


@dataclass(frozen=True, slots=True)
class RunName:
    """What a run is called in TensorBoard."""

    id: int
    slug: str
    experiment: str


def experiment_exists(session: ReadSession, slug: str) -> bool:
    """Whether there is an experiment of that slug."""
    return session.scalar(select(Experiment.id).where(Experiment.slug == slug)) is not None


def run_counts(session: ReadSession, slugs: Iterable[str]) -> dict[str, int]:
    """How many runs each of these experiments has; one that does not exist is left out."""
    rows = session.execute(
        select(Experiment.slug, func.count(Run.id))
        .outerjoin(Run, and_(Run.experiment_id == Experiment.id, Run.deleted_at.is_(None)))
        .where(Experiment.slug.in_(list(slugs)))
        .group_by(Experiment.slug)
    )
    return dict(rows.all())


def run_names(session: ReadSession, ids: Sequence[int]) -> list[RunName]:
    """The runs with these ids that are there, by id."""
    rows = session.execute(
        select(Run.id, Run.slug, Experiment.slug)
        .join(Experiment, Experiment.id == Run.experiment_id)
        .where(Run.id.in_(ids), Run.deleted_at.is_(None), Experiment.deleted_at.is_(None))
        .order_by(Run.id)
    )
    return [RunName(row[0], row[1], row[2]) for row in rows]


def imported_places(session: ReadSession, slug: str) -> dict[str, Elsewhere]:
    """Where an experiment's runs lie that are not in the home: run slug → place."""
    rows = session.execute(
        select(Run.slug, Run.logdir, Run.imported)
        .join(Experiment, Experiment.id == Run.experiment_id)
        .where(Experiment.slug == slug, Run.logdir.is_not(None), Run.deleted_at.is_(None))
    )
    return {row[0]: _outside(row[1], row[2]) for row in rows}


def places(session: ReadSession, ids: Sequence[int], root: Path) -> dict[str, Elsewhere]:
    """Where these runs lie: `experiment/run` → place; `root` is the folder of the experiments."""
    rows = session.execute(
        select(Run.slug, Experiment.slug, Run.logdir, Run.imported)
        .join(Experiment, Experiment.id == Run.experiment_id)
        .where(Run.id.in_(ids), Run.deleted_at.is_(None), Experiment.deleted_at.is_(None))
    )
    return {
        f"{row[1]}/{row[0]}": _outside(row[2], row[3]) if row[2] else Elsewhere(root / row[1] / row[0])
        for row in rows
    }


def _outside(logdir: str, imported: dict[str, Any] | None) -> Elsewhere:
    folders = (imported or {}).get("folders")
    return Elsewhere(Path(logdir), None if folders is None else tuple(sorted(folders)))

"""What an export holds of an experiment. SQL of this room."""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from app.experiments import queries as experiments
from app.exports.records import Json, run_record
from app.models import Experiment, Metric, Run, RunEvent, User, Worker


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run's files are."""

    id: int
    slug: str
    logdir: str | None
    imported: Json | None


@dataclass(frozen=True, slots=True)
class Exported:
    """An experiment with its runs, oldest first."""

    slug: str
    name: str
    description: str
    runs: list[Json]
    places: list[Place]


def experiment(session: Session, slug: str) -> Exported:
    """Everything of an experiment that stands in the database.

    Raises:
        NotFound: there is none.
    """
    found = experiments.get(session, slug)
    rows = session.execute(
        select(Run, User.username, Worker.name)
        .outerjoin(User, User.id == Run.owner_id)
        .outerjoin(Worker, Worker.id == Run.worker_id)
        .where(Run.experiment_id == found.id, Run.deleted_at.is_(None))
        .options(undefer(Run.git_diff))
        .order_by(Run.id)
    ).all()
    metrics, events = _metrics(session, found), _events(session, found)
    return Exported(
        found.slug,
        found.name,
        found.description,
        [run_record(row[0], row[1], row[2], metrics[row[0].id], events[row[0].id]) for row in rows],
        [Place(row[0].id, row[0].slug, row[0].logdir, row[0].imported) for row in rows],
    )


def _metrics(session: Session, experiment: Experiment) -> dict[int, list[Metric]]:
    query = select(Metric).join(Run, Run.id == Metric.run_id).where(Run.experiment_id == experiment.id)
    found: defaultdict[int, list[Metric]] = defaultdict(list)
    for metric in session.scalars(query.order_by(Metric.run_id, Metric.tag)):
        found[metric.run_id].append(metric)
    return found


def _events(session: Session, experiment: Experiment) -> dict[int, list[RunEvent]]:
    query = select(RunEvent).join(Run, Run.id == RunEvent.run_id).where(Run.experiment_id == experiment.id)
    found: defaultdict[int, list[RunEvent]] = defaultdict(list)
    for event in session.scalars(query.order_by(RunEvent.run_id, RunEvent.id)):
        found[event.run_id].append(event)
    return found

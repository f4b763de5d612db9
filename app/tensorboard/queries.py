"""What the proxy and the TensorBoard calls ask the database. SQL of this room."""

from collections.abc import Iterable

from sqlalchemy import func, select

from app.db import ReadSession
from app.models import Experiment, Run


def experiment_exists(session: ReadSession, slug: str) -> bool:
    """Whether there is an experiment of that slug."""
    return session.scalar(select(Experiment.id).where(Experiment.slug == slug)) is not None


def run_counts(session: ReadSession, slugs: Iterable[str]) -> dict[str, int]:
    """How many runs each of these experiments has; one that does not exist is left out."""
    rows = session.execute(
        select(Experiment.slug, func.count(Run.id))
        .outerjoin(Run, Run.experiment_id == Experiment.id)
        .where(Experiment.slug.in_(list(slugs)))
        .group_by(Experiment.slug)
    )
    return dict(rows.all())

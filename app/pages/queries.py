"""Reads that only pages need."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Experiment, Run

MAX_NAMES = 500


def experiment_slugs(session: Session) -> list[str]:
    """Slugs to suggest in the form, the latest first; at most 500."""
    query = select(Experiment.slug).where(Experiment.deleted_at.is_(None)).order_by(Experiment.id.desc())
    return list(session.scalars(query.limit(MAX_NAMES)))


def last_recipe(session: Session, slug: str) -> str | None:
    """Recipe of the newest run of an experiment, for the form of the next one."""
    query = (
        select(Run.recipe)
        .join(Experiment, Experiment.id == Run.experiment_id)
        .where(Experiment.slug == slug, Run.deleted_at.is_(None), Run.recipe.is_not(None))
        .order_by(Run.id.desc())
    )
    return session.scalars(query.limit(1)).first()

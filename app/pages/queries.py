"""Reads that only pages need."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Experiment

MAX_NAMES = 500


def experiment_slugs(session: Session) -> list[str]:
    """Slugs to suggest in the form, the latest first; at most 500."""
    query = select(Experiment.slug).where(Experiment.deleted_at.is_(None)).order_by(Experiment.id.desc())
    return list(session.scalars(query.limit(MAX_NAMES)))

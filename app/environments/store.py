"""The registered environments. The files are the workers' affair: a worker says so when an interpreter is not there."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import WriteSession
from app.errors import Conflict, NotFound
from app.models import Environment


def names(session: Session) -> list[str]:
    """The names alone, in order."""
    return list(session.scalars(select(Environment.name).order_by(Environment.name)))


def all_environments(session: Session) -> list[Environment]:
    """Every registered environment, by name."""
    return list(session.scalars(select(Environment).order_by(Environment.name)))


def add(session: WriteSession, name: str, python: str, *, actor: str, now: datetime) -> Environment:
    """Register an interpreter under a name.

    Raises:
        Conflict: the name is taken.
    """
    known = session.get(Environment, name)
    if known is not None:
        raise Conflict(f"There is an environment {name!r} already, with {known.python}; remove it first.")
    made = Environment(name=name, python=python, created_at=now, created_by=actor)
    session.add(made)
    try:
        session.flush()
    except IntegrityError as error:  # somebody was faster
        raise Conflict(f"There is an environment {name!r} already; remove it first.") from error
    return made


def remove(session: WriteSession, name: str) -> None:
    """Forget an environment. Queued runs that ask for it will fail and say why.

    Raises:
        NotFound: there is none of this name.
    """
    known = session.get(Environment, name)
    if known is None:
        there = ", ".join(environment.name for environment in all_environments(session)) or "none"
        raise NotFound(f"There is no environment {name!r}; registered: {there}.")
    session.delete(known)
    session.flush()

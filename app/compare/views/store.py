"""Saved views in the database. Flushes, never commits."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from app.auth.principal import Principal
from app.clock import rfc3339
from app.compare.views import address
from app.compare.views.schemas import ViewCreate, ViewPatch
from app.db import WriteSession
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.experiments import queries as experiments
from app.models import Experiment, SavedView, User

Json = dict[str, Any]
MAX_VIEWS = 200
"""Of one experiment."""
# Any constant of our own; PostgreSQL's advisory locks are numbers.
_NAMES_LOCK = 0x64616E6C75_05


def list_views(session: Session, experiment: str | None) -> list[Json]:
    """The views of an experiment, or those across experiments (None), by name.

    Raises:
        NotFound: there is no such experiment.
    """
    scope = None if experiment is None else experiments.get(session, experiment).id
    rows = session.execute(_rows().where(_of(scope)))
    found = [to_json(*row) for row in rows]
    return sorted(found, key=lambda view: (not view["default"], view["name"].casefold()))


def view_dict(session: Session, view_id: int) -> Json:
    """The JSON of one view.

    Raises:
        NotFound: there is none with this id.
    """
    row = session.execute(_rows().where(SavedView.id == view_id)).first()
    if row is None:
        raise NotFound(f"There is no view {view_id}.")
    return to_json(*row)


def default_of(session: Session, experiment: str) -> Json | None:
    """What an experiment opens with, or None."""
    query = _rows().where(Experiment.slug == experiment, SavedView.is_default)
    row = session.execute(query).first()
    return None if row is None else to_json(*row)


def by_name(session: Session, experiment: str | None, name: str) -> Json | None:
    """The view of that name; case does not count."""
    folded = name.casefold()
    views = list_views(session, experiment)
    return next((view for view in views if view["name"].casefold() == folded), None)


def create(session: WriteSession, body: ViewCreate, principal: Principal, now: datetime) -> int:
    """Save a view; gives its id.

    Raises:
        NotFound: there is no such experiment.
        Conflict: the name is taken, or there are too many views.
        Invalid: a default of no experiment; a comparison without runs.
    """
    scope = None
    if body.experiment is not None:
        scope = experiments.get(session, body.experiment).id
    elif "run" not in address.parameters(body.query):
        raise Invalid(
            "Wrong: query.", fields={"query": "names no run, and there is no experiment: run=1&run=2"}
        )
    _lock(session)
    count = session.scalar(select(func.count()).select_from(SavedView).where(_of(scope))) or 0
    if count >= MAX_VIEWS:
        raise Conflict(f"There are {count} views already, which is the most: delete one first.")
    _refuse_double(session, scope, body.name, None)
    made = SavedView(
        experiment_id=scope, name=body.name, query=body.query, is_default=False, owner_id=principal.user_id,
        created_at=now, updated_at=now,
    )  # fmt: skip
    session.add(made)
    session.flush()
    _set_default(session, made, wanted=body.default)
    return made.id


def change(session: WriteSession, view_id: int, body: ViewPatch, principal: Principal, now: datetime) -> None:
    """Rename a view, let it hold something else, or make it the default.

    Anybody who may submit chooses the default; the rest is its owner's and the administrators'.

    Raises:
        NotFound: there is none with this id.
        Forbidden: it is somebody else's.
        Conflict: the name is taken.
        Invalid: a default of no experiment; a comparison without runs.
    """
    _lock(session)
    view = _get(session, view_id)
    if body.name is not None or body.query is not None:
        _refuse_stranger(view, principal)
    if body.name is not None:
        _refuse_double(session, view.experiment_id, body.name, view.id)
        view.name = body.name
    if body.query is not None:
        if view.experiment_id is None and "run" not in address.parameters(body.query):
            raise Invalid("Wrong: query.", fields={"query": "names no run, and there is no experiment"})
        view.query = body.query
    view.updated_at = now
    session.flush()
    if body.default is not None:
        _set_default(session, view, wanted=body.default)


def remove(session: WriteSession, view_id: int, principal: Principal) -> None:
    """Delete a view.

    Raises:
        NotFound: there is none with this id.
        Forbidden: it is somebody else's.
    """
    view = _get(session, view_id)
    _refuse_stranger(view, principal)
    session.execute(delete(SavedView).where(SavedView.id == view.id))


def to_json(view: SavedView, experiment: str | None, owner: str | None) -> Json:
    """A view as REST shows it."""
    return {
        "id": view.id,
        "name": view.name,
        "experiment": experiment,
        "query": view.query,
        "default": view.is_default,
        "owner": owner,
        "created_at": rfc3339(view.created_at),
        "updated_at": rfc3339(view.updated_at),
        "links": {"self": f"/api/v1/views/{view.id}", "page": address.page(experiment, view.query, view.id)},
    }


def _rows() -> Select[SavedView, str, str]:
    return (
        select(SavedView, Experiment.slug, User.username)
        .outerjoin(Experiment, Experiment.id == SavedView.experiment_id)
        .outerjoin(User, User.id == SavedView.owner_id)
        .where(Experiment.deleted_at.is_(None))
    )


def _of(scope: int | None) -> Any:
    return SavedView.experiment_id.is_(None) if scope is None else SavedView.experiment_id == scope


def _get(session: WriteSession, view_id: int) -> SavedView:
    view_dict(session, view_id)  # one of an experiment that is being deleted is gone, too
    return session.get_one(SavedView, view_id)


def _refuse_stranger(view: SavedView, principal: Principal) -> None:
    if view.owner_id is not None and view.owner_id != principal.user_id and not principal.is_admin:
        raise Forbidden(f"The view {view.name!r} is somebody else's: save your own under another name.")


def _refuse_double(session: WriteSession, scope: int | None, name: str, own: int | None) -> None:
    folded = name.casefold()
    for other, taken in session.execute(select(SavedView.id, SavedView.name).where(_of(scope))):
        if other != own and taken.casefold() == folded:
            raise Conflict(
                f"There is a view named {taken!r} already: choose another name, or change that one."
            )


def _set_default(session: WriteSession, view: SavedView, *, wanted: bool) -> None:
    if wanted and view.experiment_id is None:
        remedy = "only an experiment has a default view"
        raise Invalid("Wrong: default.", fields={"default": remedy})
    if wanted:
        others = update(SavedView).where(SavedView.experiment_id == view.experiment_id)
        session.execute(others.values(is_default=False))
    view.is_default = wanted
    session.flush()


def _lock(session: WriteSession) -> None:
    """Let nobody else name a view or choose a default meanwhile; on SQLite a writer is alone anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_NAMES_LOCK)))

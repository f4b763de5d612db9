"""The one query behind the list of runs. Sorting is by keys that are never NULL, so that pages can be cut by value."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    Integer,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.orm import Session, aliased

from app import cursors
from app.clock import utcnow
from app.config import Settings
from app.cursors import Kind, Value
from app.errors import Invalid, NotFound
from app.models import Experiment, Metric, Run
from app.orm import Moment
from app.runs.listing.compiled import condition, mentions, seconds, tag_items
from app.runs.listing.request import RunListQuery
from app.runs.queries import run_rows, to_json
from app.runs.views import Json, RunRow
from app.sqltext import bytewise, fold

Column = ColumnElement[Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Key:
    """One sort key: never NULL, of one kind."""

    column: Column
    kind: Kind
    descending: bool


def list_runs(
    session: Session, settings: Settings, query: RunListQuery, now: datetime | None = None
) -> tuple[list[Json], str | None]:
    """One page of runs, as JSON, and the cursor of the next one.

    Raises:
        Invalid: unknown sort, or a cursor that is not of this list.
        NotFound: the experiment asked for does not exist.
    """
    now = now or utcnow()
    sqlite = session.get_bind().dialect.name == "sqlite"
    statement = _filtered(run_rows(), query, now, sqlite=sqlite)
    if query.cursor is not None:
        # All pages are cut at the moment of the first one, or runs would move while their durations grow.
        kinds = [key.kind for key in _sorted(statement, query.sort, now, sqlite=sqlite)[1]]
        cut, *after = cursors.decode(query.cursor, query.sort, ["time", *kinds])
    else:
        cut, after = now, []
    assert isinstance(cut, datetime)  # noqa: S101 - decoded as a time
    statement, keys = _sorted(statement, query.sort, cut, sqlite=sqlite)
    if after:
        statement = statement.where(_after(keys, after))
    order = [key.column.desc() if key.descending else key.column.asc() for key in keys]
    extra = [key.column.label(f"sort_{place}") for place, key in enumerate(keys)]
    rows = session.execute(statement.add_columns(*extra).order_by(*order).limit(query.limit + 1)).all()
    page = rows[: query.limit]
    _known_experiment(session, query, empty=not page)
    items = to_json(session, settings, [RunRow(row[0], row[1], row[2], row[3], row[4]) for row in page], now)
    more = cursors.encode(query.sort, [cut, *page[-1][5:]]) if len(rows) > query.limit else None
    return items, more


def _known_experiment(session: Session, query: RunListQuery, *, empty: bool) -> None:
    if query.experiment is None or not empty:
        return
    there = select(Experiment.id).where(Experiment.slug == query.experiment, Experiment.deleted_at.is_(None))
    if session.scalar(there) is None:
        raise NotFound(f"There is no experiment {query.experiment!r}.")


def _filtered(
    statement: Select[*tuple[Any, ...]], query: RunListQuery, now: datetime, *, sqlite: bool
) -> Select[*tuple[Any, ...]]:
    if query.experiment is not None:
        statement = statement.where(Experiment.slug == query.experiment)
    if query.state:
        statement = statement.where(Run.state.in_([state.value for state in query.state]))
    if query.recipe:
        statement = statement.where(Run.recipe.in_(query.recipe))
    if query.snapshot:
        statement = statement.where(Run.snapshot_id.in_(query.snapshot))
    if query.entrypoint:
        statement = statement.where(Run.entrypoint.in_(query.entrypoint))
    if query.sweep is not None:
        statement = statement.where(Run.sweep == query.sweep)
    for tag in query.tag:
        statement = statement.where(_has_tag(tag, sqlite=sqlite))
    return narrowed(statement, query.q, now, archived=query.archived, sqlite=sqlite)


def narrowed(
    statement: Select[*tuple[Any, ...]], q: str | None, now: datetime, *, archived: bool, sqlite: bool
) -> Select[*tuple[Any, ...]]:
    """The runs that a query finds; archived ones where that is asked for, here or in the query.

    Raises:
        BadQuery: it cannot be read; the message says where.
    """
    if q:
        statement = statement.where(condition(q, now, sqlite=sqlite))
    if archived or (q and mentions(q, "archived")):
        return statement
    return statement.where(Run.archived_at.is_(None))


def ordered(
    statement: Select[*tuple[Any, ...]], sort: str, now: datetime, *, sqlite: bool
) -> Select[*tuple[Any, ...]]:
    """The statement, sorted.

    Raises:
        Invalid: unknown sort.
    """
    statement, keys = _sorted(statement, sort, now, sqlite=sqlite)
    return statement.order_by(*(key.column.desc() if key.descending else key.column.asc() for key in keys))


def _has_tag(tag: str, *, sqlite: bool) -> Column:
    items = tag_items(sqlite=sqlite)
    return exists(select(true()).select_from(items).where(items.c.value == tag))


# Sorting.


def _sorted(
    statement: Select[*tuple[Any, ...]], sort: str, now: datetime, *, sqlite: bool
) -> tuple[Select[*tuple[Any, ...]], list[Key]]:
    """The statement with what its sort needs, and the keys; the id is always the last one."""
    down = sort.startswith("-")
    name = sort.removeprefix("-")
    head, _, rest = name.partition(".")
    if head == "metrics" and rest:
        statement, column = _metric_column(statement, rest)
        keys = _nullable(column, "number", down)
    elif head == "params" and rest:
        keys = _param_keys(rest, down, sqlite=sqlite)
    else:
        keys = _column_keys(name, down, now, sqlite=sqlite)
    return statement, [*keys, Key(Run.id.expression, "id", down)]


def _metric_column(statement: Select[*tuple[Any, ...]], name: str) -> tuple[Select[*tuple[Any, ...]], Column]:
    """The last value of a tag, or its `.min` or `.max`; a tag may itself end so, and that reading comes first."""
    whole = aliased(Metric)
    statement = statement.outerjoin(whole, and_(whole.run_id == Run.id, whole.tag == name))
    tag, _, summary = name.rpartition(".")
    if not tag or summary not in {"last", "min", "max"}:
        return statement, whole.last.expression
    part = aliased(Metric)
    statement = statement.outerjoin(part, and_(part.run_id == Run.id, part.tag == tag))
    return statement, func.coalesce(whole.last, getattr(part, summary))


def _column_keys(name: str, down: bool, now: datetime, *, sqlite: bool) -> list[Key]:
    if name in {"created", "id"}:
        return []  # ids grow with time, and need no sorting
    if name == "duration":
        return _nullable(seconds(now, sqlite=sqlite), "number", down)
    times = {"updated": Run.updated_at, "started": Run.started_at, "finished": Run.finished_at}
    if name in times:
        return _nullable(times[name], "time", down)
    texts = {"name": Run.name, "state": Run.state, "recipe": Run.recipe, "experiment": Experiment.slug}
    if name in texts:
        return _nullable(fold(texts[name], sqlite=sqlite), "text", down)
    if name == "queue":
        places = (Key(Run.priority.expression, "number", not down), Key(Run.rank.expression, "number", down))
        return list(places)
    if name == "priority":
        return [Key(Run.priority.expression, "number", down)]
    known = "created, updated, started, finished, name, state, recipe, experiment, priority, queue, duration"
    remedy = f"use one of {known}, metrics.TAG or params.KEY, with a minus before it to turn it round"
    raise Invalid(f"Runs cannot be sorted by {name!r}: {remedy}.", fields={"sort": remedy})


def _nullable(column: Any, kind: Kind, down: bool) -> list[Key]:
    """Missing values last, in both directions."""
    blanks: dict[Kind, Any] = {"number": literal(0.0), "text": literal(""), "time": literal(_EPOCH, Moment())}
    missing = case((column.is_(None), 1), else_=0)
    return [Key(missing, "number", descending=False), Key(func.coalesce(column, blanks[kind]), kind, down)]


def _param_keys(key: str, down: bool, *, sqlite: bool) -> list[Key]:
    """Numbers first, then texts, then runs without the parameter, in both directions."""
    if sqlite:
        item = func.json_each(Run.params).table_valued("key", "value", "type", name="param_item")
        kind: Column = select(item.c.type).where(item.c.key == key).correlate(Run).scalar_subquery()
        raw = select(item.c.value).where(item.c.key == key).correlate(Run).scalar_subquery()
        is_number = kind.in_(["integer", "real", "true", "false"])
        number: Column = cast(raw, Float)
        text: Column = cast(raw, Text)
    else:
        raw_json = Run.params.op("->")(cast(literal(key), Text))
        kind = func.json_typeof(raw_json)
        text = Run.params.op("->>", return_type=Text())(cast(literal(key), Text))
        is_number = kind.in_(["number", "boolean"])
        truth = cast(case((text == "true", 1), else_=0), Float)
        number = case((kind == "number", cast(text, Float)), else_=truth)
        text = bytewise(text, sqlite=False)
    no_text = case((kind == "null", True), (kind.is_(None), True), else_=False)
    rank = case((is_number, 0), (no_text, 2), else_=1)
    return [
        Key(cast(rank, Integer), "number", descending=False),
        Key(case((is_number, number), else_=literal(0.0)), "number", down),
        Key(case((is_number, ""), (no_text, ""), else_=text), "text", down),
    ]


def _after(keys: list[Key], values: list[Value]) -> Column:
    """Rows that come after the given sort values."""
    choices = []
    equal: list[Column] = []
    for key, value in zip(keys, values, strict=True):
        beyond = key.column < value if key.descending else key.column > value
        choices.append(and_(*equal, beyond))
        equal.append(key.column == value)
    return or_(*choices)

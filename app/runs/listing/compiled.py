"""Queries as SQL, alike on SQLite and PostgreSQL. Every condition is true or false, never NULL, so that its opposite holds
for the runs that lack what it asks for.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    Numeric,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)

from app.errors import Invalid
from app.models import Experiment, Metric, Run, User
from app.orm import Moment
from app.runs.listing import language
from app.runs.listing.language import QueryError
from app.runs.listing.terms import Condition, Field, Kind, Moments, Pattern, Span, field_of, understand
from app.sqltext import bytewise, contains, fold

Column = ColumnElement[Any]
Bool = ColumnElement[bool]
_NUMBERS = {"id": Run.id, "seed": Run.seed, "priority": Run.priority, "epoch": Run.epoch}
_TIMES = {
    "created": Run.created_at, "started": Run.started_at, "finished": Run.finished_at, "updated": Run.updated_at,
}  # fmt: skip
_TEXTS = {
    "state": Run.state, "name": Run.name, "notes": Run.notes, "recipe": Run.recipe, "script": Run.entrypoint,
    "experiment": Experiment.slug, "owner": User.username, "reason": Run.reason, "sweep": Run.sweep,
    "device": func.coalesce(Run.resolved_device, Run.device),
}  # fmt: skip


class BadQuery(Invalid):
    """A query that cannot be read; the body says where."""

    def __init__(self, error: QueryError) -> None:
        super().__init__(f"The query cannot be read: {error}.", fields={"q": str(error)})
        self.position = error.position


def condition(query: str, now: datetime, *, sqlite: bool) -> Bool:
    """What a query asks of a run, for a statement on Run, Experiment and User (outer join).

    Raises:
        BadQuery: it cannot be read.
    """
    try:
        node = language.parse(query)
        return true() if node is None else _Compiler(now, sqlite=sqlite).node(node)
    except QueryError as error:
        raise BadQuery(error) from error


def mentions(query: str, field: str) -> bool:
    """Whether a query that can be read asks for a field of its own."""
    tokens = language.tokenize(query)
    terms = (token.node for token in tokens if isinstance(token.node, language.Term))
    return any(field_of(term.name).name == field for term in terms)


def seconds(now: datetime, *, sqlite: bool) -> Column:
    """Seconds from a run's start to its end, or to now; NULL before the start."""
    end = func.coalesce(Run.finished_at, literal(now, Moment()))
    if sqlite:
        return (func.julianday(end) - func.julianday(Run.started_at)) * 86_400.0
    return cast(func.extract("epoch", end - Run.started_at), Float)


def tag_items(*, sqlite: bool) -> Any:
    """The run's tags as rows with a `value`."""
    if sqlite:
        return func.json_each(Run.tags).table_valued("value", name="tag_item")
    return func.json_array_elements_text(Run.tags).table_valued("value", name="tag_item")


class _Compiler:
    def __init__(self, now: datetime, *, sqlite: bool) -> None:
        self._now = now
        self._sqlite = sqlite

    def node(self, node: language.Node) -> Bool:
        match node:
            case language.Word(text):
                return or_(
                    *(contains(column, text.text, sqlite=self._sqlite) for column in (Run.name, Run.notes))
                )
            case language.Not(inner):
                return not_(self.node(inner))
            case language.Both(nodes):
                return and_(*(self.node(one) for one in nodes))
            case language.Either(nodes):
                return or_(*(self.node(one) for one in nodes))
            case language.Term():
                asked = understand(node, self._now)
                found = self._condition(asked)
                return not_(found) if asked.negated else found

    def _condition(self, asked: Condition) -> Bool:
        field = asked.field
        ways: dict[Kind, Callable[[Condition], Bool]] = {
            Kind.TAG: self._tag, Kind.PARAM: self._param, Kind.METRIC: self._metric,
            Kind.EITHER: lambda either: or_(self._param(either), self._metric(either)),
        }  # fmt: skip
        if field.kind in ways:
            return ways[field.kind](asked)
        if field.kind is Kind.FLAG:
            put_aside = Run.archived_at.is_not(None)
            return (
                true()
                if asked.present
                else or_(*(put_aside if word == "true" else not_(put_aside) for word in asked.values))
            )
        if field.kind in {Kind.NUMBER, Kind.DURATION}:
            column: Any = (
                seconds(self._now, sqlite=self._sqlite)
                if field.kind is Kind.DURATION
                else _NUMBERS[field.name]
            )
        else:
            column = _TIMES[field.name] if field.kind is Kind.TIME else _TEXTS[field.name]
        if asked.present:
            return column.is_not(None)  # type: ignore[no-any-return]
        return _known(or_(*(self._holds(column, value) for value in asked.values)))

    def _holds(self, column: Any, value: Any) -> Bool:
        """Whether a column has one of the values of a term."""
        match value:
            case Span():
                return _within(column, value, lambda end: literal(end, Float()))
            case Moments(low, high):
                ends = [] if low is None else [column >= literal(low, Moment())]
                return and_(true(), *ends, *([] if high is None else [column < literal(high, Moment())]))
            case Pattern():
                return self._matches(column, value)
            case _:
                return false()

    def _matches(self, column: Any, pattern: Pattern) -> Bool:
        """Texts are compared without regard to the case of ASCII letters."""
        if pattern.inside and pattern.exact:
            return contains(column, pattern.text, sqlite=self._sqlite)
        folded = fold(column, sqlite=self._sqlite)
        if pattern.exact:
            return folded == fold(literal(pattern.text), sqlite=self._sqlite)
        escaped = pattern.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
        around = f"%{escaped}%" if pattern.inside else escaped
        return folded.like(fold(literal(around), sqlite=self._sqlite), escape="\\")

    def _tag(self, asked: Condition) -> Bool:
        items = tag_items(sqlite=self._sqlite)
        found = [self._matches(items.c.value, value) for value in asked.values if isinstance(value, Pattern)]
        return exists(select(true()).select_from(items).where(true() if asked.present else or_(*found)))

    # params

    def _param(self, asked: Condition) -> Bool:
        kind, text, number = self._value_of(asked.field)
        if asked.present:
            return _known(kind != "null")
        return _known(or_(*(self._param_is(value, kind, text, number) for value in asked.values)))

    def _value_of(self, field: Field) -> tuple[Column, Column, Column]:
        """Kind, text and number of a param, NULL where the run lacks it or it is no number."""
        if self._sqlite:
            item = func.json_each(Run.params).table_valued("key", "value", "type", name="param_item")
            mine = item.c.key == field.key
            kind: Column = select(item.c.type).where(mine).correlate(Run).scalar_subquery()
            raw = select(item.c.value).where(mine).correlate(Run).scalar_subquery()
            return kind, cast(raw, Text), case((kind.in_(["integer", "real"]), cast(raw, Float)))
        name = cast(literal(field.key), Text)
        kind = func.json_typeof(Run.params.op("->")(name))
        text = Run.params.op("->>", return_type=Text())(name)
        # numeric, because a number of JSON may be too large for a float
        return kind, text, case((kind == "number", cast(text, Numeric)))

    def _param_is(self, value: Any, kind: Column, text: Column, number: Column) -> Bool:
        match value:
            case Span():
                return _within(number, value, self._number)
            case Pattern(wanted, exact):
                compound = kind.in_(["array", "object"])
                bare = func.replace(bytewise(text, sqlite=self._sqlite), " ", "")
                whole = Pattern(wanted.replace(" ", ""), exact)
                return or_(
                    and_(kind.in_(["text", "string"]), self._matches(text, Pattern(wanted, exact))),
                    and_(compound, self._matches(bare, whole)),
                )
            case "true" | "false":
                return and_(
                    kind == (value if self._sqlite else "boolean"), true() if self._sqlite else text == value
                )
            case "null":
                return kind == "null"
            case _:
                return false()

    def _number(self, amount: float) -> Column:
        return literal(amount, Float()) if self._sqlite else literal(Decimal(repr(amount)), Numeric())

    # metrics

    def _metric(self, asked: Condition) -> Bool:
        """A tag may itself end in `.min`, so such a name is read both ways."""
        field = asked.field
        readings = [and_(Metric.tag == field.key, self._summary(asked, "last"))]
        if field.summary is not None:
            tag = field.key.removesuffix(f".{field.summary}")
            readings.append(and_(Metric.tag == tag, self._summary(asked, field.summary)))
        return exists(select(true()).where(Metric.run_id == Run.id, or_(*readings)).correlate(Run))

    def _summary(self, asked: Condition, summary: str) -> Bool:
        if asked.present:
            return true()
        column = getattr(Metric, summary)
        found: list[Bool] = [self._holds(column, value) for value in asked.values if isinstance(value, Span)]
        words = [value for value in asked.values if value in {"nan", "inf", "-inf"}]
        if words and summary == "last":
            found.append(Metric.last_nonfinite.in_(words))
        return or_(false(), *found)


def _within(column: Any, span: Span, number: Callable[[float], Column]) -> Bool:
    if span.low is not None and span.low == span.high:
        return column == number(span.low)  # type: ignore[no-any-return]
    ends: list[Bool] = []
    if span.low is not None:
        ends.append(column > number(span.low) if span.low_excluded else column >= number(span.low))
    if span.high is not None:
        ends.append(column < number(span.high) if span.high_excluded else column <= number(span.high))
    return and_(true(), *ends)


def _known(found: Bool) -> Bool:
    """False instead of NULL."""
    return func.coalesce(found, false())

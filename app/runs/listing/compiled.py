"""Queries as SQL, alike on SQLite and PostgreSQL. Every condition is true or false, never NULL, so that its opposite holds
for the runs that lack what it asks for.
"""

from collections.abc import Callable, Sequence
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
from app.runs.listing.terms import Condition, Kind, Moments, Pattern, Span, field_of, understand
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
        return _known(self._has_one(column, asked.values, _float))

    def _has_one(self, column: Any, values: Sequence[Any], number: Callable[[float], Column]) -> Bool:
        """Whether a column has one of the values of a term. A list of plain ones is an IN: long chains of OR are slow, and
        SQLite refuses those that are longer still.
        """
        equal = [value for value in values if isinstance(value, Span) and value.is_point]
        exact = [value for value in values if isinstance(value, Pattern) and value.exact and not value.inside]
        found = [
            self._holds(column, value, number)
            for value in values
            if value not in equal and value not in exact
        ]
        if equal:
            found.append(column.in_([number(value.low or 0.0) for value in equal]))
        if exact:
            words = [fold(literal(value.text), sqlite=self._sqlite) for value in exact]
            found.append(fold(column, sqlite=self._sqlite).in_(words))
        return or_(false(), *found)

    def _holds(self, column: Any, value: Any, number: Callable[[float], Column]) -> Bool:
        """Whether a column has a value of a term."""
        match value:
            case Span():
                return _within(column, value, number)
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
        escaped = pattern.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
        around = f"%{escaped}%" if pattern.inside else escaped
        return folded.like(fold(literal(around), sqlite=self._sqlite), escape="\\")

    def _tag(self, asked: Condition) -> Bool:
        items = tag_items(sqlite=self._sqlite)
        found = true() if asked.present else self._has_one(items.c.value, asked.values, _float)
        return exists(select(true()).select_from(items).where(found))

    # params

    def _param(self, asked: Condition) -> Bool:
        if self._sqlite:
            # its place among the params is looked for once, whatever is asked of it
            item = func.json_each(Run.params).table_valued("key", "value", "type", name="param_item")
            kind: Column = item.c.type
            number = case((kind.in_(["integer", "real"]), cast(item.c.value, Float)))
            found = self._param_is(asked, kind, cast(item.c.value, Text), number)
            mine = and_(item.c.key == asked.field.key, found)
            return exists(select(true()).select_from(item).where(mine))
        name = cast(literal(asked.field.key), Text)
        kind = func.json_typeof(Run.params.op("->")(name))
        text = Run.params.op("->>", return_type=Text())(name)
        # numeric, because a number of JSON may be too large for a float
        number = case((kind == "number", cast(text, Numeric)))
        return _known(self._param_is(asked, kind, text, number))

    def _param_is(self, asked: Condition, kind: Column, text: Column, number: Column) -> Bool:
        """What a term asks of a param's kind, its text, and its number, which is NULL where it is none."""
        if asked.present:
            return kind != "null"
        found = [
            self._is_word(value, kind, text) for value in asked.values if value in {"true", "false", "null"}
        ]
        spans = [value for value in asked.values if isinstance(value, Span)]
        patterns = [Pattern(value.text, value.exact) for value in asked.values if isinstance(value, Pattern)]
        if spans:
            found.append(self._has_one(number, spans, self._number))
        if patterns:
            bare = func.replace(bytewise(text, sqlite=self._sqlite), " ", "")
            whole = [Pattern(value.text.replace(" ", ""), value.exact) for value in patterns]
            found.append(and_(kind.in_(["text", "string"]), self._has_one(text, patterns, _float)))
            found.append(and_(kind.in_(["array", "object"]), self._has_one(bare, whole, _float)))
        return or_(false(), *found)

    def _is_word(self, word: object, kind: Column, text: Column) -> Bool:
        if word == "null" or self._sqlite:
            return kind == word
        return and_(kind == "boolean", text == word)

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
        spans = [value for value in asked.values if isinstance(value, Span)]
        found = [self._has_one(column, spans, _float)] if spans else []
        words = [value for value in asked.values if value in {"nan", "inf", "-inf"}]
        if words and summary == "last":
            found.append(Metric.last_nonfinite.in_(words))
        return or_(false(), *found)


def _float(amount: float) -> Column:
    return literal(amount, Float())


def _within(column: Any, span: Span, number: Callable[[float], Column]) -> Bool:
    ends: list[Bool] = []
    if span.low is not None:
        ends.append(column > number(span.low) if span.low_excluded else column >= number(span.low))
    if span.high is not None:
        ends.append(column < number(span.high) if span.high_excluded else column <= number(span.high))
    return and_(true(), *ends)


def _known(found: Bool) -> Bool:
    """False instead of NULL."""
    return func.coalesce(found, false())

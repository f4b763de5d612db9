"""What may come next while a query is typed: names of fields, params and metrics, and the values that there are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text as SqlText
from sqlalchemy import cast, func, select, true
from sqlalchemy.orm import Session

from app.models import Experiment, Metric, Run, User
from app.runs.listing.compiled import tag_items
from app.runs.listing.language import OPERATOR, quote
from app.runs.listing.terms import CHOICES, FIELDS, Kind
from app.sqltext import contains

MAX_ITEMS = 30
NEWEST = 2_000
"""Names and values are looked for in so many runs, the newest."""
_LENGTHS = ("1h", "1d", "1w")


@dataclass(frozen=True, slots=True)
class Place:
    """The piece of a query that is being typed.

    Attributes:
        start: where it begins; `end` is behind it. A suggestion takes the place of all of it.
        typed: what stands there up to the cursor, without quotes.
        field: in a value: the name before the operator; None where a name is typed.
    """

    start: int
    end: int
    typed: str
    field: str | None


def place_at(query: str, at: int) -> Place:
    """What is being typed at a cursor; never fails, whatever the rest of the query is.

    >>> place_at("state:run lr<1", 8)
    Place(start=6, end=9, typed='ru', field='state')
    >>> place_at('-"my lo', 7)
    Place(start=1, end=7, typed='my lo', field=None)
    """
    start, quoted = _start(query, at)
    end = at
    while end < len(query) and (quoted or not (query[end].isspace() or query[end] in "()")):
        end += 1
        if quoted and query[end - 1] == '"':
            break
    negated = start < at and query[start] == "-" and at - start > 1
    start += negated
    found = OPERATOR.search(query, _behind_quotes(query, start), at)
    if found is None:
        return Place(start, end, _bare(query[start:at]), None)
    comma = query.rfind(",", found.end(), at) + 1
    begin = max(found.end(), comma)
    return Place(begin, end, _bare(query[begin:at]), _bare(query[start : found.start()]))


def _start(query: str, at: int) -> tuple[int, bool]:
    """Where the piece begins that the cursor is in, and whether a quote is open there."""
    start, quoted, place = 0, False, 0
    while place < at:
        char = query[place]
        if char == "\\" and quoted:
            place += 1
        elif char == '"':
            quoted = not quoted
        elif not quoted and (char.isspace() or char in "()"):
            start = place + 1
        place += 1
    return min(start, at), quoted


def _behind_quotes(query: str, start: int) -> int:
    """Behind a name's quotes: what is inside of them is no operator."""
    at = query.find('"', start)
    operator = OPERATOR.search(query, start)
    if at < 0 or (operator and operator.start() < at):
        return start
    at += 1
    while at < len(query) and query[at] != '"':
        at += 2 if query[at] == "\\" else 1
    return min(at + 1, len(query))


def _bare(text: str) -> str:
    return text.replace('"', "").replace("\\", "")


@dataclass(frozen=True, slots=True)
class Item:
    """One suggestion: what it puts in, what it is, and a few words on it."""

    text: str
    label: str
    kind: str
    detail: str = ""


def complete(session: Session, query: str, at: int, experiment: str | None) -> tuple[Place, list[Item]]:
    """Suggestions for what is typed at `at`, the likeliest first."""
    place = place_at(query, at)
    known = _Known(session, experiment)
    items = known.names(place.typed) if place.field is None else known.values(place.field)
    return place, _matching(items, place.typed)[:MAX_ITEMS]


def _matching(items: Iterable[Item], typed: str) -> list[Item]:
    """Those that begin with what is typed, then those that have it at the begin of a part, then anywhere."""
    wanted = typed.lower()

    def rank(item: Item) -> int:
        label = item.label.lower()
        if label.startswith(wanted):
            return 0
        return 1 if any(f"{mark}{wanted}" in label for mark in "/._- ") else 2

    return sorted((item for item in items if wanted in item.label.lower()), key=rank)


class _Known:
    """What the runs of an experiment, or all of them, have."""

    def __init__(self, session: Session, experiment: str | None) -> None:
        self._session = session
        self._sqlite = session.get_bind().dialect.name == "sqlite"
        newest = (
            select(Run.id).join(Experiment).where(Run.deleted_at.is_(None), Experiment.deleted_at.is_(None))
        )
        if experiment is not None:
            newest = newest.where(Experiment.slug == experiment)
        # on its own, also inside of a statement on the same tables
        self._newest = newest.order_by(Run.id.desc()).limit(NEWEST).correlate(None)

    def names(self, typed: str) -> list[Item]:
        """Of metrics, of which there may be very many, those alone that have what is typed."""
        fields = [Item(f"{name}:", name, "field", about) for name, (_, about) in FIELDS.items()]
        metrics = [
            Item(_named("metrics", tag), tag, "metric", "last value; .min and .max too")
            for tag in self._tags(typed)
        ]
        params = [Item(f"{_named('params', key)}:", key, "param", "parameter") for key in self._keys()]
        return [*metrics, *params, *fields]

    def values(self, field: str) -> list[Item]:
        kind = FIELDS[field][0] if field in FIELDS else Kind.EITHER
        if field in CHOICES:
            return [Item(word, word, "value") for word in CHOICES[field]]
        if kind is Kind.FLAG:
            return [Item(word, word, "value") for word in ("true", "false")]
        if kind is Kind.TIME:
            dates = [Item(word, word, "value", "UTC") for word in ("today", "yesterday")]
            return dates + [Item(word, word, "value", "an age") for word in _LENGTHS]
        if kind is Kind.DURATION:
            return [Item(word, word, "value") for word in ("10m", "1h", "1d")]
        found = (
            self._of_params(field.removeprefix("params.")) if kind is Kind.EITHER else self._of_field(field)
        )
        return [Item(quote(text), text, "value") for text in dict.fromkeys(found)]

    def _of_field(self, field: str) -> Sequence[str]:
        columns: dict[str, Any] = {
            "recipe": Run.recipe, "script": Run.entrypoint, "sweep": Run.sweep, "name": Run.name,
            "device": func.coalesce(Run.resolved_device, Run.device),
        }  # fmt: skip
        if field == "tag":
            items = tag_items(sqlite=self._sqlite)
            return self._texts(select(items.c.value).select_from(Run).join(items, true()))
        if field == "owner":
            return self._texts(select(User.username).join(Run, Run.owner_id == User.id))
        if field == "experiment":
            return self._texts(select(Experiment.slug).join(Run, Run.experiment_id == Experiment.id))
        return self._texts(select(columns[field])) if field in columns else []

    def _texts(self, statement: Any) -> Sequence[str]:
        rows = self._session.scalars(statement.where(Run.id.in_(self._newest)).distinct().limit(200))
        return sorted(str(text) for text in rows if text is not None)

    def _keys(self) -> Sequence[str]:
        if self._sqlite:
            items = func.json_each(Run.params).table_valued("key", name="param_item")
        else:
            items = func.json_object_keys(Run.params).table_valued("key", name="param_item").render_derived()
        return self._texts(select(items.c.key).select_from(Run).join(items, true()))

    def _of_params(self, key: str) -> Sequence[str]:
        if self._sqlite:
            items = func.json_each(Run.params).table_valued("key", "value", "type", name="param_item")
            plain = select(items.c.value).select_from(Run).join(items, true())
            plain = plain.where(items.c.key == key, items.c.type.in_(["integer", "real", "text"]))
            rows = self._session.scalars(plain.where(Run.id.in_(self._newest)).distinct().limit(200))
        else:
            named = cast(key, SqlText)
            value = Run.params.op("->>", return_type=SqlText())(named)
            kinds = func.json_typeof(Run.params.op("->")(named)).in_(["number", "string"])
            rows = self._session.scalars(
                select(value).where(kinds, Run.id.in_(self._newest)).distinct().limit(200)
            )
        return [str(value) for value in sorted(rows, key=_in_order)]

    def _tags(self, typed: str) -> Sequence[str]:
        statement = select(Metric.tag).where(Metric.run_id.in_(self._newest)).distinct().order_by(Metric.tag)
        if typed.isascii():  # a database knows no other letters' case
            statement = statement.where(contains(Metric.tag, typed, sqlite=self._sqlite))
        return list(self._session.scalars(statement.limit(2_000)))


def _in_order(value: object) -> tuple[int, float, str]:
    """Numbers by size, then texts."""
    try:
        return (0, float(str(value)), "")
    except ValueError:
        return (1, 0.0, str(value))


def _named(group: str, name: str) -> str:
    """The name alone, or with its group before it where it is a field's, too."""
    return f"{group}.{quote(name)}" if name in FIELDS else quote(name)

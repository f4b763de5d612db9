"""What the names and values of a query mean: fields with their kinds, numbers, durations, dates, ranges. Pure."""

import difflib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from app.runs.listing.amounts import ago, length, number, when
from app.runs.listing.language import QueryError, Term, Text
from app.runs.words import REASONS, STATES

Summary = Literal["last", "min", "max", "step"]
SUMMARIES: tuple[Summary, ...] = ("last", "min", "max", "step")


class Kind(StrEnum):
    """What a field holds, and so what it can be compared with."""

    WORD = "word"
    TEXT = "text"
    TAG = "tag"
    NUMBER = "number"
    DURATION = "duration"
    TIME = "time"
    FLAG = "flag"
    PARAM = "param"
    METRIC = "metric"
    EITHER = "either"
    """A bare name that is no field: a param or a metric of that name."""


FIELDS: dict[str, tuple[Kind, str]] = {
    "state": (Kind.WORD, "queued, running, succeeded, failed or cancelled"),
    "tag": (Kind.TAG, "one of the run's tags"),
    "name": (Kind.TEXT, "a part of the name"),
    "notes": (Kind.TEXT, "a part of the notes"),
    "recipe": (Kind.WORD, "the recipe"),
    "script": (Kind.WORD, "the script's path"),
    "experiment": (Kind.WORD, "the experiment's slug"),
    "owner": (Kind.WORD, "who submitted it"),
    "device": (Kind.WORD, "cpu, cuda:0, …"),
    "reason": (Kind.WORD, "why it ended"),
    "sweep": (Kind.WORD, "the sweep's id"),
    "id": (Kind.NUMBER, "the number of the run"),
    "seed": (Kind.NUMBER, "the seed"),
    "priority": (Kind.NUMBER, "-100 to 100"),
    "epoch": (Kind.NUMBER, "how far it is"),
    "duration": (Kind.DURATION, "such as >2h or <90s"),
    "created": (Kind.TIME, "a date, or an age: <2h is in the last two hours"),
    "started": (Kind.TIME, "a date, or an age"),
    "finished": (Kind.TIME, "a date, or an age"),
    "updated": (Kind.TIME, "a date, or an age"),
    "archived": (Kind.FLAG, "true or false"),
}
CHOICES = {"state": STATES, "reason": REASONS}
_COMPARABLE = {Kind.NUMBER, Kind.DURATION, Kind.TIME, Kind.PARAM, Kind.METRIC, Kind.EITHER}

_NONFINITE = {"nan": "nan", "inf": "inf", "+inf": "inf", "-inf": "-inf"}


@dataclass(frozen=True, slots=True)
class Field:
    """What a term is about; `key` is a param's or metric's name, `summary` how a metric is summed up."""

    name: str
    kind: Kind
    key: str = ""
    summary: Summary | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from `low` to `high`, each None where it is open; an excluded end is not among them."""

    low: float | None
    high: float | None
    low_excluded: bool = False
    high_excluded: bool = False

    @property
    def is_point(self) -> bool:
        """Whether it is one number."""
        return self.low is not None and self.low == self.high


@dataclass(frozen=True, slots=True)
class Moments:
    """Times from `low` (with it) to `high` (without it), each None where it is open."""

    low: datetime | None
    high: datetime | None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text: `exact`, or with `*` for anything; `inside`: anywhere in it."""

    text: str
    exact: bool
    inside: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """One term, understood: the field has one of the values, or none of them when `negated`.

    Values: Span for numbers (and as another reading of a param's value), Moments, Pattern, and the words
    true, false, null, nan, inf, -inf as `special`. `present`: any value at all.
    """

    field: Field
    values: tuple[Span | Moments | Pattern | str, ...]
    negated: bool = False
    present: bool = False


def understand(term: Term, now: datetime) -> Condition:
    """What a term means.

    Raises:
        QueryError: an unknown word, a value of another kind, an operator that the field does not have.
    """
    field = field_of(term.name)
    operator, value = term.operator, term.value
    if operator in {"<", "<=", ">", ">="}:
        if field.kind not in _COMPARABLE:
            raise QueryError(
                f"{field.name} cannot be compared with {operator!r}; use {field.name}:…", value.start
            )
        return Condition(field, (_compared(field, operator, value, now),))
    negated = operator == "!="
    if value.text == "*" and not value.quoted:
        return Condition(field, (), negated, present=True)
    parts = _parts(value)
    values = [found for part in parts for found in _equal(field, operator, part, now)]
    return Condition(field, tuple(values), negated)


def field_of(pieces: tuple[Text, ...]) -> Field:
    """The field that a name means: `state`, `params.lr`, `metrics."my loss".min`, or a param or metric by its bare name.

    Raises:
        QueryError: `params.` or `metrics.` without a name.
    """
    whole = "".join(piece.text for piece in pieces)
    if len(pieces) == 1 and not pieces[0].quoted and whole in FIELDS:
        return Field(whole, FIELDS[whole][0])
    for prefix, kind in (("params.", Kind.PARAM), ("metrics.", Kind.METRIC)):
        if not pieces[0].quoted and pieces[0].text.startswith(prefix):
            key = whole.removeprefix(prefix)
            if not key:
                raise QueryError(f"a name is missing after {prefix!r}", pieces[0].end)
            return Field(whole, kind, key, _summary(pieces))
    return Field(whole, Kind.EITHER, whole, _summary(pieces))


def _summary(pieces: tuple[Text, ...]) -> Summary | None:
    """What stands behind the last dot, when that is not in quotes and means something."""
    last = pieces[-1]
    found = next((word for word in SUMMARIES if last.text.endswith(f".{word}")), None)
    return None if last.quoted else found


def _parts(value: Text) -> list[Text]:
    """The values of a list a,b,c."""
    if value.quoted or "," not in value.text or value.text[0] in "[{":
        return [value]
    parts, at = [], value.start
    for piece in value.text.split(","):
        if not piece:
            raise QueryError("a value is missing beside this comma", at)
        parts.append(Text(piece, False, at, at + len(piece)))
        at += len(piece) + 1
    return parts


def _equal(field: Field, operator: str, value: Text, now: datetime) -> list[Span | Moments | Pattern | str]:
    """The readings of one value behind `:`, `=` or `!=`."""
    text = value.text
    if field.kind is Kind.TIME:
        return [_moments_equal(value, now)]
    if field.kind in {Kind.NUMBER, Kind.DURATION}:
        return [_span(field, value)]
    if field.kind is Kind.FLAG:
        if text.lower() not in {"true", "false", "yes", "no", "1", "0"}:
            raise QueryError(f"{field.name} is true or false", value.start)
        return ["true" if text.lower() in {"true", "yes", "1"} else "false"]
    if field.kind is Kind.METRIC:
        return [_NONFINITE[text.lower()]] if text.lower() in _NONFINITE else [_span(field, value)]
    if field.name in CHOICES and not value.quoted:
        _check_choice(field.name, value)
    pattern = Pattern(text, value.quoted or operator != ":" or "*" not in text,
                      inside=field.kind is Kind.TEXT and operator == ":")  # fmt: skip
    readings: list[Span | Moments | Pattern | str] = [pattern]
    if field.kind in {Kind.PARAM, Kind.EITHER} and not value.quoted:
        readings += _other_readings(text)
    return readings


def _other_readings(text: str) -> list[Span | Moments | Pattern | str]:
    """What the text may be beside a text: a number, a range, true, null, nan."""
    low, dots, high = text.partition("..")
    if dots:
        ends = [number(end) if end else None for end in (low, high)]
        if (low or high) and all(
            (end is None) == (not given) for end, given in zip(ends, (low, high), strict=True)
        ):
            return [Span(ends[0], ends[1])]
        return []
    if (amount := number(text)) is not None:
        return [Span(amount, amount)]
    word = {"none": "null", "yes": "true", "no": "false"}.get(text.lower(), text.lower())
    return [_NONFINITE.get(word, word)] if word in {"true", "false", "null", *_NONFINITE} else []


def _check_choice(name: str, value: Text) -> None:
    known = CHOICES[name]
    if value.text.lower() in known or "*" in value.text:
        return
    close = difflib.get_close_matches(value.text.lower(), known, n=1, cutoff=0.5)
    remedy = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    raise QueryError(f"there is no {name} {value.text!r}, {remedy}", value.start)


def _amount(field: Field, text: str, at: int) -> float:
    amount = number(text)
    if amount is None and field.kind is Kind.DURATION:
        amount = length(text)
    if amount is None:
        kind = "a length of time such as 90s, 5m or 1h30m" if field.kind is Kind.DURATION else "a number"
        raise QueryError(f"{field.name} needs {kind}, not {text!r}", at)
    return amount


def _span(field: Field, value: Text) -> Span:
    """The number, or the range a..b."""
    low, dots, high = value.text.partition("..")
    if not dots:
        amount = _amount(field, value.text, value.start)
        return Span(amount, amount)
    if not low and not high:
        raise QueryError("a range needs an end, such as 1..10 or ..10", value.start)
    behind = value.start + len(low) + 2
    return Span(
        _amount(field, low, value.start) if low else None, _amount(field, high, behind) if high else None
    )


def _compared(field: Field, operator: str, value: Text, now: datetime) -> Span | Moments:
    if field.kind is Kind.TIME:
        return _moments_compared(operator, value, now)
    amount = _amount(field, value.text, value.start)
    if operator.startswith("<"):
        return Span(None, amount, high_excluded=operator == "<")
    return Span(amount, None, low_excluded=operator == ">")


# Moments.


def _moments_equal(value: Text, now: datetime) -> Moments:
    low, dots, high = value.text.partition("..")
    if dots and (low or high):
        first = when(low, value.start, now)[0] if low else None
        return Moments(first, when(high, value.start + len(low) + 2, now)[1] if high else None)
    age = length(value.text)
    if age is not None:
        return Moments(ago(now, age), None)
    return Moments(*when(value.text, value.start, now))


def _moments_compared(operator: str, value: Text, now: datetime) -> Moments:
    """A date is a span of time: later than a day is from the next one on. With a length the age is compared."""
    age = length(value.text)
    if age is not None:
        moment = ago(now, age)
        return Moments(moment, None) if operator.startswith("<") else Moments(None, moment)
    start, end = when(value.text, value.start, now)
    return {
        "<": Moments(None, start),
        "<=": Moments(None, end),
        ">": Moments(end, None),
        ">=": Moments(start, None),
    }[operator]

"""The query language: what it reads, where it says that it cannot, and that no text whatever makes it fail otherwise."""

import random
from datetime import UTC, datetime

import pytest

from app.runs.listing.amounts import length, number
from app.runs.listing.language import (
    Both,
    Either,
    Node,
    Not,
    QueryError,
    Term,
    Word,
    parse,
    quote,
)
from app.runs.listing.terms import Kind, Moments, Pattern, Span, understand

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def shown(node: Node | None) -> str:
    """A tree in one unmistakable form."""
    match node:
        case None:
            return ""
        case Word(text):
            return f"'{text.text}'"
        case Term(name, operator, value):
            written = ".".join(piece.text.strip(".") for piece in name) if len(name) > 1 else name[0].text
            return f"{written}{operator}{value.text}"
        case Not(inner):
            return f"not({shown(inner)})"
        case Both(nodes):
            return f"({' & '.join(shown(one) for one in nodes)})"
        case Either(nodes):
            return f"({' | '.join(shown(one) for one in nodes)})"


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("", ""),
        ("   ", ""),
        ("glow", "'glow'"),
        ("glow worm", "('glow' & 'worm')"),
        ('"glow worm"', "'glow worm'"),
        ("state:running lr<0.01", "(state:running & lr<0.01)"),
        ("-tag:bad", "not(tag:bad)"),
        ("not tag:bad", "not(tag:bad)"),
        ("a or b c", "('a' | ('b' & 'c'))"),
        ("(a OR b) c", "(('a' | 'b') & 'c')"),
        ("a and b", "('a' & 'b')"),
        ("-(a or b)", "not(('a' | 'b'))"),
        ('metrics."my loss".min<=1e-3', "metrics.my loss.min<=1e-3"),
        ('params."a b"!=x', "params.a b!=x"),
        ("loss/val<0.1", "loss/val<0.1"),
        ("created>2026-11-01T12:30", "created>2026-11-01T12:30"),
        (r'"say \"hi\" \\ there"', r"'say " + '"hi"' + r" \ there'"),
        ('"or"', "'or'"),
        ("a - b", "('a' & '-' & 'b')"),
        ("run --", "('run' & '--')"),
        ("50%", "'50%'"),
        ("(a+)+$", "('a+' & '+$')"),
        ("丹炉🔥", "'丹炉🔥'"),
    ],
)
def test_it_reads(query: str, tree: str) -> None:
    assert shown(parse(query)) == tree


@pytest.mark.parametrize(
    ("query", "position", "part"),
    [
        ('name:"open', 5, "not closed"),
        ("(a", 0, "not closed"),
        ("a)", 1, "closes nothing"),
        ("a or", 4, "missing"),
        ("or a", 0, "in quotes"),
        ("()", 1, "hold nothing"),
        ("lr<", 3, "value is missing"),
        ("lr< 3", 3, "value is missing"),
        (":x", 0, "name is missing"),
        ("a not", 5, "missing"),
        ("(" * 60 + "a" + ")" * 60, 50, "deeper"),
        ("a " * 300, 400, "longer"),
        ("state:runing", 6, "did you mean running"),
        ("lr<fast", 3, "a number"),
        ("lr<fast or state:x", 3, "a number"),
        ("duration>soon", 9, "length of time"),
        ("created>tomorrow", 8, "no date"),
        ("created:2026-13-01", 8, "no date"),
        ("name<3", 5, "cannot be compared"),
        ("id:a", 3, "a number"),
        ("id:1..b", 6, "a number"),
        ("id:..", 3, "range"),
        ("id:1,,2", 5, "value is missing"),
        ("params.:1", 7, "name is missing"),
        ("archived:maybe", 9, "true or false"),
        ("🔥🔥 lr<x", 6, "a number"),
    ],
)
def test_it_says_where(query: str, position: int, part: str) -> None:
    with pytest.raises(QueryError) as raised:
        _understood(parse(query))
    assert raised.value.position == position
    assert part in str(raised.value)
    assert f"column {position + 1}" in str(raised.value)


def _understood(node: Node | None) -> None:
    match node:
        case Term():
            understand(node, NOW)
        case Not(inner):
            _understood(inner)
        case Both(nodes) | Either(nodes):
            for one in nodes:
                _understood(one)


def condition_of(query: str) -> tuple[Kind, str, tuple[object, ...]]:
    node = parse(query)
    assert isinstance(node, Term)
    found = understand(node, NOW)
    return found.field.kind, found.field.key, found.values


def test_values_are_read_by_the_fields_kind() -> None:
    assert condition_of("lr:1e-3") == (Kind.EITHER, "lr", (Pattern("1e-3", True), Span(0.001, 0.001)))
    assert condition_of("lr:1e-4..1e-2")[2] == (Pattern("1e-4..1e-2", True), Span(1e-4, 1e-2))
    assert condition_of("metrics.loss/val.min<.1") == (
        Kind.METRIC, "loss/val.min", (Span(None, 0.1, high_excluded=True),)
    )  # fmt: skip
    assert condition_of("optimizer:adam*")[2] == (Pattern("adam*", False),)
    assert condition_of('optimizer:"adam*"')[2] == (Pattern("adam*", True),)
    assert condition_of("id:1,5..7")[2] == (Span(1, 1), Span(5, 7))
    assert condition_of("loss:nan")[2] == (Pattern("nan", True), "nan")
    assert condition_of("duration>1h30m")[2] == (Span(5400, None, low_excluded=True),)
    day, after = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC)
    assert condition_of("created:2026-11-01")[2] == (Moments(day, after),)
    assert condition_of("created>2026-11-01")[2] == (Moments(after, None),)
    assert condition_of("created<2026-11-01")[2] == (Moments(None, day),)
    assert condition_of("created<2h")[2] == (Moments(NOW.replace(hour=10), None),)
    assert condition_of("created>2h")[2] == (Moments(None, NOW.replace(hour=10)),)
    assert condition_of("created:2026-11")[2] == (Moments(day, datetime(2026, 12, 1, tzinfo=UTC)),)
    assert condition_of("created>=2026-11-01T10:00+02:00")[2] == (Moments(day.replace(hour=8), None),)
    assert condition_of("created:today")[2] == (
        Moments(NOW.replace(hour=0), datetime(2026, 11, 26, tzinfo=UTC)),
    )


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1e-3", 1e-3), ("-.5", -0.5), ("10_000", 1e4), ("+2", 2.0), ("1.", 1.0), ("1e999", None), ("1_", None),
     ("x", None), ("", None), ("1e", None), ("٣", 3.0), ("0x10", None)],
)  # fmt: skip
def test_numbers(text: str, amount: float | None) -> None:
    assert number(text) == amount


def test_lengths() -> None:
    assert length("1h30m") == 5400
    assert length("1.5d") == 129_600
    assert length("250ms") == 0.25
    assert length("2min") == 120
    assert length("5") is None
    assert length("h") is None


def test_any_name_and_value_can_be_quoted() -> None:
    chooser = random.Random(5)
    letters = 'ab ":=<>!()\\-,.*or"[]{}%_\'日🔥\t'
    for _ in range(2000):
        name, value = ("".join(chooser.choices(letters, k=chooser.randint(1, 12))) for _ in range(2))
        node = parse(f"params.{quote(name)}:{quote(value)} or {quote(value)}")
        assert isinstance(node, Either)
        term, word = node.nodes
        assert isinstance(term, Term)
        assert isinstance(word, Word)
        assert understand(term, NOW).field.key == name
        assert (term.value.text, word.text.text) == (value, value)


def test_whatever_is_typed_is_read_or_refused_at_a_place_inside() -> None:
    chooser = random.Random(6)
    pieces = ["(", ")", "-", "or", "and", "not", '"', "\\", ":", "=", "!=", "<", ">=", "..", ",", " ", " ", "lr", "state",
              "created", "duration", "id", "metrics.", "params.", "1e-3", "-2", "2h", "2026-11-01", "running", "*", "🔥", "\n"]  # fmt: skip
    read = 0
    refused: list[tuple[str, QueryError]] = []
    for _ in range(20_000):
        query = "".join(chooser.choices(pieces, k=chooser.randint(1, 9)))
        try:
            _understood(parse(query))
            read += 1
        except QueryError as error:
            refused.append((query, error))
    assert read > 1000
    assert [
        query for query, error in refused if not (0 <= error.position <= len(query) and error.message)
    ] == []

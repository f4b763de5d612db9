"""What `--grid KEY=VALUES` means: a list, ranges such as 1..5, or JSON. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from danlu.commands.values import read_value

MAX_VALUES = 500
_NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})(?:\.\.({_NUMBER}))?")


def read_grid(settings: Sequence[str]) -> dict[str, list[object]]:
    """`["lr=0.1,0.01", "seed=1..5"]` as the grid of a sweep.

    Values are read as JSON, else they are strings. A JSON list is the list of the values; `A..B` and `A..B..STEP` are
    all numbers from A to B, B included when it is met.

    Raises:
        ValueError: no KEY=VALUES, a key twice, or a range that is none.

    >>> read_grid(["lr=0.1,0.01", "seed=1..3", "act=relu,gelu", "hidden=[[64],[64,64]]"])
    {'lr': [0.1, 0.01], 'seed': [1, 2, 3], 'act': ['relu', 'gelu'], 'hidden': [[64], [64, 64]]}
    """
    grid: dict[str, list[object]] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip()
        if not equals or not key or not text.strip():
            raise ValueError(f"--grid takes KEY=VALUES, such as lr=0.1,0.01 or seed=1..5, not {setting!r}")
        if key in grid:
            raise ValueError(f"--grid has {key} twice; give all of its values at once")
        grid[key] = read_values(text.strip())
    return grid


def read_values(text: str) -> list[object]:
    """The values of one key.

    >>> read_values("0..1..0.25"), read_values("1e-4..1e-4"), read_values("3..1..-1"), read_values("1..3,10")
    ([0, 0.25, 0.5, 0.75, 1], [0.0001], [3, 2, 1], [1, 2, 3, 10])
    >>> read_values('{"a": 1}, {"a": 2}'), read_values("true,null,x y"), read_values('"1..3"')
    ([{'a': 1}, {'a': 2}], [True, None, 'x y'], ['1..3'])
    """
    if text.startswith("["):
        whole = read_value(text)
        if isinstance(whole, list):
            return whole
    together = read_value(f"[{text}]")
    if isinstance(together, list):
        return together
    values: list[object] = []
    for piece in (part.strip() for part in text.split(",")):
        found = _RANGE.fullmatch(piece)
        values += _range(piece, *found.groups()) if found else [read_value(piece)]
    return values


def _range(piece: str, first: str, last: str, step: str | None) -> list[object]:
    """Both ends included; exact in decimals, so that 0..1..0.1 ends with 1."""
    low, high = Decimal(first), Decimal(last)
    by = Decimal(step) if step is not None else Decimal(1 if high >= low else -1)
    if by == 0 or (high - low) * by < 0:
        raise ValueError(f"the range {piece} leads nowhere: from {first} to {last} in steps of {by}")
    count = int((high - low) / by) + 1
    if count > MAX_VALUES:
        raise ValueError(f"the range {piece} has {count} values; at most {MAX_VALUES}")
    return [_plain(low + by * place) for place in range(count)]


def _plain(number: Decimal) -> int | float:
    return int(number) if number == number.to_integral_value() else float(number)

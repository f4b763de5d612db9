"""A grid of values: what each run of a sweep gets, and how it is called. Pure functions."""

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.fields import MAX_NAME, one_line

MAX_RUNS = 500
Json = dict[str, Any]


def check(grid: Mapping[str, Sequence[Any]]) -> None:
    """Refuse a grid without keys or values, with a value twice, or with more than 500 combinations.

    Raises:
        ValueError: naming the key.
    """
    if not grid:
        raise ValueError('needs at least one key, such as {"lr": [0.1, 0.01]}')
    for key, values in grid.items():
        if not values:
            raise ValueError(f"has no values for {key[:80]}; give at least one")
        seen: set[str] = set()
        for value in values[: MAX_RUNS + 1]:
            text = json.dumps(value, sort_keys=True)
            if text in seen:
                raise ValueError(f"has the value {text[:80]} of {key[:80]} twice")
            seen.add(text)
    total = math.prod(len(values) for values in grid.values())
    if total > MAX_RUNS:
        raise ValueError(f"makes {total} runs; at most {MAX_RUNS} in one sweep")


def combinations(grid: Mapping[str, Sequence[Any]]) -> Iterator[Json]:
    """Every combination; the last key changes fastest.

    >>> [*combinations({"lr": [0.1, 0.01], "seed": [1, 2]})][:2]
    [{'lr': 0.1, 'seed': 1}, {'lr': 0.1, 'seed': 2}]
    """
    for values in itertools.product(*grid.values()):
        yield dict(zip(grid, values, strict=True))


def label(combination: Json, grid: Mapping[str, Sequence[Any]]) -> str:
    """What tells a run from the others: `lr=0.1 seed=2`; keys with one value are the same for all.

    >>> label({"lr": 0.1, "act": "relu", "seed": 2}, {"lr": [0.1], "act": ["relu", "a b"], "seed": [1, 2]})
    'act=relu seed=2'
    """
    return " ".join(f"{key}={_text(combination[key])}" for key in grid if len(grid[key]) > 1)


def named(base: str, tail: str) -> str:
    """The name of one run, cut to what a name may have; of the two the base gives way first.

    >>> named("rings", "lr=0.1"), len(named("x" * 200, "lr=0.1")), named("x" * 200, "lr=0.1")[-8:]
    ('rings lr=0.1', 200, '… lr=0.1')
    """
    if not tail:
        return base
    room = max(MAX_NAME // 4, MAX_NAME - len(tail) - 1)
    return _cut(f"{_cut(base, room)} {tail}", MAX_NAME)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _text(value: Any) -> str:
    """A value on one line: bare where it is a plain word, else as JSON."""
    if isinstance(value, str) and value and " " not in value and value.isprintable():
        try:
            return one_line(value)
        except ValueError:
            pass  # what a label may not hold is escaped below
    return json.dumps(value, separators=(",", ":"))

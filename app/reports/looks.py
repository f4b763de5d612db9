"""How lines that are drawn together are told apart: by colour, and by dashes where one is there twice. Pure; wb_looks.js agrees."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

COLOURS, DASHES = 10, 3

Paint = tuple[int, int]
"""Colour, 0 to 9, and dash: 0 for a solid line, 1 and 2."""


def colour_of(run: Mapping[str, Any]) -> int:
    """A run's colour: the chosen one, or else by its number."""
    return int(run["id"]) % COLOURS if run["colour"] is None else int(run["colour"])


def looks_of_runs(runs: Iterable[Mapping[str, Any]]) -> dict[int, Paint]:
    """By run. Each keeps its colour; of several with the same one the oldest is a solid line."""
    counts: Counter[int] = Counter()
    found = {}
    for run in sorted(runs, key=lambda one: int(one["id"])):
        colour = colour_of(run)
        found[int(run["id"])] = colour, counts[colour] % DASHES
        counts[colour] += 1
    return found


def looks_of_groups(colours: Iterable[int]) -> list[Paint]:
    """In the order given, of the colours of the groups' oldest runs: the next free one where a group has that already."""
    found: list[Paint] = []
    for first in colours:
        ways = [((first + at) % COLOURS, at // COLOURS) for at in range(COLOURS * DASHES)]
        found.append(next((way for way in ways if way not in found), ways[0]))
    return found

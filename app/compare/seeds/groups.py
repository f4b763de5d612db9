"""Groups of runs with their numbers. Pure functions.

Of a group those runs count that have succeeded and have a finite value; of several with the same seed the newest one, for
the same seed twice is not a second observation. What does not count is named with its reason.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from app.compare.seeds.configuration import is_seed, key_of, labels, seed_of, seed_param
from app.compare.seeds.queries import Outcome
from app.compare.seeds.statistics import summary

Json = dict[str, Any]
Value = Literal["last", "min", "max"]


@dataclass(frozen=True, slots=True)
class Group:
    """The runs of one configuration, newest first, with their value and, where it does not count, why."""

    key: str
    label: str
    runs: list[tuple[Outcome, float | None, str | None]]

    @property
    def values(self) -> list[float]:
        """The numbers that count, oldest run first."""
        return [value for _, value, why in reversed(self.runs) if why is None and value is not None]

    def json(self) -> Json:
        """As it is answered."""
        first = self.runs[0][0].run
        numbers = summary(self.values)
        return {
            "key": self.key,
            "label": self.label,
            "params": {key: value for key, value in first.params.items() if not is_seed(key)},
            "seed_param": seed_param(first.params),
            **asdict(numbers),
            "left_out": dict(Counter(why for _, _, why in self.runs if why is not None)),
            "runs": [
                {"id": one.run.id, "name": one.run.name, "seed": seed_of(one.run), "state": one.state, "value": value, "left_out": why}
                for one, value, why in self.runs
            ],
        }  # fmt: skip


def grouped(outcomes: Sequence[Outcome], value: Value) -> list[Group]:
    """All groups: those with the most numbers first, then the newest.

    Args:
        outcomes: newest first.
    """
    found: dict[str, list[Outcome]] = {}
    for one in outcomes:
        found.setdefault(key_of(one.run), []).append(one)
    names = labels([runs[0].run for runs in found.values()])
    groups = []
    for (key, runs), label in zip(found.items(), names, strict=True):
        groups.append(Group(key, label, _judged(runs, value)))
    return sorted(groups, key=lambda group: (-len(group.values), -len(group.runs)))


def _judged(runs: Sequence[Outcome], value: Value) -> list[tuple[Outcome, float | None, str | None]]:
    """Each run with its number and why that does not count; None where it does."""
    seen: set[str] = set()
    judged = []
    for one in runs:
        number: float | None = getattr(one, value)
        why = None
        if one.state != "succeeded":
            why = one.state
        elif one.nonfinite:
            why = "not finite"  # a curve that ends in NaN has diverged, whatever its least value was
        elif number is None:
            why = "no value"
        elif (seed := seed_of(one.run)) is not None:
            why = "repeats a seed" if repr(seed) in seen else None
            seen.add(repr(seed))
        judged.append((one, None if why in {"not finite", "no value"} else number, why))
    return judged

"""Which params a metric depends on, over the runs that there are. Pure; scikit-learn and scipy are imported at the first use.

Two answers that see different things: Spearman's rank correlation (one param, up or down) and the impurity importance
of a random forest (any shape, and params together). Neither says what causes what.
"""

import json
import math
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST = 5
"""Below this many runs nothing is said."""
FEW = 30
"""Below this many runs a caveat is shown."""
CHANCE = 0.05
"""From this p on a correlation is not called a direction."""
MOST_PARAMS = 100
MOST_CATEGORIES = 16
TREES = 200
SEED = 0
_one_at_a_time = threading.Lock()  # a forest takes a whole core; two would each take twice as long

Kind = Literal["number", "boolean", "category"]
Goal = Literal["min", "max"]


@dataclass(frozen=True)
class Influence:
    """What one param has to do with the metric.

    Attributes:
        param: its key.
        kind: how its values were read; a category's names have no order, so it has no correlation.
        n: runs that have it.
        distinct: how many values it takes.
        importance: its share of what the forest explains; all shares add up to 1.
        spread: standard deviation of that share over the trees.
        spearman: rank correlation with the metric, -1 to 1, over the runs that have the param; None without an order.
        p: of the hypothesis that there is no such correlation; not corrected for the number of params.
        better: where the metric is better: at "higher" or "lower" values of the param; None without a correlation that is hardly chance (p < 0.05).
    """

    param: str
    kind: Kind
    n: int
    distinct: int
    importance: float
    spread: float
    spearman: float | None
    p: float | None
    better: Literal["higher", "lower"] | None


@dataclass(frozen=True)
class Importance:
    """The influences, the strongest first.

    Attributes:
        n: runs that the answer is from.
        score: R² of the forest on runs that its trees have not seen; at 0 or below it explains nothing.
        constant: params with one value, which cannot explain anything.
        caveats: sentences that belong beside the figures.
    """

    n: int
    items: list[Influence]
    score: float | None
    constant: list[str]
    caveats: list[str]


def importance(params: Sequence[Mapping[str, Any]], metric: Sequence[float], goal: Goal) -> Importance:
    """Weigh every param that differs.

    Args:
        params: of each run; a run may lack some.
        metric: of each run, finite.
        goal: whether a small or a large metric is better.
    """
    differing, constant = _sorted_out(params)
    n = len(metric)
    if n < FEWEST:
        runs = "1 run has" if n == 1 else f"{n} runs have"
        why = f"{runs} this metric; at least {FEWEST} are needed to say anything."
        return Importance(n, [], None, constant, [why])
    if not differing:
        return Importance(n, [], None, constant, ["No param differs between these runs."])
    if min(metric) == max(metric):
        return Importance(n, [], None, constant, ["The metric is the same in all of these runs."])
    left_out = differing[MOST_PARAMS:]
    columns = {key: _Column([one.get(key) for one in params]) for key in differing[:MOST_PARAMS]}
    with _one_at_a_time:
        shares, score = _forest(columns, metric)
        items = [_influence(key, column, metric, goal, shares[key]) for key, column in columns.items()]
    items.sort(key=lambda item: (-item.importance, item.param))
    return Importance(n, items, score, constant, _caveats(n, len(columns), score, len(left_out)))


def _sorted_out(params: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Keys of the params that differ, those that most runs have first; and of those with one value."""
    having = Counter(key for one in params for key in one)
    values = {key: {_text(one.get(key)) for one in params} for key in having}
    ordered = sorted(having, key=lambda key: (-having[key], key))
    return [key for key in ordered if len(values[key]) > 1], sorted(
        key for key in having if len(values[key]) == 1
    )


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


class _Column:
    """The values of one param, and as numbers for the forest."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.values = values
        there = [value for value in values if value is not None]
        self.n = len(there)
        self.distinct = len({_text(value) for value in there})
        self.kind: Kind = "category"
        if there and all(isinstance(value, bool) for value in there):
            self.kind = "boolean"
        elif there and all(_is_number(value) for value in there):
            self.kind = "number"

    def encoded(self) -> "list[Floats]":
        """Columns of the forest: a number beside whether it is there, a category as one column for each value."""
        import numpy as np

        if self.kind == "category":
            texts = [_text(value) for value in self.values]
            common = [text for text, _ in Counter(texts).most_common(MOST_CATEGORIES)]
            return [np.array([text == one for text in texts], np.float64) for one in common]
        numbers = np.array([math.nan if value is None else float(value) for value in self.values])
        missing = np.isnan(numbers)
        filled = np.clip(
            np.where(missing, np.nanmedian(numbers), numbers), -1e30, 1e30
        )  # a forest takes 32 bits
        return [filled, missing.astype(np.float64)] if missing.any() else [filled]

    def ranked(self, metric: Sequence[float]) -> tuple[list[float], list[float]]:
        """Values that have an order, and the metric beside them."""
        pairs = [
            (float(value), of)
            for value, of in zip(self.values, metric, strict=True)
            if self.kind != "category" and value is not None
        ]
        return [value for value, _ in pairs], [of for _, of in pairs]


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number with more than 308 digits
        return False


def _forest(
    columns: Mapping[str, _Column], metric: Sequence[float]
) -> tuple[dict[str, tuple[float, float]], float | None]:
    """Per param its share and the share's spread over the trees; and the score on unseen runs."""
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor

    parts = {key: column.encoded() for key, column in columns.items()}
    table = np.column_stack([part for group in parts.values() for part in group])
    # Impurity is a variance: a diverged run at 1e30 would be all that it sees, and its place in the order says enough.
    target = np.argsort(np.argsort(np.asarray(metric), kind="stable"), kind="stable").astype(np.float64)
    _, same = np.unique(np.asarray(metric), return_inverse=True)
    target = np.bincount(same, target)[same] / np.bincount(same)[same]
    forest = RandomForestRegressor(
        TREES,
        min_samples_leaf=2,
        max_features=0.5,
        oob_score=len(metric) >= 2 * FEWEST,
        random_state=SEED,
        n_jobs=1,
    )
    forest.fit(table, target)
    trees = np.array([tree.feature_importances_ for tree in forest.estimators_])
    shares, first = {}, 0
    for key, group in parts.items():
        own = trees[:, first : first + len(group)].sum(axis=1)
        shares[key] = (float(own.mean()), float(own.std()))
        first += len(group)
    total = sum(share for share, _ in shares.values()) or 1.0
    score = float(forest.oob_score_) if forest.oob_score else None
    return {key: (share / total, spread / total) for key, (share, spread) in shares.items()}, score


def _influence(
    key: str, column: _Column, metric: Sequence[float], goal: Goal, share: tuple[float, float]
) -> Influence:
    from scipy.stats import spearmanr

    rho = p = None
    values, of = column.ranked(metric)
    if len(values) >= FEWEST and len(set(values)) > 1 and len(set(of)) > 1:
        found = spearmanr(values, of)
        rho, p = float(found.statistic), float(found.pvalue)
    better: Literal["higher", "lower"] | None = None
    if rho and p is not None and p < CHANCE:
        better = "higher" if (rho > 0) == (goal == "max") else "lower"
    return Influence(key, column.kind, column.n, column.distinct, *share, rho, p, better)


def _caveats(n: int, params: int, score: float | None, left_out: int) -> list[str]:
    found = []
    if n < FEW:
        found.append(f"Only {n} runs: take this as a hint of what to try next, not as a finding.")
    if score is not None and score <= 0:
        found.append(
            "The forest does not predict runs that it has not seen: the importances mean little here."
        )
    if params > 1 and n >= FEWEST:
        found.append(
            "Params that were always changed together share their importance, whichever of them matters."
        )
    if left_out:
        found.append(f"{left_out} params that fewer runs have are left out.")
    return found

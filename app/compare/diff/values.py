"""Values of two runs side by side. Pure functions."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]

SETTINGS = (
    "name", "experiment", "recipe", "entrypoint", "environment", "args", "seed", "device", "resolved_device", "processes",
    "timeout_s", "max_retries", "env", "tags", "notes", "owner", "state", "reason", "duration_s", "worker",
)  # fmt: skip
"""Of a run's JSON, in this order; params and code are compared by themselves."""
FIELDS = (
    "environment",
    "start",
    "implementation",
    "python",
    "torch",
    "cuda",
    "device",
    "devices",
    "threads",
    "host",
    "system",
    "executable",
)
"""Of a recorded environment."""
SUMMARIES = ("last", "min", "max")


def rows(keys: Iterable[str], a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Json]:
    """One row per key: `{key, a, b, in_a, in_b, differs, delta}`; those that differ first, else in the order given."""
    made = []
    for key in keys:
        one, two = a.get(key), b.get(key)
        differs = (key in a) != (key in b) or not same(one, two)
        row = {"key": key, "a": one, "b": two, "in_a": key in a, "in_b": key in b, "differs": differs}
        made.append(row | {"delta": delta(one, two) if differs else None})
    return sorted(made, key=lambda row: not row["differs"])


def same(one: Any, two: Any) -> bool:
    """Equal as JSON has it: true is not 1, but 1 is 1.0; NaN is like NaN."""
    if isinstance(one, bool) or isinstance(two, bool):
        return one is two
    if isinstance(one, float) and isinstance(two, float) and math.isnan(one) and math.isnan(two):
        return True
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    return bool(one == two)


def delta(one: Any, two: Any) -> float | None:
    """The second number less the first; None where one is none, or the difference is not finite."""
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in (one, two)):
        return None
    try:
        found = float(two - one)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def params(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Json]:
    """All params of both, those that differ first; what stands in objects under its dotted name."""
    one, two = flat(a), flat(b)
    return rows(dict.fromkeys((*one, *two)), one, two)


def flat(params: Mapping[str, Any], prefix: str = "") -> Json:
    """Nested objects as dotted keys; an empty object, a list, and an object with a name that is there already are values.

    >>> flat({"model": {"width": 8, "extra": {}}, "lr": 0.1})
    {'model.width': 8, 'model.extra': {}, 'lr': 0.1}
    """
    found: Json = {}
    own = {f"{prefix}{key}" for key in params}
    for key, value in params.items():
        inner = flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {}
        if inner and inner.keys().isdisjoint(own | found.keys()):
            found |= inner
        else:
            found[f"{prefix}{key}"] = value
    return found


def settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Json]:
    """What else was asked for and came of it; what neither has is left out."""
    keys = [
        key
        for key in SETTINGS
        if a.get(key) not in (None, "", [], {}) or b.get(key) not in (None, "", [], {})
    ]
    return rows(keys, {key: a.get(key) for key in keys}, {key: b.get(key) for key in keys})


def metrics(a: Mapping[str, Json], b: Mapping[str, Json]) -> list[Json]:
    """Metrics of both by tag: last, min and max of each, and b less a; None for a tag that one lacks."""
    found = []
    for tag in sorted(a.keys() | b.keys()):
        one, two = a.get(tag), b.get(tag)
        row: Json = {"tag": tag, "a": one and _summary(one), "b": two and _summary(two)}
        row["delta"] = {
            name: delta(one.get(name), two.get(name)) if one and two else None for name in SUMMARIES
        }
        found.append(row)
    return found


def _summary(metric: Json) -> Json:
    return {name: metric.get(name) for name in (*SUMMARIES, "step", "nonfinite")}


def environment(a: Json | None, b: Json | None) -> Json | None:
    """Two recorded environments; None where a run has recorded none."""
    if a is None or b is None:
        return None
    return {"fields": rows(FIELDS, a, b), "packages": packages(a["packages"], b["packages"])}


def packages(a: Mapping[str, str], b: Mapping[str, str]) -> Json:
    """Packages that only one has, that differ, and how many are the same. Names are compared as pip does."""
    one, two = _by_name(a), _by_name(b)
    changed = [
        {"name": one[key][0], "a": one[key][1], "b": two[key][1]}
        for key in sorted(one.keys() & two.keys())
        if one[key][1] != two[key][1]
    ]
    return {
        "removed": [{"name": one[key][0], "version": one[key][1]} for key in sorted(one.keys() - two.keys())],
        "added": [{"name": two[key][0], "version": two[key][1]} for key in sorted(two.keys() - one.keys())],
        "changed": changed,
        "same": len(one.keys() & two.keys()) - len(changed),
    }


def _by_name(packages: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return {
        name.lower().replace("_", "-").replace(".", "-"): (name, version)
        for name, version in packages.items()
    }


def git(a: Json | None, b: Json | None, diff_a: str | None, diff_b: str | None) -> Json:
    """Commits of both, and whether what was not committed is the same."""
    return {
        "a": a,
        "b": b,
        "same_commit": bool(a and b and a.get("commit") and a.get("commit") == b.get("commit")),
        "uncommitted": _uncommitted(diff_a, diff_b),
    }


def _uncommitted(a: str | None, b: str | None) -> str:
    if not a and not b:
        return "none"
    if a == b:
        return "same"
    return "differs" if a and b else ("only a" if a else "only b")


def paths(found: Sequence[Any]) -> list[Json]:
    """Files that differ (`app.runs.codediff.FileDiff`) as JSON."""
    return [
        {
            "path": file.path, "status": file.status, "added": file.added, "removed": file.removed, "note": file.note,
            "lines": [[line.mark, line.old, line.new, line.text] for line in file.lines],
        }
        for file in found
    ]  # fmt: skip

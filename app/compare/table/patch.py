"""An answer of the table brought up to date by what has changed since: half the work of asking for all of it. Pure."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json, to_json

from app.compare.table.answer import RAW
from app.compare.table.queries import Mark, Summaries

WORTH = 4
"""Where more than one run in so many has changed, asking for all is as fast."""
Json = dict[str, Any]


def patched(
    old: bytes,
    mark: Mark,
    ids: Sequence[int],
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    metrics: Sequence[Summaries],
) -> bytes | None:
    """The answer as it is now, or None where it has to be asked for whole.

    Args:
        old: an earlier answer to the same question.
        mark: what the new one is told by; the answer is checked against it.
        ids: of the runs that it has, in order.
        names: of the columns of `rows`.
        rows: the runs that have changed.
        metrics: their summaries.
    """
    if len(rows) * WORTH > len(ids):
        return None
    body: Json = from_json(old)
    columns, changed = body["columns"], {row[names.index("id")]: row for row in rows}
    if list(columns) != list(names):
        return None
    before = columns["id"]
    place = {run: at for at, run in enumerate(before)}
    if any(run not in place and run not in changed for run in ids):
        return None
    for at, name in enumerate(names):
        new = {run: _value(name, row[at]) for run, row in changed.items()}
        columns[name] = _column(columns[name], before, ids, place, new)
    if not _as_marked(columns["updated_at"], mark):
        return None
    gone = changed.keys() | (place.keys() - set(ids))
    body["metrics"] = _metrics(body["metrics"], gone, {one.tag: one for one in metrics})
    head = {"version": mark.version, "total": mark.runs}
    return to_json(body | head, inf_nan_mode="null")


def _value(name: str, value: Any) -> Any:
    return json.loads(value) if name in RAW else value


def _column(
    old: list[Any], before: list[int], ids: Sequence[int], place: dict[int, int], new: dict[int, Any]
) -> list[Any]:
    if before == ids:
        for run, value in new.items():
            old[place[run]] = value
        return old
    return [new[run] if run in new else old[place[run]] for run in ids]


def _as_marked(updated_at: list[float], mark: Mark) -> bool:
    """Whether no change was missed: one that was committed long after its time would be."""
    return (
        len(updated_at) == mark.runs and sum(round(moment * 1000) for moment in updated_at) == mark.total_ms
    )


def _metrics(old: dict[str, Json], gone: set[int], new: dict[str, Summaries]) -> dict[str, Json]:
    """The summaries without those of some runs, and with the new ones."""
    found = {}
    for tag in old if new.keys() <= old.keys() else sorted(old.keys() | new.keys()):
        kept = _without(old[tag], gone) if tag in old else _empty()
        if tag in new:
            _add(kept, new[tag])
        if kept["run"]:
            found[tag] = kept
    return found


def _empty() -> Json:
    return {"run": [], "last": [], "min": [], "max": [], "step": [], "nonfinite": None}


def _without(one: Json, gone: set[int]) -> Json:
    if gone.isdisjoint(one["run"]):
        return one
    stay = [run not in gone for run in one["run"]]
    return {
        name: values
        and [value for value, stays in zip(values, stay, strict=True) if stays]
        for name, values in one.items()
    }  # fmt: skip


def _add(one: Json, more: Summaries) -> None:
    count = len(one["run"])
    for name in ("run", "last", "min", "max", "step"):
        one[name] += json.loads(getattr(more, name))
    if more.nonfinite is not None or one["nonfinite"] is not None:
        one["nonfinite"] = (one["nonfinite"] or [None] * count) + (
            json.loads(more.nonfinite) if more.nonfinite else [None] * (len(one["run"]) - count)
        )

"""What a request for series says, read from its query."""

from collections.abc import Sequence
from typing import Literal, NoReturn

from app.errors import Invalid
from app.fields import MAX_ID
from app.metrics.words import MIN_POINTS, Window

ARROW = "application/vnd.apache.arrow.stream"
COLUMNS = "application/vnd.danlu.columns"
MAX_POINTS = 100_000
MAX_TAGS = 200
SMALLEST_STEP, LARGEST_STEP = -(2**63), 2**63 - 1

Form = Literal["json", "columns", "arrow"]


def form_of(told: Form | None, accept: str) -> Form:
    """What the answer shall be: as the query says, else as `Accept` does."""
    if told is not None:
        return told
    if COLUMNS in accept:
        return "columns"
    return "arrow" if ARROW in accept else "json"


def window(
    runs: Sequence[int], points: int, low: float | None, high: float | None, since: Sequence[str] | None
) -> Window:
    """Which points are wanted.

    Raises:
        Invalid: names the parameter.
    """
    if 0 < points < MIN_POINTS:
        _wrong("points", f"Must be 0, or from {MIN_POINTS} to {MAX_POINTS}")
    if low is not None and high is not None and low > high:
        _wrong("from", "Must not be greater than `to`")
    return Window(low, high, _since(runs, since or ()), points)


def check_tags(tags: Sequence[str] | None) -> None:
    """Refuse too many.

    Raises:
        Invalid: more than 200.
    """
    if tags is not None and len(tags) > MAX_TAGS:
        _wrong("tag", f"At most {MAX_TAGS} tags")


def _since(runs: Sequence[int], told: Sequence[str]) -> dict[int, int]:
    """`STEP` is meant for every run, `ID:STEP` for that one."""
    for_all = [text for text in told if ":" not in text]
    if len(for_all) > 1:
        _wrong("since", "One step for all runs, or ID:STEP for each")
    found = dict.fromkeys(runs, _number(for_all[0])) if for_all else {}
    for text in told:
        run, colon, step = text.partition(":")
        if not colon:
            continue
        number = _number(run)
        if not 0 < number <= MAX_ID:
            _wrong("since", f"{run[:40]!a} is no run's id")
        found[number] = _number(step)
    return found


def _number(text: str) -> int:
    # int() would take spaces, underscores and other alphabets' digits.
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 19:
        _wrong("since", f"{text[:40]!a} is no step; write STEP or ID:STEP, such as since=12:4000")
    return min(max(int(text), SMALLEST_STEP), LARGEST_STEP)


def _wrong(field: str, message: str) -> NoReturn:
    raise Invalid(f"Wrong: {field}.", fields={field: message})

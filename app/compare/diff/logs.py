"""Two outputs compared: the first line that differs, and a diff of what follows. Pure functions on iterables of bytes.

Both are read side by side only as far as `MAX_READ` and `MAX_LINES`, and only `WINDOW` lines of each from the first difference on go to
difflib, whose time grows with their product: so two outputs of 64 MiB cost no more than two of 8 MiB.
"""

import difflib
import re
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any

MAX_READ = 8 << 20
"""Bytes of each output that are looked at for the first difference."""
MAX_LINES = 50_000
"""Lines of each that are looked at for it."""
WINDOW = 1_000
"""Lines of each that are compared from there on."""
MAX_LINE = 500
"""Characters of a line that are compared and shown."""
CONTEXT = 3
Json = dict[str, Any]

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# It begins with a digit that no word or number precedes, which the engine finds fast.
_CHANGING = re.compile(
    r"""\d(?<![\w.]\d)(?:
        (?P<time>\d{3}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?
               | \d{0,2}:\d\d(?::\d\d)?(?:[.,]\d+)?)
      | (?P<address>(?<=0)x[0-9a-fA-F]+)
      | (?P<number>[\d_]*(?:,\d{3})*(?:\.\d*)?(?:[eE][-+]?\d+)?)
    )""",
    re.VERBOSE,
)
_MASKS = {"time": "«time»", "address": "«address»", "number": "«number»"}


def masked(line: str) -> str:
    """A line with times, addresses and numbers replaced by what they are.

    >>> masked("2026-11-25 10:00:01 epoch 3/10 loss=0.0123 (4.5s) at 0x7f12")
    '«time» epoch «number»/«number» loss=«number» («number»s) at «address»'
    """
    found = _CHANGING.sub(lambda match: _MASKS[match.lastgroup or "number"], line)
    return found.replace("-«number»", "«number»").replace("+«number»", "«number»")


def lines_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines as a terminal would have left them: without colours, and of a line that was overwritten its last state."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from map(_plain, whole)
        if len(rest) > 1 << 20:  # no line is that long; a bar that is drawn over and over again is
            rest = rest[-MAX_LINE:]
    if rest:
        yield _plain(rest)


def _plain(line: bytes) -> str:
    # a carriage return at the end belongs to the line's end
    last = line.rstrip(b"\r").rpartition(b"\r")[2][: 4 * MAX_LINE]
    return _ESCAPES.sub("", last.decode("utf-8", "replace"))[:MAX_LINE].rstrip()


def compare(a: Iterable[str], b: Iterable[str], *, mask: bool) -> Json:
    """The first line that differs, and a unified diff from there on.

    Args:
        mask: numbers, times and addresses count as equal.

    Returns:
        `same`, null where more follows than is looked at; `first`: null or `{line, a, b}` with null for a side that has ended; `lines`: rows of mark, number in a,
        number in b and text; `shown`: how many lines of each went into the diff; `cut`: whether more follows.
    """
    before: deque[tuple[str, str]] = deque(maxlen=CONTEXT)
    one, two = iter(a), iter(b)
    for number, (left, right) in enumerate(zip_longest(one, two), 1):
        if number > MAX_LINES:
            return {"same": None, "first": None, "lines": [], "shown": [0, 0], "cut": True}
        if left == right or (
            left is not None and right is not None and mask and masked(left) == masked(right)
        ):
            before.append((left or "", right or ""))
            continue
        first = {"line": number, "a": left, "b": right}
        start = number - len(before)
        window_a = [pair[0] for pair in before] + ([] if left is None else [left, *_some(one)])
        window_b = [pair[1] for pair in before] + ([] if right is None else [right, *_some(two)])
        cut = next(one, None) is not None or next(two, None) is not None
        lines = unified(window_a, window_b, start, mask=mask)
        return {
            "same": False,
            "first": first,
            "lines": lines,
            "shown": [len(window_a), len(window_b)],
            "cut": cut,
        }
    return {"same": True, "first": None, "lines": [], "shown": [0, 0], "cut": False}


def unified(a: list[str], b: list[str], start: int, *, mask: bool) -> list[list[Any]]:
    """Rows of a unified diff: mark (`+`, `-`, blank, `@`), number in a, number in b, text of a where both agree."""
    keys_a, keys_b = ([_key(line, mask=mask) for line in lines] for lines in (a, b))
    matcher = _FromTheEnd(keys_a, keys_b)
    rows: list[list[Any]] = []
    for group in matcher.get_grouped_opcodes(CONTEXT):
        _, i1, _, j1, _ = group[0]
        _, _, i2, _, j2 = group[-1]
        rows.append(["@", None, None, f"@@ -{start + i1},{i2 - i1} +{start + j1},{j2 - j1} @@"])
        for tag, low_a, high_a, low_b, high_b in group:
            if tag == "equal":
                rows += [
                    [" ", start + low_a + n, start + low_b + n, a[low_a + n]] for n in range(high_a - low_a)
                ]
                continue
            rows += [["-", start + n, None, a[n]] for n in range(low_a, high_a)]
            rows += [["+", None, start + n, b[n]] for n in range(low_b, high_b)]
    return rows


class _FromTheEnd(difflib.SequenceMatcher[str]):
    """Matches what both end with first: alike lines are many once numbers are masked, and the longest match may be off."""

    def __init__(self, a: list[str], b: list[str]) -> None:
        super().__init__(None, a, b)
        self._sides = (a, b)

    def get_opcodes(self) -> list[Any]:
        """As in difflib."""
        a, b = self._sides
        end = _common_end(a, b)
        inner = difflib.SequenceMatcher(None, a[: len(a) - end], b[: len(b) - end]).get_opcodes()
        return _joined(inner, end, len(a), len(b))


def _common_end(a: list[str], b: list[str]) -> int:
    """How many lines at the end are the same."""
    pairs = zip(reversed(a), reversed(b), strict=False)
    return next((count for count, (left, right) in enumerate(pairs) if left != right), min(len(a), len(b)))


def _joined(inner: list[Any], end: int, a: int, b: int) -> list[Any]:
    """Opcodes of the inner part with the common end behind it."""
    if not end:
        return inner
    if inner and inner[-1][0] == "equal":
        _, low_a, _, low_b, _ = inner.pop()
        return [*inner, ("equal", low_a, a, low_b, b)]
    return [*inner, ("equal", a - end, a, b - end, b)]


def _some(lines: Iterator[str]) -> list[str]:
    return [line for _, line in zip(range(WINDOW - CONTEXT - 1), lines, strict=False)]


def _key(line: str, *, mask: bool) -> str:
    return masked(line) if mask else line

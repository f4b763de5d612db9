"""What differs between two sets of params and between two sets of files, for people. Pure functions."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

MAX_LINES = 2000
"""Lines of all diffs together that are shown."""
MAX_COMPARED = 500_000
"""Characters of a file that is still compared line by line."""
CONTEXT = 3
Mark = Literal["+", "-", " ", "@", "\\"]
_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a diff.

    Attributes:
        mark: + added, - removed, blank the same in both, @ the head of a piece, a backslash a remark.
        old, new: its number on each side, from 1; None where it does not stand there.
    """

    mark: Mark
    text: str
    old: int | None = None
    new: int | None = None


@dataclass(slots=True)
class FileDiff:
    """What differs in one file; `note` says why its lines are not shown."""

    path: str
    status: Literal["added", "removed", "changed"]
    lines: list[Line] = field(default_factory=list)
    note: str = ""

    @property
    def added(self) -> int:
        """Lines that only the new file has."""
        return sum(line.mark == "+" for line in self.lines)

    @property
    def removed(self) -> int:
        """Lines that only the old file has."""
        return sum(line.mark == "-" for line in self.lines)


@dataclass(frozen=True, slots=True)
class Change:
    """A param that differs; None (as opposed to the value null) for one that a side lacks."""

    key: str
    old: tuple[Any] | None
    new: tuple[Any] | None


def params(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The params that differ, in the order of the old ones and then of the new ones."""
    found: list[Change] = []
    for key in dict.fromkeys((*old, *new)):
        before = (old[key],) if key in old else None
        after = (new[key],) if key in new else None
        # 1 and True are equal in Python and not on a command line
        if before != after or (before and after and type(before[0]) is not type(after[0])):
            found.append(Change(key, before, after))
    return found


def files(old: Mapping[str, str | None], new: Mapping[str, str | None]) -> list[FileDiff]:
    """The files that differ, by path; of a file that is no text (None) only that it differs is said.

    Args:
        old: path → text of the files that may differ; what is equal on both sides may be left out of both.
        new: the same of the other side.
    """
    found: list[FileDiff] = []
    left = MAX_LINES
    for path in sorted(old.keys() | new.keys()):
        before, after = old.get(path, ""), new.get(path, "")
        if path in old and path in new and before == after and before is not None:
            continue
        status: Literal["added", "removed", "changed"] = (
            "changed" if path in old and path in new else "added" if path in new else "removed"
        )
        one = FileDiff(path, status)
        if before is None or after is None:
            one.note = "no text"
        elif max(len(before), len(after)) > MAX_COMPARED:
            one.note = "too long to be compared here"
        else:
            one.lines = numbered(
                difflib.unified_diff(before.splitlines(), after.splitlines(), n=CONTEXT, lineterm="")
            )
            if len(one.lines) > left:
                one.note = f"{len(one.lines) - left} more lines"
                one.lines = one.lines[:left]
            left -= len(one.lines)
        found.append(one)
    return found


def parse(text: str) -> list[FileDiff]:
    """The files of a diff as git prints it; what stands before the first file is left out."""
    found: list[FileDiff] = []
    pieces = re.split(r"^diff --git ", text, flags=re.MULTILINE)
    left = MAX_LINES
    for piece in pieces[1:]:
        head, *body = piece.split("\n")
        one = FileDiff(head.rpartition(" b/")[2] or head, _status(body))
        lines = [line for line in body if line]
        start = next((place for place, line in enumerate(lines) if line.startswith("@@")), len(lines))
        if any(line.startswith(("Binary files", "GIT binary patch")) for line in lines[:start]):
            one.note = "no text"
        one.lines = numbered(lines[start:])
        if len(one.lines) > left:
            one.note = f"{len(one.lines) - left} more lines"
            one.lines = one.lines[:left]
        left -= len(one.lines)
        found.append(one)
    return found


def _status(body: list[str]) -> Literal["added", "removed", "changed"]:
    if any(line.startswith("new file") for line in body[:4]):
        return "added"
    return "removed" if any(line.startswith("deleted file") for line in body[:4]) else "changed"


def numbered(lines: Any) -> list[Line]:
    """The lines of a unified diff with their numbers; the two lines that name the files are left out."""
    found: list[Line] = []
    old = new = 0
    for text in lines:
        if (hunk := _HUNK.match(text)) is not None:
            old, new = int(hunk[1]), int(hunk[2])
            found.append(Line("@", text))
        elif not found:
            continue
        elif text.startswith("+"):
            found.append(Line("+", text[1:], None, new))
            new += 1
        elif text.startswith("-"):
            found.append(Line("-", text[1:], old, None))
            old += 1
        elif text.startswith("\\"):
            found.append(Line("\\", text[2:]))
        else:
            found.append(Line(" ", text[1:], old, new))
            old, new = old + 1, new + 1
    return found

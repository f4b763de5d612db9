"""Standard input and output of a run process."""

import io
import sys
from typing import Any


class _WholeWrites(io.FileIO):
    """Unbuffered, as `python -u`, but a signal in the middle of a long write does not lose the rest."""

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            done += super().write(view[done:]) or 0
        return done


def open_output() -> None:
    """Open `sys.stdin`, `sys.stdout` and `sys.stderr` anew on the descriptors 0, 1 and 2 of this fork."""
    nothing = io.FileIO(0, "r", closefd=False)
    nothing.name = "<stdin>"
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(nothing), encoding="utf-8")  # type: ignore[misc]
    for name, fd in (("stdout", 1), ("stderr", 2)):
        raw = _WholeWrites(fd, "w", closefd=False)
        raw.name = f"<{name}>"
        stream = io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)

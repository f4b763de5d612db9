"""Which files of a snapshot can be run, the likeliest first: judged by their names and a look at their text."""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from danlu.pack import FileFact

MAX_ENTRYPOINTS = 200
MAX_SOURCE = 1 << 20
"""Bytes of a script that are looked at; a larger one is data."""

_FIRST = ("train.py", "main.py", "run.py")
_NEVER = frozenset({"setup.py", "conftest.py", "__init__.py", "noxfile.py"})
_ASIDE = frozenset({"test", "tests", "doc", "docs", "examples", "scripts", "tools", "utils"})
_MAIN = re.compile(rb"^if\s+(?:__name__\s*==|['\"]__main__['\"]\s*==)", re.MULTILINE)
_READS_ARGUMENTS = (
    b"argparse", b"HfArgumentParser", b"simple_parsing", b"typer.", b"click.", b"tyro.", b"fire.Fire",
)  # fmt: skip
_TRAINS = (b"torch", b"lightning", b"transformers", b"keras", b"SummaryWriter")


def rank(folder: Path, files: Iterable[FileFact]) -> list[str]:
    """Paths of what can be run, at most 200: Python files, then shell scripts.

    Args:
        folder: the unpacked files.
    """
    scored = []
    for file in files:
        name = PurePosixPath(file.path)
        if name.suffix == ".py" and name.name != "__init__.py":
            scored.append((_python_score(folder / file.path, name, file.size), file.path))
        elif name.suffix == ".sh":
            scored.append(((5, len(name.parts), 0, 0), file.path))
    return [path for _, path in sorted(scored)[:MAX_ENTRYPOINTS]]


def _python_score(place: Path, name: PurePosixPath, size: int) -> tuple[int, int, int, int]:
    """Smaller is likelier: by class, by depth, by name, by what it does."""
    text = place.read_bytes() if size <= MAX_SOURCE else b""
    # A word is found much sooner than a pattern, and most files have none of them.
    is_main = b"__main__" in text and bool(_MAIN.search(text))
    reads, trains = (any(word in text for word in words) for words in (_READS_ARGUMENTS, _TRAINS))
    named = _FIRST.index(name.name) if name.name in _FIRST else len(_FIRST)
    if named == len(_FIRST) and not name.name.startswith("train"):
        named += 1
    aside = not _ASIDE.isdisjoint(part.lower() for part in name.parts[:-1])
    test = name.name.startswith("test_") or name.name.endswith("_test.py") or name.name in _NEVER
    if test:
        kind = 4
    elif named < len(_FIRST) + 1 and not aside:
        kind = 0
    elif is_main or (len(name.parts) == 1 and reads):
        kind = 2 if aside else 1
    else:
        kind = 3
    return (kind, len(name.parts), named, 4 - 2 * is_main - reads - trains)

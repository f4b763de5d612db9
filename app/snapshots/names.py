"""What an upload may be called, and what of an archive is nobody's code."""

import re
from pathlib import PurePosixPath

from app.errors import Invalid
from app.fields import one_line

MAX_FILENAME = 255
_JUNK = frozenset({"__MACOSX", "__pycache__", ".git", ".DS_Store", "Thumbs.db", ".ipynb_checkpoints"})
_LEADING = re.compile(r"(?:\./+)+")


def check_filename(filename: str) -> str:
    """The name of an uploaded file, without folders.

    Raises:
        Invalid: empty, too long, or with characters that cannot be shown.
    """
    name = filename.replace("\\", "/").rpartition("/")[2].strip()
    try:
        one_line(name)
    except ValueError as error:
        raise Invalid(f"filename {error}.", fields={"filename": str(error)}) from error
    if not 1 <= len(name) <= MAX_FILENAME or name in {".", ".."}:
        remedy = f"must be a file's name of 1 to {MAX_FILENAME} characters, such as train.py"
        raise Invalid(f"filename {remedy}.", fields={"filename": remedy})
    return name


def plain(path: str) -> str:
    """An entry's path without the `./` before it and the `/` of a folder behind it; "" for the archive's own root."""
    found = _LEADING.match(path)
    path = path[found.end() :] if found else path
    return "" if path == "." else path.rstrip("/") if path.strip("/") else path


def is_junk(path: str) -> bool:
    """Whether it was left by a tool (Finder, git, Python) and belongs to nobody's code."""
    return not _JUNK.isdisjoint(PurePosixPath(path).parts)


def wrapper(filename: str, paths: list[str]) -> str:
    """The folder that only wraps what is in an archive, with its `/`: `project/` in `project.zip`. Else ""."""
    head = paths[0].partition("/")[0] if paths else ""
    wraps = filename.startswith(f"{head}.") and all(path.startswith(f"{head}/") for path in paths)
    return f"{head}/" if wraps else ""

"""Reading what a run has written about itself: it may have put anything there, so nothing here waits or follows."""

import json
import os
import stat
from pathlib import Path
from typing import Any

LIMIT = 1 << 16


def read_small(path: Path, limit: int = LIMIT) -> bytes | None:
    """The file's bytes; None where it is missing, no regular file (a FIFO would hang, a link lead out) or too large."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
            return None
        return os.read(fd, limit)
    except OSError:
        return None
    finally:
        os.close(fd)


def read_object(path: Path, limit: int = LIMIT) -> dict[str, Any]:
    """The JSON object in the file; an empty one where there is none that can be read."""
    data = read_small(path, limit)
    if not data:
        return {}
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}

"""Where a run's files lie: in the home, or for an imported run where they were imported from."""

import os
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def folder_of(own: Path, logdir: str | None) -> Path:
    """The folder whose files are shown as the run's.

    Args:
        own: its folder in the home.
        logdir: of an imported run. One in whose path a link has appeared since is not followed: nothing is shown.
    """
    if logdir is None or os.path.realpath(logdir) != logdir:
        return own
    return Path(logdir)


def listed(logdir: str | None, imported: Json | None) -> frozenset[str] | None:
    """Which folders of it are listed ("" is itself); None for all.

    A directory that holds more than the run (a whole project, other runs) shows the event files' folders alone.
    """
    if logdir is None or imported is None or imported.get("whole", False):
        return None
    return frozenset(imported.get("folders", {}))

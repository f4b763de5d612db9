"""Removing folders that a run may have filled with anything."""

import logging
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)


def remove_tree(folder: Path) -> bool:
    """Remove a folder with all that is in it; links are removed, never followed.

    Returns:
        Whether nothing is left. What could not be removed is logged, and tried again at the next start.
    """
    failed: list[str] = []

    def retry(function: Callable[[str], object], path: str, error: BaseException) -> None:
        # A script may have taken the write permission from its own folders.
        try:
            Path(path).parent.chmod(stat.S_IRWXU)
            if Path(path).is_dir() and not Path(path).is_symlink():
                Path(path).chmod(stat.S_IRWXU)
            function(path)
        except OSError:
            failed.append(f"{path}: {error}")

    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        if sys.version_info >= (3, 12):
            shutil.rmtree(folder, onexc=retry)
        else:
            shutil.rmtree(folder, onerror=lambda function, path, info: retry(function, path, info[1]))
    if folder.exists():
        log.warning(
            "could not remove %s (%s)", folder, "; ".join(failed[:3]) or "something was added meanwhile"
        )
        return False
    return True

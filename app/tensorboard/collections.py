"""Collections: which runs a TensorBoard of chosen ones shows. Small files beside its child's, so that a link outlives a restart.

A collection is named by what it holds: the same runs are the same collection, whoever asks.
"""

import hashlib
import json
import logging
import re
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

from app.tensorboard.places import COLLECTION

log = logging.getLogger(__name__)
MAX_RUNS = 200
KEPT = 200
"""Collections that are remembered; of more, those that were asked for longest ago are forgotten."""
_ID = re.compile(r"[0-9a-f]{16}")


class Collections:
    """The collections of one home. Thread-safe: each is one file, written in one step.

    Args:
        root: folder of the TensorBoards' private folders.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def make(self, runs: Sequence[int]) -> str:
        """The id of the collection of these runs, remembered from now on."""
        ids = sorted(set(runs))
        name = hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]
        file = self._file(name)
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = file.with_suffix(
            f".{uuid.uuid4().hex}.part"
        )  # of this call alone: another may make the same one
        partial.write_text(json.dumps({"runs": ids}), encoding="utf-8")
        partial.replace(file)
        return name

    def runs(self, name: str) -> tuple[int, ...] | None:
        """The runs of a collection; None when there is none of that id."""
        if not _ID.fullmatch(name):
            return None
        try:
            known = json.loads(self._file(name).read_text(encoding="utf-8"))
            return tuple(int(run) for run in known["runs"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("the collection %s cannot be read: %s", name, error)
            return None

    def all(self) -> list[str]:
        """Ids of those that are remembered, the one that was made or asked for last first."""
        files = []
        for file in self._root.glob(f"{COLLECTION}*/collection.json"):
            try:
                files.append((file.stat().st_mtime_ns, file.parent.name[len(COLLECTION) :]))
            except FileNotFoundError:
                continue  # forgotten in this moment
        return [name for _, name in sorted(files, reverse=True)]

    def forget(self, name: str) -> None:
        """Remove what is remembered of it; its children have been stopped."""
        if _ID.fullmatch(name):
            shutil.rmtree(self._file(name).parent, ignore_errors=True)

    def _file(self, name: str) -> Path:
        return self._root / f"{COLLECTION}{name}" / "collection.json"

"""How far a run is, for its supervisor: a small file in the run's folder that is replaced as a whole."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path

STATUS_FILE = Path(".danlu") / "status.json"
_SECONDS = 0.25


class StatusFile:
    """Writes it, at most four times a second; a full disk costs the news, never the run.

    Args:
        run_dir: the run's folder.
    """

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / STATUS_FILE
        self._values: dict[str, int | str | None] = {}
        self._written_at = float("-inf")
        self._dirty = False
        self._quiet = False

    def update(self, update: Mapping[str, int | str | None]) -> None:
        """Take over what is not None. A new phase is written at once."""
        news = {name: value for name, value in update.items() if value is not None}
        phase = "phase" in news and news["phase"] != self._values.get("phase")
        self._values.update(news)
        self._dirty = True
        if phase or time.monotonic() - self._written_at >= _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what has not been written yet."""
        if not self._dirty:
            return
        self._written_at = time.monotonic()
        new = self._path.with_name(self._path.name + ".new")
        try:
            new.write_text(json.dumps(self._values), encoding="utf-8")
            new.replace(self._path)
            self._dirty = False
        except OSError as error:
            if not self._quiet:
                print(f"danlu: progress cannot be written: {error}", file=sys.stderr)
            self._quiet = True

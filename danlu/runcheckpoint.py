"""Checkpoints of a script that writes its own training loop. torch is imported when the first one is saved or loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from danlu.context import RunContext

_KIND = "state"  # a name that the Trainer, whose checkpoints lie in the same folder, does not use


class Checkpoints:
    """Saves and finds the state of a run: `run.checkpoint.save({"net": net.state_dict(), "step": step})`.

    Args:
        run: whose.
    """

    def __init__(self, run: RunContext) -> None:
        self._run = run

    @property
    def folder(self) -> Path:
        """Where they lie; made on first use."""
        return self._run.checkpoints

    def save(self, state: Mapping[str, Any], *, step: int | None = None, keep: int = 2) -> Path | None:
        """Save a new one, whole or not at all whatever kills the process, and remove old ones.

        What was logged until now is written out first: a run that goes on from here does not log it again.

        Args:
            state: tensors, numbers, strings, None, and lists, tuples and dicts of these (`state_dict()`s are).
            step: part of its name; default: the step that was logged last.
            keep: how many stay.

        Returns:
            its file; None in every process but the first of several, which saves nothing.

        Raises:
            OSError: it cannot be written; those that are there stay.
            TypeError: the state holds something that could not be loaded again.
        """
        if keep < 1:
            raise ValueError("keep is 1 at least")
        if not self._run.first:
            return None
        from danlu import checkpoint

        self._run.flush()
        at = max(self._run.last_step, 0) if step is None else step
        entry = checkpoint.save(self.folder, _KIND, state, {"step": at})
        checkpoint.prune(self.folder, _KIND, keep)
        return entry.path

    def load(self) -> dict[str, Any] | None:
        """The newest one that is whole, its tensors on the CPU; None where none was ever saved.

        Raises:
            CheckpointUnreadable: there are some, but none is whole.
        """
        from danlu import checkpoint

        found = checkpoint.newest(self.folder, _KIND)
        return None if found is None else found[1]

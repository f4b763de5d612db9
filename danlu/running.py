"""The run that this process is: handed over by whoever started it, or told by the environment."""

from __future__ import annotations

import atexit
import os
import signal
import threading
from pathlib import Path
from types import FrameType

from danlu.context import RunContext

RUN_ID, RUN_DIR = "DANLU_RUN_ID", "DANLU_RUN_DIR"

_entered: list[RunContext] = []
_known: list[RunContext] = []  # those, and what stands in for them outside of Danlu


def current_run() -> RunContext | None:
    """The run that this process is, for code that is not handed it; None outside of Danlu.

    A process that Danlu's worker forked was told by the worker. Any other one below a run (a script in an environment of its
    own, torchrun's ranks) finds it in the environment.
    """
    if not _entered and os.environ.get(RUN_ID, "").isdigit() and os.environ.get(RUN_DIR):
        enter(run_of_environment(Path(os.environ[RUN_DIR]), int(os.environ[RUN_ID])))
    return _entered[-1] if _entered else None


def enter(run: RunContext) -> None:
    """From now on, this process is that run."""
    _entered.append(run)
    _known.append(run)


def leave(run: RunContext) -> None:
    """It is that run no more."""
    _entered.remove(run)
    _known.remove(run)


def run_of_environment(folder: Path, run_id: int = 0) -> RunContext:
    """A run as the environment describes it: `DANLU_DEVICE`, `DANLU_SEED`, `DANLU_ATTEMPT`, `DANLU_PARAMS`.

    Raises:
        ValueError: a variable holds no number, or no JSON.
    """
    run = RunContext(
        id=run_id,
        dir=folder,
        device=os.environ.get("DANLU_DEVICE") or "cpu",
        seed=int(os.environ.get("DANLU_SEED") or 0),
        attempt=int(os.environ.get("DANLU_ATTEMPT") or 1),
        stop=Termination().asked,
    )
    _known.append(run)
    if run_id and run.first:
        from danlu.statusfile import StatusFile

        status = StatusFile(folder)
        atexit.register(status.flush)
        run.report = status.update
    return run


class Termination:
    """Whether SIGTERM has come, from the first question on: a program that never asks ends by it, as usual."""

    def __init__(self) -> None:
        self._asked = self._listening = False

    def asked(self) -> bool:
        """Whether it has come. A handler that the program has set itself stays, and then this is always False."""
        if not self._listening and threading.current_thread() is threading.main_thread():
            self._listening = True
            if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
                signal.signal(signal.SIGTERM, self._hear)
        return self._asked

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True


def _forked() -> None:
    """A forked child cannot write to the board of its parent: it opens its own, or none if it is another rank."""
    for run in _known:
        run.__dict__.pop("board", None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

"""`danlu.run`: the run that a script is, inside of Danlu and outside.

Inside it stands for `current_run()`. Outside everything goes to a local folder, `danlu-local/<time>-<pid>` below the working
directory (or `DANLU_LOCAL_DIR`), which is made when something is first written.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from danlu.context import RunContext
from danlu.running import current_run, run_of_environment

LOCAL_DIR = "DANLU_LOCAL_DIR"

_local: list[RunContext] = []


def this_run() -> RunContext:
    """The run that this process is, or a local one in its place."""
    found = current_run()
    if found is not None:
        return found
    if not _local:
        folder = Path(os.environ.get(LOCAL_DIR) or Path("danlu-local") / _local_name()).absolute()
        os.environ[LOCAL_DIR] = str(folder)  # processes that this one starts belong to it
        _local.append(run_of_environment(folder))
    return _local[-1]


def _local_name() -> str:
    """When the program began and its number: the same in all ranks that one launcher has started."""
    import psutil

    program = psutil.Process(os.getppid() if "RANK" in os.environ else os.getpid())
    began = datetime.fromtimestamp(program.create_time())  # noqa: DTZ006 - the user's own clock
    return f"{began:%Y-%m-%d_%H-%M-%S}-{program.pid}"


class ThisRun:
    """Stands for `this_run()`, looked up at each use."""

    __slots__ = ()

    @property
    def dir(self) -> Path:
        """The run's folder. Asking for it makes it: whoever asks is about to write there."""
        folder = this_run().dir
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def device(self) -> str:
        """The run's device; outside of Danlu what torch would take: "cuda", "mps" or "cpu"."""
        run = this_run()
        return run.device if run.id or os.environ.get("DANLU_DEVICE") else _local_device()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what inspects and copies modules asks for much that is not there
            raise AttributeError(name)
        return getattr(this_run(), name)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"danlu.run.{name} cannot be set")

    def __dir__(self) -> list[str]:
        return sorted(name for name in dir(RunContext) if not name.startswith("_"))

    def __repr__(self) -> str:
        found = current_run()
        return f"<danlu.run: run {found.id}>" if found else "<danlu.run: outside of Danlu>"


def _local_device() -> str:
    """Imports torch, as the script that asks is about to."""
    try:
        import torch
    except ImportError:
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


run: RunContext = cast("RunContext", ThisRun())
"""What `danlu.run` is."""

"""What a user of Danlu imports: recipes, their parameters, and the board they draw on.

``import danlu`` stays cheap: names are loaded when first used, and torch is never imported here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from danlu.board import Board
    from danlu.callbacks import (
        Callback,
        CSVHistory,
        EarlyStopping,
        LRMonitor,
        ModelCheckpoint,
        ProgressBar,
        TensorBoardCallback,
        VisDisplay,
        VisMetric,
    )
    from danlu.client import Client
    from danlu.context import RunContext
    from danlu.errors import ApiError, RunFailed
    from danlu.keras import KerasModel
    from danlu.netsummary import summary
    from danlu.recipe import CheckpointUnreadable, NonFiniteLoss, Params, recipe
    from danlu.running import current_run
    from danlu.thisrun import run
    from danlu.trainer import Trainer

__version__: str

__all__ = [
    "ApiError",
    "Board",
    "CSVHistory",
    "Callback",
    "CheckpointUnreadable",
    "Client",
    "EarlyStopping",
    "KerasModel",
    "LRMonitor",
    "ModelCheckpoint",
    "NonFiniteLoss",
    "Params",
    "ProgressBar",
    "RunContext",
    "RunFailed",
    "TensorBoardCallback",
    "Trainer",
    "VisDisplay",
    "VisMetric",
    "current_run",
    "recipe",
    "run",
    "summary",
]

# Public name -> the module that defines it. `danlu.recipe` is both the decorator and its module: the module is
# callable, because importing it anywhere makes it an attribute of this package.
_LAZY = {
    "ApiError": "danlu.errors",
    "Board": "danlu.board",
    "CSVHistory": "danlu.callbacks",
    "Callback": "danlu.callbacks",
    "CheckpointUnreadable": "danlu.recipe",
    "Client": "danlu.client",
    "EarlyStopping": "danlu.callbacks",
    "KerasModel": "danlu.keras",
    "LRMonitor": "danlu.callbacks",
    "ModelCheckpoint": "danlu.callbacks",
    "NonFiniteLoss": "danlu.recipe",
    "Params": "danlu.recipe",
    "ProgressBar": "danlu.callbacks",
    "RunContext": "danlu.context",
    "RunFailed": "danlu.errors",
    "TensorBoardCallback": "danlu.callbacks",
    "Trainer": "danlu.trainer",
    "VisDisplay": "danlu.callbacks",
    "VisMetric": "danlu.callbacks",
    "current_run": "danlu.running",
    "recipe": "danlu.recipe",
    "run": "danlu.thisrun",
    "summary": "danlu.netsummary",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use (PEP 562)."""
    if name == "__version__":
        return _version()
    if name not in _LAZY:
        raise AttributeError(f"module 'danlu' has no attribute {name!r}")
    module = import_module(_LAZY[name])
    value = module if name == "recipe" else getattr(module, name)
    globals()[name] = value
    return value


def _version() -> str:
    """Read the installed version; importing the reader costs more than all of `import danlu`."""
    from importlib import metadata

    try:
        return metadata.version("danlu")
    except metadata.PackageNotFoundError:
        return "0+checkout"  # run from a checkout that was never installed


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})

"""What happens beside a training: stopping early, checkpoints, TensorBoard, progress, pictures."""

from danlu.callbacks.base import Callback
from danlu.callbacks.progress import ProgressBar
from danlu.callbacks.records import CSVHistory, LRMonitor
from danlu.callbacks.saving import ModelCheckpoint
from danlu.callbacks.stopping import EarlyStopping
from danlu.callbacks.tensorboard import TensorBoardCallback
from danlu.callbacks.vis import VisDisplay, VisMetric

__all__ = [
    "CSVHistory",
    "Callback",
    "EarlyStopping",
    "LRMonitor",
    "ModelCheckpoint",
    "ProgressBar",
    "TensorBoardCallback",
    "VisDisplay",
    "VisMetric",
]

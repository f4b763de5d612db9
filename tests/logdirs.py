"""TensorBoard directories as people have them, written by the real writers where there is one."""

import hashlib
from pathlib import Path
from typing import Any

from tensorboard.compat.proto import types_pb2
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_SCALAR, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

from danlu.events import EventWriter

START = 1_700_000_000.0
"""When the runs of these directories began, in seconds since 1970."""


def write_run(folder: Path, tags: dict[str, list[float]], *, start: float = START) -> Path:
    """One event file, a point a second."""
    with EventWriter(folder) as writer:
        for tag, values in tags.items():
            for step, value in enumerate(values):
                writer.scalar(tag, value, step, start + step)
    return folder


def write_tf2(folder: Path, tag: str, values: list[float], *, start: float = START) -> None:
    """Scalars as Keras' callback writes them: tensors, with the plugin's name in the first one only."""
    metadata = SummaryMetadata(data_class=DATA_CLASS_SCALAR)
    metadata.plugin_data.plugin_name = "scalars"
    with EventWriter(folder) as writer:
        for step, value in enumerate(values):
            tensor = TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape=TensorShapeProto(), float_val=[value])
            item = Summary.Value(tag=tag, tensor=tensor, metadata=metadata if step == 0 else None)
            writer.summary(Summary(value=[item]), step, start + step)


def torch_writer(folder: Path, **options: Any) -> Any:
    """The SummaryWriter that everybody uses."""
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), **options)


def lightning(root: Path, version: int, hparams: str) -> Path:
    """What `pl.loggers.TensorBoardLogger` leaves."""
    folder = write_run(
        root / "lightning_logs" / f"version_{version}", {"train_loss": [1.0, 0.5], "epoch": [0.0, 1.0]}
    )
    (folder / "hparams.yaml").write_text(hparams, encoding="utf-8")
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "epoch=1-step=2.ckpt").write_bytes(b"weights")
    return folder


def state_of(root: Path) -> dict[str, tuple[int, int, str]]:
    """Every file and folder with its size, time and content: what must not change."""
    found = {}
    for path in sorted(root.rglob("*")):
        info = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path)] = (info.st_size, info.st_mtime_ns, content)
    return found

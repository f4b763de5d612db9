"""Hyper-parameters for TensorBoard's HPARAMS tab, in the run's own directory.

A SESSION_START record before the run starts and a SESSION_END record when its outcome is certain; no EXPERIMENT
record: TensorBoard then lists every parameter and every scalar by itself. Neither torch nor numpy is imported, so
that a supervisor can write them for every run.
"""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard

from tensorboard.compat.proto import types_pb2
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_TENSOR, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

from danlu.events import EventWriter

_START_TAG = "_hparams_/session_start_info"
_END_TAG = "_hparams_/session_end_info"
_STATUS = {
    "succeeded": api_pb2.STATUS_SUCCESS,
    "failed": api_pb2.STATUS_FAILURE,
    # TensorBoard knows no fourth outcome: a cancelled run neither succeeded nor failed.
    "cancelled": api_pb2.STATUS_UNKNOWN,
}
_EXACT = 1 << 53
"""Integers up to here survive as the 64-bit floats that TensorBoard keeps."""


def write_session_start(
    target: Path | str | EventWriter, params: Mapping[str, object], group_name: str = ""
) -> None:
    """Record a run's hyper-parameters. Call it once a run, before the run starts.

    Booleans, strings and finite numbers are kept as they are; anything else (None, lists, mappings, NaN, integers
    beyond 2⁵³) becomes a string.

    Args:
        target: the run's directory (a file of its own is made there) or an open writer.
        params: by name.
        group_name: runs of one name are one row of the tab, as the seeds of one setting are; "": a row of its own.

    Raises:
        OSError: it cannot be written.
    """
    info = SessionStartInfo(group_name=group_name, start_time_secs=time.time())
    for name, value in params.items():
        _assign(info, name, value)
    _write(target, _START_TAG, HParamsPluginData(version=0, session_start_info=info))


def write_session_end(target: Path | str | EventWriter, status: str) -> None:
    """Record a run's outcome: "succeeded", "failed" or "cancelled". Call it once, when nothing can follow.

    Raises:
        ValueError: another status.
        OSError: it cannot be written.
    """
    if status not in _STATUS:
        raise ValueError(f"status {status!r} is none of {', '.join(_STATUS)}")
    info = SessionEndInfo(status=_STATUS[status], end_time_secs=time.time())
    _write(target, _END_TAG, HParamsPluginData(version=0, session_end_info=info))


def _assign(info: SessionStartInfo, name: str, value: object) -> None:
    """Set one hyper-parameter in the type that fits it."""
    if isinstance(value, bool):
        info.hparams[name].bool_value = value
    elif _is_exact(value):
        info.hparams[name].number_value = value
    elif isinstance(value, str):
        # A lone surrogate cannot be written as UTF-8.
        info.hparams[name].string_value = value.encode(errors="replace").decode()
    elif isinstance(value, list | tuple | dict):
        info.hparams[name].string_value = json.dumps(value, default=str)
    else:
        info.hparams[name].string_value = str(value)


def _is_exact(value: object) -> TypeGuard[float]:
    """Whether it is a number that TensorBoard shows as it is."""
    if isinstance(value, int):
        return abs(value) <= _EXACT
    return isinstance(value, float) and math.isfinite(value)


def _write(target: Path | str | EventWriter, tag: str, data: HParamsPluginData) -> None:
    """Write a summary that is all metadata; readers want a tensor in it, an empty one will do."""
    plugin = SummaryMetadata.PluginData(plugin_name="hparams", content=data.SerializeToString())
    nothing = TensorProto(
        dtype=types_pb2.DT_FLOAT, tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=0)])
    )
    metadata = SummaryMetadata(plugin_data=plugin, data_class=DATA_CLASS_TENSOR)
    summary = Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=nothing)])
    if isinstance(target, EventWriter):
        target.summary(summary, 0)
        return
    with EventWriter(target) as writer:
        writer.summary(summary, 0)

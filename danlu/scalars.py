"""Read a scalar out of a summary value: a plain number, or a tensor of one element (as TensorFlow 2 writes it)."""

import struct

from tensorboard.compat.proto import types_pb2
from tensorboard.compat.proto.summary_pb2 import DATA_CLASS_SCALAR, Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto

# Type -> (its repeated field, its format in tensor_content).
_TYPES = {
    types_pb2.DT_FLOAT: ("float_val", "<f"),
    types_pb2.DT_DOUBLE: ("double_val", "<d"),
    types_pb2.DT_HALF: ("half_val", "<e"),
    types_pb2.DT_BFLOAT16: ("half_val", "<H"),
    types_pb2.DT_INT32: ("int_val", "<i"),
    types_pb2.DT_INT64: ("int64_val", "<q"),
    types_pb2.DT_UINT8: ("int_val", "<B"),
    types_pb2.DT_BOOL: ("bool_val", "<?"),
}


def scalar_of(value: Summary.Value, *, known: bool) -> float | None:
    """The number in a summary value, or None when it holds something else.

    Args:
        value: one entry of an event's summary.
        known: whether its tag was a scalar before: later tensors of a tag come without metadata.
    """
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return float(value.simple_value)
    if kind != "tensor":
        return None
    metadata = value.metadata
    if not (
        known or metadata.plugin_data.plugin_name == "scalars" or metadata.data_class == DATA_CLASS_SCALAR
    ):
        return None
    return _element(value.tensor)


def _element(tensor: TensorProto) -> float | None:
    """The only element of a tensor; None when it has another number of them, or they are no numbers."""
    if tensor.dtype not in _TYPES or any(dim.size != 1 for dim in tensor.tensor_shape.dim):
        return None
    name, layout = _TYPES[tensor.dtype]
    if tensor.tensor_content:
        if len(tensor.tensor_content) != struct.calcsize(layout):
            return None
        number = struct.unpack(layout, tensor.tensor_content)[0]
    else:
        values = getattr(tensor, name)
        if len(values) != 1:
            return None
        number = values[0]
        if tensor.dtype == types_pb2.DT_HALF:
            number = struct.unpack("<e", struct.pack("<H", number & 0xFFFF))[0]
    if tensor.dtype == types_pb2.DT_BFLOAT16:
        number = struct.unpack("<f", struct.pack("<I", (int(number) & 0xFFFF) << 16))[0]
    return float(number)

"""The inputs of a network: make them or take them, put them in the form of its arguments, and look into them."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

BATCH = 2
"""How many samples are made for ``input_shape``: more than one, so that a batch can be told from a dimension of 1."""


def arguments(
    net: nn.Module,
    data: Any,
    shape: Sequence[int] | Sequence[Sequence[int]] | None,
    dtype: torch.dtype | Sequence[torch.dtype],
    more: Sequence[Any] | Mapping[str, Any] | None,
) -> tuple[list[Any], dict[str, Any]]:
    """What to call the network with, on its device; the arguments are those of :func:`danlu.netsummary.summary`.

    Raises:
        ValueError: both or none of ``data`` and ``shape`` are given, or there are not as many types as shapes.
    """
    if data is not None and shape is not None:
        raise ValueError("give input_data or input_shape, not both")
    if data is None and shape is None and more is None:
        raise ValueError("give input_data (a batch) or input_shape, such as input_shape=(3, 32, 32)")
    args: list[Any] = []
    keywords: dict[str, Any] = {}
    if shape is not None:
        args = _made(shape, dtype)
    elif data is not None:
        args, keywords = _spread(net, data)
    if isinstance(more, Mapping):
        keywords |= more
    elif more is not None:
        args += more
    held = next((tensor for tensor in (*net.parameters(), *net.buffers())), None)
    device = None if held is None else held.device
    return _copied(args, device), _copied(keywords, device)


def _made(
    shape: Sequence[int] | Sequence[Sequence[int]], dtype: torch.dtype | Sequence[torch.dtype]
) -> list[Tensor]:
    """A batch for each shape, without a draw from the global generators."""
    shapes: list[Any] = [shape] if all(isinstance(size, int) for size in shape) else list(shape)
    dtypes = list(dtype) if isinstance(dtype, Sequence) else [dtype] * len(shapes)
    if len(dtypes) != len(shapes):
        raise ValueError(f"{len(shapes)} input shapes and {len(dtypes)} types: one for each, or one for all")
    generator = torch.Generator().manual_seed(0)
    made = []
    for size, named in zip(shapes, dtypes, strict=True):
        # torch.LongTensor and its like have their type as an attribute.
        kind = getattr(named, "dtype", named)
        if kind.is_floating_point or kind.is_complex:
            made.append(torch.rand((BATCH, *size), dtype=kind, generator=generator))
        else:
            made.append(torch.zeros((BATCH, *size), dtype=kind))
    return made


def _spread(net: nn.Module, data: Any) -> tuple[list[Any], dict[str, Any]]:
    """The data as arguments: a dict by name, a tuple in order, if that is how forward takes its input."""
    try:
        signature = inspect.signature(net.forward)
    except ValueError:  # a compiled forward has none
        return [data], {}
    if isinstance(data, Mapping):
        try:
            signature.bind(**data)
        except TypeError:
            return [data], {}
        return [], dict(data)
    if isinstance(data, tuple | list):
        parameters = signature.parameters.values()
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        wanted = [p for p in parameters if p.kind in kinds and p.default is inspect.Parameter.empty]
        if len(wanted) > 1 or any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
            return list(data), {}
    return [data], {}


def tensors_in(value: Any) -> Iterator[Tensor]:
    """All tensors in nested tuples, lists and dicts, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors_in(item)


def bytes_of(value: Any) -> int:
    """How many bytes the elements of all tensors in a value take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors_in(value))


def described(values: Any) -> Iterator[str]:
    """Shape, type and device of all tensors in a value."""
    for tensor in tensors_in(values):
        yield f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')} on {tensor.device}"


def _copied(value: Any, device: torch.device | None) -> Any:
    """The same with copies of all tensors, which a network may write to, on the device (None: on their own)."""
    if isinstance(value, Tensor):
        return value.detach().to(device or value.device, copy=True)
    if type(value) in (tuple, list):
        return type(value)(_copied(item, device) for item in value)
    if type(value) is dict:
        return {key: _copied(item, device) for key, item in value.items()}
    if device is not None and callable(getattr(value, "to", None)):  # such as a packed sequence
        return value.to(device)
    return value

"""Batches: their size and device, what of them goes into the network, and what its outputs are compared with."""

import functools
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

LABELS = ("labels", "label", "targets", "target", "y")
"""Keys of a dict that are the labels."""


def supervised(batch: Any, *, labelled: bool = True) -> tuple[tuple[Any, ...], Mapping[str, Any], Any]:
    """A batch as (arguments, named arguments, labels).

    (features, labels) and (first, second, …, labels) become arguments and labels; a dict becomes named arguments, its labels
    apart; anything else is one argument without labels.

    Args:
        labelled: whether a loss wants the labels; a network that computes its own loss gets a dict whole.
    """
    if isinstance(batch, Mapping):
        key = next((name for name in LABELS if name in batch), None) if labelled else None
        labels = None if key is None else batch[key]
        return (), {name: value for name, value in batch.items() if name != key}, labels
    if isinstance(batch, tuple | list):
        if len(batch) == 1:
            return (batch[0],), {}, None
        return tuple(batch[:-1]), {}, batch[-1]
    return (batch,), {}, None


def size_of(batch: Any) -> int:
    """Samples in a batch: the length of the first tensor or array in it that has one; 1 when nothing has."""
    shape = getattr(batch, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else 1
    inside = (
        batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, list | tuple) else ()
    )
    for value in inside:
        if isinstance(value, Mapping | list | tuple) or hasattr(value, "shape"):
            return size_of(value)
    return len(batch) if isinstance(batch, list | tuple) and batch else 1


def versions(tensors: Iterable[Tensor]) -> list[int]:
    """How often each was changed in place."""
    return [tensor._version for tensor in tensors]  # noqa: SLF001 - it has no public name


def to_device(batch: Any, device: torch.device) -> Any:
    """The batch with every tensor on the device; lists, tuples, named tuples and mappings keep their kind."""
    if isinstance(batch, Tensor):
        return batch if batch.device == device else batch.to(device, non_blocking=device.type == "cuda")
    if type(batch) in (list, tuple) and all(type(item) is Tensor and item.device == device for item in batch):
        return batch[:]  # the usual one, in the least time
    move = functools.partial(to_device, device=device)
    if isinstance(batch, Mapping):
        moved = {key: move(value) for key, value in batch.items()}
        return moved if type(batch) is dict or not callable(type(batch)) else _like(batch, moved)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*map(move, batch))
    if isinstance(batch, list | tuple):
        return type(batch)(map(move, batch))
    if hasattr(batch, "to") and hasattr(batch, "device"):
        return batch.to(device)
    return batch


def _like(batch: Mapping[Any, Any], moved: dict[Any, Any]) -> Any:
    """A mapping of the batch's own kind where that can be made of a dict (as tokenizers' encodings can)."""
    try:
        return type(batch)(moved)  # type: ignore[call-arg]
    except TypeError:
        return moved

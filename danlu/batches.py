"""What of a batch goes into the network, and what its outputs are compared with."""

from collections.abc import Mapping
from typing import Any

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

"""What a network returns: its own loss, what the metrics compare, what `predict` keeps."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from danlu.batches import LABELS


def own_loss(outputs: Any, batch: Any) -> dict[str, Any]:
    """The loss that a network computed itself: `outputs.loss`, `outputs["loss"]`, or outputs that are one number.

    Its `logits` and the labels of a dict go to the metrics.

    Raises:
        ValueError: there is none.
    """
    loss = _item(outputs, "loss")
    if loss is None and isinstance(outputs, Tensor) and outputs.ndim == 0:
        loss = outputs
    if loss is None:
        raise ValueError(
            "there is no loss: give the Trainer a loss_fn or a step, or let the network return its loss"
        )
    logits = _item(outputs, "logits")
    labels = (
        next((batch[key] for key in LABELS if key in batch), None) if isinstance(batch, Mapping) else None
    )
    return (
        {"loss": loss}
        if logits is None or labels is None
        else {"loss": loss, "preds": logits, "labels": labels}
    )


def predicted(outputs: Any) -> Any:
    """What `predict` keeps of a network's outputs: a tensor, several of them, or the `logits` of anything else.

    Raises:
        TypeError: there is nothing of that kind.
    """
    found = outputs if isinstance(outputs, Tensor | tuple | list) else _item(outputs, "logits")
    parts = found if isinstance(found, tuple | list) else [found]
    if not all(isinstance(part, Tensor) and part.ndim for part in parts):
        raise TypeError(
            f"predict: the network must return tensors (N, …), or outputs with logits, not a {type(outputs).__name__}"
        )
    return found


def _item(outputs: Any, name: str) -> Any:
    return outputs.get(name) if isinstance(outputs, Mapping) else getattr(outputs, name, None)


def shown(value: Any) -> str:
    """The shape of a tensor, for messages."""
    return (
        f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"of type {type(value).__name__}"
    )

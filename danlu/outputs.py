"""What a network returns: its own loss, what the metrics compare, what `predict` keeps."""

from collections.abc import Mapping
from typing import Any

import torch
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


def stepped(found: Any) -> dict[str, Any]:
    """What a `step` returned, as a dict.

    Raises:
        TypeError: it has no loss.
    """
    if isinstance(found, Tensor):
        return {"loss": found}
    if not isinstance(found, Mapping) or "loss" not in found:
        raise TypeError("step must return the loss (a 0-dim tensor), or a dict that has it as 'loss'")
    return dict(found)


def updated(found: Any) -> dict[str, Any]:
    """What an `update` returned, as a dict.

    Raises:
        TypeError: it is none.
    """
    if found is not None and not isinstance(found, Mapping):
        raise TypeError(f"update must return a dict of values by name, or None, not a {type(found).__name__}")
    return dict(found or {})


def with_loss(outputs: dict[str, Any]) -> dict[str, Any]:
    """The same outputs.

    Raises:
        TypeError, ValueError: their loss is no tensor, has a shape, or (where gradients are taken) nothing to learn from.
    """
    loss = outputs["loss"]
    if not isinstance(loss, Tensor):
        raise TypeError(f"the loss must be a 0-dim tensor, not a {type(loss).__name__}")
    if loss.ndim:
        raise ValueError(f"the loss must be a 0-dim tensor, not {shown(loss)}: take its mean")
    if torch.is_grad_enabled() and not loss.requires_grad:
        raise ValueError("the loss has no gradient: it does not depend on a parameter that learns")
    return outputs


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
    """The shape of a tensor, or of several, for messages."""
    if isinstance(value, list | tuple) and value:
        return " and ".join(map(shown, value))
    return (
        f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"of type {type(value).__name__}"
    )

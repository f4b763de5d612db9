"""From a batch to its loss."""

from typing import TYPE_CHECKING, Any

import torch

from danlu.batches import supervised
from danlu.outputs import own_loss, shown, stepped, with_loss

if TYPE_CHECKING:
    from danlu.trainer import Trainer


def outputs_of(trainer: "Trainer", batch: Any) -> dict[str, Any]:
    """The loss of a batch, with what the metrics need."""
    if trainer.step is None:
        return with_loss(_supervised(trainer, batch))
    trainer.called = False
    found = with_loss(stepped(trainer.step(trainer, batch)))
    if trainer.model is not trainer.net and torch.is_grad_enabled() and not trainer.called:
        raise ValueError(
            "step must call the network as trainer(…): only so are gradients averaged over processes"
        )
    return found


def _supervised(trainer: "Trainer", batch: Any) -> dict[str, Any]:
    args, named, labels = supervised(batch, labelled=trainer.loss_fn is not None)
    try:
        preds = trainer.model(*args, **named)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        error.add_note(f"raised by the network for inputs {shown([*args, *named.values()])}")
        raise
    if trainer.loss_fn is None:
        return own_loss(preds, batch)
    try:
        loss = trainer.loss_fn(preds, labels)
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError) as error:
        if labels is None:
            raise ValueError("the batches have no labels for the loss: give (features, labels)") from error
        error.add_note(f"raised by the loss for outputs {shown(preds)} and labels {shown(labels)}")
        raise
    return {"loss": loss, "preds": preds, "labels": labels}

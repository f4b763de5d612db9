"""The Trainer by the names of torchkeras."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from danlu.given import Optimizers
from danlu.trainer import Trainer


class KerasModel(Trainer):
    """The Trainer with the names and the defaults that torchkeras' KerasModel has."""

    def __init__(
        self,
        net: nn.Module,
        loss_fn: Callable[..., Tensor] | None = None,
        metrics_dict: Mapping[str, Any] | None = None,
        optimizer: Optimizers | None = None,
        lr_scheduler: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(net, loss_fn, metrics_dict, optimizer, lr_scheduler, **options)

    def fit(self, train_data: Any, val_data: Any = None, epochs: int = 10, **options: Any) -> Any:
        """As `Trainer.fit`, with patience=5 and plot=True unless told otherwise."""
        return super().fit(train_data, val_data, epochs, **{"patience": 5, "plot": True, **options})

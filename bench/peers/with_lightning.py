"""Lightning with a minimal module: its TensorBoardLogger, its checkpoints and its progress as they come."""

import lightning
import rings
import torch
from lightning.pytorch.loggers import TensorBoardLogger


class Rings(lightning.LightningModule):
    """The net with its loss and accuracy, each logged once an epoch."""

    def __init__(self, net, optimizer):
        super().__init__()
        self.net, self.optimizer = net, optimizer
        self.loss_fn = torch.nn.BCEWithLogitsLoss()

    def _measure(self, batch, stage):
        features, labels = batch
        logits = self.net(features)
        loss = self.loss_fn(logits, labels)
        accuracy = ((logits > 0) == (labels > 0.5)).float().mean()
        values = {f"{stage}_loss": loss, f"{stage}_acc": accuracy}
        self.log_dict(values, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def training_step(self, batch, index):  # noqa: ARG002, D102 - Lightning calls it so
        return self._measure(batch, "train")

    def validation_step(self, batch, index):  # noqa: ARG002, D102
        self._measure(batch, "val")

    def configure_optimizers(self):  # noqa: D102
        return self.optimizer


class Marks(lightning.Callback):
    """Marks the end of an epoch."""

    def on_train_epoch_end(self, trainer, module):  # noqa: ARG002, D102
        epochs.mark()


train, val, net, optimizer = rings.start()
epochs = rings.Epochs(net, optimizer)
trainer = lightning.Trainer(
    accelerator="cpu",
    max_epochs=rings.EPOCHS,
    logger=TensorBoardLogger("tensorboard"),
    callbacks=[Marks()],
)
trainer.fit(Rings(net, optimizer), train, val)
epochs.report(trainer.callback_metrics["val_loss"])

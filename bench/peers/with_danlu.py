"""Danlu as the tutorial has it: Trainer.fit, its checkpoints, its progress, its TensorBoardCallback."""

import rings
import torch

from danlu import ModelCheckpoint, TensorBoardCallback, Trainer
from danlu.metrics import Accuracy


class Marks(ModelCheckpoint):
    """The usual checkpoints, which Danlu tells last; then marks the end of an epoch.

    Marked earlier, the checkpoint that always follows the first epoch would count for the second one.
    """

    def on_epoch_end(self, trainer, logs):  # noqa: D102 - Danlu calls it so
        super().on_epoch_end(trainer, logs)
        epochs.mark()


train, val, net, optimizer = rings.start()
epochs = rings.Epochs(net, optimizer)
trainer = Trainer(net, loss_fn=torch.nn.BCEWithLogitsLoss(), metrics={"acc": Accuracy()}, optimizer=optimizer)
trainer.fit(
    train_data=train,
    val_data=val,
    epochs=rings.EPOCHS,
    ckpt_path="checkpoint",
    patience=10,
    monitor="val_acc",
    mode="max",
    callbacks=[TensorBoardCallback(save_dir="tensorboard", model_name="model"), Marks()],
    cpu=True,
)
epochs.report(trainer.history[-1]["val_loss"])

"""torchkeras as the tutorial has it, without its plots: KerasModel.fit, its checkpoints, its TensorBoardCallback.

It always clips gradients to a norm of 1, so that its weights are not those of the others.
"""

import rings
import torch
from torchkeras import KerasModel
from torchkeras.kerascallbacks import TensorBoardCallback
from torchkeras.metrics import Accuracy


class Marks:
    """Marks the end of an epoch."""

    def on_validation_epoch_end(self, model):  # noqa: ARG002, D102 - torchkeras calls it so
        epochs.mark()


train, val, net, optimizer = rings.start()
epochs = rings.Epochs(net, optimizer)
model = KerasModel(
    net, loss_fn=torch.nn.BCEWithLogitsLoss(), metrics_dict={"acc": Accuracy()}, optimizer=optimizer
)
history = model.fit(
    train_data=train,
    val_data=val,
    epochs=rings.EPOCHS,
    ckpt_path="checkpoint",
    patience=10,
    monitor="val_acc",
    mode="max",
    callbacks=[TensorBoardCallback(save_dir="tensorboard", model_name="model"), Marks()],
    plot=False,
    cpu=True,
)
epochs.report(history["val_loss"].iloc[-1])

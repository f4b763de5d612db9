"""The lesson on pictures: a small convolutional network on a folder of images."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from danlu.recipe import Params, RunContext, recipe

if TYPE_CHECKING:
    from danlu import Trainer
    from worker.recipes._folder import ImageSet


class ImagesParams(Params):
    """Where the images are, and how to train on them."""

    data_dir: str = Field(
        "",
        max_length=1000,
        description="Folder with train/<class>/*.png and test/<class>/*.png, relative to the run's directory "
        "(as in datasets/cifar2) or absolute. Empty: scikit-learn's handwritten digits.",
    )
    size: int = Field(16, ge=4, le=512, description="Images are scaled to this many pixels a side.")
    lr: float = Field(1e-3, gt=0, le=1, description="Learning rate of Adam.")
    batch_size: int = Field(50, ge=1, le=8192, description="Images in one optimizer step.")
    epochs: int = Field(10, ge=1, le=10_000, description="Epochs at most.")
    patience: int = Field(
        5, ge=0, le=1000, description="Stop after so many epochs without a better acc/val; 0: never."
    )
    width: int = Field(
        32, ge=1, le=512, description="Channels of the first convolution; the second has twice as many."
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="Share of channels left out in training.")


@recipe(params=ImagesParams, summary="Classify the images of a folder with a small convolutional network.")
def images(params: ImagesParams, run: RunContext) -> None:
    """Train and validate, show the graph and some images, and draw predictions and the confusion matrix."""
    import torch
    from torch import nn

    from danlu import Trainer
    from danlu.metrics import Accuracy
    from worker.recipes import _folder, _nets

    torch.manual_seed(run.seed)
    data = _folder.load(_data_folder(params.data_dir, run), params.size)
    counts = f"{len(data.train[0])} images to train, {len(data.test[0])} to test"
    print(f"{counts}, {len(data.classes)} classes", flush=True)
    net = _nets.ImageNet(data.train[0].shape[1], len(data.classes), params.width, params.dropout)
    optimizer = torch.optim.Adam(net.parameters(), lr=params.lr)
    trainer = Trainer(net, nn.CrossEntropyLoss(), {"acc": Accuracy()}, optimizer, run=run)
    trainer.fit(
        data.train, data.test, params.epochs, batch_size=params.batch_size, monitor="val_acc", mode="max",
        patience=params.patience or None, callbacks=[_Inputs(data)],
    )  # fmt: skip
    if trainer.progress.done:
        _show_results(trainer, data, run)


def _data_folder(data_dir: str, run: RunContext) -> Path:
    """The folder that was asked for; the digits are shared with the other runs when there is a datasets folder."""
    from worker.recipes import _folder

    if data_dir:
        return run.dir / data_dir
    shared = run.dir / "datasets"
    return _folder.digits(shared if shared.is_dir() else run.dir)


class _Inputs:
    """Shows, at the first epoch, a single image, a grid of many and a batch of a few, spread over the classes."""

    def __init__(self, data: "ImageSet") -> None:
        self._data = data

    def on_epoch_end(self, trainer: "Trainer", logs: Mapping[str, float]) -> None:
        """Draw them."""
        if trainer.progress.epoch != 1:
            return
        import torch

        images = self._data.train[0]
        chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
        pictures = images[chosen[:48]]
        trainer.board.image("input/one", pictures[0])
        trainer.board.grid("input/grid", pictures)
        trainer.board.images("input/batch", pictures[:6])


def _show_results(trainer: "Trainer", data: "ImageSet", run: RunContext) -> None:
    """Predictions on nine test images, and the confusion matrix of all, by the best weights."""
    import torch

    from worker.recipes import _figures

    images, labels = data.test
    guesses = trainer.predict(images).argmax(1)
    some = torch.randperm(len(guesses), generator=torch.Generator().manual_seed(run.seed))[:9]
    figure = _figures.predictions(images[some], labels[some], guesses[some], data.classes)
    epoch = trainer.progress.epoch
    run.board.figure("results/predictions", figure, epoch)
    run.board.figure("results/confusion", _figures.confusion(labels, guesses, data.classes), epoch)

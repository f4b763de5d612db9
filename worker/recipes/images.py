"""The lesson on pictures: a small convolutional network on a folder of images."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from danlu.recipe import Params, RunContext, recipe

if TYPE_CHECKING:
    import torch
    from torch import nn

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

    from worker.recipes import _fit, _folder, _nets

    torch.manual_seed(run.seed)
    data = _folder.load(_data_folder(params.data_dir, run), params.size)
    print(
        f"{len(data.train[0])} images to train, {len(data.test[0])} to test, {len(data.classes)} classes",
        flush=True,
    )
    channels = data.train[0].shape[1]
    model = _nets.ImageNet(channels, len(data.classes), params.width, params.dropout).to(run.device)
    task = _fit.Task(
        model=model,
        optimizer=torch.optim.Adam(model.parameters(), lr=params.lr),
        loss=nn.functional.cross_entropy,
        correct=lambda outputs, labels: (outputs.argmax(1) == labels).sum(),
        train=(data.train[0].to(run.device), data.train[1].to(run.device)),
        val=(data.test[0].to(run.device), data.test[1].to(run.device)),
    )

    def after_epoch(epoch: int) -> None:
        if epoch == 1:
            run.board.graph(model, task.val[0][:1])
            _show_inputs(data, run)

    plan = _fit.Plan(params.epochs, params.batch_size, params.patience)
    ended = _fit.fit(task, plan, run, after_epoch)
    if ended is not None:
        _show_results(model, task.val[0], data, run, ended.epoch)


def _data_folder(data_dir: str, run: RunContext) -> Path:
    """The folder that was asked for; the digits are shared with the other runs when there is a datasets folder."""
    from worker.recipes import _folder

    if data_dir:
        return run.dir / data_dir
    shared = run.dir / "datasets"
    return _folder.digits(shared if shared.is_dir() else run.dir)


def _show_inputs(data: "ImageSet", run: RunContext) -> None:
    """A single image, a grid of many and a batch of a few, spread over the classes."""
    import torch

    chosen = torch.randperm(len(data.train[0]), generator=torch.Generator().manual_seed(run.seed))
    pictures = data.train[0][chosen[:48]]
    run.board.image("input/one", pictures[0])
    run.board.grid("input/grid", pictures)
    run.board.images("input/batch", pictures[:6])


def _show_results(
    model: "nn.Module", inputs: "torch.Tensor", data: "ImageSet", run: RunContext, epoch: int
) -> None:
    """Predictions on nine test images, and the confusion matrix of all, by the last epoch's weights."""
    import torch

    from worker.recipes import _figures, _fit

    guesses = _fit.predict(model, inputs).argmax(1).cpu()
    some = torch.randperm(len(guesses), generator=torch.Generator().manual_seed(run.seed))[:9]
    test_images, labels = data.test
    figure = _figures.predictions(test_images[some], labels[some], guesses[some], data.classes)
    run.board.figure("results/predictions", figure, epoch)
    run.board.figure("results/confusion", _figures.confusion(labels, guesses, data.classes), epoch)

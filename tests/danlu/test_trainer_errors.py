"""What is given wrongly is refused with one error that names it, and takes no checkpoint along."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import danlu
from danlu import checkpoint
from danlu.metrics import Accuracy

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


X = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
Y = (X.sum(1, keepdim=True) > 0).float()


def trainer_of(**options: Any) -> danlu.Trainer:
    torch.manual_seed(0)
    return danlu.Trainer(nn.Linear(3, 1), options.pop("loss_fn", nn.BCEWithLogitsLoss()), **options)


def whole(error: BaseException) -> str:
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


def refused(
    kind: type[Exception],
    *texts: str,
    trainer: danlu.Trainer | None = None,
    data: Any = (X, Y),
    **options: Any,
) -> None:
    trainer = trainer_of() if trainer is None else trainer
    with pytest.raises(kind) as caught:
        trainer.fit(data, **{"quiet": True, "epochs": 2, **options})
    for text in texts:
        assert text in whole(caught.value)


# -- the Trainer's own arguments


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"net": nn.Linear}, TypeError, "net must be a torch.nn.Module"),
        ({"net": "x"}, TypeError, "net must be"),
        ({"optimizer": "adam"}, TypeError, "optimizer must be"),
        ({"optimizer": torch.optim.Adam}, TypeError, "optimizer must be"),
        ({"optimizer": torch.optim.LBFGS([nn.Parameter(torch.zeros(1))])}, TypeError, "LBFGS"),
        ({"optimizer": {"a": 1}}, TypeError, "optimizer must be"),
        ({"loss_fn": 3}, TypeError, "loss_fn must be"),
        ({"loss_fn": nn.MSELoss}, TypeError, "loss_fn must be"),
        ({"metrics": {"acc": Accuracy}}, TypeError, "Accuracy()"),
        ({"metrics": {"acc": 3}}, TypeError, "'acc'"),
        ({"metrics": [Accuracy()]}, TypeError, "metrics must be"),
        ({"metrics": {"loss": Accuracy()}}, ValueError, "'loss'"),
        ({"metrics": {"a/b": Accuracy()}}, ValueError, "'a/b'"),
        ({"metrics": {"": Accuracy()}}, ValueError, "''"),
        ({"step": 3}, TypeError, "step must be"),
        ({"update": 3}, TypeError, "update must be"),
        ({"step": print, "update": print}, ValueError, "not both"),
        ({"lr_scheduler": 3}, TypeError, "lr_scheduler must be"),
        ({"lr_scheduler": torch.optim.lr_scheduler.StepLR}, TypeError, "lr_scheduler must be"),
        ({"lr_scheduler_per": "month"}, ValueError, "lr_scheduler_per"),
        ({"run": 3}, TypeError, "run must be"),
    ],
)
def test_arguments_of_the_trainer(arguments: dict[str, Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as caught:
        danlu.Trainer(**{"net": nn.Linear(3, 1), **arguments})
    assert text in str(caught.value)


def test_a_plateau_is_not_stepped_by_time() -> None:
    net = nn.Linear(3, 1)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(torch.optim.SGD(net.parameters(), 0.1))
    with pytest.raises(ValueError, match="column of the history"):
        danlu.Trainer(net, lr_scheduler=plateau, lr_scheduler_per="epoch")


# -- options of fit


@pytest.mark.parametrize(
    ("options", "kind", "texts"),
    [
        ({"epochs": 0}, ValueError, ["epochs"]),
        ({"epochs": "3"}, ValueError, ["epochs", "'3'"]),
        ({"epochs": 1.5}, ValueError, ["epochs"]),
        ({"epochs": True}, ValueError, ["epochs"]),
        ({"batch_size": 0}, ValueError, ["batch_size"]),
        ({"devices": 0}, ValueError, ["devices"]),
        ({"gradient_accumulation_steps": 0}, ValueError, ["gradient_accumulation_steps"]),
        ({"val_every": 0}, ValueError, ["val_every"]),
        ({"patience": 0}, ValueError, ["patience"]),
        ({"patience": "5"}, ValueError, ["patience"]),
        ({"log_every": -1}, ValueError, ["log_every"]),
        ({"log_every": "x"}, ValueError, ["log_every"]),
        ({"num_workers": -1}, ValueError, ["num_workers"]),
        ({"grad_clip_norm": 0}, ValueError, ["grad_clip_norm"]),
        ({"grad_clip_norm": "x"}, ValueError, ["grad_clip_norm"]),
        ({"grad_clip_norm": float("nan")}, ValueError, ["grad_clip_norm"]),
        ({"mode": "low"}, ValueError, ["mode", "'min'", "'max'"]),
        ({"nonfinite": "ignore"}, ValueError, ["nonfinite", "'stop'", "'skip'"]),
        ({"mixed_precision": "O1"}, ValueError, ["mixed_precision", "bf16"]),
        ({"mixed_precision": "fp16", "cpu": True}, ValueError, ["fp16", "GPU"]),
        ({"device": "tpu9"}, ValueError, ["device", "tpu9"]),
        ({"device": 3.5}, ValueError, ["device"]),
        ({"monitor": 3}, ValueError, ["monitor"]),
        ({"ckpt_path": 3}, ValueError, ["ckpt_path"]),
        ({"callbacks": danlu.CSVHistory()}, TypeError, ["callbacks", "list"]),
        ({"callbacks": [danlu.CSVHistory]}, TypeError, ["CSVHistory", "instance"]),
        ({"callbacks": ["x"]}, TypeError, ["callbacks", "'x'"]),
        ({"callbacks": [object()]}, TypeError, ["no callback"]),
        ({"quiet": "yes"}, ValueError, ["quiet"]),
        ({"patince": 3}, TypeError, ["patince", "patience"]),
        ({"wandb": True}, TypeError, ["wandb"]),
        ({"monitor": "val_acc"}, ValueError, ["train_acc", "train_loss", "lr"]),
        ({"monitor": "acc", "val_data": (X, Y)}, ValueError, ["'acc'", "val_loss", "train_loss"]),
    ],
)
def test_options(options: dict[str, Any], kind: type[Exception], texts: list[str]) -> None:
    trainer = trainer_of()
    refused(kind, *texts, trainer=trainer, **options)
    assert not Path("checkpoint").exists()
    trainer.fit((X, Y), epochs=1, quiet=True)  # it is as new
    assert [row["epoch"] for row in trainer.history] == [1]


def test_a_gpu_that_is_not_there() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    refused(ValueError, "cuda", "no CUDA GPU", device="cuda")
    refused(ValueError, "cuda:7", device="cuda:7")


def test_a_monitor_of_a_step_is_checked_when_there_are_columns() -> None:
    def step(trainer: danlu.Trainer, batch: Any) -> dict[str, Any]:
        return {"loss": trainer(batch[0]).mean(), "extra": 1.0}

    trainer = danlu.Trainer(nn.Linear(3, 1), step=step)
    refused(ValueError, "'train_exra'", "train_extra", trainer=trainer, monitor="train_exra")
    refused(ValueError, "'nothing'", "train_loss", callbacks=[danlu.EarlyStopping("nothing")])


# -- data


class Raising:
    def __iter__(self) -> Iterator[Any]:
        yield X[:4], Y[:4]
        yield X[:4], Y[:4]
        raise OSError("the disk is gone")


class Bad(Dataset[Any]):
    def __len__(self) -> int:
        return 20

    def __getitem__(self, place: int) -> Any:
        if place == 13:
            raise OSError("sample 13 is broken")
        return X[place], Y[place]


@pytest.mark.parametrize(
    ("data", "kind", "texts"),
    [
        (3, TypeError, ["train_data", "int"]),
        (None, TypeError, ["train_data", "NoneType"]),
        ([], ValueError, ["train_data", "empty"]),
        ((X[:0], Y[:0]), ValueError, ["train_data", "empty"]),
        (lambda: iter([]), ValueError, ["train_data", "empty"]),
        (iter([(X, Y)]), ValueError, ["train_data", "once"]),
        ((X, Y[:7]), ValueError, ["train_data", "(20, 3)", "(7, 1)"]),
        ((X, Y.squeeze(1)), ValueError, ["loss", "(20, 1)", "(20,)"]),
        ((X[:, :2], Y), RuntimeError, ["(20, 2)"]),
        ([(X.numpy(), Y.numpy())], TypeError, ["inputs", "ndarray"]),
        (Raising(), OSError, ["the disk is gone", "train_data", "batch 2", "epoch 1"]),
        (DataLoader(Bad(), batch_size=5), OSError, ["sample 13", "train_data", "batch 2"]),
    ],
    ids=[
        "number",
        "none",
        "empty",
        "no-rows",
        "no-batches",
        "used-up",
        "lengths",
        "shape-of-loss",
        "width",
        "arrays",
        "raising",
        "raising-dataset",
    ],
)
def test_training_data(data: Any, kind: type[Exception], texts: list[str]) -> None:
    refused(kind, *texts, data=data, batch_size=20)


def test_validation_data() -> None:
    for data, kind, texts in (
        (3, TypeError, ["val_data"]),
        ([], ValueError, ["val_data", "empty"]),
        (lambda: iter([]), ValueError, ["val_data", "empty"]),
        (Raising(), OSError, ["the disk is gone", "val_data", "batch 2"]),
        ((X[:, :2], Y), RuntimeError, ["(20, 2)"]),
    ):
        refused(kind, *texts, val_data=data)


def test_evaluate_and_predict_name_their_data() -> None:
    trainer = trainer_of()
    for call in (trainer.evaluate, trainer.predict):
        for data in ([], 3, lambda: iter([])):
            with pytest.raises((TypeError, ValueError), match=r"^data "):
                call(data)


# -- losses, metrics, steps


def test_a_metric_that_raises_is_named() -> None:
    def broken(preds: Tensor, labels: Tensor) -> float:
        raise RuntimeError("no such thing")

    refused(RuntimeError, "no such thing", "the metric 'mine'", trainer=trainer_of(metrics={"mine": broken}))

    class Late(Accuracy):
        def compute(self) -> Any:
            raise RuntimeError("at the end")

    refused(RuntimeError, "at the end", "'late'", trainer=trainer_of(metrics={"late": Late()}))


def test_metrics_that_get_nothing() -> None:
    step = lambda trainer, batch: trainer(batch[0]).mean()  # noqa: E731
    refused(
        ValueError,
        "acc",
        "preds",
        trainer=danlu.Trainer(nn.Linear(3, 1), None, {"acc": Accuracy()}, step=step),
    )


def test_losses_that_are_none() -> None:
    refused(ValueError, "loss_fn", trainer=danlu.Trainer(nn.Linear(3, 1)))
    refused(
        ValueError, "0-dim", "(20, 1)", trainer=trainer_of(loss_fn=nn.BCEWithLogitsLoss(reduction="none"))
    )
    refused(TypeError, "loss", "float", trainer=trainer_of(loss_fn=lambda preds, labels: 3.0))
    refused(ValueError, "labels", data=X)
    for made in (3, None, {"preds": 1}):
        trainer = danlu.Trainer(nn.Linear(3, 1), step=lambda trainer, batch, made=made: made)
        refused(TypeError, "step must return the loss", trainer=trainer)
    refused(
        TypeError,
        "update must return",
        trainer=danlu.Trainer(nn.Linear(3, 1), update=lambda trainer, batch: 3),
    )
    refused(
        ValueError, "'grid'", "0-dim",
        trainer=danlu.Trainer(nn.Linear(3, 1), step=lambda trainer, batch: {"loss": trainer(batch[0]).mean(), "grid": X}),
    )  # fmt: skip
    loss_without_gradient = danlu.Trainer(
        nn.Linear(3, 1), step=lambda trainer, batch: trainer(batch[0]).mean().detach()
    )
    refused(ValueError, "no gradient", trainer=loss_without_gradient)


# -- checkpoints


def trained(epochs: int = 2) -> danlu.Trainer:
    trainer = trainer_of()
    trainer.fit((X, Y), (X, Y), epochs=epochs, quiet=True)
    return trainer


def test_an_error_leaves_the_last_good_checkpoint() -> None:
    trainer = trained()
    kept = {name: value.clone() for name, value in trainer.net.state_dict().items()}
    for data in ((X[:, :2], Y), lambda: iter([]), 3):
        with pytest.raises((RuntimeError, ValueError, TypeError)):
            trainer_of().fit(data, epochs=2, quiet=True)
    fresh = trainer_of()
    fresh.load_checkpoint()
    assert all(torch.equal(value, kept[name]) for name, value in fresh.net.state_dict().items())
    with pytest.raises(OSError, match="gone"):
        fresh.fit(lambda: Raising() if fresh.progress.epoch else [(X, Y)], epochs=3, quiet=True)
    assert checkpoint.newest(Path("checkpoint"), "last") is not None
    trainer_of().load_checkpoint("checkpoint")


def test_a_checkpoint_of_another_network() -> None:
    trained()
    other = danlu.Trainer(nn.Linear(4, 2), nn.MSELoss())
    with pytest.raises(danlu.CheckpointUnreadable) as caught:
        other.load_checkpoint("checkpoint")
    assert "weight is (1, 3) there and (2, 4) here" in str(caught.value)
    more = danlu.Trainer(nn.Sequential(nn.Linear(3, 1)), nn.MSELoss())
    with pytest.raises(
        danlu.CheckpointUnreadable, match=r"0.weight is missing.* weight is not in this network"
    ):
        more.load_checkpoint("checkpoint")
    refused(danlu.CheckpointUnreadable, "another network", trainer=other, resume=True)
    assert checkpoint.newest(Path("checkpoint"), "best") is not None


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    trainer = trainer_of()
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.pt").write_text("hello")
    torch.save([1, 2], "list.pt")
    torch.save(trainer.net, "pickle.pt")
    for path in ("nowhere", "empty", "text.pt", "list.pt", "pickle.pt"):
        with pytest.raises(danlu.CheckpointUnreadable, match=path):
            trainer.load_checkpoint(path)


def test_a_checkpoint_that_cannot_be_written_is_an_error_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    refused(OSError, "file", ckpt_path=tmp_path / "file")

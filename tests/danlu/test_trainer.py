import csv
import json
import math
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from readback import events, points
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import danlu
from danlu.metrics import MAE, Accuracy

torch.set_num_threads(1)

N = 50
"""Samples: with batches of 16 the last one has 2."""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def numbers(count: int = N, seed: int = 0) -> tuple[Tensor, Tensor]:
    made = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 3, generator=made)
    return x, (x.sum(1, keepdim=True) > 0).float()


def net_of(seed: int = 0, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 1))


def loader(count: int = N, *, shuffle: bool = False, **options: Any) -> DataLoader[Any]:
    return DataLoader(TensorDataset(*numbers(count)), batch_size=16, shuffle=shuffle, **options)


def trainer_of(net: nn.Module | None = None, lr: float = 0.1, **options: Any) -> danlu.Trainer:
    net = net_of() if net is None else net
    options.setdefault("optimizer", torch.optim.SGD(net.parameters(), lr=lr))
    return danlu.Trainer(net, options.pop("loss_fn", nn.BCEWithLogitsLoss()), **options)


def weights(net: nn.Module) -> list[Tensor]:
    return [value.detach().clone() for value in net.state_dict().values()]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


class Counting:
    """Batches that count how often they were read."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches, self.read = batches, 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        for batch in self.batches:
            self.read += 1
            yield batch


def plain_loop(
    net: nn.Module, batches: Any, epochs: int, lr: float = 0.1, clip: float | None = None
) -> list[float]:
    """What everybody writes by hand; the mean loss of each epoch."""
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    means = []
    for _ in range(epochs):
        net.train()
        total, count = 0.0, 0
        for x, y in batches:
            optimizer.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(net(x), y)
            loss.backward()
            if clip is not None:
                torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
            optimizer.step()
            total, count = total + float(loss.detach()) * len(x), count + len(x)
        means.append(total / count)
    return means


# -- the same numbers as a loop written by hand


@pytest.mark.parametrize("workers", [0, 1])
def test_weights_and_losses_are_those_of_a_plain_loop_to_the_bit(workers: int) -> None:
    ours, theirs = net_of(dropout=0.5), net_of(dropout=0.5)
    torch.manual_seed(7)
    means = plain_loop(theirs, loader(shuffle=True, num_workers=workers), 3)
    torch.manual_seed(7)
    trainer = trainer_of(ours)
    trainer.fit(
        loader(shuffle=True, num_workers=workers), epochs=3, quiet=True, callbacks=[nothing_restored()]
    )
    assert same(weights(ours), weights(theirs))
    assert [row["train_loss"] for row in trainer.history] == pytest.approx(means, rel=1e-12)


def nothing_restored() -> danlu.ModelCheckpoint:
    return danlu.ModelCheckpoint(best=False)


def test_gradients_are_clipped_only_where_that_is_asked_for_and_as_torch_does() -> None:
    def steep(count: int) -> list[tuple[Tensor, Tensor]]:
        x, y = numbers(count)
        return list(DataLoader(TensorDataset(x * 100, 1 - y), batch_size=16))

    for clip in (None, 0.5):
        ours, theirs = net_of(), net_of()
        plain_loop(theirs, steep(N), 2, clip=clip)
        trainer_of(ours).fit(
            steep(N), epochs=2, quiet=True, grad_clip_norm=clip, callbacks=[nothing_restored()]
        )
        assert same(weights(ours), weights(theirs)), clip


def test_a_ragged_last_batch_counts_by_its_samples() -> None:
    x, y = numbers()
    trainer = trainer_of(lr=0.0, metrics={"acc": Accuracy(), "mae": MAE()})
    trainer.fit(loader(), loader(), epochs=1, quiet=True)
    with torch.no_grad():
        out = trainer.net(x)
        mean = float(nn.functional.binary_cross_entropy_with_logits(out, y))
        right = float(((out > 0) == (y > 0.5)).float().mean())
    (row,) = trainer.history
    assert row["train_loss"] == pytest.approx(mean, rel=1e-6)
    assert row["val_loss"] == pytest.approx(mean, rel=1e-6)
    assert row["train_acc"] == row["val_acc"] == pytest.approx(right)
    assert row["val_mae"] == pytest.approx(float((out - y).abs().mean()), rel=1e-6)


def test_accumulation_takes_the_mean_gradient_of_its_batches_and_of_fewer_at_the_end() -> None:
    batches = [*loader(48), numbers(16, seed=5)]  # 3 + 1 or 2 + 2
    for accumulate, sizes in ((2, (2, 2)), (3, (3, 1)), (9, (4,))):
        for source in (batches, lambda: iter(batches)):  # the length known and unknown
            ours, theirs = net_of(), net_of()
            optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
            at = 0
            for size in sizes:
                optimizer.zero_grad()
                for x, y in batches[at : at + size]:
                    (nn.functional.binary_cross_entropy_with_logits(theirs(x), y) / size).backward()
                optimizer.step()
                at += size
            trainer = trainer_of(ours)
            trainer.fit(source, epochs=1, quiet=True, gradient_accumulation_steps=accumulate)
            assert trainer.progress.step == len(sizes)
            for one, other in zip(weights(ours), weights(theirs), strict=True):
                assert torch.allclose(one, other, atol=1e-6), (accumulate, source)


# -- what a loss may do


def poisoned(at: int, value: float = math.nan) -> list[tuple[Tensor, Tensor]]:
    batches = [tuple(batch) for batch in loader()]
    batches[at] = (batches[at][0] * value, batches[at][1])
    return batches


def test_nan_is_never_best_and_its_weights_are_not_kept(tmp_path: Path) -> None:
    class Odd(nn.Module):
        """NaN is its first value on the data of the validation, then numbers."""

        def __init__(self) -> None:
            super().__init__()
            self.inner, self.seen = nn.Linear(3, 1), 0

        def forward(self, x: Tensor) -> Tensor:
            out = self.inner(x)
            if self.training:
                return out
            self.seen += 1
            return out * math.nan if self.seen in {1, 3} else out

    trainer = trainer_of(Odd())
    trainer.fit(loader(16), loader(16), epochs=4, quiet=True, mode="min")
    losses = [row["val_loss"] for row in trainer.history]
    assert [math.isnan(value) for value in losses] == [True, False, True, False]
    (best,) = tmp_path.glob("checkpoint/best-*.json")
    assert json.loads(best.read_text())["epoch"] == 4
    assert math.isfinite(trainer.evaluate(loader(16))["val_loss"])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_before_its_step_and_says_which(value: float) -> None:
    def loss_fn(preds: Tensor, labels: Tensor) -> Tensor:
        return preds.sum() * (value if len(preds) == 2 else 1.0)

    ours, theirs = net_of(), net_of()
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1)
    for x, _ in list(loader())[:3]:
        optimizer.zero_grad()
        theirs(x).sum().backward()
        optimizer.step()
    trainer = trainer_of(ours, loss_fn=loss_fn)
    with pytest.raises(danlu.NonFiniteLoss, match="step 3") as caught:
        trainer.fit(loader(), epochs=2, quiet=True)
    assert caught.value.step == 3
    assert same(weights(ours), weights(theirs))
    assert all(item.grad is None or not item.grad.any() for item in ours.parameters())


def test_such_a_step_can_be_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    ours, theirs = net_of(), net_of()
    batches = poisoned(1)
    plain_loop(theirs, [batch for place, batch in enumerate(batches) if place != 1], 1)
    trainer = trainer_of(ours)
    trainer.fit(batches, epochs=1, nonfinite="skip")
    assert same(weights(ours), weights(theirs))
    assert (trainer.progress.step, trainer.progress.skipped) == (3, 1)
    assert "step 1 skipped: its loss is nan" in capsys.readouterr().out
    assert math.isfinite(trainer.history[0]["train_loss"])


def test_an_epoch_of_skipped_steps_has_no_loss_and_goes_on() -> None:
    trainer = trainer_of(metrics={"acc": Accuracy()})
    before = weights(trainer.net)
    batches = [poisoned(0)[0]]
    trainer.fit(batches, epochs=2, quiet=True, nonfinite="skip")
    assert math.isnan(trainer.history[1]["train_loss"])
    assert same(weights(trainer.net), before)


def test_skipping_drops_the_whole_step_of_several_batches() -> None:
    trainer = trainer_of()
    trainer.fit(poisoned(1), epochs=1, quiet=True, nonfinite="skip", gradient_accumulation_steps=2)
    assert (trainer.progress.step, trainer.progress.skipped) == (1, 1)


# -- learning rates


def test_a_scheduler_steps_once_an_epoch_or_once_a_step_as_it_is_told() -> None:
    for per, expected in (("epoch", [1.0, 0.5, 0.25]), ("step", [0.5**3, 0.5**7, 0.5**11])):
        net = net_of()
        optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
        scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        trainer = trainer_of(net, optimizer=optimizer, lr_scheduler=scheduler, lr_scheduler_per=per)
        trainer.fit(loader(), epochs=3, quiet=True)
        # lr is that of the epoch's last step
        used = [row["lr"] for row in trainer.history]
        assert used == pytest.approx(expected if per == "epoch" else [value / 2 for value in expected])


def test_a_plateau_scheduler_watches_what_fit_monitors_or_a_column() -> None:
    for per, data in ((None, loader()), ("train_loss", None), ("val_acc", loader())):
        net = net_of()
        optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=0.1, patience=0, threshold=0.5
        )
        trainer = trainer_of(
            net,
            optimizer=optimizer,
            lr_scheduler=scheduler,
            lr_scheduler_per=per,
            metrics={"acc": Accuracy()},
        )
        trainer.fit(loader(), data, epochs=3, quiet=True)
        assert [row["lr"] for row in trainer.history] == pytest.approx([1e-3, 1e-3, 1e-4]), per


# -- calls of fit


def test_a_second_fit_goes_on_without_a_stray_pass() -> None:
    batches = [tuple(batch) for batch in loader()]
    ours, theirs = net_of(), net_of()
    train, val = Counting(batches), Counting(batches)
    trainer = trainer_of(ours)
    trainer.fit(train, val, epochs=2, quiet=True)
    assert (train.read, val.read) == (8, 8)
    trainer.fit(train, val, epochs=3, quiet=True)
    assert (train.read, val.read) == (20, 20)
    assert [row["epoch"] for row in trainer.history] == [1, 2, 3, 4, 5]
    assert trainer.progress.step == 20
    plain_loop(theirs, batches, 5)
    assert same(weights(ours), weights(theirs))


def test_a_second_fit_goes_on_from_the_last_weights_although_the_best_were_put_back(tmp_path: Path) -> None:
    worse = TensorDataset(numbers()[0], 1 - numbers()[1])  # the validation gets worse from the first epoch on
    ours, theirs = net_of(), net_of()
    trainer = trainer_of(ours)
    trainer.fit(loader(), worse, epochs=3, quiet=True, ckpt_path=tmp_path / "c")
    after_one = net_of()
    plain_loop(after_one, loader(), 1)
    assert same(weights(ours), weights(after_one))
    trainer.fit(
        loader(), worse, epochs=1, quiet=True, ckpt_path=tmp_path / "c", callbacks=[nothing_restored()]
    )
    plain_loop(theirs, loader(), 4)
    assert same(weights(ours), weights(theirs))


def test_a_fit_after_an_error_begins_with_clean_gradients() -> None:
    batches = poisoned(1)
    trainer = trainer_of()
    with pytest.raises(danlu.NonFiniteLoss):
        trainer.fit(batches, epochs=1, quiet=True, gradient_accumulation_steps=4)
    trainer.fit([batches[0]] * 4, epochs=1, quiet=True, gradient_accumulation_steps=4)
    assert trainer.progress.step == 1
    theirs = net_of()
    plain_loop(theirs, [batches[0]], 1)
    for one, other in zip(weights(trainer.net), weights(theirs), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_two_trainers_side_by_side_share_nothing() -> None:
    alone = trainer_of(net_of(1))
    alone.fit(loader(), epochs=4, quiet=True, ckpt_path="alone")
    one, other = trainer_of(net_of(1)), trainer_of(net_of(2))
    for epochs in (1, 3):
        one.fit(loader(), epochs=epochs, quiet=True, ckpt_path="one")
        other.fit(loader(32), epochs=epochs, quiet=True, ckpt_path="other")
    assert one.history == alone.history
    assert same(weights(one.net), weights(alone.net))
    assert len(other.history) == 4
    assert other.progress.step == 8
    assert not [name for name, value in vars(danlu.Trainer).items() if isinstance(value, list | dict | set)
                and not name.startswith("__")]  # fmt: skip


def test_without_val_data_it_monitors_train_loss_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    trainer = trainer_of()
    trainer.fit(loader(), epochs=2, monitor="val_loss", mode="min")
    assert "there is no val_data: monitoring train_loss instead of val_loss" in capsys.readouterr().out
    assert trainer.monitor == "train_loss"
    assert "val_loss" not in trainer.history[0]


# -- ends


class Breaking(danlu.Callback):
    def __init__(self, error: BaseException, epoch: int) -> None:
        self.error, self.epoch = error, epoch

    def on_epoch_end(self, trainer: danlu.Trainer, logs: Any) -> None:
        if trainer.progress.epoch == self.epoch:
            raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("my own")])
def test_an_error_closes_everything_writes_the_history_and_restores_the_best(
    tmp_path: Path, error: BaseException
) -> None:
    worse = TensorDataset(numbers()[0], 1 - numbers()[1])
    threads = threading.active_count()
    trainer = trainer_of()
    callbacks = [danlu.TensorBoardCallback("runs", "m"), danlu.CSVHistory("h.csv"), Breaking(error, 3)]
    with pytest.raises(type(error)) as caught:
        trainer.fit(loader(), worse, epochs=5, quiet=True, callbacks=callbacks)
    assert caught.value is error
    assert threading.active_count() == threads
    assert [step for step, _ in points(tmp_path / "runs" / "m", "loss/val")] == [1, 2, 3]
    assert events(tmp_path / "runs" / "m")
    with (tmp_path / "h.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3"]
    best = net_of()
    plain_loop(best, loader(), 1)
    assert same(weights(trainer.net), weights(best))


def test_a_metric_that_fails_after_a_step_leaves_the_best_weights() -> None:
    class Late(Accuracy):
        def update(self, preds: Tensor, labels: Tensor) -> None:
            calls.append(1)
            if len(calls) == 5:
                raise RuntimeError("no more")
            super().update(preds, labels)

    calls: list[int] = []
    trainer = danlu.Trainer(
        net := net_of(), nn.BCEWithLogitsLoss(), {"late": Late()}, torch.optim.SGD(net.parameters(), 0.1)
    )
    with pytest.raises(RuntimeError, match="no more"):
        trainer.fit(loader(), epochs=2, quiet=True)
    best = net_of()
    plain_loop(best, loader(), 1)
    assert same(weights(net), weights(best))


# -- batches of every kind


def test_dicts_have_their_labels_under_a_usual_key() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 1)

        def forward(self, x: Tensor, scale: Tensor) -> Tensor:
            return self.inner(x) * scale

    x, y = numbers()
    for key in ("labels", "label", "targets", "target", "y"):
        trainer = trainer_of(Named(), metrics={"acc": Accuracy()})
        trainer.fit({"x": x, "scale": torch.ones(N, 1), key: y}, epochs=1, quiet=True)
        assert 0 <= trainer.history[0]["train_acc"] <= 1
        assert trainer.predict({"x": x, "scale": torch.ones(N, 1), key: y}).shape == (N, 1)


class Output(dict):
    """Outputs as transformers have them: a dict whose keys are attributes, too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class OwnLoss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 1)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Output:
        logits = self.inner(x)
        if labels is None:
            return Output(logits=logits)
        return Output(loss=nn.functional.binary_cross_entropy_with_logits(logits, labels), logits=logits)


def test_a_network_may_compute_its_own_loss() -> None:
    x, y = numbers()
    trainer = trainer_of(OwnLoss(), loss_fn=None, metrics={"acc": Accuracy()})
    trainer.fit({"x": x, "labels": y}, {"x": x, "labels": y}, epochs=2, quiet=True)
    assert trainer.history[1]["val_loss"] < trainer.history[0]["train_loss"]
    right = ((trainer.net.inner(x) > 0) == (y > 0.5)).float().mean()
    assert trainer.evaluate({"x": x, "labels": y})["val_acc"] == pytest.approx(float(right))
    assert trainer.predict({"x": x}).shape == (N, 1)
    assert trainer.predict({"x": x, "labels": y}).shape == (N, 1)


def test_several_inputs_stand_before_the_labels() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(3, 1)

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.inner(a + b)

    x, y = numbers()
    trainer = trainer_of(Two())
    trainer.fit((x, x, y), epochs=1, quiet=True)
    assert trainer.predict((x, x, y)).shape == (N, 1)


def test_a_step_of_ones_own_and_what_it_returns() -> None:
    def step(trainer: danlu.Trainer, batch: Any) -> dict[str, Any]:
        x, y = batch
        out = trainer(x)
        loss = nn.functional.binary_cross_entropy_with_logits(out, y)
        return {"loss": loss, "preds": out, "labels": y, "bias": out.mean(), "two": 2}

    x = numbers()[0]
    trainer = trainer_of(loss_fn=None, step=step, metrics={"acc": Accuracy()}, lr=0.0)
    trainer.fit(loader(), loader(), epochs=1, quiet=True, monitor="val_bias", mode="max")
    (row,) = trainer.history
    assert row["train_two"] == row["val_two"] == 2
    with torch.no_grad():
        assert row["val_bias"] == pytest.approx(float(trainer.net(x).mean()), rel=1e-5)
    assert {"train_acc", "val_acc"} <= row.keys()
    only = trainer_of(loss_fn=None, step=lambda trainer, batch: trainer(batch[0]).mean())
    only.fit(loader(), epochs=1, quiet=True)
    assert only.history[0].keys() == {"epoch", "train_loss", "lr"}


def test_an_update_with_two_optimizers() -> None:
    torch.manual_seed(0)
    net = nn.ModuleDict({"g": nn.Linear(2, 2), "d": nn.Linear(2, 1)})
    loss_fn = nn.BCEWithLogitsLoss()

    def update(trainer: danlu.Trainer, batch: Any) -> dict[str, Any]:
        (real,) = batch
        made = net["g"](torch.randn(len(real), 2))
        d_loss = loss_fn(net["d"](real), torch.ones(len(real), 1)) + loss_fn(
            net["d"](made.detach()), torch.zeros(len(real), 1)
        )
        trainer.backward(d_loss)
        trainer.step_optimizer("d")
        g_loss = loss_fn(net["d"](made), torch.ones(len(real), 1))
        trainer.backward(g_loss)
        trainer.step_optimizer("g")
        return {"d_loss": d_loss, "g_loss": g_loss}

    optimizers = {name: torch.optim.SGD(net[name].parameters(), lr=0.1) for name in ("d", "g")}
    trainer = danlu.Trainer(net, optimizer=optimizers, update=update)
    before = weights(net)
    trainer.fit(torch.randn(40, 2) + 3, epochs=3, quiet=True, batch_size=8)
    assert trainer.history[2].keys() == {"epoch", "train_d_loss", "train_g_loss", "lr"}
    assert not any(torch.equal(a, b) for a, b in zip(weights(net), before, strict=True))
    assert trainer.progress.step == 15


class Squares(Dataset[Any]):
    def __len__(self) -> int:
        return N

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        x, y = numbers()
        return x[place], y[place]


@pytest.mark.parametrize(
    "data",
    [numbers(), TensorDataset(*numbers()), Squares(), loader(), list(loader()), lambda: iter(loader())],
    ids=["tensors", "tensor dataset", "dataset", "loader", "list", "function"],
)
def test_data_of_every_kind_gives_the_same_numbers(data: Any) -> None:
    trainer = trainer_of()
    trainer.fit(data, data, epochs=2, quiet=True, shuffle=False, batch_size=16)
    theirs = trainer_of()
    theirs.fit(loader(), loader(), epochs=2, quiet=True)
    assert trainer.history == theirs.history


def test_numpy_batches_become_what_the_network_needs_through_a_loader() -> None:
    class Arrays(Squares):
        def __getitem__(self, place: int) -> Any:
            return tuple(part.numpy() for part in super().__getitem__(place))

    trainer = trainer_of()
    trainer.fit(Arrays(), epochs=1, quiet=True)
    assert np.isfinite(trainer.history[0]["train_loss"])


# -- options


def test_val_every_leaves_epochs_without_validation() -> None:
    val = Counting(list(loader()))
    trainer = trainer_of()
    frame = trainer.fit(loader(), val, epochs=4, quiet=True, val_every=2, patience=2)
    assert ["val_loss" in row for row in trainer.history] == [False, True, False, True]
    assert val.read == 8
    assert frame["val_loss"].isna().tolist() == [True, False, True, False]


def test_log_every_gives_the_mean_of_the_steps_since(tmp_path: Path) -> None:
    for log_every, steps in ((2, [2, 4, 6, 8]), (3, [3, 6]), (0, [])):
        trainer = trainer_of(lr=0.0)
        callback = danlu.TensorBoardCallback("runs", str(log_every))
        trainer.fit(
            list(loader(48)) + list(loader(16)),
            epochs=2,
            quiet=True,
            log_every=log_every,
            callbacks=[callback],
        )
        folder = tmp_path / "runs" / str(log_every)
        found = {tag for event in events(folder) for tag in [value.tag for value in event.summary.value]}
        assert ("loss/step" in found) == bool(steps)
        if steps:
            assert [step for step, _ in points(folder, "loss/step")] == steps
    with torch.no_grad():
        losses = [
            float(nn.functional.binary_cross_entropy_with_logits(trainer.net(x), y)) for x, y in loader(48)
        ]
    assert points(tmp_path / "runs" / "2", "loss/step")[0][1] == pytest.approx(sum(losses[:2]) / 2, rel=1e-5)


def test_bf16_computes_in_bf16_and_keeps_weights_in_float32() -> None:
    seen = []

    def loss_fn(preds: Tensor, labels: Tensor) -> Tensor:
        seen.append(preds.dtype)
        return nn.functional.binary_cross_entropy_with_logits(preds.float(), labels)

    trainer = trainer_of(loss_fn=loss_fn)
    trainer.fit(loader(), loader(), epochs=2, quiet=True, cpu=True, mixed_precision="bf16")
    assert set(seen) == {torch.bfloat16}
    assert {item.dtype for item in trainer.net.parameters()} == {torch.float32}
    assert trainer.predict(numbers()[0]).numpy().dtype == np.float32
    assert trainer.history[1]["val_loss"] < trainer.history[0]["val_loss"]


def test_evaluate_and_predict_leave_the_network_as_it_was() -> None:
    trainer = trainer_of(net_of(dropout=0.5), metrics={"acc": Accuracy()})
    x, y = numbers()
    trainer.net[0].eval()
    modes = [module.training for module in trainer.net.modules()]
    found = trainer.evaluate((x, y), batch_size=16)
    assert found.keys() == {"val_loss", "val_acc"}
    one, other = trainer.predict((x, y)), trainer.predict(x, batch_size=7)
    assert torch.allclose(one, other)
    assert not one.requires_grad
    assert [module.training for module in trainer.net.modules()] == modes
    trainer.net.eval()
    with torch.no_grad():
        out = trainer.net(x)
    assert torch.allclose(one, out, atol=1e-6)
    assert found["val_loss"] == pytest.approx(
        float(nn.functional.binary_cross_entropy_with_logits(out, y)), rel=1e-5
    )


def test_predict_of_several_outputs() -> None:
    class Heads(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x[:, :1], x[:, 1:]

    first, second = danlu.Trainer(Heads()).predict(numbers()[0])
    assert (first.shape, second.shape) == ((N, 1), (N, 2))


def test_weights_travel_as_a_file_a_folder_and_a_plain_state_dict(tmp_path: Path) -> None:
    trainer = trainer_of()
    trainer.fit(loader(), epochs=1, quiet=True, ckpt_path=tmp_path / "folder")
    assert trainer.save_checkpoint("deep/er/one.pt") == Path("deep/er/one.pt")
    torch.save(trainer.net.state_dict(), "plain.pt")
    for path in ("deep/er/one.pt", tmp_path / "folder", "plain.pt"):
        fresh = trainer_of(net_of(9))
        fresh.load_checkpoint(path)
        assert same(weights(fresh.net), weights(trainer.net)), path
    assert "net" in torch.load("deep/er/one.pt", weights_only=True)
    fresh = danlu.KerasModel(net_of(9))
    fresh.load_ckpt(trainer.save_ckpt("two.pt"))
    assert same(weights(fresh.net), weights(trainer.net))


def test_keras_model_has_the_tutorials_names_and_defaults(tmp_path: Path) -> None:
    net = net_of()
    model = danlu.KerasModel(
        net, loss_fn=nn.BCEWithLogitsLoss(), metrics_dict={"acc": Accuracy()}, optimizer=torch.optim.SGD(net.parameters(), 1e-9)
    )  # fmt: skip
    model.loss_fn = lambda preds, labels: preds.sum() * 0 + len(model.history)
    frame = model.fit(loader(), loader(), epochs=20, quiet=True)
    assert len(frame) == 6  # the first is best, five more are patience
    assert list(frame.columns) == ["epoch", "train_loss", "train_acc", "lr", "val_loss", "val_acc"]


def test_the_history_is_a_frame_with_pandas_and_a_list_without(monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    trainer = trainer_of()
    frame = trainer.fit(loader(), epochs=2, quiet=True)
    assert isinstance(frame, pd.DataFrame)
    assert frame.to_dict("records") == trainer.history
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert trainer.fit(loader(), epochs=1, quiet=True) == trainer.history


def test_quiet_prints_nothing_and_says_no_word_of_a_further_fit(capsys: pytest.CaptureFixture[str]) -> None:
    trainer = trainer_of()
    trainer.fit(loader(), epochs=1, quiet=True, monitor="val_loss", patience=1)
    trainer.fit(loader(), epochs=1, quiet=True)
    assert capsys.readouterr() == ("", "")


def test_a_network_without_parameters_and_one_that_is_frozen() -> None:
    frozen = net_of()
    frozen[0].requires_grad_(False)
    before = frozen[0].weight.clone()
    danlu.Trainer(frozen, nn.BCEWithLogitsLoss()).fit(loader(), epochs=1, quiet=True)
    assert torch.equal(frozen[0].weight, before)
    assert danlu.Trainer(nn.Identity(), nn.MSELoss()).lr == 0.0


@pytest.mark.parametrize("module", ["danlu", "danlu.callbacks"])
def test_importing_takes_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_optimizer_with_a_zero_grad_of_its_own_is_asked() -> None:
    class Own(torch.optim.SGD):
        asked = 0

        def zero_grad(self, set_to_none: bool = True) -> None:
            self.asked += 1
            super().zero_grad(set_to_none)

    net = net_of()
    optimizer = Own(net.parameters(), lr=0.1)
    trainer = danlu.Trainer(net, nn.BCEWithLogitsLoss(), optimizer=optimizer)
    trainer.fit(numbers(), epochs=2, batch_size=25, quiet=True, cpu=True)
    assert optimizer.asked == trainer.progress.step == 4

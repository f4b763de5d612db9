import csv
import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from readback import event_files, events, points, values
from torch import Tensor, nn

import danlu
from danlu import checkpoint
from danlu.callbacks.stopping import better

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def data(count: int = 48) -> tuple[Tensor, Tensor]:
    x = torch.linspace(-1, 1, 3 * count).reshape(count, 3)
    return x, (x.sum(1, keepdim=True) > 0).float()


def trainer_of(**options: Any) -> danlu.Trainer:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    options.setdefault("optimizer", torch.optim.SGD(net.parameters(), lr=0.1))
    return danlu.Trainer(net, options.pop("loss_fn", nn.BCEWithLogitsLoss()), **options)


def following(scores: list[float]) -> danlu.Trainer:
    """A trainer whose val_score is this, epoch by epoch."""

    def step(trainer: danlu.Trainer, batch: Any) -> dict[str, Any]:
        loss = nn.functional.binary_cross_entropy_with_logits(trainer(batch[0]), batch[1])
        return {"loss": loss, "score": scores[trainer.progress.epoch]}

    return trainer_of(loss_fn=None, step=step)


def fit(trainer: danlu.Trainer, epochs: int = 2, val: bool = True, **options: Any) -> Any:
    options = {"quiet": True, "shuffle": False, "batch_size": 16, **options}
    return trainer.fit(data(), data() if val else None, epochs=epochs, **options)


# -- hooks


class Telling(danlu.Callback):
    def __init__(self, name: str, told: list[str]) -> None:
        self.name, self.told = name, told

    def on_fit_start(self, trainer: danlu.Trainer) -> None:
        self.told.append(f"{self.name} fit_start")

    def on_epoch_start(self, trainer: danlu.Trainer) -> None:
        self.told.append(f"{self.name} epoch_start {trainer.progress.epoch}")

    def on_step_end(self, trainer: danlu.Trainer) -> None:
        self.told.append(f"{self.name} step_end {trainer.progress.step}")

    def on_log(self, trainer: danlu.Trainer, logs: Mapping[str, float]) -> None:
        self.told.append(f"{self.name} log {','.join(logs)}")

    def on_epoch_end(self, trainer: danlu.Trainer, logs: Mapping[str, float]) -> None:
        self.told.append(f"{self.name} epoch_end {trainer.progress.epoch} {','.join(logs)}")

    def on_exception(self, trainer: danlu.Trainer, error: BaseException) -> None:
        self.told.append(f"{self.name} exception {type(error).__name__}")

    def on_fit_end(self, trainer: danlu.Trainer) -> None:
        self.told.append(f"{self.name} fit_end")


def test_the_order_of_hooks() -> None:
    told: list[str] = []
    fit(trainer_of(), epochs=1, callbacks=[Telling("a", told)], log_every=2)
    assert told == [
        "a fit_start", "a epoch_start 0", "a step_end 1", "a log loss,lr", "a step_end 2", "a step_end 3",
        "a epoch_end 1 train_loss,lr,val_loss", "a fit_end",
    ]  # fmt: skip


def test_callbacks_are_told_in_order_and_end_in_reverse() -> None:
    told: list[str] = []
    fit(trainer_of(), epochs=1, callbacks=[Telling("a", told), Telling("b", told)], log_every=0)
    assert [line for line in told if "fit_" in line] == [
        "a fit_start",
        "b fit_start",
        "b fit_end",
        "a fit_end",
    ]


def test_any_object_with_a_hook_is_a_callback_and_an_error_of_one_ends_the_others_well() -> None:
    class Plain:
        def on_epoch_end(self, trainer: danlu.Trainer, logs: Any) -> None:
            raise RuntimeError("mine")

    told: list[str] = []
    with pytest.raises(RuntimeError, match="mine"):
        fit(trainer_of(), callbacks=[Plain(), Telling("b", told)])
    assert told[-2:] == ["b exception RuntimeError", "b fit_end"]


def test_an_error_at_the_end_is_not_lost_and_closes_the_others() -> None:
    class Plain:
        def on_fit_end(self, trainer: danlu.Trainer) -> None:
            raise RuntimeError("at the end")

    told: list[str] = []
    with pytest.raises(RuntimeError, match="at the end"):
        fit(trainer_of(), callbacks=[Telling("a", told), Plain()])
    assert told[-1] == "a fit_end"


# -- stopping


def test_what_is_better() -> None:
    nan, inf = float("nan"), float("inf")
    assert better(1.0, None, "min")
    assert not better(nan, None, "min")
    assert not better(nan, 1.0, "max")
    assert not better(inf, None, "min")
    assert better(0.8, 1.0, "min", 0.1)
    assert not better(0.95, 1.0, "min", 0.1)
    assert better(1.2, 1.0, "max", 0.1)
    assert not better(1.05, 1.0, "max", 0.1)


@pytest.mark.parametrize(
    ("options", "scores", "epochs"),
    [
        ({"patience": 2, "mode": "min"}, [3, 2, 2, 2, 1, 0], 4),
        ({"patience": 2, "mode": "max"}, [1, 2, 1, 3, 2, 2, 9], 6),
        ({"patience": 1, "mode": "min", "min_delta": 0.5}, [3, 2.4, 2.0, 0, 0], 3),
        ({"patience": 1, "mode": "min", "warmup": 3}, [1, 2, 2, 2, 0], 4),
        ({"patience": 2, "mode": "min"}, [float("nan")] * 6, 2),
    ],
)
def test_early_stopping(options: dict[str, Any], scores: list[float], epochs: int) -> None:
    stopper = danlu.EarlyStopping("val_score", **options)
    trainer = following(scores)
    fit(trainer, epochs=len(scores), callbacks=[stopper])
    assert len(trainer.history) == epochs


def test_it_says_why_it_stopped(capsys: pytest.CaptureFixture[str]) -> None:
    fit(following([1, 2, 2]), epochs=3, callbacks=[danlu.EarlyStopping("val_score", 1)], quiet=False)
    assert "val_score did not get better in 1 epochs: stopped early" in capsys.readouterr().out


def test_epochs_without_validation_do_not_end_it() -> None:
    trainer = following([float(9 - place) for place in range(9)])
    fit(trainer, epochs=9, callbacks=[danlu.EarlyStopping("val_score", 2)], val_every=4)
    assert len(trainer.history) == 9


def test_a_further_fit_has_its_patience_anew() -> None:
    stopper = danlu.EarlyStopping("val_score", 2, mode="min")
    trainer = following([1, 2, 2, 2, 2, 2, 2])
    fit(trainer, epochs=5, callbacks=[stopper])
    assert len(trainer.history) == 3
    fit(trainer, epochs=4, callbacks=[stopper])
    assert len(trainer.history) == 5


def test_the_mode_of_a_metric_is_known() -> None:
    from danlu.metrics import Accuracy

    trainer = trainer_of(metrics={"acc": Accuracy()})
    fit(trainer, monitor="val_acc")
    assert trainer.monitored(None, None, trainer.history[0])[1] == "max"
    assert trainer.monitored("val_loss", None, trainer.history[0])[1] == "min"


@pytest.mark.parametrize(
    "make",
    [
        lambda: danlu.EarlyStopping(patience=0),
        lambda: danlu.EarlyStopping(mode="low"),
        lambda: danlu.ModelCheckpoint(keep=0),
        lambda: danlu.ModelCheckpoint(every=0),
        lambda: danlu.ModelCheckpoint(every_seconds=0),
        lambda: danlu.TensorBoardCallback(log_weight_freq=0),
        lambda: danlu.VisDisplay(lambda trainer: None, every=0),
    ],
)
def test_numbers_that_cannot_be_meant_are_refused(make: Any) -> None:
    with pytest.raises(ValueError, match=r"must be|at least 1"):
        make()


# -- checkpoints


def test_best_and_last_are_kept(tmp_path: Path) -> None:
    trainer = following([2, 1, 3, 3])
    fit(
        trainer, epochs=4, monitor="val_score", mode="min", callbacks=[danlu.ModelCheckpoint(every=1, keep=2)]
    )
    folder = tmp_path / "checkpoint"
    assert checkpoint.entries(folder, "last")[0].meta["step"] == 12
    assert len(checkpoint.entries(folder, "last")) == 2
    (best,) = checkpoint.entries(folder, "best")
    assert (best.meta["epoch"], best.meta["value"], best.meta["monitor"]) == (2, 1, "val_score")
    kept = checkpoint.load(best)["net"]
    assert all(torch.equal(value, kept[name]) for name, value in trainer.net.state_dict().items())


@pytest.mark.parametrize(("best", "last"), [(True, False), (False, True), (False, False)])
def test_either_may_be_left_out(tmp_path: Path, best: bool, last: bool) -> None:
    fit(trainer_of(), epochs=3, callbacks=[danlu.ModelCheckpoint(best, last)])
    folder = tmp_path / "checkpoint"
    assert len(checkpoint.entries(folder, "best")) == int(best)
    assert bool(checkpoint.entries(folder, "last")) == last


def test_many_best_weights_leave_one_file_each_for_what_can_be_gone_on_from(tmp_path: Path) -> None:
    fit(
        following([9 - place for place in range(9)]),
        epochs=9,
        monitor="val_score",
        callbacks=[danlu.ModelCheckpoint(every=1)],
    )
    assert len(list((tmp_path / "checkpoint").glob("best-*.pt"))) <= 3
    assert not list((tmp_path / "checkpoint").glob("*.tmp"))


# -- TensorBoard


def drawn(folder: Path) -> dict[str, int]:
    return {tag: len(found) for tag, found in values(folder).items()}


def test_everything_of_a_training_lies_in_one_run(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    from danlu.metrics import Accuracy

    callback = danlu.TensorBoardCallback(
        "runs", "net", log_weight=True, log_weight_freq=2, log_gradients=True, hparams={"lr": 0.1},
        images=lambda trainer: {"pictures": torch.zeros(2, 1, 4, 4)}, figures=lambda trainer: {"drawing": Figure()},
    )  # fmt: skip
    trainer = trainer_of(metrics={"acc": Accuracy()})
    fit(trainer, epochs=5, callbacks=[callback], log_every=1)
    folder = tmp_path / "runs" / "net"
    assert len(event_files(folder)) == 1
    assert list((tmp_path / "runs").rglob("*tfevents*")) == event_files(folder)
    found = drawn(folder)
    assert {tag: found.pop(tag) for tag in ("loss/train", "loss/val", "acc/train", "acc/val", "lr", "loss/step")} == {
        "loss/train": 5, "loss/val": 5, "acc/train": 5, "acc/val": 5, "lr": 5, "loss/step": 15,
    }  # fmt: skip
    assert points(folder, "loss/val") == [
        (row["epoch"], pytest.approx(row["val_loss"], rel=1e-6)) for row in trainer.history
    ]
    names = [name for name, _ in trainer.net.named_parameters()]
    assert {tag: found.pop(tag) for tag in [*found] if tag.startswith(("weights/", "gradients/"))} == {
        f"{kind}/{name}": 3 for kind in ("weights", "gradients") for name in names
    }
    assert found.pop("pictures") == found.pop("drawing") == 5
    assert set(found) == {"_hparams_/session_start_info", "_hparams_/session_end_info"}
    assert sum(bool(event.graph_def) for event in events(folder)) == 1
    assert trainer.board is None


def test_the_graph_may_be_left_out_or_have_its_own_example(tmp_path: Path) -> None:
    for name, options, graphs in (("no", {"graph": False}, 0), ("own", {"example": torch.zeros(2, 3)}, 1)):
        fit(trainer_of(), callbacks=[danlu.TensorBoardCallback("runs", name, **options)])
        assert sum(bool(event.graph_def) for event in events(tmp_path / "runs" / name)) == graphs


def test_the_graph_changes_nothing_of_the_training() -> None:
    def losses(**options: Any) -> list[dict[str, float]]:
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))
        trainer = danlu.Trainer(net, nn.BCEWithLogitsLoss(), optimizer=torch.optim.SGD(net.parameters(), 0.1))
        fit(trainer, epochs=3, shuffle=True, **options)
        return trainer.history

    assert losses() == losses(callbacks=[danlu.TensorBoardCallback("runs", "x", True, 1, log_gradients=True)])


def test_a_failure_is_told_to_hparams(tmp_path: Path) -> None:
    class Plain:
        def on_epoch_end(self, trainer: danlu.Trainer, logs: Any) -> None:
            raise RuntimeError

    for name, more in (("good", []), ("bad", [Plain()])):
        try:
            fit(trainer_of(), callbacks=[danlu.TensorBoardCallback("runs", name, hparams={"a": 1}), *more])
        except RuntimeError:
            assert more
    ends = [values(tmp_path / "runs" / name)["_hparams_/session_end_info"][0][1] for name in ("good", "bad")]
    assert ends[0].metadata.plugin_data.content != ends[1].metadata.plugin_data.content


def test_the_monitored_curve_comes_to_the_board_at_the_end(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    before = [danlu.VisDisplay(lambda trainer: Figure(), every=2, tag="own"), danlu.VisMetric()]
    fit(
        trainer_of(),
        epochs=4,
        callbacks=[*before, danlu.TensorBoardCallback("runs", "x"), danlu.LRMonitor()],
        log_every=2,
    )
    found = values(tmp_path / "runs" / "x")
    assert [step for step, _ in found["history/loss"]] == [4]
    assert [step for step, _ in found["own"]] == [2, 4]
    assert [step for step, _ in found["lr/0"]] == [2, 4, 6, 8, 10, 12]
    fit(trainer_of(), epochs=1, plot=True, callbacks=[danlu.TensorBoardCallback("runs", "y")])
    assert "history/loss" in values(tmp_path / "runs" / "y")


def test_pictures_without_a_board_are_drawn_for_nobody() -> None:
    drawn: list[int] = []
    fit(trainer_of(), callbacks=[danlu.VisDisplay(lambda trainer: drawn.append(trainer.progress.epoch)), danlu.VisMetric(),
                                 danlu.LRMonitor()])  # fmt: skip
    assert drawn == [1, 2]


# -- records


def test_the_history_as_csv_has_every_column_and_is_never_half(tmp_path: Path) -> None:
    trainer = trainer_of()
    fit(trainer, epochs=4, val_every=2, callbacks=[danlu.CSVHistory("deep/h.csv")])
    with (tmp_path / "deep" / "h.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[0]["val_loss"] == ""
    assert float(rows[3]["val_loss"]) == trainer.history[3]["val_loss"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["h.csv"]


# -- inside a run


def test_inside_a_run_everything_lands_there_by_itself(tmp_path: Path) -> None:
    reports: list[Mapping[str, Any]] = []
    run = danlu.RunContext(id=1, dir=tmp_path / "run", report=reports.append)
    trainer = trainer_of(run=run)
    fit(trainer, epochs=3, log_every=1)
    run.close()
    found = drawn(run.dir)
    assert (found["loss/train"], found["loss/val"], found["lr"], found["loss/step"]) == (3, 3, 3, 9)
    assert sum(bool(event.graph_def) for event in events(run.dir)) == 1
    assert checkpoint.entries(run.dir / "checkpoints", "last")
    assert not (tmp_path / "checkpoint").exists()
    assert {"step": 9, "total": 9, "epoch": 3, "epochs": 3} in reports
    assert next(report["phase"] for report in reports if "phase" in report) == "training"
    assert "saving" in [report.get("phase") for report in reports]


def test_inside_a_run_a_callback_of_ones_own_writes_to_the_runs_board(tmp_path: Path) -> None:
    run = danlu.RunContext(id=1, dir=tmp_path / "run")
    callbacks = [
        danlu.TensorBoardCallback("runs", "model", log_weight=True),
        danlu.TensorBoardCallback(tmp_path / "abs", "m"),
    ]
    fit(trainer_of(run=run), callbacks=callbacks)
    run.close()
    assert {"loss/val", "weights/0.weight"} <= drawn(run.dir).keys()
    assert drawn(run.dir)["loss/val"] == 2
    assert drawn(tmp_path / "abs" / "m")["loss/val"] == 2
    assert not (tmp_path / "runs").exists()


def test_the_present_run_is_found(tmp_path: Path) -> None:
    from danlu.running import enter, leave

    run = danlu.RunContext(id=1, dir=tmp_path / "run")
    enter(run)
    try:
        assert trainer_of().run is run
    finally:
        leave(run)
    assert trainer_of().run is None


def test_a_run_that_is_asked_to_stop_saves_and_goes_on_later(tmp_path: Path) -> None:
    whole = trainer_of(run=danlu.RunContext(id=1, dir=tmp_path / "whole"))
    fit(whole, epochs=4)
    asked: list[int] = []
    first = danlu.RunContext(id=2, dir=tmp_path / "run", stop=lambda: asked.append(1) or len(asked) > 9)
    trainer = trainer_of(run=first)
    fit(trainer, epochs=4)
    assert len(trainer.history) < 4
    again = trainer_of(run=danlu.RunContext(id=2, dir=tmp_path / "run", attempt=2))
    fit(again, epochs=4)
    assert again.history == whole.history


# -- what people see

SCRIPT = """
import danlu, torch
from torch import nn
torch.manual_seed(0)
net = nn.Linear(3, 1)
x = torch.randn(64, 3)
danlu.Trainer(net, nn.MSELoss()).fit((x, x[:, :1]), (x, x[:, :1]), epochs=12, cpu=True, log_every=1, batch_size=8{more})
"""


def test_a_line_for_each_epoch_and_the_table_at_the_end_where_nobody_looks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fit(trainer_of(), epochs=12, quiet=False, cpu=True)
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "training on cpu"
    assert (
        len([line for line in out if line.startswith("epoch ") and "val_loss" in line and " s" in line]) == 12
    )
    table = [line for line in out[13:] if not line.startswith("best")]
    assert table[0].split() == ["epoch", "train_loss", "lr", "val_loss"]
    assert [line.split()[0] for line in table[1:]] == [
        "1",
        "2",
        "3",
        "4",
        "5",
        "...",
        "8",
        "9",
        "10",
        "11",
        "12",
    ]
    assert len({len(line) for line in table}) == 1


def on_a_terminal(code: str, folder: Path) -> str:
    inner, outer = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=outer, stderr=outer, stdin=outer, cwd=folder, env=environment
    )
    os.close(outer)
    seen = b""
    while True:
        try:
            piece = os.read(inner, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(inner)
    assert process.wait() == 0, seen.decode()
    return seen.decode()


def test_a_terminal_has_a_bar(tmp_path: Path) -> None:
    seen = on_a_terminal(SCRIPT.format(more=""), tmp_path)
    assert "12/12" in seen
    assert "━" in seen
    assert "epoch  12/12" in seen
    assert "train_loss" in seen
    assert [line for line in seen.splitlines() if line.split()[:1] == ["12"]]
    assert "\x1b[?25h" in seen  # the cursor is back


def test_quiet_is_quiet_on_a_terminal_too(tmp_path: Path) -> None:
    assert on_a_terminal(SCRIPT.format(more=", quiet=True"), tmp_path) == ""


def test_a_manifest_says_what_is_kept(tmp_path: Path) -> None:
    fit(trainer_of())
    manifest = json.loads(next((tmp_path / "checkpoint").glob("best-*.json")).read_text())
    assert {"sha256", "epoch", "step", "monitor", "value"} <= manifest.keys()

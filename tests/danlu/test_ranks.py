"""Several processes that train together: the numbers of one, and one error when one of them fails."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from readback import event_files, points
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import danlu
from danlu import checkpoint
from danlu.metrics import AUC, Accuracy
from danlu.ranks import RankFailed

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a folder of its own, and nothing is left running."""
    monkeypatch.chdir(tmp_path)
    before = children(os.getpid())
    yield
    assert children(os.getpid()) <= before


def children(pid: int) -> set[int]:
    """The processes below one, but for multiprocessing's own tracker."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes():
                found |= {child} | children(child)
    return found


def numbers(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    made = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 3, generator=made)
    return x, (x.sum(1, keepdim=True) + torch.randn(count, 1, generator=made) > 0).float()


def trainer_of(**options: Any) -> danlu.Trainer:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    options.setdefault("optimizer", torch.optim.SGD(net.parameters(), lr=0.1))
    options.setdefault("metrics", {"acc": Accuracy(), "auc": AUC()})
    return danlu.Trainer(net, options.pop("loss_fn", nn.BCEWithLogitsLoss()), **options)


class Rows(Dataset[Any]):
    """Samples one by one, so that a DataLoader collates them."""

    def __init__(self, count: int) -> None:
        self.parts = numbers(count)

    def __len__(self) -> int:
        return len(self.parts[0])

    def __getitem__(self, place: int) -> Any:
        return self.parts[0][place], self.parts[1][place]


def close(one: list[dict[str, float]], other: list[dict[str, float]]) -> None:
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        assert left.keys() == right.keys()
        for name, value in left.items():
            assert value == pytest.approx(right[name], abs=1e-6, nan_ok=True), name


@pytest.mark.parametrize(
    "made",
    [
        lambda: DataLoader(TensorDataset(*numbers(50)), batch_size=16, shuffle=True),  # the last batch has 2
        lambda: DataLoader(TensorDataset(*numbers(33)), batch_size=16, shuffle=True),  # 1: a rank has none
        lambda: DataLoader(Rows(33), batch_size=16, shuffle=True),
        lambda: list(DataLoader(Rows(33), batch_size=16)),
    ],
    ids=["tensors", "odd", "loader", "list"],
)
def test_two_processes_give_the_history_of_one(
    made: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    alone, together = trainer_of(), trainer_of()
    val = numbers(41, seed=9)
    torch.manual_seed(1)
    alone.fit(made(), val, epochs=3, quiet=True, cpu=True, ckpt_path="alone")
    torch.manual_seed(1)
    capfd.readouterr()
    together.fit(
        made(), val, epochs=3, cpu=True, devices=2, ckpt_path="two",
        callbacks=[danlu.TensorBoardCallback("runs", "two"), danlu.CSVHistory("two.csv")],
    )  # fmt: skip
    close(together.history, alone.history)
    for name, value in alone.net.state_dict().items():
        assert torch.allclose(together.net.state_dict()[name], value, atol=1e-6), name
    found = together.evaluate(val)
    assert found == pytest.approx({name: together.history[-1][name] for name in found}, abs=1e-6)
    assert len(event_files(tmp_path / "runs" / "two")) == 1
    assert [step for step, _ in points(tmp_path / "runs" / "two", "loss/val")] == [1, 2, 3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "runs", "two", "two.csv"]
    out, err = capfd.readouterr()
    assert out.count("epoch   1/3") == 1
    assert "2 processes" in out
    assert "going on" not in out
    assert err == ""


def test_a_further_fit_of_two_processes_goes_on() -> None:
    data = DataLoader(TensorDataset(*numbers(33)), batch_size=16)
    alone, together = trainer_of(), trainer_of()
    for epochs in (1, 2):
        alone.fit(data, numbers(9, 3), epochs=epochs, quiet=True, cpu=True, ckpt_path="alone")
        together.fit(data, numbers(9, 3), epochs=epochs, quiet=True, cpu=True, ckpt_path="two", devices=2)
    close(together.history, alone.history)
    assert together.progress.step == 9


def test_gradients_of_several_batches_and_their_norm_are_those_of_one_process() -> None:
    batches = list(DataLoader(TensorDataset(*numbers(50)), batch_size=16))
    for place, data in enumerate((batches, lambda: iter(batches))):
        alone, together = trainer_of(), trainer_of()
        for trainer, devices in ((alone, 1), (together, 2)):
            trainer.fit(
                data, epochs=2, quiet=True, cpu=True, ckpt_path=f"{place}-{devices}", devices=devices,
                gradient_accumulation_steps=3, grad_clip_norm=0.1,
            )  # fmt: skip
        close(together.history, alone.history)


def test_three_processes_and_a_batch_of_one() -> None:
    alone, together = trainer_of(), trainer_of()
    for trainer, devices in ((alone, 1), (together, 3)):
        trainer.fit(
            numbers(7), numbers(4), epochs=2, quiet=True, cpu=True, ckpt_path=str(devices), devices=devices,
            batch_size=2, shuffle=False,
        )  # fmt: skip
    close(together.history, alone.history)


def test_an_update_averages_its_gradients() -> None:
    def update(trainer: danlu.Trainer, batch: Any) -> dict[str, Any]:
        x, y = batch
        loss = nn.functional.mse_loss(trainer(x), y)
        trainer.backward(loss)
        trainer.step_optimizer("only")
        return {"mse": loss}

    found = []
    for devices in (1, 2):
        torch.manual_seed(0)
        net = nn.Linear(3, 1)
        trainer = danlu.Trainer(
            net, optimizer={"only": torch.optim.SGD(net.parameters(), 0.1)}, update=update
        )
        trainer.fit(numbers(64), epochs=2, quiet=True, cpu=True, devices=devices, batch_size=16, shuffle=False,
                    ckpt_path=str(devices))  # fmt: skip
        found.append(trainer)
    close(found[1].history, found[0].history)
    assert torch.allclose(found[0].net.weight, found[1].net.weight, atol=1e-6)


def test_a_stopping_and_a_skipped_step_are_agreed_on() -> None:
    x, y = numbers(48)
    x[1] = float("nan")  # in rank 0's half of the first batch alone
    found = []
    for devices in (1, 2):
        trainer = trainer_of(metrics={})
        trainer.fit((x, y), numbers(9), epochs=9, quiet=True, cpu=True, devices=devices, batch_size=16, shuffle=False,
                    nonfinite="skip", patience=2, monitor="val_loss", mode="max", ckpt_path=str(devices))  # fmt: skip
        found.append(trainer)
    assert [trainer.progress.skipped for trainer in found] == [3, 3]
    close(found[1].history, found[0].history)


class Falling(Dataset[Any]):
    """Its sample 13, which is rank 1's, does something bad."""

    def __init__(self, how: Any) -> None:
        self.how = how

    def __len__(self) -> int:
        return 16

    def __getitem__(self, place: int) -> Any:
        if place == 13:
            self.how()
        return torch.zeros(3), torch.zeros(1)


def raising() -> None:
    raise OSError("sample 13 is broken")


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_rank_that_raises_is_named_with_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    with pytest.raises(RankFailed) as caught:
        trainer_of().fit(
            DataLoader(Falling(raising), batch_size=16), epochs=1, quiet=True, cpu=True, devices=2
        )
    text = str(caught.value)
    assert "rank 1" in text
    assert "sample 13 is broken" in text
    assert "Traceback" in text
    assert "in raising" in text
    assert threading.active_count() == before


def test_a_rank_that_is_killed_is_named_with_the_signal() -> None:
    with pytest.raises(RankFailed, match=r"rank 1 was killed by SIGKILL"):
        trainer_of().fit(
            DataLoader(Falling(killed), batch_size=16), epochs=1, quiet=True, cpu=True, devices=2
        )


def test_a_failure_leaves_the_last_good_checkpoint() -> None:
    trainer_of().fit(numbers(16), epochs=1, quiet=True, cpu=True, devices=2)
    with pytest.raises(RankFailed):
        trainer_of().fit(
            DataLoader(Falling(killed), batch_size=16), epochs=1, quiet=True, cpu=True, devices=2
        )
    trainer_of().load_checkpoint("checkpoint")


def test_a_step_that_would_train_each_rank_by_itself_is_refused() -> None:
    def step(trainer: danlu.Trainer, batch: Any) -> Tensor:
        return nn.functional.mse_loss(trainer.net(batch[0]), batch[1])

    with pytest.raises(RankFailed, match=r"step must call the network as trainer"):
        trainer_of(loss_fn=None, step=step, metrics={}).fit(
            numbers(16), epochs=1, quiet=True, cpu=True, devices=2
        )


def test_wrong_options_are_refused_before_anything_starts() -> None:
    with pytest.raises(ValueError, match=r"monitor 'val_x' does not exist"):
        trainer_of().fit(numbers(16), numbers(16), epochs=1, quiet=True, cpu=True, devices=2, monitor="val_x")
    with pytest.raises(TypeError, match="train_data"):
        trainer_of().fit(3, epochs=1, quiet=True, cpu=True, devices=2)
    with pytest.raises(ValueError, match=r"devices.*ModelCheckpoint"):
        trainer_of().fit(
            numbers(16),
            epochs=1,
            quiet=True,
            cpu=True,
            devices=2,
            callbacks=[danlu.ModelCheckpoint(last=False)],
        )


SCRIPT = """
import os, sys, torch
from torch import nn
import danlu
from danlu.metrics import AUC, Accuracy
torch.set_num_threads(1)
torch.manual_seed(0)
made = torch.Generator().manual_seed(0)
x = torch.randn(33, 3, generator=made)
y = (x.sum(1, keepdim=True) > 0).float()
net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
trainer = danlu.Trainer(net, nn.BCEWithLogitsLoss(), {"acc": Accuracy(), "auc": AUC()}, torch.optim.SGD(net.parameters(), 0.1))


class Telling(danlu.Callback):
    def on_epoch_end(self, trainer, logs):
        print("epoch", trainer.progress.epoch, flush=True)
        if len(sys.argv) > 3 and trainer.progress.epoch == 3:
            sys.stdin.read()


trainer.fit((x, y), (x, y), epochs=int(sys.argv[1]), cpu=True, quiet=True, devices=int(sys.argv[2]), resume=True,
            batch_size=16, callbacks=[Telling(), danlu.TensorBoardCallback("runs", "x")])
if trainer.ranks.first:
    print("HISTORY", trainer.history, flush=True)
"""


def history_of(out: str) -> list[dict[str, float]]:
    line = next(line for line in out.splitlines() if line.startswith("HISTORY "))
    found: list[dict[str, float]] = eval(line.removeprefix("HISTORY "))
    return found


def script(tmp_path: Path) -> str:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return str(path)


def run(tmp_path: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], epochs: int
) -> Any:
    """The script's history in this very process."""
    folder = tmp_path / "alone"
    folder.mkdir()
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["script.py", str(epochs), "1"])
        exec(SCRIPT, {"__name__": "script"})
    return history_of(capsys.readouterr().out)


def test_the_same_script_runs_under_torchrun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, two = script(tmp_path), tmp_path / "two"
    two.mkdir()
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    out = run(two, torchrun, "--nproc-per-node", "2", "--standalone", path, "3", "2")
    close(history_of(out), alone(tmp_path, monkeypatch, capsys, 3))
    assert out.count("epoch 1") == 1
    assert len(event_files(two / "runs" / "x")) == 1
    assert len(checkpoint.entries(two / "checkpoint", "best")) >= 1


def test_asked_to_stop_it_saves_and_a_new_start_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = script(tmp_path)
    process = subprocess.Popen(
        [sys.executable, path, "6", "2", "wait"],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 3"):
            break
    process.send_signal(signal.SIGTERM)
    assert process.stdin is not None
    process.stdin.close()
    process.stdout.read()
    process.stdout.close()
    assert process.wait(30) == 128 + signal.SIGTERM
    last = checkpoint.entries(tmp_path / "checkpoint", "last")[0]
    assert 3 <= last.meta["epoch"] < 6
    again = history_of(run(tmp_path, sys.executable, path, "6", "2"))
    close(again, alone(tmp_path, monkeypatch, capsys, 6))


def test_ctrl_c_ends_every_process(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, script(tmp_path), "6", "2", "wait"], cwd=tmp_path, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 3"):
            break
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode in {-signal.SIGINT, 128 + signal.SIGINT}
    assert "KeyboardInterrupt" in err
    assert checkpoint.newest(tmp_path / "checkpoint", "last") is not None

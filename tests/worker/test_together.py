"""Runs of several processes: torchrun's agent inside a real run process."""

import os
import signal
from pathlib import Path

from attempts import running
from readback import event_files, points
from test_launch import marked, outcome
from waiting import wait_for

from app.runs.logfile import read_log
from danlu import checkpoint
from worker.launch import Handle, Launcher

RECIPE = """
import os, signal
import torch
from pydantic import Field
import danlu
from danlu.metrics import Accuracy


class P(danlu.Params):
    epochs: int = Field(3, description="Epochs.")
    fault: str = Field("", description="What rank 1 does.")


@danlu.recipe(params=P, summary="Trains in several processes.")
def ranks(params, run):
    torch.manual_seed(run.seed)
    x = torch.randn(103, 4)
    y = (x.sum(1, keepdim=True) > 0).float()
    net = torch.nn.Linear(4, 1)

    def faulty(trainer, batch):
        if trainer.ranks.rank == 1 and trainer.progress.epoch == 1:
            if params.fault == "raise":
                raise ValueError("no good")
            if params.fault == "nan":
                return trainer(batch[0]).sum() * float("nan")
            if params.fault == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
        if trainer.ranks.first and trainer.progress.step > 20:
            (run.dir / "up").write_text("")
        loss = torch.nn.functional.binary_cross_entropy_with_logits(trainer(batch[0]), batch[1])
        return {"loss": loss, "preds": trainer(batch[0]), "labels": batch[1]}

    trainer = danlu.Trainer(net, metrics={"acc": Accuracy()}, optimizer=torch.optim.SGD(net.parameters(), lr=0.1),
                            step=faulty)
    trainer.fit((x, y), (x, y), epochs=params.epochs, batch_size=10, callbacks=[danlu.ModelCheckpoint(every=5)])
    if trainer.ranks.first:
        print("world", trainer.ranks.world, "threads", torch.get_num_threads())
"""


def start(launch, recipes_dir: Path, **options: object) -> Handle:
    (recipes_dir / "together.py").write_text(RECIPE)
    return launch("ranks", _processes=2, _seed=1, **options)


def log(handle: Handle) -> str:
    return read_log(handle.spec.run_dir).data.decode()


def test_two_processes_train_one_run(launch, launcher: Launcher, recipes_dir: Path) -> None:
    handle = start(launch, recipes_dir)
    assert outcome(launcher, handle) == ("completed", None, 0)
    assert "training on cpu, 2 processes" in log(handle)
    assert log(handle).count("world 2 threads 1") == 1
    assert len(event_files(handle.spec.run_dir)) == 1
    assert [step for step, _ in points(handle.spec.run_dir, "loss/train")] == [1, 2, 3]
    assert marked(handle.spec.run_dir) == []


def test_a_rank_that_raises_fails_the_run_with_its_rank_and_traceback(
    launch, launcher: Launcher, recipes_dir: Path
) -> None:
    handle = start(launch, recipes_dir, fault="raise")
    assert outcome(launcher, handle) == ("exception", "rank 1: ValueError: no good", 1)
    assert "danlu: rank 1 of 2 failed:\nTraceback" in log(handle)
    assert 'raise ValueError("no good")' in log(handle)
    assert checkpoint.newest(handle.spec.run_dir / "checkpoints", "last") is not None
    assert marked(handle.spec.run_dir) == []


def test_a_rank_whose_loss_is_nan_has_that_reason(launch, launcher: Launcher, recipes_dir: Path) -> None:
    reason, detail, _ = outcome(launcher, start(launch, recipes_dir, fault="nan"))
    assert reason == "non_finite_loss"
    assert detail is not None
    assert detail.startswith("rank 1: the loss is nan at step 11")


def test_a_rank_that_is_killed_is_named(launch, launcher: Launcher, recipes_dir: Path) -> None:
    handle = start(launch, recipes_dir, fault="kill")
    reason, detail, code = outcome(launcher, handle)
    assert (reason, code) == ("exception", 1)
    assert detail == "RankFailed: rank 1 was killed by SIGKILL"
    assert marked(handle.spec.run_dir) == []


def test_stopping_saves_and_a_further_attempt_goes_on(launch, launcher: Launcher, recipes_dir: Path) -> None:
    handle = start(launch, recipes_dir, epochs=100_000)
    running(launcher, handle)
    launcher.cancel(handle, 30)
    assert outcome(launcher, handle)[0] == "completed"  # nobody recorded that it was asked
    assert "asked to stop: saved" in log(handle)
    assert marked(handle.spec.run_dir) == []
    saved = checkpoint.newest(handle.spec.run_dir / "checkpoints", "last")
    assert saved is not None
    again = launch("ranks", _processes=2, _seed=1, _attempt=2, epochs=100_000)
    wait_for(lambda: "going on from" in log(again), 30, "the second attempt to go on")
    os.kill(running(launcher, again).pid, signal.SIGKILL)
    assert outcome(launcher, again)[0] == "signal"
    assert marked(handle.spec.run_dir) == []

"""What frameworks write where they like: the worker's rows, the app's curves and TensorBoard's engine agree on it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
from factories import make_experiment, make_run
from served import Served, serving
from waiting import wait_for

from app.config import load_settings, run_dir
from danlu.events import EventWriter
from danlu.hparams import write_session_start
from danlu.tail import EventTail

TORCH = """
from torch.utils.tensorboard import SummaryWriter
writer = SummaryWriter()
for step in range(5):
    writer.add_scalar("loss/train", 1 / (step + 1), step)
    writer.add_scalars("both", {"a": step, "b": 2 * step}, step)
writer.add_histogram("weights", writer.file_writer and __import__("torch").ones(3), 0)
writer.add_hparams({"lr": 0.1}, {"acc": 0.5})
writer.close()
"""
TENSORBOARDX = TORCH.replace("torch.utils.tensorboard", "tensorboardX")
LIGHTNING = """
import lightning as L, torch
from lightning.pytorch.loggers import TensorBoardLogger
class Net(L.LightningModule):
    def __init__(self, lr=0.01):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(4, 1)
    def training_step(self, batch, index):
        loss = self.layer(batch[0]).pow(2).mean()
        self.log("train_loss", loss)
        return loss
    def validation_step(self, batch, index):
        self.log("val_loss", self.layer(batch[0]).pow(2).mean())
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.hparams.lr)
data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(40, 4)), batch_size=8)
L.Trainer(max_epochs=2, logger=TensorBoardLogger("."), accelerator="cpu", log_every_n_steps=1).fit(Net(), data, data)
"""
TRANSFORMERS = """
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
size = dict(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
model = BertForSequenceClassification(BertConfig(**size))
data = [{"input_ids": torch.randint(0, 50, (8,)), "labels": torch.tensor(0)} for _ in range(32)]
arguments = TrainingArguments("out", num_train_epochs=2, report_to=["tensorboard"], logging_steps=1, use_cpu=True, eval_strategy="epoch")
Trainer(model, arguments, train_dataset=data, eval_dataset=data).train()
"""


@pytest.fixture
def served(home: Path) -> Iterator[Served]:
    with serving(load_settings(home=home, port=0, auth="none")) as running:
        yield running


@pytest.fixture
def run(served: Served) -> tuple[int, Path]:
    """A run whose folder the worker has made ready."""
    with served.db.write() as session:
        made = make_run(session, make_experiment(session))
        folder = run_dir(served.settings, "rings", made.slug)
        folder.mkdir(parents=True)
        write_session_start(folder, {"lr": 0.1}, "group")
        return made.id, folder


def tags(api: httpx.Client, run_id: int) -> set[str]:
    return set(api.get(f"/api/v1/metrics/tags?run={run_id}").json()["items"])


def execute(folder: Path, script: str) -> None:
    (folder / "train.py").write_text(script)
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "train.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize(
    ("package", "script", "expected"),
    [
        ("torch", TORCH, {"loss/train", "both_a/both", "both_b/both", "hparams/acc"}),
        pytest.param(
            "tensorboardX", TENSORBOARDX, {"loss/train", "both/a/both", "both/b/both", "hparams/acc"}, marks=pytest.mark.slow
        ),
        pytest.param("lightning", LIGHTNING, {"train_loss", "val_loss", "epoch"}, marks=pytest.mark.slow),
        pytest.param("transformers", TRANSFORMERS, {"train/loss", "train/epoch", "eval/loss"}, marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_framework_in_a_folder_of_its_own_choice(
    served: Served, run: tuple[int, Path], package: str, script: str, expected: set[str]
) -> None:
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    run_id, folder = run
    execute(folder, script)
    worker = set(EventTail(folder).poll())
    assert worker >= expected
    wait_for(
        lambda: tags(served.client(), run_id) == worker, 10, "the app's curves to be those of the worker"
    )


def test_every_layout_has_the_same_names_in_the_worker_and_in_the_app(
    served: Served, run: tuple[int, Path]
) -> None:
    run_id, folder = run
    api, tail = served.client(), EventTail(folder)
    seen = []
    for place in ("logs/train", "logs/validation", "logs/validation/1700000000.5", ".hidden/deep/er", ""):
        with EventWriter(folder / place) as writer:
            writer.scalar("loss", 1.0, 0)
        tail.poll()
        names = set(EventTail(folder).poll())
        wait_for(lambda names=names: tags(api, run_id) == names, 6, f"the names with {place}")  # type: ignore[misc]
        seen.append(sorted(names))
    assert seen[:3] == [
        ["loss"],
        ["train/loss", "validation/loss"],
        ["train/loss", "validation/hparams/loss", "validation/loss"],
    ]
    assert seen[-1] == [
        ".hidden/deep/er/loss", "logs/train/loss", "logs/validation/hparams/loss", "logs/validation/loss", "loss",
    ]  # fmt: skip
    assert set(tail.poll()) == set()

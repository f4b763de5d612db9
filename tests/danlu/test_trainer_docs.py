"""The Trainer's guide: its examples run, its tables are complete."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import torch

import danlu.callbacks
from danlu.callbacks.base import HOOKS
from danlu.options import Options

TEXT = (Path(__file__).parents[2] / "docs" / "trainer.md").read_text(encoding="utf-8")


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)
    names: dict[str, object] = {"__name__": "guide"}
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) >= 6
    for number, block in enumerate(blocks):
        exec(compile(block, f"docs/trainer.md, block {number}", "exec"), names)
    assert (tmp_path / "runs" / "ring" / "history.csv").exists()
    assert list((tmp_path / "two").glob("best-*.pt"))


def test_every_option_stands_there_with_its_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", TEXT, re.MULTILINE)
    told = {name: default.strip('"') for name, default in rows}
    assert told == {field.name: str(field.default) for field in fields(Options)}


def test_every_callback_and_hook_stands_there() -> None:
    assert [
        name for name in danlu.callbacks.__all__ if name != "Callback" and f"| `{name}(" not in TEXT
    ] == []
    assert [hook for hook in HOOKS if f"`{hook}(trainer" not in TEXT] == []


def test_every_line_of_the_peer_is_answered() -> None:
    table = TEXT.split("## Beside torchkeras")[1].split("###")[0]
    for name in (
        "StepRunner", "EpochRunner", "fit_ddp", "evaluate_ddp", "save_ckpt", "load_ckpt", "TensorBoardCallback",
        "WandbCallback", "VisProgress", "VisMetric", "VisDisplay", "EpochCheckpoint", "summary", "flop_summary",
    ):  # fmt: skip
        assert f"`{name}" in table, name

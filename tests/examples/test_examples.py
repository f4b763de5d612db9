"""The scripts of the tutorial run as programs, and draw what their part teaches."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from readback import event_files, events, points, values
from tensorboard.util import tensor_util

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.timeout(600)  # a training of some 20 s, on a machine that may be busy


def run(name: str, folder: Path) -> tuple[str, Path]:
    """Run a script in `folder`; its output, and where it wrote. It fails on any warning, and nothing is random."""
    code = "import runpy, sys, torch; torch.manual_seed(0); runpy.run_path(sys.argv[1], run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(EXAMPLES / name)],
        cwd=folder,
        env=os.environ | {"MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=570,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, folder / "data" / "tensorboard"


def shape(png: bytes) -> tuple[int, ...]:
    return np.asarray(Image.open(io.BytesIO(png))).shape


def test_01_graph(tmp_path: Path) -> None:
    out, board = run("01_graph.py", tmp_path)
    (graph,) = [event.graph_def for event in events(board) if event.graph_def]
    assert all(name.encode() in graph for name in ("conv1", "adaptive_pool", "linear2"))
    for line in (
        r"Conv2d-1 +\[-1, 32, 30, 30\] +896",
        r"Linear-10 +\[-1, 1\] +33",
        "Total params: 54,273",
        r"Forward/backward pass size \(MB\): 0.359627",
    ):
        assert re.search(line, out), out


def test_02_scalars(tmp_path: Path) -> None:
    out, board = run("02_scalars.py", tmp_path)
    for tag, start in (("x", 0.02), ("y", 1.0)):
        curve = points(board, tag)
        assert [step for step, _ in curve] == [*range(500)]
        assert curve[0][1] == pytest.approx(start)
    assert points(board, "x")[-1][1] == pytest.approx(1, abs=1e-3)
    assert out.startswith("y = 0.0")


def test_03_histograms(tmp_path: Path) -> None:
    _, board = run("03_histograms.py", tmp_path)
    found = values(board)["w"]
    assert [step for step, _ in found] == [*range(20)]
    assert [round(value.histo.sum / value.histo.num) for _, value in found] == [*range(-10, 10)]
    assert {value.histo.num for _, value in found} == {2000}


def test_04_images(tmp_path: Path) -> None:
    _, board = run("04_images.py", tmp_path)
    found = values(board)
    assert shape(found["images[0]"][0][1].image.encoded_image_string) == (8, 8)
    assert shape(found["image_grid"][0][1].image.encoded_image_string) == (7 * 10 + 2, 8 * 10 + 2)
    width, height, *pictures = tensor_util.make_ndarray(found["images"][0][1].tensor).tolist()
    assert (width, height, len(pictures)) == (b"8", b"8", 50)
    assert len({*pictures}) == 50


def test_05_figure(tmp_path: Path) -> None:
    _, board = run("05_figure.py", tmp_path)
    assert shape(values(board)["figure"][0][1].image.encoded_image_string) == (800, 800, 4)


@pytest.mark.slow  # test_tutorial_recipe.py runs the same training
def test_06_callback(tmp_path: Path) -> None:
    out, board = run("06_callback.py", tmp_path)
    assert [path.parent.name for path in board.rglob("*tfevents*")] == ["model"]
    board /= "model"
    assert len(event_files(board)) == 1
    accuracy = points(board, "acc/val")
    assert 10 < len(accuracy) < 100
    best = max(accuracy, key=lambda point: point[1])
    assert best[1] >= 0.91
    for tag in ("loss/train", "loss/val", "acc/train", "acc/val", "lr"):
        assert [step for step, _ in points(board, tag)] == [*range(1, len(accuracy) + 1)], tag
    assert sum(bool(event.graph_def) for event in events(board)) == 1
    assert (tmp_path / "checkpoint").is_dir()
    assert re.search(r"epoch +train_loss +train_acc +lr +val_loss +val_acc", out), out
    assert "No known TensorBoard instances running." in out
    assert re.search(r"TensorBoard is at http://127\.0\.0\.1:\d+/ as long as this program runs\.", out), out

import io
import logging
import math
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import torch
from PIL import Image
from readback import events, points, values
from tensorboard.util import tensor_util
from torch import nn

from danlu.board import Board

mpl.use("Agg")


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_scalars_take_torch_and_numpy_numbers(tmp_path: Path) -> None:
    with Board(tmp_path) as board:
        board.scalar("a", torch.tensor(0.5, requires_grad=True), 0)
        board.scalar("a", torch.tensor([1.5], dtype=torch.bfloat16), torch.tensor(1))
        board.scalar("a", np.float32(2.5), np.int64(2))
        board.scalars({"b": 1, "c": True}, 3, prefix="val/")
    assert points(tmp_path, "a") == [(0, 0.5), (1, 1.5), (2, 2.5)]
    assert points(tmp_path, "val/b") == [(3, 1.0)]
    assert points(tmp_path, "val/c") == [(3, 1.0)]


@pytest.mark.parametrize(
    "data",
    [
        torch.linspace(-1, 1, 200).reshape(10, 20),
        torch.linspace(-1, 1, 200, dtype=torch.bfloat16),
        torch.linspace(-1, 1, 200, dtype=torch.float16, requires_grad=True),
        np.linspace(-1, 1, 200),
        torch.linspace(-1, 1, 200).to_sparse(),
        np.linspace(-1, 1, 200).tolist(),
    ],
    ids=["float32", "bfloat16", "float16", "numpy", "sparse", "list"],
)
def test_a_histogram_counts_every_value_once(tmp_path: Path, data: object) -> None:
    with Board(tmp_path) as board:
        board.histogram("w", data, 4)
    ((step, value),) = values(tmp_path)["w"]
    counted = value.histo
    assert step == 4
    assert len(counted.bucket) == len(counted.bucket_limit) == 64
    assert sum(counted.bucket) == counted.num == 200
    assert counted.min == pytest.approx(-1)
    assert counted.bucket_limit[-1] == counted.max == pytest.approx(1)
    assert counted.sum == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    "data",
    [[3.0] * 5, [1.0, 1.0 + 2e-16], [-1e308, 1e308], [5], [0.0, 5e-324], [True, False]],
    ids=["equal", "close", "far", "one", "subnormal", "bool"],
)
def test_extreme_distributions_are_counted_too(tmp_path: Path, data: list[float]) -> None:
    with Board(tmp_path) as board:
        board.histogram("w", data, 0)
    counted = values(tmp_path)["w"][0][1].histo
    assert sum(counted.bucket) == len(data)
    assert (counted.min, counted.max) == (min(data), max(data))


def test_nonfinite_values_are_left_out_of_a_histogram_and_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), Board(tmp_path) as board:
        board.histogram("w", [1.0, math.nan, 2.0, math.inf], 0)
        board.histogram("w", [1.0, math.nan, 3.0], 1)
        board.histogram("nothing", [math.nan, -math.inf], 0)
        board.histogram("empty", [], 0)
    assert [value.histo.num for _, value in values(tmp_path)["w"]] == [2, 2]
    assert not {"nothing", "empty"} & values(tmp_path).keys()
    assert len(caplog.records) == 2
    assert "2 of 4 values are not finite" in caplog.text


def test_what_is_no_number_has_no_histogram(tmp_path: Path) -> None:
    with Board(tmp_path) as board:
        with pytest.raises(TypeError, match="real numbers"):
            board.histogram("w", ["a"], 0)
        with pytest.raises(TypeError, match="complex"):
            board.histogram("w", torch.zeros(3, dtype=torch.complex64), 0)
        with pytest.raises(ValueError, match="bin"):
            board.histogram("w", [1.0], 0, bins=0)


def shown(folder: Path, tag: str) -> np.ndarray:
    image = values(folder)[tag][0][1].image
    array = pixels(image.encoded_image_string)
    assert (image.height, image.width) == array.shape[:2]
    return array


def test_images_of_every_layout_and_type(tmp_path: Path) -> None:
    red = np.zeros((3, 5, 7), np.uint8)
    red[0] = 255
    with Board(tmp_path) as board:
        board.image("chw", torch.from_numpy(red))
        board.image("hwc", red.transpose(1, 2, 0))
        board.image("float", torch.from_numpy(red).float() / 255)
        board.image("bf16", (torch.from_numpy(red).float() / 255).bfloat16())
        board.image("grey", torch.full((1, 5, 7), 0.5))
        board.image("hw", np.array([[0.0, 1.0], [math.nan, 2.0]]))
        board.image("bool", np.array([[True, False]]))
        board.image("rgba", np.full((5, 7, 4), 9, np.int64))
        board.image("told", np.zeros((3, 4, 3)), layout="HWC")
    for tag in ("chw", "hwc", "float", "bf16"):
        assert (shown(tmp_path, tag) == red.transpose(1, 2, 0)).all(), tag
    assert (shown(tmp_path, "grey") == 128).all()
    assert shown(tmp_path, "hw").tolist() == [[0, 255], [0, 255]]
    assert shown(tmp_path, "bool").tolist() == [[255, 0]]
    assert shown(tmp_path, "rgba").shape == (5, 7, 4)
    assert shown(tmp_path, "told").shape == (3, 4, 3)


@pytest.mark.parametrize(
    "image",
    [np.zeros((2, 5, 7)), np.zeros(5), np.full((5, 7), 300), np.zeros((0, 7)), np.zeros((1, 3, 5, 7))],
    ids=["channels", "1d", "range", "empty", "4d"],
)
def test_what_is_no_image_is_refused(tmp_path: Path, image: np.ndarray) -> None:
    with Board(tmp_path) as board, pytest.raises(ValueError, match="image"):
        board.image("x", image)


def test_a_grid_is_laid_out_as_torchvision_does(tmp_path: Path) -> None:
    batch = torch.ones(10, 3, 4, 6)
    with Board(tmp_path) as board:
        board.grid("grid", batch)
        board.grid("tight", list(batch), columns=5, padding=0)
    grid = shown(tmp_path, "grid")
    assert grid.shape == (2 * (4 + 2) + 2, 8 * (6 + 2) + 2, 3)
    assert (grid[:2] == 0).all()
    assert (grid[2:6, 2:8] == 255).all()
    assert (grid[8:12, 2 + 2 * 8 :] == 0).all()  # the last row holds two
    assert (shown(tmp_path, "tight") == 255).all()


def test_a_batch_is_shown_as_separate_images(tmp_path: Path) -> None:
    with Board(tmp_path) as board:
        board.images("batch", torch.stack([torch.full((1, 4, 6), share) for share in (0.0, 1.0)]), 3)
        with pytest.raises(ValueError, match="empty"):
            board.images("none", torch.zeros(0, 1, 4, 6))
        with pytest.raises(ValueError, match="one size"):
            board.images("mixed", [np.zeros((4, 6)), np.zeros((5, 6))])
    ((step, value),) = values(tmp_path)["batch"]
    width, height, *pngs = tensor_util.make_ndarray(value.tensor).tolist()
    assert (step, width, height) == (3, b"6", b"4")
    assert [int(pixels(png).max()) for png in pngs] == [0, 255]
    assert value.metadata.plugin_data.plugin_name == "images"


def test_a_figure_is_drawn_and_closed(tmp_path: Path) -> None:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(3, 2), dpi=50)
    axes.plot([1, 2, 3])
    kept = plt.figure()
    with Board(tmp_path) as board:
        board.figure("f", figure, 1)
        board.figure("kept", kept, 1, close=False)
    assert plt.get_fignums() == [kept.number]
    plt.close(kept)
    assert shown(tmp_path, "f").shape[:2] == (100, 150)


def test_text_is_text(tmp_path: Path) -> None:
    with Board(tmp_path) as board:
        board.text("note", "# 标题\n<script>", 2)
    ((step, value),) = values(tmp_path)["note"]
    assert step == 2
    assert tensor_util.make_ndarray(value.tensor).tolist() == ["# 标题\n<script>".encode()]
    assert value.metadata.plugin_data.plugin_name == "text"


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(4)
        self.dropout = nn.Dropout(0.5)
        self.frozen = nn.Linear(4, 2).eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.rand(3)  # draws from the global generator
        return self.frozen(self.dropout(self.norm(x)))


def test_the_graph_is_written_once_and_the_training_does_not_notice(tmp_path: Path) -> None:
    model = Net()
    model.frozen.eval()
    before = torch.get_rng_state()
    modes = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    with Board(tmp_path) as board:
        assert board.graph(model, torch.ones(2, 4))
        assert not board.graph(model, torch.ones(2, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.is_grad_enabled()
    written = events(tmp_path)
    assert sum(bool(event.graph_def) for event in written) == 1
    assert sum(event.HasField("tagged_run_metadata") for event in written) == 1


def test_a_model_that_cannot_be_traced_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise KeyError("no")

    model = Broken()
    with Board(tmp_path) as board:
        assert not board.graph(model, torch.ones(1))
        assert not board.graph(model, "nonsense")
        board.scalar("goes/on", 1, 1)
    assert model.training
    assert "no graph of Broken: KeyError" in caplog.text
    assert points(tmp_path, "goes/on") == [(1, 1.0)]


def test_tags_are_checked_everywhere(tmp_path: Path) -> None:
    with Board(tmp_path) as board:
        for draw in (
            lambda tag: board.histogram(tag, [1.0], 0),
            lambda tag: board.image(tag, np.zeros((2, 2))),
            lambda tag: board.text(tag, "x"),
        ):
            with pytest.raises(ValueError, match="empty"):
                draw("")
            with pytest.raises(ValueError, match="UTF-8"):
                draw("\ud800")

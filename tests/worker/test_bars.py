"""What scripts print, taken from real ones, and what is read in it."""

import time
from typing import Any

import pytest

from worker.bars import Bars
from worker.guess import Bounds

FULL = "█" * 10
RICH = "━" * 30


def tqdm(label: str, done: int, total: int, pace: str = "33.08it/s") -> str:
    at = 100 * done // total
    return f"\r{label}{at:3d}%|{FULL[: at // 10]}| {done}/{total} [00:00<00:00, {pace}]"


def after(text: str, size: int = 10_000, **bound: int) -> dict[str, int]:
    """The progress after all of a text that came in pieces."""
    bars = Bars()
    for start in range(0, len(text), size):
        bars.feed(text[start : start + size])
    return bars.progress(Bounds(**bound))


def nested(epoch: int, step: int) -> str:
    return f"{tqdm('Epochs: ', epoch, 3)}\n{tqdm('train: ', step, 20)}\x1b[A\n\r      \x1b[A"


KERAS = (
    "Epoch {epoch}/3\n\r\x1b[1m 1/16\x1b[0m \x1b[32m━\x1b[0m\x1b[37m━━━━━━━━━━━━━━━━━━━\x1b[0m \x1b[1m0s\x1b[0m 2ms/step"
    " - loss: 0.1685 - mae: 0.3344\x08\x08\x08\r\x1b[1m{step:2d}/16\x1b[0m \x1b[32m━━━━━━━━━━━━━━━━━━━━\x1b[0m"
    "\x1b[37m\x1b[0m \x1b[1m0s\x1b[0m 4ms/step - loss: 0.1652 - mae: 0.3361"
)


@pytest.mark.parametrize("size", [10_000, 7, 1])
@pytest.mark.parametrize(
    ("text", "progress"),
    [
        (tqdm("", 12, 100), {"step": 12, "total": 100}),
        (tqdm("Training", 12, 100) + tqdm("Training", 13, 100), {"step": 13, "total": 100}),
        ("\r 12%|#2        | 1.2k/10.0k [00:01<00:09, 1.0kit/s]", {"step": 1200, "total": 10_000}),
        # An outer bar of epochs, by its name or by its unit, and an inner one of batches.
        (nested(1, 10), {"epoch": 1, "epochs": 3, "step": 30, "total": 60}),
        (tqdm("", 1, 3, "2.00s/epoch"), {"epoch": 1, "epochs": 3}),
        # The outer one has moved on, the inner one not yet.
        (nested(0, 20) + tqdm("Epochs: ", 1, 3), {"epoch": 1, "epochs": 3, "step": 20, "total": 60}),
        # The epoch in the bar's name; a full bar is an epoch done.
        (tqdm("Epoch 2/3: ", 5, 20), {"epoch": 1, "epochs": 3, "step": 25, "total": 60}),
        (tqdm("Epoch 3/3: ", 20, 20), {"epoch": 3, "epochs": 3, "step": 60, "total": 60}),
        (tqdm("Epoch 0/3: ", 20, 20) + tqdm("Epoch 1/3: ", 5, 20), {"epoch": 1, "epochs": 3, "step": 25, "total": 60}),
        # Lightning's bars: tqdm's counts from 0 without saying how far, rich's names the last epoch.
        (tqdm("Epoch 0: ", 50, 50) + tqdm("Epoch 1: ", 5, 50), {"epoch": 1, "step": 55}),
        (
            f"Epoch 0/2 {RICH} 50/50 0:00:00 • 0:00:00 813.68it/s\nEpoch 1/2 {RICH} 5/50 0:00:00 • 0:00:00",
            {"epoch": 1, "epochs": 3, "step": 55, "total": 150},
        ),
        (f"Training {RICH} 30/50\n", {"step": 30, "total": 50}),
        (KERAS.format(epoch=2, step=8), {"epoch": 1, "epochs": 3, "step": 24, "total": 48}),
        ("Epoch 2/3\n 8/16 [=====>....] - ETA: 1s - loss: 0.3", {"epoch": 1, "epochs": 3, "step": 24, "total": 48}),
        # Evaluations, downloads and preparations are no training.
        (tqdm("train: ", 9, 20) + tqdm("val: ", 3, 5), {"step": 9, "total": 20}),
        (tqdm("", 30, 60) + tqdm("", 5, 5) + tqdm("", 60, 60) + tqdm("", 5, 5), {"step": 60, "total": 60}),
        (tqdm("Sanity Checking DataLoader 0: ", 1, 2), {}),
        ("\r100%|██████████| 9.91M/9.91M [00:00<00:00, 50.1MB/s]", {}),
        (tqdm("Map: ", 1000, 1000, "5000.00 examples/s"), {}),
        (tqdm("", 500, 500) + tqdm("", 3, 100), {"step": 3, "total": 100}),
        # Lines: as the tutorials of PyTorch print them.
        ("Train Epoch: 2 [25600/60000 (43%)]\tLoss: 0.25\n", {"epoch": 1, "step": 85_600}),
        ("Epoch [3/10], Step [100/600], Loss: 0.3\n", {"epoch": 2, "epochs": 10, "step": 1300, "total": 6000}),
        ("Epoch 0/24\n----------\ntrain Loss: 0.3\nEpoch 1/24\n", {"epoch": 1, "epochs": 25}),
        ("Epoch 3/10\n", {"epoch": 2, "epochs": 10}),
        ("Epoch 3/10, loss 0.25\n", {"epoch": 3, "epochs": 10}),
        ("epoch 4: loss=0.1\n", {"epoch": 4}),
        # What only looks like it.
        ("steps per epoch: 500\nmax epoch 9\nbest epoch: 3\nnum_epochs 3\n{'loss': 0.1, 'epoch': 0.5}\nepoch 2.5\n", {}),
        ("12/100 files copied, 50% done | all is well\nratio 3/4 [ok]\n", {}),
        ("\x1b]0;title\x07plain text, 100% of it\n", {}),
    ],
)  # fmt: skip
def test_bars_and_lines(text: str, progress: dict[str, int], size: int) -> None:
    assert after(text, size) == progress


@pytest.mark.parametrize(
    ("text", "bound", "progress"),
    [
        (tqdm("Epoch 1: ", 5, 50), {"epochs": 4}, {"epoch": 0, "epochs": 4, "step": 5, "total": 200}),
        ("Train Epoch: 2 [25600/60000 (43%)]\n", {"epochs": 14}, {"epoch": 1, "epochs": 14, "step": 85_600, "total": 840_000}),
        ("iter 250: loss 2.3, time 30ms\n", {"steps": 1000}, {"step": 250, "total": 1000}),
        ("iter 250: loss 2.3, time 30ms\n", {}, {}),
        # A bar that begins again is a pass; without the params nobody knows of how many.
        (tqdm("", 20, 20) + tqdm("", 3, 20), {"epochs": 4}, {"epoch": 1, "epochs": 4, "step": 23, "total": 80}),
        (tqdm("", 20, 20) + tqdm("", 3, 20), {}, {"epoch": 1, "step": 23}),
        ("Epoch 0/20\nEpoch 1/20\n", {"epochs": 21}, {"epoch": 1, "epochs": 21}),
        ("Epoch 7, loss 0.1\n", {"epochs": 5}, {"epoch": 7}),
    ],
)  # fmt: skip
def test_what_is_not_printed_is_taken_from_the_params(
    text: str, bound: dict[str, int], progress: dict[str, Any]
) -> None:
    assert after(text, **bound) == progress


def test_progress_never_goes_back_through_epochs_and_evaluations() -> None:
    bars, seen = Bars(), []
    for epoch in range(3):
        for step in range(21):
            bars.feed(nested(epoch, step))
            seen.append(bars.progress(Bounds()))
        for step in range(6):
            bars.feed(tqdm("val: ", step, 5) + "\x1b[A\n")
            seen.append(bars.progress(Bounds()))
    bars.feed(tqdm("Epochs: ", 3, 3))
    steps = [one.get("step", 0) for one in [*seen, bars.progress(Bounds())]]
    assert steps == sorted(steps)
    assert bars.progress(Bounds()) == {"epoch": 3, "epochs": 3, "step": 60, "total": 60}


@pytest.mark.parametrize(
    "piece", ["x" * 32_768, "0/1[" * 8192, "\r" * 32_768, "1%|" * 10_000, "epoch " * 5000, "━" * 9000]
)
def test_any_output_is_read_in_no_time(piece: str) -> None:
    bars = Bars()
    began = time.process_time()
    for _ in range(5):
        bars.feed(piece)
    assert time.process_time() - began < 0.5

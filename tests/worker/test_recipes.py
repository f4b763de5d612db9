import hashlib
import json
import math
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from readback import event_files, events, points, values

from danlu import checkpoint as checkpoints
from danlu.recipe import REGISTRY, CheckpointUnreadable, NonFiniteLoss, RunContext, load_recipes
from danlu.tail import EventTail, Summary

SMALL = {"samples": 400, "epochs": 6, "lr": 0.01, "patience": 0, "histogram_every": 3}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def train(
    name: str,
    folder: Path,
    params: dict[str, Any] | None = None,
    *,
    seed: int = 0,
    stop: Callable[[], bool] = lambda: False,
) -> list[dict[str, Any]]:
    """Run a recipe in this process; returns what it reported."""
    load_recipes(None, ["worker.recipes"])
    told: list[dict[str, Any]] = []
    run = RunContext(id=1, dir=folder, seed=seed, report=lambda news: told.append(dict(news)), stop=stop)
    try:
        REGISTRY[name].func(REGISTRY[name].validate(params or {}), run)
    finally:
        run.close()
    assert told[:1] in ([{"phase": "training"}], [])
    return [news for news in told if "step" in news]


def after(calls: int) -> Callable[[], bool]:
    """Says stop from the given call on."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > calls

    return stop


def curves(folder: Path) -> dict[str, Summary]:
    return EventTail(folder).poll()


def shown(folder: Path, tag: str) -> list[tuple[int, float]]:
    """The curve as TensorBoard shows it: a step that goes back drops what it overtakes."""
    kept: list[tuple[int, float]] = []
    for step, value in points(folder, tag):
        kept = [point for point in kept if point[0] < step] + [(step, value)]
    return kept


def checkpoint(folder: Path, kind: str = "last") -> dict[str, Any]:
    found = checkpoints.newest(folder / "checkpoints", kind)
    assert found is not None
    return found[1]


def test_quadratic_finds_the_minimum_and_logs_every_step(tmp_path: Path) -> None:
    told = train("quadratic", tmp_path)
    found = curves(tmp_path)
    assert found["x"].count == found["y"].count == 500
    assert found["x"].last == pytest.approx(1, abs=1e-3)
    assert (told[-1]["step"], told[-1]["total"]) == (500, 500)


def test_quadratic_that_diverges_stops_before_the_step_and_names_it(tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLoss, match=r"inf at step \d+") as caught:
        train("quadratic", tmp_path, {"lr": 5.0, "start": 100.0})
    assert all(math.isfinite(value) for _, value in points(tmp_path, "y")[:10])
    assert curves(tmp_path)["y"].step == caught.value.step


def test_quadratic_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    train("quadratic", tmp_path / "whole", {"steps": 60})
    train("quadratic", tmp_path / "cut", {"steps": 60}, stop=after(20))
    train("quadratic", tmp_path / "cut", {"steps": 60})
    assert len(event_files(tmp_path / "cut")) == 2
    assert points(tmp_path / "cut", "x") == points(tmp_path / "whole", "x")


def test_drift_moves_its_histograms(tmp_path: Path) -> None:
    train("drift", tmp_path, {"steps": 5, "values": 500})
    histograms = [value.histo for _, value in values(tmp_path)["w"]]
    assert [len(histogram.bucket) for histogram in histograms] == [64] * 5
    assert [round(histogram.sum / histogram.num) for histogram in histograms] == [-10, -9, -8, -7, -6]
    assert curves(tmp_path)["mean"].count == 5


def test_rings_writes_all_that_the_tabs_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = train("rings", tmp_path, SMALL)
    found = curves(tmp_path)
    assert found.keys() == {"loss/train", "loss/val", "acc/train", "acc/val", "lr", "loss/step"}
    for tag in found.keys() - {"loss/step"}:
        assert [step for step, _ in points(tmp_path, tag)] == [1, 2, 3, 4, 5, 6], tag
    assert [step for step, _ in points(tmp_path, "loss/step")] == [25, 50, 75, 100]
    histograms = values(tmp_path)["weights/fc1.weight"]
    assert [step for step, _ in histograms] == [1, 3, 6]
    assert sum(bool(event.graph_def) for event in events(tmp_path)) == 1
    assert told[-1] == {"step": 6 * 18, "total": 6 * 18, "epoch": 6, "epochs": 6}
    best = max(points(tmp_path, "acc/val"), key=lambda point: point[1])
    assert checkpoint(tmp_path, "best")["epoch"] == best[0]
    assert checkpoint(tmp_path, "best")["value"] == pytest.approx(best[1])
    out = capsys.readouterr().out.splitlines()
    assert len([line for line in out if line.startswith("epoch   ")]) == 6


def test_rings_stops_early_after_the_warmup(tmp_path: Path) -> None:
    params = SMALL | {"epochs": 50, "patience": 2, "lr": 1e-9}
    train("rings", tmp_path / "at once", params | {"warmup": 0})
    train("rings", tmp_path / "warmed up", params | {"warmup": 6})
    assert curves(tmp_path / "at once")["acc/val"].step == 3
    assert curves(tmp_path / "warmed up")["acc/val"].step == 8


@pytest.mark.parametrize("batches", [0, 1, 18, 30, 55, 107])
def test_rings_stopped_anywhere_ends_with_the_very_same_weights_and_curves(
    tmp_path: Path, batches: int
) -> None:
    train("rings", tmp_path / "whole", SMALL)
    train("rings", tmp_path / "cut", SMALL, stop=after(batches))
    train("rings", tmp_path / "cut", SMALL)
    whole, cut = checkpoint(tmp_path / "whole"), checkpoint(tmp_path / "cut")
    assert all(torch.equal(whole["net"][name], cut["net"][name]) for name in whole["net"])
    assert whole["progress"] == cut["progress"]
    assert whole["history"] == cut["history"]
    for tag in ("loss/train", "loss/val", "acc/train", "acc/val", "lr", "loss/step"):
        assert points(tmp_path / "cut", tag) == points(tmp_path / "whole", tag), tag


class KilledError(Exception):
    pass


def test_rings_killed_in_an_epoch_repeats_it_and_tensorboard_shows_each_step_once(tmp_path: Path) -> None:
    def kill() -> bool:
        if next(asked) >= 67:
            raise KilledError
        return False

    asked = iter(range(1000))
    train("rings", tmp_path / "whole", SMALL)
    with pytest.raises(KilledError):
        train("rings", tmp_path / "cut", SMALL, stop=kill)
    assert 1 <= checkpoint(tmp_path / "cut")["progress"]["epoch"] <= 3
    train("rings", tmp_path / "cut", SMALL)
    for tag in ("loss/train", "acc/val", "loss/step"):
        assert shown(tmp_path / "cut", tag) == points(tmp_path / "whole", tag), tag
    assert curves(tmp_path / "cut") == curves(tmp_path / "whole")


def test_rings_that_was_over_already_adds_nothing(tmp_path: Path) -> None:
    train("rings", tmp_path, SMALL)
    before = curves(tmp_path)
    train("rings", tmp_path, SMALL)
    assert curves(tmp_path) == before


def test_the_seed_decides(tmp_path: Path) -> None:
    short = SMALL | {"epochs": 1}
    for number, seed in enumerate((1, 1, 2)):
        train("rings", tmp_path / str(number), short, seed=seed)
    one, same, other = (points(tmp_path / str(number), "loss/train") for number in range(3))
    assert one == same
    assert one != other


def test_a_broken_checkpoint_is_said_so_and_never_a_silent_start_from_zero(tmp_path: Path) -> None:
    train("rings", tmp_path, SMALL | {"epochs": 1})
    paths = list((tmp_path / "checkpoints").glob("last-*.pt"))
    whole = [path.read_bytes() for path in paths]
    for path in paths:
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointUnreadable, match=r"no checkpoint in .* is whole: .*last-"):
        train("rings", tmp_path, SMALL)
    for path, data in zip(paths, whole, strict=True):
        path.write_bytes(data)
    with pytest.raises(CheckpointUnreadable, match=r"another network: fc1\.weight is"):
        train("rings", tmp_path, SMALL | {"hidden": 8})


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_checkpoint_never_runs_code(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    torch.save({"net": Payload(tmp_path / "pwned")}, folder / "last-1-1.pt")
    data = (folder / "last-1-1.pt").read_bytes()
    manifest = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / "last-1-1.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointUnreadable):
        train("rings", tmp_path, SMALL)
    assert not (tmp_path / "pwned").exists()


def test_rings_with_a_diverging_loss_names_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        torch.nn.functional,
        "binary_cross_entropy_with_logits",
        lambda outputs, *_args, **_named: outputs.sum() * math.nan,
    )
    with pytest.raises(NonFiniteLoss, match="nan at step 0"):
        train("rings", tmp_path, SMALL)


def image_folder(folder: Path, *, mode: str = "RGB") -> Path:
    """Two classes, light and dark, that anything can learn."""
    generator = np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 6)):
        for name, level in (("dark", 40), ("light", 200)):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = (level + generator.integers(-20, 20, (12, 10, 3))).astype(np.uint8)
                Image.fromarray(pixels).convert(mode).save(folder / part / name / f"{number}.png")
    return folder


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_images_trains_on_a_folder_and_draws(tmp_path: Path, mode: str) -> None:
    image_folder(tmp_path / "datasets" / "two", mode=mode)
    params = {"data_dir": "datasets/two", "epochs": 2, "size": 8, "batch_size": 8, "width": 4}
    told = train("images", tmp_path, params)
    found = values(tmp_path)
    assert {"loss/train", "loss/val", "acc/train", "acc/val", "lr"} <= found.keys()
    assert {
        "input/one",
        "input/grid",
        "input/batch",
        "results/predictions",
        "results/confusion",
    } <= found.keys()
    assert found["input/one"][0][1].image.height == 8
    assert found["input/one"][0][1].image.colorspace == (3 if mode == "RGB" else 1)
    assert sum(bool(event.graph_def) for event in events(tmp_path)) == 1
    assert told[-1]["epoch"] == 2


def test_images_without_a_folder_takes_the_real_digits_and_shares_them(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    params = {"epochs": 1, "size": 8, "width": 4}
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "datasets").symlink_to(tmp_path / "shared")
    train("images", tmp_path / "a", params)
    digits = tmp_path / "shared" / "digits"
    made = digits.stat().st_ino
    assert len(list(digits.glob("*/*/*.png"))) == 1797
    assert sorted(path.name for path in (digits / "train").iterdir()) == list("0123456789")
    train("images", tmp_path / "b", params)
    assert digits.stat().st_ino == made
    assert [path.name for path in (tmp_path / "shared").iterdir()] == ["digits"]


def test_runs_that_make_the_digits_at_once_agree(tmp_path: Path) -> None:
    from worker.recipes import _folder

    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(_folder.digits(tmp_path))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [tmp_path / "digits"] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]


def test_images_resumes_exactly_dropout_included(tmp_path: Path) -> None:
    data = str(image_folder(tmp_path / "data"))
    params = {"data_dir": data, "epochs": 3, "size": 8, "batch_size": 5, "width": 4, "dropout": 0.5}
    train("images", tmp_path / "whole", params)
    train("images", tmp_path / "cut", params, stop=after(7))
    train("images", tmp_path / "cut", params)
    whole, cut = checkpoint(tmp_path / "whole"), checkpoint(tmp_path / "cut")
    assert all(torch.equal(whole["net"][name], cut["net"][name]) for name in whole["net"])
    assert points(tmp_path / "whole", "loss/train") == points(tmp_path / "cut", "loss/train")


def test_a_folder_of_another_layout_is_named(tmp_path: Path) -> None:
    def refuse(match: str) -> None:
        with pytest.raises(ValueError, match=match):
            train("images", tmp_path, {"data_dir": str(data), "epochs": 1})

    data = tmp_path / "data"
    refuse(r"train is no folder.*train/<class>")
    (data / "train" / "a").mkdir(parents=True)
    refuse("at least two classes")
    (data / "train" / "b").mkdir()
    refuse("test is no folder")
    (data / "test" / "c").mkdir(parents=True)
    refuse("no training data for c")
    (data / "test" / "c").rmdir()
    refuse("no images")
    image_folder(tmp_path / "good")
    data = tmp_path / "good"
    (data / "train" / "dark" / "x.png").write_text("not a picture")
    refuse(r"x\.png is no image")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 42])
def test_rings_with_the_tutorials_numbers_stops_early_above_091(tmp_path: Path, seed: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train("rings", tmp_path, {"lr": 1e-4, "batch_size": 16, "epochs": 100, "patience": 10}, seed=seed)
    found = curves(tmp_path)["acc/val"]
    assert found.step < 100
    assert found.max is not None
    assert found.max >= 0.91, f"{found.max:.4f} in epoch {found.max_step}"

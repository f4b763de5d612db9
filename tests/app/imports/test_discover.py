"""Which runs a directory holds, by the layouts that people have."""

from pathlib import Path

import pytest
from logdirs import lightning, torch_writer, write_run, write_tf2

from app.imports.discover import Found, discover


def runs(root: Path, *, per_folder: bool = False) -> dict[str, list[str]]:
    """Run → its folders."""
    return {run.path: sorted(run.folders) for run in discover(root, per_folder=per_folder)[0]}


def one(root: Path, path: str) -> Found:
    return next(run for run in discover(root)[0] if run.path == path)


def test_each_folder_of_summary_writers_is_a_run(tmp_path: Path) -> None:
    write_run(tmp_path / "a", {"loss": [1.0]})
    write_run(tmp_path / "lr=0.1,bs=32", {"loss": [1.0]})
    write_run(tmp_path / "sweep" / "b", {"loss": [1.0]})
    assert runs(tmp_path) == {"a": [""], "lr=0.1,bs=32": [""], "sweep/b": [""]}


def test_what_add_hparams_and_add_scalars_make_belongs_to_their_run(tmp_path: Path) -> None:
    with torch_writer(tmp_path / "Nov25_12-00-00_box") as writer:
        writer.add_scalar("loss", 1.0, 0)
        writer.add_scalars("acc/both", {"train": 0.5, "val": 0.4}, 0)
        writer.add_hparams({"lr": 0.1}, {"hparam/acc": 0.4})
    (folders,) = runs(tmp_path).values()
    assert folders[0] == ""
    assert {"acc_both_train", "acc_both_val"} <= set(folders)
    assert len(folders) == 4  # and the one that is called by the time


def test_a_run_below_a_run_that_is_no_part_of_it_stands_for_itself(tmp_path: Path) -> None:
    write_run(tmp_path / "a", {"loss": [1.0]})
    write_run(tmp_path / "a" / "eval", {"loss": [1.0]})
    write_run(tmp_path / "a" / "again", {"loss": [1.0]})
    assert runs(tmp_path) == {"a": ["", "eval"], "a/again": [""]}
    assert not one(tmp_path, "a").whole
    assert one(tmp_path, "a/again").whole


def test_keras_train_and_validation_are_one_run(tmp_path: Path) -> None:
    for name in ("20231101-120000", "20231102-120000"):
        write_tf2(tmp_path / "fit" / name / "train", "epoch_loss", [1.0])
        write_tf2(tmp_path / "fit" / name / "validation", "epoch_loss", [1.0])
    assert runs(tmp_path) == {
        "fit/20231101-120000": ["train", "validation"],
        "fit/20231102-120000": ["train", "validation"],
    }
    assert runs(tmp_path / "fit" / "20231101-120000") == {"": ["train", "validation"]}


def test_a_run_called_test_is_a_run_beside_others(tmp_path: Path) -> None:
    write_run(tmp_path / "test", {"loss": [1.0]})
    write_run(tmp_path / "baseline", {"loss": [1.0]})
    assert runs(tmp_path) == {"baseline": [""], "test": [""]}


def test_a_lightning_version_is_one_run_with_all_in_it(tmp_path: Path) -> None:
    folder = lightning(tmp_path, 0, "lr: 0.1\n")
    write_run(folder / "whatever", {"x": [1.0]})
    lightning(tmp_path, 1, "lr: 0.2\n")
    assert runs(tmp_path) == {
        "lightning_logs/version_0": ["", "whatever"],
        "lightning_logs/version_1": [""],
    }


def test_per_folder_overrides_all_of_it(tmp_path: Path) -> None:
    write_tf2(tmp_path / "x" / "train", "loss", [1.0])
    write_tf2(tmp_path / "x" / "validation", "loss", [1.0])
    assert runs(tmp_path, per_folder=True) == {"x/train": [""], "x/validation": [""]}


def test_the_directory_itself_can_be_the_run_but_its_other_files_are_not_its_own(tmp_path: Path) -> None:
    write_run(tmp_path, {"loss": [1.0]})
    assert runs(tmp_path) == {"": [""]}
    assert not one(tmp_path, "").whole


def test_links_are_never_followed(tmp_path: Path) -> None:
    secret = write_run(tmp_path / "secret", {"loss": [1.0]})
    logs = tmp_path / "logs"
    run = write_run(logs / "run", {"loss": [1.0]})
    (logs / "link").symlink_to(secret)
    (run / "events.out.tfevents.9.link").symlink_to(next(secret.iterdir()))
    found, notes = discover(logs)
    assert [item.path for item in found] == ["run"]
    assert notes == ["run: events.out.tfevents.9.link is a link and is left out"]


@pytest.mark.parametrize("name", [".hidden", "__pycache__", "node_modules"])
def test_some_folders_are_not_looked_into(tmp_path: Path, name: str) -> None:
    write_run(tmp_path / name, {"loss": [1.0]})
    assert runs(tmp_path) == {}

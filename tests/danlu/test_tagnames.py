import pytest

from danlu.tagnames import prefixes

WRITER = "runs/Oct02_12-30-00_box"


@pytest.mark.parametrize(
    ("folders", "names"),
    [
        ([], {}),
        ([""], {"": ""}),
        ([WRITER], {WRITER: ""}),
        (["lightning_logs/version_0"], {"lightning_logs/version_0": ""}),
        (["logs/train", "logs/validation"], {"logs/train": "train/", "logs/validation": "validation/"}),
        # A name that begins like another is no folder above it.
        (["ab/c", "abc/c"], {"ab/c": "ab/c/", "abc/c": "abc/c/"}),
        # The folder above holds curves itself: add_scalars makes such folders.
        (["r/x", "r/x/loss_val"], {"r/x": "", "r/x/loss_val": "loss_val/"}),
        # The run's own board, and a writer that chose its folder by the clock.
        (["", WRITER], {"": "", WRITER: "runs/"}),
        # Two such writers are told apart …
        (
            [WRITER, "runs/Oct02_12-31-00_box"],
            {WRITER: "Oct02_12-30-00_box/", "runs/Oct02_12-31-00_box": "Oct02_12-31-00_box/"},
        ),
        # … and add_hparams, which does the same, is called what it is, unless there are several.
        (["r/x", "r/x/1700000000.12"], {"r/x": "", "r/x/1700000000.12": "hparams/"}),
        (
            ["r", "r/1700000000.1", "r/1700000001.2"],
            {"r": "", "r/1700000000.1": "1700000000.1/", "r/1700000001.2": "1700000001.2/"},
        ),
        (
            ["r", "r/hparams", "r/1700000000.1"],
            {"r": "", "r/hparams": "hparams/", "r/1700000000.1": "1700000000.1/"},
        ),
    ],
)  # fmt: skip
def test_what_all_have_in_common_is_left_out(folders: list[str], names: dict[str, str]) -> None:
    assert prefixes(folders) == names
    assert prefixes(list(reversed(folders))) == names
    assert len(set(names.values())) == len(names)


def test_a_thousand_folders_are_named_at_once() -> None:
    folders = [f"sweep/{number}/{part}" for number in range(500) for part in ("train", "val")]
    assert prefixes(folders)["sweep/77/val"] == "77/val/"

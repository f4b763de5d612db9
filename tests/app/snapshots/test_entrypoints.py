"""Which script of a folder is taken when nobody names one."""

from pathlib import Path

import pytest
from test_pack import write

from app.snapshots.entrypoints import rank
from danlu.pack import facts, select

MAIN = 'import argparse\n\nif __name__ == "__main__":\n    pass\n'
PLAIN = "x = 1\n"


def ranked(folder: Path, files: dict[str, str]) -> list[str]:
    write(folder, files)
    return rank(folder, facts(select(folder)))


@pytest.mark.parametrize(
    ("files", "first"),
    [
        ({"train.py": PLAIN, "main.py": MAIN, "a.py": MAIN}, "train.py"),
        ({"main.py": PLAIN, "run.py": PLAIN, "net.py": PLAIN}, "main.py"),
        ({"lib/train.py": MAIN, "main.py": PLAIN}, "main.py"),
        ({"train_mnist.py": PLAIN, "evaluate.py": MAIN}, "train_mnist.py"),
        ({"model.py": PLAIN, "mnist.py": MAIN, "utils.py": PLAIN}, "mnist.py"),
        ({"setup.py": MAIN, "tests/test_main.py": MAIN, "src/proj/fit.py": MAIN}, "src/proj/fit.py"),
        ({"examples/train.py": MAIN, "cli.py": MAIN}, "cli.py"),
        ({"conftest.py": PLAIN, "a/__init__.py": MAIN, "a/b.py": PLAIN}, "a/b.py"),
        ({"go.sh": "x", "script.py": PLAIN}, "script.py"),
        ({"go.sh": "x", "notes.txt": "x"}, "go.sh"),
        ({"a.py": "def f():\n    if __name__ == '__main__': pass\n", "b.py": MAIN}, "b.py"),
    ],
)
def test_the_likeliest_is_first(tmp_path: Path, files: dict[str, str], first: str) -> None:
    assert ranked(tmp_path, files)[0] == first


def test_everything_that_can_be_run_is_offered_once(tmp_path: Path) -> None:
    found = ranked(tmp_path, {f"m{n}.py": PLAIN for n in range(300)} | {"train.py": MAIN, "data.csv": "x"})
    assert len(found) == len(set(found)) == 200
    assert found[0] == "train.py"

"""Tracebacks that real programs print, and where the lines around their frames are read."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rest import Rest

from app.runs.failing import own_path, traceback_of
from app.runs.traceback import Traceback, find

SCRIPT = """import sys


class MyError(Exception):
    pass


def divide(x):
    return 1 / x


def chain():
    try:
        divide(0)
    except ZeroDivisionError as error:
        raise MyError("wrapped\\nin two lines") from error


def during():
    try:
        divide(0)
    except ZeroDivisionError:
        raise KeyError


def group():
    raise ExceptionGroup("several", [ValueError("a"), MyError("b")])


def bar():
    sys.stderr.write("\\r 50%|#####     | 5/10 [00:00<00:00, 9.9it/s]")
    divide(0)


def syntax():
    import bad


def library():
    import json

    json.loads("{")


def ignored():
    class Closing:
        def __del__(self):
            raise ValueError("in the end")

    ring = Closing()
    ring.me = ring
    raise MyError("first")


globals()[sys.argv[1]]()
"""
LAST = SCRIPT.count("\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "experiments" / "exp" / "run-1"
    made.mkdir(parents=True)
    (made / "train.py").write_text(SCRIPT)
    (made / "bad.py").write_text("import os\ndef x(:\n    pass\n")
    return made


def died(folder: Path, *arguments: str, script: str = "train.py") -> str:
    """What a script prints that is run as a person would."""
    done = subprocess.run(
        [sys.executable, str(folder / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    return "epoch 3, loss 0.25\n" + done.stderr


def found_in(log: str) -> Traceback:
    found = find(log)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("what", "kind", "message", "inside", "code"),
    [
        ("divide", "TypeError", "divide() missing 1 required positional argument: 'x'", "<module>", "globals()[sys.argv[1]]()"),
        ("chain", "MyError", "wrapped\nin two lines", "chain", 'raise MyError("wrapped\\nin two lines") from error'),
        ("during", "KeyError", "", "during", "raise KeyError"),
        ("group", "ExceptionGroup", "several (2 sub-exceptions)", "group", 'raise ExceptionGroup("several", [ValueError("a"), MyError("b")])'),
        ("bar", "ZeroDivisionError", "division by zero", "divide", "return 1 / x"),
        ("syntax", "SyntaxError", "invalid syntax", "<module>", "def x(:"),
        ("ignored", "MyError", "first", "ignored", 'raise MyError("first")'),
    ],
)  # fmt: skip
def test_what_python_prints(folder: Path, what: str, kind: str, message: str, inside: str, code: str) -> None:
    found = found_in(died(folder, what))
    assert (found.type, found.message) == (kind, message)
    assert (found.frames[-1].function, found.frames[-1].code) == (inside, code)
    assert found.frames[0].line == LAST
    assert "epoch 3" not in found.text
    assert "it/s" not in found.text


def test_a_chain_is_one_text_and_the_last_exception_its_name(folder: Path) -> None:
    text = found_in(died(folder, "chain")).text
    assert text.startswith("Traceback (most recent call last):")
    assert text.index("ZeroDivisionError") < text.index("direct cause") < text.index("MyError: wrapped")
    group = found_in(died(folder, "group")).text
    assert "ValueError: a" in group
    assert "MyError: b" in group


def test_a_script_that_cannot_be_compiled_has_no_header(folder: Path) -> None:
    found = found_in(died(folder, script="bad.py"))
    assert (found.type, found.frames[-1].line, found.frames[-1].code) == ("SyntaxError", 2, "def x(:")


def ranked(rank: int, error: str, *, cause: str = "") -> list[str]:
    lines = [
        "Traceback (most recent call last):",
        '  File "/run/train.py", line 9, in <module>',
        "    main()",
        error,
    ]
    if cause:
        lines = [
            *lines[:-1],
            cause,
            "",
            "The above exception was the direct cause of the following exception:",
            "",
            *lines,
        ]
    return [f"[rank{rank}]: {line}" for line in lines]


def test_of_several_ranks_the_first_to_fail_counts_and_mixed_lines_are_told_apart() -> None:
    first = ranked(1, "RuntimeError: rank one is wrong", cause="ValueError: the cause")
    second = ranked(0, "torch.distributed.DistBackendError: connection closed by peer")
    mixed = [line for pair in zip(first, second, strict=False) for line in pair] + first[len(second) :]
    launcher = (
        "Traceback (most recent call last):\n"
        '  File "/lib/site-packages/torch/distributed/run.py", line 900, in main\n    run(args)\n'
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n====\ntrain.py FAILED\n"
    )
    for log in ("\n".join(mixed), "\n".join([*first, *second, launcher])):
        found = found_in(log)
        assert (found.type, found.message) == ("RuntimeError", "rank one is wrong")
        assert "ValueError: the cause" in found.text
        assert "rank0" not in found.text
        assert "connection closed" not in found.text
    # Without ranks in the lines: the traceback before the launcher's.
    plain = "\n".join(line.partition(": ")[2] for line in ranked(0, "OSError: no such file"))
    assert found_in(f"{plain}\n\n{launcher}").type == "OSError"


def test_an_error_that_another_process_passes_on_is_the_one() -> None:
    log = """Traceback (most recent call last):
  File "/run/train.py", line 5, in <module>
    for batch in loader:
  File "/lib/python3.11/site-packages/torch/utils/data/dataloader.py", line 701, in __next__
    data.reraise()
ValueError: Caught ValueError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "/lib/python3.11/site-packages/torch/utils/data/_utils/fetch.py", line 54, in fetch
    data = [self.dataset[idx] for idx in possibly_batched_index]
  File "/run/data.py", line 3, in __getitem__
    raise ValueError("bad item")
ValueError: bad item

"""
    found = found_in(log)
    assert (found.message, found.frames[-1].file) == ("bad item", "/run/data.py")
    assert found.text.startswith('Traceback (most recent call last):\n  File "/run/train.py"')


@pytest.mark.parametrize(
    "log",
    ["", "all is well\n", "Traceback (most recent call last):\n", 'Traceback (most recent call last):\n  File "a", line 1',
     '  File "a.py", line 3\n    x\n', "ValueError: only told\n"],
)  # fmt: skip
def test_no_traceback(log: str) -> None:
    assert find(log) is None


def test_colours_do_not_hide_it() -> None:
    log = '\x1b[35mTraceback (most recent call last):\x1b[0m\n  File \x1b[35m"a.py"\x1b[0m, line \x1b[35m3\x1b[0m, in f\n    x()\n\x1b[1mValueError\x1b[0m: \x1b[35mno\x1b[0m\n'
    found = found_in(log)
    assert (found.type, found.message, found.frames[0].file) == ("ValueError", "no", "a.py")


@pytest.mark.parametrize(
    "flood",
    ["Traceback (most recent call last):\n", '  File "a", line 3\n', '[rank1]: Traceback (most recent call last):\n[rank2]:   File "a", line 3, in f\n',
     'Traceback (most recent call last):\n  File "a", line 3, in f\n    x\n', "x" * 40 + "\n", "a.b", " "],
)  # fmt: skip
def test_any_log_is_looked_through_quickly(flood: str) -> None:
    began = time.process_time()
    find((flood * ((1 << 18) // len(flood) + 1))[: 1 << 18])
    assert time.process_time() - began < 1.5


def test_lines_around_the_failing_one_come_from_the_snapshot_first(folder: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshots" / "ab12"
    (snapshot / "pkg").mkdir(parents=True)
    (snapshot / "train.py").write_text(SCRIPT)
    (folder / "stdout.log").write_text(
        died(folder, "chain").replace(str(folder), "/elsewhere/experiments/exp/run-1")
    )
    (folder / "train.py").write_text("# changed since\n" + SCRIPT)
    found = traceback_of(folder, snapshot)
    assert found is not None
    frame = found["frames"][-1]
    assert (frame["snapshot_path"], frame["function"]) == ("train.py", "chain")
    assert [one["line"] for one in frame["context"]] == list(range(frame["line"] - 3, frame["line"] + 4))
    assert frame["context"][3]["text"].strip().startswith("raise MyError")


def test_a_librarys_frame_has_its_line_alone(folder: Path) -> None:
    (folder / "stdout.log").write_text(died(folder, "library"))
    found = traceback_of(folder, None)
    assert found is not None
    own, *library = found["frames"][-4:]
    assert (own["snapshot_path"], len(own["context"])) == ("train.py", 7)
    assert all(frame["snapshot_path"] is None and len(frame["context"]) == 1 for frame in library)


SECRET = "the server's own secret"


@pytest.mark.parametrize(
    "path",
    ["{run}/../../../secret.py", "../../../secret.py", "{run}/linked.py", "{run}/sub/secret.py", "{run}/.danlu/secret.py",
     "{home}/secret.py", "/proc/self/environ", "{run}/fifo.py", "{run}/huge.py", "{run}//etc/passwd", "<frozen x>"],
)  # fmt: skip
def test_a_log_names_any_file_and_only_the_runs_own_are_read(folder: Path, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.py").write_text(f"{SECRET}\n" * 5)
    (folder / ".danlu").mkdir()
    (folder / ".danlu" / "secret.py").write_text(f"{SECRET}\n" * 5)
    (folder / "linked.py").symlink_to(tmp_path / "secret.py")
    (folder / "sub").symlink_to(tmp_path)
    (folder / "huge.py").write_text(f"{SECRET}\n" * 100_000)
    os.mkfifo(folder / "fifo.py")
    file = path.format(run=folder, home=tmp_path)
    (folder / "stdout.log").write_text(
        f'Traceback (most recent call last):\n  File "{file}", line 2, in f\nValueError: x\n'
    )
    found = traceback_of(folder, None)
    assert found is not None
    assert found["frames"][0]["context"] == []
    assert found["frames"][0]["snapshot_path"] is None


def test_own_paths(tmp_path: Path) -> None:
    folder, snapshot = tmp_path / "experiments" / "e" / "r", tmp_path / "snapshots" / "ab"
    assert own_path(f"{folder}/pkg/a.py", folder, snapshot) == "pkg/a.py"
    assert own_path(f"{snapshot}/a.py", folder, snapshot) == "a.py"
    assert own_path("train.py", folder, None) == "train.py"
    assert own_path("./train.py", folder, None) == "train.py"
    assert own_path(f"{folder}/.venv/lib/site-packages/x.py", folder, None) is None
    assert own_path("/usr/lib/python3/json.py", folder, snapshot) is None


def test_the_route(rest: Rest, folder: Path) -> None:
    run = rest.submit()
    assert rest.get(f"/runs/{run['id']}/traceback").json() is None
    made = rest.folder(run)
    (made / "train.py").write_text(SCRIPT)
    (made / "stdout.log").write_text(died(made, "chain"))
    found = rest.get(f"/runs/{run['id']}/traceback").json()
    assert (found["type"], found["frames"][-1]["snapshot_path"]) == ("MyError", "train.py")
    assert rest.get("/runs/999/traceback").status_code == 404

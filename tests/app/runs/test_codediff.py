"""What differs between two runs, as people read it."""

import subprocess
from pathlib import Path

from app.runs import codediff
from app.runs.codediff import Change


def marks(lines: list[codediff.Line]) -> list[tuple[str, str]]:
    return [(line.mark, line.text) for line in lines if line.mark in "+-"]


def test_params_that_differ_are_told_with_both_values() -> None:
    found = codediff.params(
        {"lr": 0.1, "amp": 1, "old": None, "same": [1]}, {"lr": 0.2, "amp": True, "same": [1], "new": 3}
    )
    assert found == [
        Change("lr", (0.1,), (0.2,)),
        Change("amp", (1,), (True,)),
        Change("old", (None,), None),
        Change("new", None, (3,)),
    ]


def test_files_are_changed_added_removed_or_no_text() -> None:
    old = {"a.py": "one\ntwo\n", "gone.py": "x\n", "data.bin": None, "same.py": "s"}
    new = {"a.py": "one\n2\n", "more.py": "y\n", "data.bin": None, "same.py": "s"}
    found = {file.path: file for file in codediff.files(old, new)}
    assert {path: file.status for path, file in found.items()} == {
        "a.py": "changed", "gone.py": "removed", "more.py": "added", "data.bin": "changed",
    }  # fmt: skip
    assert marks(found["a.py"].lines) == [("-", "two"), ("+", "2")]
    assert (found["a.py"].added, found["a.py"].removed) == (1, 1)
    assert marks(found["more.py"].lines) == [("+", "y")]
    assert found["data.bin"].note == "no text"


def test_lines_are_numbered_on_both_sides() -> None:
    before = "".join(f"{number}\n" for number in range(1, 41))
    after = before.replace("20\n", "20\ntwenty\n")
    (file,) = codediff.files({"a": before}, {"a": after})
    added = next(line for line in file.lines if line.mark == "+")
    behind = file.lines[file.lines.index(added) + 1]
    assert (added.old, added.new) == (None, 21)
    assert (behind.old, behind.new, behind.text) == (21, 22, "21")


def test_a_removed_line_that_looks_like_a_head_is_kept() -> None:
    (file,) = codediff.files({"a": "-- old\n"}, {"a": "++ new\n"})
    assert marks(file.lines) == [("-", "-- old"), ("+", "++ new")]


def test_much_is_cut_with_a_word() -> None:
    (long,) = codediff.files({"a": ""}, {"a": "x\n" * (codediff.MAX_LINES + 10)})
    assert len(long.lines) == codediff.MAX_LINES
    assert long.note == "11 more lines"
    (huge,) = codediff.files({"a": ""}, {"a": "x" * (codediff.MAX_COMPARED + 1)})
    assert (huge.lines, huge.note) == ([], "too long to be compared here")


def test_a_diff_of_git_is_read(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    (tmp_path / "train.py").write_text("lr = 1\n\nprint(lr)\n")
    (tmp_path / "with space.py").write_text("a\n")
    (tmp_path / "blob").write_bytes(b"\0\1")
    git("add", ".")
    git("commit", "-qm", "first")
    (tmp_path / "train.py").write_text("lr = 2\n\nprint(lr)\n")
    (tmp_path / "with space.py").unlink()
    (tmp_path / "new.py").write_text("n\n")
    (tmp_path / "blob").write_bytes(b"\0\2")
    git("add", "-N", "new.py")
    found = {file.path: file for file in codediff.parse(git("diff"))}
    assert {path: file.status for path, file in found.items()} == {
        "train.py": "changed", "with space.py": "removed", "new.py": "added", "blob": "changed",
    }  # fmt: skip
    assert marks(found["train.py"].lines) == [("-", "lr = 1"), ("+", "lr = 2")]
    assert found["blob"].note == "no text"
    assert codediff.parse("") == []
    assert codediff.parse("nothing of a diff") == []

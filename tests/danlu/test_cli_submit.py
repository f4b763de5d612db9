"""`danlu submit` of scripts: the real command line against a real server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packed import TRAIN
from rest import Rest, resting
from test_pack import git, write

from app.config import load_settings


@pytest.fixture(scope="module")
def rest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    with resting(load_settings(home=tmp_path_factory.mktemp("home"), port=0)) as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "mnist"
    write(
        folder, {"train.py": TRAIN, "lib/net.py": "x = 1\n", "data/big.csv": "1\n", ".gitignore": "data/\n"}
    )
    write(folder, {"__pycache__/a.pyc": "x", "go.sh": "python train.py\n"})
    return folder


def submit(rest: Rest, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "danlu", "submit", *arguments],
        capture_output=True, text=True, check=False, timeout=120, cwd=folder,
        env={**os.environ, "DANLU_URL": rest.served.url, "DANLU_HOME": str(folder.parent / "none"),
             "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip


def made(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    run: dict[str, Any] = json.loads(done.stdout)
    return run


def test_a_script_is_packed_uploaded_once_and_submitted(rest: Rest, project: Path) -> None:
    first = submit(rest, project, "train.py", "--json", "-s", "epochs=9", "--tag", "a", "--", "--lr", "0.1")
    run = made(first)
    assert run["args"] == ["--epochs", "9", "--lr", "0.1"]
    assert run["params"] == {"lr": 0.1, "epochs": 9, "optimizer": "adam", "amp": False}
    assert (run["experiment"], run["name"], run["tags"], run["entrypoint"]) == (
        "mnist",
        "train",
        ["a"],
        "train.py",
    )
    assert "4 files" in first.stderr
    assert "left out: data/ (.gitignore), 1 by default" in first.stderr
    assert "uploaded" in first.stderr
    listing = rest.get(f"/snapshots/{run['snapshot']}").json()["listing"]
    assert [item["path"] for item in listing] == [".gitignore", "go.sh", "lib/net.py", "train.py"]
    again = submit(rest, project.parent, "mnist/train.py", "--experiment", "other", "--name", "n")
    assert again.returncode == 0, again.stderr
    assert "uploaded" not in again.stderr
    newest = rest.items()[0]
    assert (newest["snapshot"], newest["experiment"], newest["name"]) == (run["snapshot"], "other", "n")
    assert again.stdout == f"Run {newest['id']} is queued: {rest.served.url}/runs/{newest['id']}\n"


def test_git_is_recorded(rest: Rest, project: Path) -> None:
    git(project, "init", "-q", "-b", "main")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "first")
    write(project, {"train.py": TRAIN + "# changed\n"})
    run = made(submit(rest, project, "train.py", "--json", "--", "--amp"))
    commit = git(project, "rev-parse", "HEAD").strip()
    assert run["git"] == {"commit": commit, "branch": "main", "remote": None, "dirty": True}
    assert "+# changed" in rest.get(f"/runs/{run['id']}/diff").text
    shown = subprocess.run(
        [sys.executable, "-m", "danlu", "show", str(run["id"])],
        capture_output=True, text=True, check=True, env={**os.environ, "DANLU_URL": rest.served.url},
    ).stdout  # fmt: skip
    assert f"{run['snapshot'][:12]} main {commit[:12]} with changes" in shown
    assert "python train.py --amp" in shown


def test_the_script_alone_another_folder_and_the_likeliest(rest: Rest, project: Path) -> None:
    alone = made(submit(rest, project, "train.py", "--alone", "--json"))
    assert rest.get(f"/snapshots/{alone['snapshot']}").json()["files"] == 1
    higher = made(submit(rest, project / "lib", "net.py", "--folder", "..", "--json"))
    assert (higher["entrypoint"], higher["experiment"]) == ("lib/net.py", "mnist")
    whole = made(submit(rest, project, ".", "--json"))
    assert whole["entrypoint"] == "train.py"
    ignored = project / ".danluignore"
    ignored.write_text("train.py\n")
    assert made(submit(rest, project, "./train.py", "--json"))["entrypoint"] == "train.py"


def test_shell_and_environments(rest: Rest, project: Path) -> None:
    run = made(submit(rest, project, "--shell", "bash go.sh --fast", "--json"))
    assert (run["entrypoint"], run["environment"], run["experiment"]) == (
        "bash go.sh --fast",
        "shell",
        "mnist",
    )
    assert made(submit(rest, project, "train.py", "--environment", "uv", "--json"))["environment"] == "uv"


def test_code_that_the_server_has_needs_no_files(rest: Rest, project: Path) -> None:
    first = made(submit(rest, project, "train.py", "--json"))
    run = made(
        submit(rest, project.parent, "train.py", "--snapshot", first["snapshot"], "--json", "--", "--amp")
    )
    assert (run["snapshot"], run["args"], run["experiment"]) == (first["snapshot"], ["--amp"], "train")


def test_a_dry_run_lists_and_sends_nothing(project: Path, rest: Rest) -> None:
    before = len(rest.items())
    done = submit(rest, project, "train.py", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert [line[11:] for line in done.stdout.splitlines()] == [
        ".gitignore", "go.sh", "lib/net.py", "train.py", "__pycache__/  (left out by default)", "data/  (.gitignore)",
    ]  # fmt: skip
    told = json.loads(submit(rest, project, "train.py", "--dry-run", "--json").stdout)
    assert told["left_out"] == [
        {"path": "__pycache__/", "reason": "left out by default"}, {"path": "data/", "reason": ".gitignore"},
    ]  # fmt: skip
    assert len(rest.items()) == before
    assert made(submit(rest, project, "train.py", "--json"))["snapshot"] == told["id"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nosuch.py",), "no file nosuch.py"),
        ((), "a recipe, such as rings, or a script"),
        (("free", "--folder", "."), "is free a script?"),
        (("free", "--dry-run"), "for scripts only"),
        (("free", "--", "--lr", "1"), "for scripts only"),
        (("train.py", "--lr", "1"), "behind --"),
        (("train.py", "--folder", "lib"), "does not lie in"),
        (("train.py", "-s", "nosuch=1"), "params.nosuch"),
        (("train.py", "--environment", "venv:none"), "no registered environment"),
        (("train.py", "--snapshot", "0" * 64), "upload it"),
        (("train.py", "--snapshot", "x", "--alone"), "leave out"),
        (("train.py", "--snapshot", "x", "--dry-run"), "nothing is packed"),
    ],
)
def test_what_is_wrong_is_one_line_and_2(
    rest: Rest, project: Path, arguments: tuple[str, ...], said: str
) -> None:
    before = len(rest.items())
    done = submit(rest, project, *arguments)
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("danlu: ")
    assert said in last
    assert done.stdout == ""
    assert len(rest.items()) == before


def test_a_syntax_error_is_found_before_anything_runs(rest: Rest, project: Path) -> None:
    write(project, {"train.py": "import torch\nfor i in range(3)\n    pass\n"})
    done = submit(rest, project, "train.py")
    assert done.returncode == 2
    assert "train.py: line 2, column 18" in done.stderr


def test_what_is_too_large_is_said_with_the_largest_files(rest: Rest, project: Path) -> None:
    (project / "weights.dat").write_bytes(os.urandom(52 << 20))
    done = submit(rest, project, "train.py")
    assert done.returncode == 2
    assert "weights.dat (52 MiB)" in done.stderr
    assert "left out: data/ (.gitignore)" in done.stderr

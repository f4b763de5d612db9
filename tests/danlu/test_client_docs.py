"""The client's guide: every example of it runs against a real server with a real worker."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from up_process import Started, started
from waiting import wait_for

from danlu.client import Client, Run
from danlu.context import RunContext

TEXT = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    home = tmp_path_factory.mktemp("home")
    with started("up", home, "--no-demo", "--auth", "none", "--slots", "2") as running:
        with Client(running.ready(), home=home) as client:
            wait_for(client.recipes, 60, "the worker")
        yield running


def test_the_examples_run(service: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANLU_HOME", str(service.home))
    monkeypatch.chdir(tmp_path)
    assert len(BLOCKS) >= 12
    names: dict[str, object] = {"__name__": "guide"}
    for number, block in enumerate(BLOCKS):
        script = re.match(r"# (\w+\.py)\n", block)
        if script:
            Path(script[1]).write_text(block, encoding="utf-8")
        else:
            exec(compile(block, f"docs/client.md, block {number}", "exec"), names)
    assert (tmp_path / "output.txt").exists()
    assert list((tmp_path / "fetched" / "checkpoints").glob("*.pt"))


def test_its_script_runs_without_a_server(tmp_path: Path) -> None:
    source = next(block for block in BLOCKS if block.startswith("# train.py"))
    (tmp_path / "train.py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "train.py"],
        cwd=tmp_path,
        env={**os.environ, "DANLU_LOCAL_DIR": "out", "DANLU_PARAMS": '{"lr": 0.2}'},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert float((tmp_path / "out" / "result.txt").read_text()) < 0.01
    assert sorted(path.stem for path in (tmp_path / "out" / "checkpoints").glob("*.pt")) == [
        "state-149-3",
        "state-199-4",
    ]


def public(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_") and callable(getattr(kind, name))}


def test_every_call_stands_there() -> None:
    calls = set().union(*(public(kind) for kind in Client.__mro__[:-1])) | public(Run)
    missing = {name for name in calls if not re.search(rf"\b{name}\b", TEXT)}
    assert missing <= {"close"}


def test_everything_of_a_run_stands_there() -> None:
    named = {name for name in dir(RunContext) if not name.startswith("_")} | {"id", "dir"}
    missing = {name for name in named if not re.search(rf"\brun\.{name}\b", TEXT)}
    assert missing <= {"checkpoints", "close", "flush", "report", "stop", "last_step"}

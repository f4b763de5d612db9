"""`danlu.run` in scripts: real processes, inside of a run and outside."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from readback import event_files, values

import danlu
from danlu import running
from danlu.recipe import CheckpointUnreadable, RunContext
from danlu.runparams import RunParams


def start(folder: Path, source: str, **environment: str) -> subprocess.Popen[str]:
    script = folder / "train.py"
    script.write_text(textwrap.dedent(source), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, str(script)],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def script(folder: Path, source: str, **environment: str) -> str:
    """What it printed; it must not write to stderr."""
    out, err = start(folder, source, **environment).communicate(timeout=120)
    assert err == ""
    return out


def inside(folder: Path, **more: str) -> dict[str, str]:
    """The environment of a run in that folder."""
    (folder / ".danlu").mkdir(parents=True)
    return {
        "DANLU_RUN_ID": "7", "DANLU_RUN_DIR": str(folder), "DANLU_ATTEMPT": "2", "DANLU_SEED": "11",
        "DANLU_DEVICE": "cpu", "DANLU_PARAMS": json.dumps({"lr": 0.1, "name": "x"}), **more,
    }  # fmt: skip


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    return {
        tag: [(step, round(value.simple_value, 4)) for step, value in points]
        for tag, points in values(folder).items()
        if points[0][1].HasField("simple_value")
    }


LOOP = """
    import danlu
    run = danlu.run
    lr = run.params.get("lr", 0.5)
    for step in range(3):
        run.log(loss=lr * step, step=step)
        run.log({"acc/val": 1.0}, step=step)
        run.progress(step=step, total=3)
    run.text("note", "done")
"""


def test_looking_at_it_imports_next_to_nothing(tmp_path: Path) -> None:
    said = script(
        tmp_path,
        """
        import sys, danlu
        danlu.run, danlu.run.params, danlu.run.seed, repr(danlu.run), dir(danlu.run)
        print([name for name in ("torch", "numpy", "tensorboard", "httpx", "pydantic") if name in sys.modules])
        """,
    )
    assert said == "[]\n"
    assert [path.name for path in tmp_path.iterdir()] == ["train.py"]


def test_outside_everything_goes_to_a_local_folder_and_nothing_is_said(tmp_path: Path) -> None:
    assert script(tmp_path, LOOP) == ""
    (folder,) = (tmp_path / "danlu-local").iterdir()
    assert scalars(folder) == {
        "loss": [(0, 0.0), (1, 0.5), (2, 1.0)],
        "acc/val": [(step, 1.0) for step in range(3)],
    }


def test_outside_the_folder_is_there_when_it_is_asked_for(tmp_path: Path) -> None:
    source = """
        import os, danlu
        (danlu.run.dir / "result.txt").write_text("x")
        os.chdir("/")
        assert (danlu.run.dir / "result.txt").exists()
        print(danlu.run.id, danlu.run.seed, danlu.run.attempt, danlu.run.should_stop(), danlu.run.device)
    """
    said = script(tmp_path, source, DANLU_LOCAL_DIR="here", CUDA_VISIBLE_DEVICES="")
    assert said == "0 0 1 False cpu\n"
    assert (tmp_path / "here" / "result.txt").exists()


def test_inside_it_is_the_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    source = (
        LOOP
        + """
    assert (run.id, run.seed, run.attempt, run.device) == (7, 11, 2, "cpu")
    assert run.dir == danlu.current_run().dir
    assert (run.params.lr, run.params["name"], dict(run.params)) == (0.1, "x", {"lr": 0.1, "name": "x"})
    run.phase("saving")
    """
    )
    assert script(tmp_path, source, **inside(folder)) == ""
    assert scalars(folder)["loss"] == [(0, 0.0), (1, 0.1), (2, 0.2)]
    status = json.loads((folder / ".danlu" / "status.json").read_bytes())
    assert status == {"step": 2, "total": 3, "phase": "saving"}
    assert not (tmp_path / "danlu-local").exists()


def test_a_full_or_missing_folder_costs_the_news_only(tmp_path: Path) -> None:
    environment = inside(tmp_path / "run")
    (tmp_path / "run" / ".danlu").rmdir()
    process = start(tmp_path, "import danlu\nfor i in range(3): danlu.run.progress(i)", **environment)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert err.count("progress cannot be written") == 1


def test_sigterm_is_heard_by_those_who_ask(tmp_path: Path) -> None:
    source = """
        import signal, danlu
        assert not danlu.run.should_stop()
        print("asked", flush=True)
        while not danlu.run.should_stop():
            signal.pause()
        danlu.run.checkpoint.save({"step": 3}, step=3)
        print("saved", flush=True)
    """
    folder = tmp_path / "run"
    process = start(tmp_path, source, **inside(folder))
    assert process.stdout is not None
    assert process.stdout.readline() == "asked\n"
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "saved\n", "")
    assert [path.name for path in (folder / "checkpoints").glob("*.pt")] == ["state-3-1.pt"]


def test_sigterm_ends_those_who_do_not_ask(tmp_path: Path) -> None:
    source = "import signal, danlu\ndanlu.run.log(x=1)\nprint('up', flush=True)\nsignal.pause()"
    process = start(tmp_path, source, **inside(tmp_path / "run"))
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM


def test_params_that_are_no_json_are_named(tmp_path: Path) -> None:
    process = start(tmp_path, "import danlu\ndanlu.run.params", DANLU_PARAMS="[1]")
    assert "DANLU_PARAMS must hold a JSON object" in process.communicate(timeout=60)[1]


# Several processes.


@pytest.mark.parametrize("where", ["inside", "outside"])
def test_of_several_ranks_the_first_alone_writes(where: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    environment = inside(folder) if where == "inside" else {}
    source = (
        LOOP
        + """
    import matplotlib.figure
    run.figure("f", matplotlib.figure.Figure())
    run.histogram("h", [1.0, 2.0])
    run.board.flush()
    print(run.checkpoint.save({"step": 1}) is not None, run.dir)
    """
    )
    ranks = [start(tmp_path, source, **environment, RANK=str(rank), WORLD_SIZE="2") for rank in range(2)]
    said = [process.communicate(timeout=120) for process in ranks]
    assert [err for _, err in said] == ["", ""]
    (saved, at), (none, also) = (out.split(maxsplit=1) for out, _ in said)
    assert (saved, none) == ("True", "False")
    assert at == also
    assert len(event_files(Path(at.strip()))) == 1
    assert scalars(Path(at.strip()))["acc/val"] == [(step, 1.0) for step in range(3)]


def test_ranks_that_only_torch_knows_of(tmp_path: Path) -> None:
    source = """
        import os, danlu, torch.distributed as dist, torch.multiprocessing as mp

        def work(rank):
            dist.init_process_group("gloo", init_method="file://" + os.path.abspath("meeting"), rank=rank, world_size=2)
            danlu.run.log(rank=rank, step=0)
            dist.barrier()
            dist.destroy_process_group()

        if __name__ == "__main__":
            danlu.run.params
            mp.spawn(work, nprocs=2)
    """
    folder = tmp_path / "run"
    script(tmp_path, source, **inside(folder))
    assert scalars(folder) == {"rank": [(0, 0.0)]}


def test_a_fork_opens_its_own_file_and_another_rank_none(tmp_path: Path) -> None:
    source = """
        import os, danlu
        danlu.run.log(parent=1, step=0)
        for rank in ("0", "1"):
            pid = os.fork()
            if pid == 0:
                os.environ["RANK"] = rank
                danlu.run.log({"child" + rank: 1}, step=0)
                danlu.run.flush()
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
    """
    folder = tmp_path / "run"
    script(tmp_path, source, **inside(folder))
    assert set(scalars(folder)) == {"parent", "child0"}
    assert len(event_files(folder)) == 2


# Inside a recipe.


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunContext]:
    context = RunContext(id=3, dir=tmp_path, seed=5, params=RunParams({"lr": 0.1}))
    running.enter(context)
    yield context
    running.leave(context)
    context.close()


def test_in_a_recipe_it_is_the_context(run: RunContext) -> None:
    assert (danlu.run.id, danlu.run.dir, danlu.run.seed) == (3, run.dir, 5)
    assert danlu.run.board is run.board
    assert danlu.run.checkpoint is run.checkpoint
    with pytest.raises(AttributeError, match="cannot be set"):
        danlu.run.seed = 3


def test_steps_count_by_themselves(run: RunContext) -> None:
    run.log(a=1)
    run.log(a=2)
    run.log(a=3, step=np.int64(10))
    run.log({"b": 4})
    run.image("picture", np.zeros((4, 4)))
    run.histogram("h", [1.0], step=12)
    run.flush()
    assert scalars(run.dir) == {"a": [(0, 1.0), (1, 2.0), (10, 3.0)], "b": [(11, 4.0)]}
    others = {tag: values(run.dir)[tag][0][0] for tag in ("picture", "h")}
    assert others == {"picture": 11, "h": 12}


def test_a_bad_step_or_value_is_refused(run: RunContext) -> None:
    with pytest.raises(AttributeError):
        run.log(a=1, step=1.5)  # type: ignore[arg-type]
    with pytest.raises((TypeError, ValueError)):
        run.log(a="high")  # type: ignore[arg-type]


def test_checkpoints_are_found_again_and_the_old_ones_go(run: RunContext) -> None:
    import torch

    assert run.checkpoint.load() is None
    for step in range(4):
        run.log(loss=0.5, step=step)
        path = run.checkpoint.save({"step": step, "w": torch.full((2,), float(step))}, keep=2)
        assert path is not None
        assert path.exists()
    assert scalars(run.dir)["loss"][-1] == (3, 0.5)  # written out before the state was saved
    state = run.checkpoint.load()
    assert state is not None
    assert state["step"] == 3
    assert state["w"].tolist() == [3.0, 3.0]
    assert sorted(path.stem for path in run.checkpoint.folder.glob("*.pt")) == ["state-2-3", "state-3-4"]
    for path in run.checkpoint.folder.glob("*.pt"):
        path.write_bytes(b"no")
    with pytest.raises(CheckpointUnreadable):
        run.checkpoint.load()


def test_params_are_read_and_not_written() -> None:
    params = RunParams({"lr": 0.1, "items": 3})
    assert (params.lr, params["items"], params.get("nope", 4), "lr" in params, len(params)) == (
        0.1,
        3,
        4,
        True,
        2,
    )
    for trouble in (lambda: params["nope"], lambda: params.nope):
        with pytest.raises((KeyError, AttributeError), match=r"no param 'nope' \(it has lr, items\)"):
            trouble()
    with pytest.raises(AttributeError, match="cannot be changed"):
        params.lr = 3


@pytest.mark.parametrize("again", ["pickle", "copy"])
def test_params_survive_what_moves_them(again: str) -> None:
    import copy
    import pickle

    params = RunParams({"lr": 0.1})
    moved: Any = pickle.loads(pickle.dumps(params)) if again == "pickle" else copy.deepcopy(params)
    assert moved == params

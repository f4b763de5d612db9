"""`danlu.run` in runs of a real server and worker: each way of starting, several processes, stop and resume."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from up_process import Started, started
from waiting import wait_for

from danlu.client import Client, Run

SCRIPT = r"""
import sys, danlu

run = danlu.run
sys.stdout.write(f"{type(run).__name__} {run.first} {run.params.lr}\n")
for step in range(5):
    run.log(loss=step * run.params.get("lr", 0.5), step=step)
    run.progress(step=step + 1, total=5)
run.checkpoint.save({"seed": run.seed, "id": run.id, "attempt": run.attempt})
assert run.checkpoint.load() is not None or not run.first
"""

LOOP = """
import time, danlu

run = danlu.run
state = run.checkpoint.load() or {"step": 0, "attempts": []}
print("begins at", state["step"], flush=True)
step = state["step"]
while not run.should_stop() and not (run.dir / "enough").exists():
    step += 1
    run.log(step=None, value=step)
    run.progress(step=step)
    time.sleep(0.02)
run.checkpoint.save({"step": step, "attempts": [*state["attempts"], run.attempt]})
print("saved at", step, flush=True)
"""


@contextmanager
def up(home: Path) -> Iterator[tuple[Started, Client]]:
    """A server with a worker that is ready, and a client of it."""
    options = ("--no-demo", "--auth", "none", "--slots", "2")
    with started("up", home, *options) as service, Client(service.ready(), home=home) as client:
        wait_for(client.recipes, 60, "the worker")
        yield service, client


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Started, Client]]:
    with up(tmp_path_factory.mktemp("home")) as made:
        yield made


@pytest.fixture
def client(service: tuple[Started, Client]) -> Client:
    return service[1]


def submit(client: Client, folder: Path, source: str, **fields: object) -> Run:
    (folder / "train.py").write_text(textwrap.dedent(source), encoding="utf-8")
    made = client.upload(folder / "train.py", alone=True)
    return client.submit("exp", snapshot=made, entrypoint=None, **fields)  # type: ignore[arg-type] # of a test's own


@pytest.mark.parametrize(
    "fields",
    [{}, {"environment": "cold"}, {"processes": 2}, {"environment": "cold", "processes": 2}],
    ids=["warm", "cold", "two ranks", "two ranks cold"],
)
def test_a_script_finds_its_run(client: Client, tmp_path: Path, fields: dict[str, object]) -> None:
    run = submit(client, tmp_path, SCRIPT, params={"lr": 0.25}, seed=9, **fields).wait(100)
    assert run.state == "succeeded", run.log().text
    lines = list(run.stream_logs())
    ranks = int(str(fields.get("processes", 1)))
    assert sorted(lines) == sorted(f"ThisRun {rank == 0} 0.25" for rank in range(ranks))
    assert (run.progress.step, run.progress.total) == (5, 5)
    assert {"torch", "numpy"} <= set(run.environment_record()["packages"])
    assert run.metrics("loss").y.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    paths = [item.path for item in run.files()]
    assert [path for path in paths if path.endswith(".pt")] == ["checkpoints/state-4-1.pt"]


def test_cancel_is_heard(client: Client, tmp_path: Path) -> None:
    run = submit(client, tmp_path, LOOP)
    wait_for(lambda: (run.refresh().progress.step or 0) > 3, 60, "progress")
    run.cancel().wait(60)
    assert (run.state, run.reason) == ("cancelled", "cancelled_by_user")
    assert list(run.stream_logs())[-1].startswith("saved at")


def test_a_run_that_its_worker_had_to_stop_goes_on_from_its_checkpoint(
    service: tuple[Started, Client], tmp_path: Path
) -> None:
    up, client = service
    run = submit(client, tmp_path, LOOP)
    wait_for(lambda: (run.refresh().progress.step or 0) > 3, 60, "progress")
    worker = up.child("worker")
    assert worker is not None
    worker.terminate()  # `up` starts another
    wait_for(lambda: run.log().text.count("begins at") == 2, 60, "the second attempt")
    (up.home / "experiments" / "exp" / run.slug / "enough").touch()
    assert run.wait(60).state == "succeeded"
    lines = [line for line in run.stream_logs() if line.startswith(("begins", "saved"))]
    assert lines[0] == "begins at 0"
    assert lines[2] == lines[1].replace("saved", "begins")

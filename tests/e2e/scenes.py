"""A home with something of everything in it, for the tests of pages."""

from pathlib import Path

from rest import Rest

from app.clock import utcnow
from app.runs import queue
from app.runs.words import Reason, RunState
from app.workers import queries as workers
from app.workers.queries import MetricSummary
from danlu.events import EventWriter

NASTY = "<img src=x onerror=alert(1)>"
"""Shown as it stands, never run."""


def furnished(rest: Rest) -> dict[str, int]:
    """Runs in every state, by state; the experiment is `exp`."""
    ids = {}
    for state in (RunState.SUCCEEDED, RunState.CANCELLED):
        run = rest.submit(recipe="rings", params={"lr": 0.01}, name=f"one {state}", tags=["baseline"])
        rest.bring(run["id"], state)
        ids[str(state)] = run["id"]
    ids["failed"] = failed(rest)
    ids["crashed"] = crashed(rest)
    ids["running"], _ = running(rest)
    ids["queued"] = rest.submit(recipe="rings", name=NASTY, notes=NASTY, tags=[NASTY])["id"]
    return ids


def failed(rest: Rest) -> int:
    """A run that failed, with output."""
    run = rest.submit(recipe="rings", name="unlucky")
    token = rest.bring(run["id"], RunState.RUNNING)
    assert token is not None
    folder = rest.folder(run)
    (folder / "stdout.log").write_text(f"epoch 1\nTraceback\nValueError: {NASTY}\n", encoding="utf-8")
    with rest.served.db.write() as session:
        queue.finish(session, run["id"], token, Reason.EXCEPTION, now=utcnow(), detail=f"ValueError: {NASTY}")
    return int(run["id"])


def crashed(rest: Rest) -> int:
    """A run that died of an exception in its own code, below a library's."""
    run = rest.submit(recipe="rings", name="crashed")
    token = rest.bring(run["id"], RunState.RUNNING)
    assert token is not None
    folder = rest.folder(run)
    lines = [f"# line {number} {NASTY}" for number in range(1, 40)]
    lines[19] = f'    raise ValueError("{NASTY}" * 9)  # {"long " * 40}'
    (folder / "train.py").write_text("\n".join(lines), encoding="utf-8")
    (folder / "stdout.log").write_text(
        "epoch 1\n 10%|#         | 1/10 [00:00<00:00, 9.9it/s]Traceback (most recent call last):\n"
        f'  File "{folder}/train.py", line 2, in <module>\n    {lines[1]}\n'
        '  File "/usr/lib/python3/site-packages/torch/fx.py", line 7, in <lambda>\n    call()\n'
        '  File "/usr/lib/python3/site-packages/torch/fx.py", line 9, in call\n    back()\n'
        f'  File "{folder}/train.py", line 20, in back\n    {lines[19].strip()}\nValueError: {NASTY}\n',
        encoding="utf-8",
    )
    with rest.served.db.write() as session:
        queue.finish(session, run["id"], token, Reason.EXCEPTION, now=utcnow(), detail=f"ValueError: {NASTY}")
    return int(run["id"])


def running(rest: Rest) -> tuple[int, str]:
    """A run that trains, with event files, output and progress; gives its lease token, too."""
    run = rest.submit(recipe="rings", params={"lr": 0.02}, name="glowing")
    token = rest.bring(run["id"], RunState.RUNNING)
    assert token is not None
    folder: Path = rest.folder(run)
    (folder / "stdout.log").write_text("epoch 1\nepoch 2\n", encoding="utf-8")
    with EventWriter(folder) as writer:
        for step in range(50):
            writer.scalar("loss/train", 1 / (step + 1), step)
            writer.scalar("val_acc", 1 - 1 / (step + 2), step)
    report(rest, run["id"], token, epoch=4)
    return int(run["id"]), token


def report(rest: Rest, run_id: int, token: str, *, epoch: int) -> None:
    """What the worker writes while the run trains."""
    progress = {
        "phase": "training",
        "step": epoch * 10,
        "total": 100,
        "epoch": epoch,
        "epochs": 10,
        "eta_s": 30.0,
    }
    metrics = [
        MetricSummary(tag, step=epoch * 10, last=last, min=0.1, max=0.9, min_step=1, max_step=2, count=50)
        for tag, last in (("loss/train", 1 / epoch), ("val_acc", 1 - 1 / (epoch + 1)))
    ]
    with rest.served.db.write() as session:
        workers.report(session, run_id, token, now=utcnow(), progress=progress, metrics=metrics)

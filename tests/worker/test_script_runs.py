"""Script runs through a real supervisor and a real database: claimed, laid out, executed, recorded."""

from pathlib import Path
from typing import Any

from supervisor import StartWorker, finished, folder_of, mostly_sqlite, run_of, submit
from waiting import wait_for

from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.environments import store
from app.environments.record import recorded
from app.models import Snapshot
from danlu.scriptform import read_form
from scripts import kept


def submit_script(settings: Settings, database: Database, source: str, /, **values: Any) -> int:
    """A queued run of `train.py` in a snapshot of its own."""
    number = len(list(settings.snapshots_dir.glob("*"))) if settings.snapshots_dir.exists() else 0
    name = f"{number:064x}"
    folder = settings.snapshots_dir / name
    files = {"train.py": source, **values.pop("files", {})}
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
        (folder / path).chmod(0o444)
    now = utcnow()
    with database.write() as session:
        session.add(
            Snapshot(
                id=name, size=1, files=len(files), filename="train.py", entrypoints=["train.py"],
                forms={"train.py": read_form(source).to_dict()}, created_at=now, used_at=now,
            )
        )  # fmt: skip
    values = {"entrypoint": "train.py", "snapshot_id": name} | values
    return submit(database, None, **values)


def log_of(settings: Settings, database: Database, run_id: int) -> str:
    return (folder_of(settings, database, run_id) / "stdout.log").read_text()


@mostly_sqlite
def test_scripts_from_the_queue(
    start: StartWorker, database: Database, settings: Settings, tmp_path: Path
) -> None:
    start(slots=2)
    (settings.datasets_dir).mkdir(parents=True)
    (settings.datasets_dir / "digits.txt").write_text("0123")
    with database.write() as session:
        store.add(session, "gone", str(tmp_path / "python"), actor="user:ann", now=utcnow())
    argv = submit_script(
        settings,
        database,
        "import sys\nprint(sys.argv, open('datasets/digits.txt').read())",
        args=["--a", "b"],
    )
    own = submit_script(
        settings,
        database,
        "import datasets\nprint(datasets.MINE)",
        files={"datasets/__init__.py": "MINE = 7\n"},
    )
    constants = submit_script(settings, database, "LR = 0.1\nprint('lr', LR)", params={"LR": 0.5})
    venv = submit_script(settings, database, "print(1)", environment="venv:gone")
    unknown = submit_script(settings, database, "print(1)", environment="venv:never")
    shell = submit_script(settings, database, "print(1)", environment="shell", entrypoint="cat train.py")
    missing = submit_script(settings, database, "print(1)", entrypoint="other.py")
    cold = submit_script(
        settings, database, "print('cold')", environment="cold", git={"commit": "abc", "dirty": True}
    )
    for run_id, text in (
        (argv, "['train.py', '--a', 'b'] 0123\n"),
        (own, "7\n"),
        (constants, "lr 0.5\n"),
        (shell, "print(1)"),
        (cold, "cold\n"),
    ):
        run = finished(database, run_id)
        assert (run.state, run.reason) == ("succeeded", "completed"), run.detail
        assert log_of(settings, database, run_id) == text
    details = {run_id: finished(database, run_id) for run_id in (venv, unknown, missing)}
    assert {(run.state, run.reason) for run in details.values()} == {("failed", "bad_environment")}
    assert str(tmp_path / "python") in str(details[venv].detail)
    assert "no environment named 'never' is registered" in str(details[unknown].detail)
    assert details[missing].detail == "the snapshot has no file 'other.py'"
    record = recorded(folder_of(settings, database, cold))
    assert record is not None
    assert (record["environment"], record["start"], record["git"]["commit"]) == ("cold", "cold", "abc")
    assert record["packages"]["torch"] == record["torch"]
    assert run_of(database, argv).attempt == 1
    assert "train.py" not in kept(folder_of(settings, database, cold))


def test_a_retry_keeps_what_the_script_has_written(
    start_sqlite: StartWorker, sqlite_database: Database, sqlite_settings: Settings
) -> None:
    start_sqlite()
    source = """
import os, sys
from pathlib import Path
seen = Path("count.txt")
seen.write_text(str(int(seen.read_text()) + 1))
print("attempt", os.environ["DANLU_ATTEMPT"], "count", seen.read_text())
sys.exit(1 if seen.read_text() != "2" else 0)
"""
    run_id = submit_script(sqlite_settings, sqlite_database, source, files={"count.txt": "0"}, max_retries=2)
    run = finished(sqlite_database, run_id)
    assert (run.state, run.attempt) == ("succeeded", 2)
    assert "attempt 2 count 2" in log_of(sqlite_settings, sqlite_database, run_id)


BAD = {
    "floods": (
        "import os\nfor _ in range(500): os.write(1, b'x' * 99_999 + b'\\n')",
        "succeeded",
        "completed",
    ),
    "forks": (
        "import os, time\nfor _ in range(10):\n  if os.fork() == 0:\n    os.setsid(); time.sleep(999)\nos._exit(3)",
        "failed",
        "exit_code",
    ),
    "daemon": (
        "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\ntime.sleep(999)",
        "succeeded",
        "completed",
    ),
    "stubborn": (
        "import signal, time\nsignal.signal(15, signal.SIG_IGN)\ntime.sleep(999)",
        "failed",
        "timeout",
    ),
    "fills": ("open('/dev/full', 'wb', buffering=0).write(b'x')", "failed", "disk_full"),
    "deletes": ("import os, shutil\nshutil.rmtree(os.getcwd())", "succeeded", "completed"),
    "deletes and fails": ("import os, shutil\nshutil.rmtree(os.getcwd())\n1 / 0", "failed", "exit_code"),
}


def test_bad_scripts_harm_nothing_but_their_own_runs(
    start_sqlite: StartWorker, sqlite_database: Database, sqlite_settings: Settings
) -> None:
    worker = start_sqlite(slots=3, cancel_grace_seconds=0.5)
    calm = submit_script(
        sqlite_settings, sqlite_database,
        "import time\nfrom pathlib import Path\nwhile not Path('go').exists(): time.sleep(0.02)\nprint('calm')",
    )  # fmt: skip
    ids = {
        name: submit_script(sqlite_settings, sqlite_database, source, timeout_s=2.0)
        for name, (source, _, _) in BAD.items()
    }
    for name, run_id in ids.items():
        run = finished(sqlite_database, run_id, 60)
        assert (run.state, run.reason) == BAD[name][1:], (name, run.detail)
    assert worker.process.poll() is None
    wait_for(folder_of(sqlite_settings, sqlite_database, calm).exists, 10, "the calm run's folder")
    (folder_of(sqlite_settings, sqlite_database, calm) / "go").touch()
    assert finished(sqlite_database, calm).state == "succeeded"
    # What is left of the worker is itself and its warm process; the runs' processes are looked for when it has stopped.
    wait_for(lambda: len(worker.tree) == 1, 10, "nothing but the warm process")

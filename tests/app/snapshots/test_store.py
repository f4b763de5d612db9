"""What becomes of stored code: crashes are mended at start, what nobody uses goes, what somebody uses stays."""

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from packed import TRAIN, zipped
from rest import Rest, refused, resting
from sqlalchemy import update

from app.clock import utcnow
from app.config import Settings
from app.db import Database
from app.models import Snapshot
from app.snapshots import queries, service, store
from app.snapshots.sweeper import sweep_once
from danlu.commands.checks_snapshots import check_snapshots


def uploaded(rest: Rest, text: str = TRAIN) -> str:
    answer = rest.http.post("/api/v1/snapshots?filename=train.py", content=text)
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["id"])


def aged(rest: Rest, snapshot_id: str, hours: float) -> None:
    with rest.served.db.write() as session:
        then = utcnow() - timedelta(hours=hours)
        session.execute(update(Snapshot).where(Snapshot.id == snapshot_id).values(used_at=then))


def test_unused_code_goes_after_a_day(rest: Rest) -> None:
    settings, db = rest.served.settings, rest.served.db
    old, young, ran = uploaded(rest), uploaded(rest, "x = 1\n"), uploaded(rest, "y = 1\n")
    run = rest.post("/runs", {"experiment": "e", "snapshot": ran})
    assert run.status_code == 201
    for snapshot_id, hours in ((old, 25), (young, 23), (ran, 99)):
        aged(rest, snapshot_id, hours)
    assert sweep_once(settings, db) == 1
    assert {path.name for path in settings.snapshots_dir.iterdir()} == {young, ran}
    refused(rest.post("/runs", {"experiment": "e", "snapshot": old}), 422, "snapshot")
    aged(rest, young, 25)
    assert uploaded(rest, "x = 1\n") == young  # a use
    assert sweep_once(settings, db) == 0


def test_code_that_is_used_meanwhile_is_not_removed(rest: Rest) -> None:
    snapshot_id = uploaded(rest)
    with rest.served.db.read() as session:
        seen = queries.without_runs(session, [snapshot_id])
    assert rest.post("/runs", {"experiment": "e", "snapshot": snapshot_id}).status_code == 201
    with rest.served.db.write() as session:
        assert queries.erase(session, *seen[0]) is False


def test_code_whose_files_are_gone_can_be_uploaded_again(rest: Rest) -> None:
    snapshot_id = uploaded(rest)
    store.discard(rest.served.settings, snapshot_id)
    refused(rest.get(f"/snapshots/{snapshot_id}"), 404)
    refused(rest.post("/runs", {"experiment": "e", "snapshot": snapshot_id}), 422, "snapshot")
    findings = check_snapshots(rest.served.settings)
    assert [finding.level for finding in findings] == ["warning"]
    assert snapshot_id[:12] in findings[0].detail
    assert uploaded(rest) == snapshot_id
    assert rest.get(f"/snapshots/{snapshot_id}").status_code == 200


def test_an_edited_snapshot_is_one_of_its_own(rest: Rest) -> None:
    db, settings = rest.served.db, rest.served.settings
    made = rest.http.post(
        "/api/v1/snapshots?filename=p.zip", content=zipped({"train.py": TRAIN, "a/b.py": "x = 1\n"})
    )
    base = made.json()["id"]
    edited = service.save_edited(
        db, settings, base, {"train.py": "print(1)\n", "c.py": "y = 2\n"}, "p.zip", None, utcnow()
    )
    listing = rest.get(f"/snapshots/{edited.id}").json()["listing"]
    assert [(item["path"], item["size"]) for item in listing] == [("a/b.py", 6), ("c.py", 6), ("train.py", 9)]
    same = service.save_edited(db, settings, base, {}, "p.zip", None, utcnow())
    assert same.id == base
    alone = service.save_edited(db, settings, None, {"train.py": TRAIN}, "train.py", None, utcnow())
    assert alone.id == uploaded(rest)
    with pytest.raises(service.Refused, match="absolute"):
        service.save_edited(db, settings, base, {"/etc/passwd": "x"}, "p.zip", None, utcnow())
    assert not [path for path in settings.snapshots_dir.iterdir() if path.name.startswith(".")]


CRASHING = """
import os, signal, sys
from pathlib import Path
from app.clock import utcnow
from app.config import load_settings
from app.db import Database
from app.snapshots import queries, service, store

settings = load_settings(home=Path(sys.argv[1]), database_url=sys.argv[2] or None)
db = Database(settings.db_url)
module, name = {"after the folder": (store, "place"), "before the folder": (service, "rank"),
                "after the row": (queries, "erase")}[sys.argv[3]]
real = getattr(module, name)

def dying(*args):
    if sys.argv[3] != "before the folder":
        real(*args)
    if sys.argv[3] == "after the row":
        args[0].connection().exec_driver_sql("COMMIT")
    os.kill(os.getpid(), signal.SIGKILL)

setattr(module, name, dying)
if sys.argv[3] == "after the row":
    service.remove_unused(db, settings, utcnow())
else:
    service.save_edited(db, settings, None, {"train.py": "x = 1", "a/b.py": "y = 2"}, "p.zip", None, utcnow())
"""


@pytest.mark.parametrize("moment", ["before the folder", "after the folder", "after the row"])
def test_a_kill_at_any_moment_is_mended_at_start(settings: Settings, database: Database, moment: str) -> None:
    settings.snapshots_dir.mkdir()
    texts = {"train.py": "x = 1", "a/b.py": "y = 2"}
    if moment == "after the row":
        service.save_edited(database, settings, None, texts, "p.zip", None, utcnow())
    command = [sys.executable, "-c", CRASHING, str(settings.home), settings.database_url or "", moment]
    killed = subprocess.run(
        command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert list(settings.snapshots_dir.iterdir())
    with database.read() as session:
        assert queries.all_ids(session) == set()
    assert "left" in check_snapshots(settings)[0].detail
    with resting(settings) as rest:
        assert list(settings.snapshots_dir.iterdir()) == []
        made = service.save_edited(rest.served.db, settings, None, texts, "p.zip", None, utcnow())
        assert rest.get(f"/snapshots/{made.id}").status_code == 200
        assert [path.name for path in settings.snapshots_dir.iterdir()] == [made.id]
    assert [finding.level for finding in check_snapshots(settings)] == ["ok"]

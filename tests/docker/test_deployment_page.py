"""What docs/deployment.md says is run where that needs no Docker engine: SQLite's backup; units and proxies are checked."""

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from docker_docs import blocks

from app.clock import utcnow
from app.config import Settings, load_settings
from app.db import Database
from app.experiments.queries import names
from app.experiments.service import ensure


def shell(script: str, folder: Path, **environment: str) -> None:
    command = ["bash", "-euo", "pipefail", "-c", script]
    subprocess.run(command, cwd=folder, env={**os.environ, **environment}, check=True)


def test_the_page_has_every_command_that_is_tested() -> None:
    assert set(blocks()) == {
        "recipe", "backup", "restore", "sqlite-backup", "sqlite-restore", "systemd", "caddy", "nginx",
    }  # fmt: skip


def test_sqlite_comes_back_from_a_backup_made_while_it_is_open(
    sqlite_settings: Settings, sqlite_database: Database, tmp_path: Path
) -> None:
    """The newest rows are in the write-ahead log, which a plain copy would leave behind."""
    with sqlite_database.write() as session:
        ensure(session, sqlite_settings, "kept", owner_id=None, now=utcnow())
    (sqlite_settings.home / "experiments" / "kept").mkdir(parents=True, exist_ok=True)
    (sqlite_settings.home / "experiments" / "kept" / "note").write_text("kept", encoding="utf-8")
    assert (sqlite_settings.home / "danlu.db-wal").stat().st_size > 0
    kept = tmp_path / "kept"
    kept.mkdir()
    shell(blocks()["sqlite-backup"], kept, DANLU_HOME=str(sqlite_settings.home))
    assert sorted(path.name for path in kept.iterdir()) == ["danlu-files.tar.gz", "danlu.db.backup"]

    fresh = tmp_path / "fresh"
    shell(blocks()["sqlite-restore"], kept, DANLU_HOME=str(fresh))
    restored = Database(load_settings(home=fresh).db_url)
    with restored.read() as session:
        assert names(session) == [("kept", "kept")]
    restored.close()
    connection = sqlite3.connect(fresh / "danlu.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert (fresh / "experiments" / "kept" / "note").read_text(encoding="utf-8") == "kept"


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    unit = tmp_path / "danlu.service"
    text = blocks()["systemd"].replace("/opt/danlu/.venv/bin/danlu", "/bin/true")  # it looks for the program
    unit.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "danlu.service" in line]) == (
        0,
        [],
    )

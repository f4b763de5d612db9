"""What the supervisor learns of a live run, and what of it reaches the database."""

import json
from pathlib import Path

import pytest
from factories import NOW, bring_to, make_experiment, make_run, make_worker
from sqlalchemy import select

from app.db import Database
from app.models import Metric, Run
from app.runs.logfile import LogWriter
from app.runs.words import RunState
from app.workers.queries import report
from danlu.events import EventWriter
from worker import news as news_module
from worker.news import News
from worker.spec import STATUS_FILE


def write(folder: Path, tag: str, values: list[float], first: int = 0) -> None:
    with EventWriter(folder) as writer:
        for step, value in enumerate(values, first):
            writer.scalar(tag, value, step)


def running_run(database: Database) -> tuple[int, str]:
    with database.write() as session:
        make_worker(session)
        run = make_run(session, make_experiment(session))
        token = bring_to(session, run, RunState.RUNNING)
        assert token is not None
        return run.id, token


def tell(database: Database, run: tuple[int, str], news: News) -> None:
    """One look of the supervisor."""
    progress, metrics = news.collect()
    with database.write() as session:
        report(session, *run, now=NOW, progress=progress, metrics=metrics, replace=news.replaces)
    news.taken()


def rows(database: Database, run_id: int) -> dict[str, float | None]:
    with database.read() as session:
        found = session.execute(select(Metric).where(Metric.run_id == run_id)).scalars()
        return {metric.tag: metric.last for metric in found}


def test_rows_get_other_names_with_a_second_folder_of_curves(database: Database, tmp_path: Path) -> None:
    run, news = running_run(database), News(tmp_path)
    write(tmp_path / "logs" / "train", "loss", [1.0])
    write(tmp_path / "logs" / "train", "acc", [0.5])
    tell(database, run, news)
    assert rows(database, run[0]) == {"loss": 1.0, "acc": 0.5}
    write(tmp_path / "logs" / "validation", "loss", [2.0])
    _, metrics = news.collect()
    assert news.replaces
    assert len(metrics) == 3
    # The database was away: the next report still replaces everything.
    write(tmp_path / "logs" / "train", "loss", [0.25], first=1)
    tell(database, run, news)
    assert rows(database, run[0]) == {"train/loss": 0.25, "train/acc": 0.5, "validation/loss": 2.0}
    assert not news.replaces
    write(tmp_path / "logs" / "train", "loss", [0.125], first=2)
    _, metrics = news.collect()
    assert [metric.tag for metric in metrics] == ["train/loss"]


def test_a_later_attempt_drops_the_rows_of_what_its_script_removed(
    database: Database, tmp_path: Path
) -> None:
    run = running_run(database)
    write(tmp_path / "runs" / "a", "loss", [1.0])
    tell(database, run, News(tmp_path))
    for path in (tmp_path / "runs" / "a").iterdir():
        path.unlink()
    write(tmp_path / "runs" / "b", "acc", [0.5])
    tell(database, run, News(tmp_path))
    assert rows(database, run[0]) == {"acc": 0.5}


def test_bars_are_progress_until_the_run_speaks_itself(database: Database, tmp_path: Path) -> None:
    run = running_run(database)
    log = LogWriter(tmp_path, 1 << 20)
    log.write("  90%|█████████ | 90/100 [00:01<00:00, 90it/s] of the attempt before".encode())
    news = News(tmp_path, {"epochs": 5})
    tell(database, run, news)
    assert _progress(database, run[0]) == (None, None, None, None, "starting")
    assert not news.begun
    log.write(b"\r  1%|          | 1/100 [00:01<00:00, 90it/s]")
    tell(database, run, news)
    assert _progress(database, run[0]) == (1, 100, None, None, "training")
    assert news.begun
    assert news.collect() == ({}, [])
    # The bar begins again: it was one epoch of five.
    log.write(
        "\r100%|██████████| 100/100 [00:01<00:00, 90it/s]\r  5%|▌   | 5/100 [00:00<00:01, 90it/s]".encode()
    )
    tell(database, run, news)
    assert _progress(database, run[0]) == (105, 500, 1, 5, "training")
    (tmp_path / STATUS_FILE).write_text(json.dumps({"step": 7, "total": 8}))
    tell(database, run, news)
    assert _progress(database, run[0]) == (7, 8, None, None, "training")
    log.close()


def test_a_guess_that_was_wrong_is_withdrawn(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news_module, "SETTLED_SECONDS", 0.0)
    run, news = running_run(database), News(tmp_path, {"epochs": 3})
    write(tmp_path, "loss", [1.0, 0.5])
    tell(database, run, news)
    assert _progress(database, run[0]) == (None, None, 2, 3, "training")
    write(tmp_path, "loss", [0.25] * 50, first=2)
    tell(database, run, news)
    assert _progress(database, run[0]) == (None, None, None, None, "training")


def test_gigabytes_of_output_are_read_at_their_end(database: Database, tmp_path: Path) -> None:
    run, news = running_run(database), News(tmp_path)
    log = LogWriter(tmp_path, 1 << 22)
    log.write(b"x" * 99 + b"\n")
    log.write((b"y" * 99 + b"\n") * 100_000)
    log.write("\r 50%|█████     | 50/100 [00:01<00:01, 50it/s]".encode())
    tell(database, run, news)
    assert _progress(database, run[0])[:2] == (50, 100)
    log.close()


def _progress(database: Database, run_id: int) -> tuple[object, ...]:
    with database.read() as session:
        run = session.get_one(Run, run_id)
        return run.step, run.total, run.epoch, run.epochs, run.phase

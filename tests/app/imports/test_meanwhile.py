"""What others do while an import is on its way: the same import, and deletions. And what an export may hold that no run has."""

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logdirs import write_run
from rest import Rest

from app.clock import utcnow
from app.errors import Conflict
from app.imports import restore, service, store
from app.imports.curves import MAX_TAG
from app.imports.hparams import read_yaml
from app.imports.service import Wish, import_folder
from app.imports.upload import import_archive, new_scratch
from app.runs.cleanup import delete_run, finish_experiment, mark_experiment
from app.runs.words import RunState
from danlu.events import EventWriter
from danlu.logpack import pack_logdir

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def _one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "BATCH", 1)
    monkeypatch.setattr(restore, "BATCH", 1)


def uploaded(rest: Rest, archive: Path, **more: Any) -> Json:
    settings = rest.served.settings
    folder = new_scratch(settings)
    try:
        shutil.copy(archive, folder / "upload")
        wish = Wish(experiment="old", **more)
        return import_archive(
            rest.served.db, settings, folder / "upload", archive.name, wish, utcnow()
        ).body()
    finally:
        shutil.rmtree(folder)


def in_the_middle(do: Any) -> Any:
    """A progress that does something once, when the first run is there."""
    left = [do]

    def progress(_done: int, _whole: int) -> None:
        if left:
            left.pop()()

    return progress


def logs(tmp_path: Path, count: int = 4) -> Path:
    folder = tmp_path / "logs"
    for number in range(count):
        write_run(folder / f"run{number}", {"loss": [float(number)]})
    return folder


def test_the_same_upload_at_the_same_time_makes_each_run_once(rest: Rest, tmp_path: Path) -> None:
    archive = tmp_path / "logs.tar.gz"
    assert pack_logdir(logs(tmp_path), archive)
    other: list[Json] = []
    mine = uploaded(rest, archive, progress=in_the_middle(lambda: other.append(uploaded(rest, archive))))
    assert (mine["counts"]["added"], mine["unchanged"]) == (1, 3)
    assert (other[0]["counts"]["added"], other[0]["unchanged"]) == (3, 1)
    runs = rest.items(experiment="old")
    assert sorted(run["name"] for run in runs) == ["run0", "run1", "run2", "run3"]
    for run in runs:
        assert len(list(rest.folder(run).glob("*tfevents*"))) == 1


def test_the_same_export_at_the_same_time_makes_each_run_once(rest: Rest, tmp_path: Path) -> None:
    for number in range(3):
        made = rest.submit(name=f"run{number}")
        rest.bring(made["id"], RunState.SUCCEEDED)
        with EventWriter(rest.folder(made)) as writer:
            writer.scalar("loss", float(number), 0)
    archive = tmp_path / "exp-export.zip"
    archive.write_bytes(rest.get("/experiments/exp/export").content)
    other: list[Json] = []
    mine = uploaded(rest, archive, progress=in_the_middle(lambda: other.append(uploaded(rest, archive))))
    assert (mine["counts"]["added"], mine["unchanged"]) == (1, 2)
    assert (other[0]["counts"]["added"], other[0]["unchanged"]) == (2, 1)
    for run in rest.items(experiment="old"):
        (series,) = rest.get("/metrics", run=run["id"]).json()["series"]
        assert series["y"] == [float(run["name"][-1])]
    assert list(rest.served.settings.uploads_dir.iterdir()) == []


def test_a_run_that_is_deleted_while_its_files_are_read_stays_deleted(
    rest: Rest, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(data / "run", {"loss": [1.0]})
    settings, db = rest.served.settings, rest.served.db
    run_id = import_folder(db, settings, data, Wish("old"), utcnow()).added[0]["run"]
    write_run(folder, {"loss": [1.0, 0.5]}, start=2e9)
    read = service.read_run

    def slowly(*args: Any) -> Any:
        delete_run(settings, db, run_id)
        return read(*args)

    monkeypatch.setattr(service, "read_run", slowly)
    report = import_folder(db, settings, data, Wish("old"), utcnow())
    assert report.updated == []
    assert report.notes == [f"run: run {run_id} was deleted meanwhile"]
    assert rest.items() == []


def test_an_experiment_that_is_deleted_during_the_import_ends_it(rest: Rest, data: Path) -> None:
    settings, db = rest.served.settings, rest.served.db
    logs(data)

    def delete() -> None:
        with db.write() as session:
            store.lock_names(session)
        finish_experiment(settings, db, mark_experiment(db, "old"), "old")

    with pytest.raises(Conflict, match="was deleted during the import"):
        import_folder(db, settings, data, Wish("old", progress=in_the_middle(delete)), utcnow())
    assert rest.items() == []


def changed(rest: Rest, **values: Any) -> bytes:
    """An export of one run, in which some of the run's record is another."""
    made = rest.submit()
    rest.bring(made["id"], RunState.SUCCEEDED)
    source = zipfile.ZipFile(io.BytesIO(rest.get("/experiments/exp/export").content))
    (run,) = json.loads(source.read("runs.json"))["runs"]
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as target:
        target.writestr("manifest.json", source.read("manifest.json"))
        target.writestr("runs.json", json.dumps({"runs": [run | values]}))
    return sink.getvalue()


def send(rest: Rest, archive: bytes) -> Any:
    return rest.http.post(
        "/api/v1/import/upload",
        params={"filename": "exp-export.zip", "experiment": "copy"},
        content=archive,
        headers={"Content-Type": "application/octet-stream"},
    )


@pytest.mark.parametrize(
    "values",
    [
        {"created_at": "2026-01-01T00:00:00"}, {"created_at": "0001-01-01T00:00:00+14:00"},
        {"finished_at": "9999-12-31T23:59:59-14:00"}, {"git": {"x": "y" * (1 << 20)}},
        {"events": [{"at": "2026-01-01T00:00:00Z", "actor": "a", "to": "queued", "attempt": 2**40}]},
        {"events": [{"at": "2026-01-01T00:00:00", "actor": "a", "to": "queued"}]},
    ],
)  # fmt: skip
def test_what_no_database_holds_is_named(rest: Rest, values: Json) -> None:
    answer = send(rest, changed(rest, **values))
    assert answer.status_code == 422, answer.text
    assert next(iter(values)) in answer.json()["detail"]


def test_moments_of_any_zone_and_two_summaries_of_a_tag_are_taken(rest: Rest) -> None:
    metric = {
        "tag": "loss",
        "step": 1,
        "last": 1e308,
        "min": 1,
        "max": 2,
        "min_step": 0,
        "max_step": 1,
        "count": 2,
    }
    archive = changed(rest, metrics=[metric, metric | {"last": 7}], created_at="2026-01-01T02:00:00+02:00")  # fmt: skip
    assert send(rest, archive).status_code == 200
    (run,) = rest.items(experiment="copy")
    assert run["created_at"].startswith("2026-01-01T00:00:00")
    assert run["metrics"]["loss"]["last"] == 7


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"tag": ["a", None]}, "a cell is empty"), ({"value": [1.0, None]}, "a cell is empty"),
        ({"step": [1, None]}, "a cell is empty"), ({"tag": ["a", "b" * (MAX_TAG + 1)]}, "characters"),
        ({"tag": [1, 2]}, "no column tag of type string"), ({"step": [0.5, 1.5]}, "no column step of type int64"),
    ],
)  # fmt: skip
def test_a_table_with_holes_leaves_its_run_without_curves(
    rest: Rest, tmp_path: Path, columns: Json, why: str
) -> None:
    series = {"tag": ["a", "b"], "step": [0, 1], "wall_time": [1.0, 2.0], "value": [0.5, 0.25]}
    pq.write_table(pa.table(series | columns), tmp_path / "series.parquet")
    archive = io.BytesIO(changed(rest))
    with zipfile.ZipFile(archive, "a") as target:
        target.write(tmp_path / "series.parquet", f"series/{rest.items()[0]['id']}.parquet")
    report = send(rest, archive.getvalue()).json()
    assert report["counts"]["added"] == 1
    assert why in report["notes"][0]


def test_folders_of_an_export_that_are_links_are_not_followed(rest: Rest, data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(changed(rest))) as archive:
        archive.extractall(data)
    number = str(rest.items()[0]["id"])
    for name in ("files", "series"):
        (tmp_path / name / number).mkdir(parents=True)
        (data / name).symlink_to(tmp_path / name)
    (tmp_path / "files" / number / "secret.txt").write_text("secret")
    (tmp_path / "series" / f"{number}.parquet").write_text("no table")
    answer = rest.post("/import", {"path": str(data), "experiment": "copy"})
    assert (answer.status_code, answer.json()["notes"]) == (200, [])
    (run,) = rest.items(experiment="copy")
    assert rest.get(f"/runs/{run['id']}/files").json()["items"] == []


def test_numbers_without_end_in_hparams_are_survived(tmp_path: Path) -> None:
    file = tmp_path / "hparams.yaml"
    file.write_text(f"big: 0x{'F' * 20_000}\n? 0x{'F' * 20_000}\n: key\nlist: [0x{'F' * 20_000}]\nlr: 0.5\n")
    assert read_yaml(file) == {"big": "…", "…": "key", "list": ["…"], "lr": 0.5}

"""`danlu import` and `danlu export` as they are typed: in the home itself, and over REST."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from logdirs import lightning, state_of, write_run
from rest import Rest, resting

from app.config import Settings

Json = dict[str, Any]


def danlu(*words: str | Path, home: Path, url: str | None = None, code: int = 0) -> tuple[str, str]:
    """Type it; gives stdout and stderr."""
    environment = {"PATH": "/usr/bin:/bin", "DANLU_HOME": str(home), "HOME": str(home)}
    if url:
        environment["DANLU_URL"] = url
    done = subprocess.run(
        [sys.executable, "-m", "danlu", *map(str, words)],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


def report(*words: str | Path, home: Path, url: str | None = None) -> Json:
    found: Json = json.loads(danlu(*words, "--json", home=home, url=url)[0])
    return found


@pytest.fixture
def rest(sqlite_settings: Settings) -> Iterator[Rest]:
    with resting(sqlite_settings) as made:
        yield made


def test_in_place_whether_a_server_runs_or_not(home: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    write_run(logs / "a", {"loss": [1.0, 0.5]})
    lightning(logs, 2, "lr: 0.5\n")
    before = state_of(logs)
    told = danlu("import", logs, "-e", "old", "--dry-run", home=home)[0]
    assert "2 would be added, 0 would be updated, 0 unchanged" in told
    said = danlu("import", logs, "--experiment", "old", "--tag", "x", home=home)[0]
    assert "2 added, 0 updated, 0 unchanged in old" in said
    assert "lightning_logs/version_2" in said
    again = report("import", logs, "-e", "old", home=home)
    assert (again["counts"], again["unchanged"]) == ({"added": 0, "updated": 0}, 2)
    assert state_of(logs) == before


def test_what_is_wrong_is_one_line(home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for words, said in (
        ((tmp_path / "nowhere", "-e", "x"), "is not there"),
        ((tmp_path / "empty",), "--experiment"),
        ((tmp_path / "empty", "-e", "x"), "no event file"),
        ((tmp_path / "empty", "-e", ""), "--experiment"),
        ((tmp_path / "empty", "-e", "x", "-t", "y" * 65), "--tag"),
        ((tmp_path / "empty", "-e", "x", "--upload", "--dry-run"), "--dry-run"),
    ):
        error = danlu("import", *words, home=home, code=2)[1]
        assert error.startswith("danlu: ")
        assert error.count("\n") == 1
        assert said in error
    elsewhere = danlu(
        "import", tmp_path / "empty", "-e", "x", home=home, url="https://danlu.example.org", code=2
    )
    assert "--upload" in elsewhere[1]


def test_out_and_in_again_over_rest(rest: Rest, home: Path, tmp_path: Path) -> None:
    url = rest.served.url
    logs = tmp_path / "logs"
    run = write_run(logs / "a", {"loss": [1.0, float("nan")]})
    (run / "secret.txt").write_text("stays at home")
    sent = report("import", logs, "-e", "old", "--upload", home=home, url=url)
    assert sent["counts"]["added"] == 1
    kept = rest.get(f"/runs/{sent['added'][0]['run']}/files").json()["items"]
    assert [item["path"] for item in kept] == [path.name for path in run.glob("*tfevents*")]

    danlu("export", "old", tmp_path / "out.zip", home=home, url=url)
    danlu("export", "old", tmp_path / "out", "--files", home=home, url=url)
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert {"manifest.json", "runs.json", "runs.parquet", "events.json"} <= set(archive.namelist())
    assert [
        path.name.partition(".")[0] for path in (tmp_path / "out" / "files").rglob("*") if path.is_file()
    ] == ["events"]
    assert "is there already" in danlu("export", "old", tmp_path / "out", home=home, url=url, code=2)[1]
    danlu("export", "nothing", tmp_path / "no.zip", home=home, url=url, code=2)
    assert not (tmp_path / "no.zip").exists()

    assert report("import", tmp_path / "out.zip", "-e", "one", home=home)["counts"]["added"] == 1
    assert report("import", tmp_path / "out", "-e", "two", home=home)["counts"]["added"] == 1
    assert (
        report("import", tmp_path / "out", "-e", "three", "--upload", home=home, url=url)["counts"]["added"]
        == 1
    )
    for experiment in ("one", "two", "three"):
        (run_again,) = rest.items(experiment=experiment)
        assert run_again["metrics"]["loss"]["nonfinite"] == "nan"
        (series,) = rest.get("/metrics", run=run_again["id"]).json()["series"]
        assert (series["y"], series["nonfinite"]) == ([1.0, None], [[1, "nan"]])

"""Out and back in: everything but the ids is as it was, whatever names, values and outcomes there are."""

import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tried
from hypothesis import strategies as some
from rest import Rest, refused

from app.runs.words import RunState
from danlu.events import EventWriter
from danlu.wholeruns import read_curves

Json = dict[str, Any]
NEW = {
    "id", "slug", "experiment", "experiment_name", "links", "updated_at", "owner", "worker", "parent", "position",
}  # fmt: skip


def exported(rest: Rest, slug: str = "exp", **query: Any) -> bytes:
    answer = rest.get(f"/experiments/{slug}/export", **query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    return answer.content


def bring_back(rest: Rest, data: bytes, experiment: str | None = "copy", status: int = 200) -> Json:
    query = {"filename": "exp-export.zip"} | ({"experiment": experiment} if experiment else {})
    answer = rest.http.post(
        "/api/v1/import/upload",
        params=query,
        content=data,
        headers={"Content-Type": "application/octet-stream"},
    )
    assert answer.status_code == status, answer.text
    report: Json = answer.json()
    return report


def ended(rest: Rest, state: RunState = RunState.SUCCEEDED, **fields: Any) -> Json:
    made = rest.submit(**fields)
    rest.bring(made["id"], state)
    run: Json = rest.get(f"/runs/{made['id']}").json()
    return run


def write(rest: Rest, run: Json, curves: dict[str, list[tuple[int, float, float]]]) -> None:
    with EventWriter(rest.folder(run)) as writer:
        for tag, points in curves.items():
            for step, wall, value in points:
                writer.scalar(tag, value, step, wall)


def curves_of(rest: Rest, run: Json) -> dict[str, list[tuple[int, float, str]]]:
    found = read_curves(rest.folder(run))
    return {
        tag: [
            (step, wall, repr(value))
            for step, wall, value in zip(curve.step, curve.wall, curve.value, strict=True)
        ]
        for tag, curve in found.items()
    }


def back(rest: Rest, report: Json, old: int) -> Json:
    (new,) = (item["run"] for item in report["added"] if item["path"] == f"run {old}")
    run: Json = rest.get(f"/runs/{new}").json()
    return run


def same(old: Json, new: Json) -> None:
    assert {key: value for key, value in new.items() if key not in NEW} == {
        key: value for key, value in old.items() if key not in NEW
    }


def test_outcomes_labels_and_timelines_come_back(rest: Rest) -> None:
    first = ended(
        rest, name="名前 ☃ 'quoted'", tags=["a b", "ß"], notes="line\nline\t🙂", params={"lr": 1e-300, "x": [1, None, {"k": "v"}]},
    )  # fmt: skip
    failed = ended(rest, RunState.FAILED, name="x" * 200)
    cancelled = ended(rest, RunState.CANCELLED)
    child = rest.post(f"/runs/{first['id']}/clone", {"params": {"lr": 2}}).json()
    rest.bring(child["id"], RunState.SUCCEEDED)
    child = rest.get(f"/runs/{child['id']}").json()
    waiting = rest.submit(name="waiting")
    report = bring_back(rest, exported(rest))
    assert report["counts"] == {"added": 5, "updated": 0}
    for old in (first, failed, cancelled, child):
        new = back(rest, report, old["id"])
        same(old, new)
        before = rest.get(f"/runs/{old['id']}/events").json()["items"]
        *history, last = rest.get(f"/runs/{new['id']}/events").json()["items"]
        assert [{**event, "id": 0} for event in history] == [{**event, "id": 0} for event in before]
        assert last["detail"] == f"imported from an export: run {old['id']} of exp"
    assert back(rest, report, child["id"])["parent"] == back(rest, report, first["id"])["id"]
    still = back(rest, report, waiting["id"])
    assert (still["state"], still["detail"]) == ("cancelled", "was queued when it was exported")


def test_the_same_export_again_adds_nothing(rest: Rest) -> None:
    run = ended(rest)
    write(rest, run, {"loss": [(0, 1.0, 2.0)]})
    data = exported(rest)
    assert bring_back(rest, data)["counts"]["added"] == 1
    assert bring_back(rest, data)["counts"] == {"added": 0, "updated": 0}
    assert (
        bring_back(rest, data, experiment=None)["counts"]["added"] == 1
    )  # into the experiment of its own name
    assert len(rest.items(experiment="exp")) == 2


POINT = some.floats(width=32, allow_nan=True, allow_infinity=True)
TAG = some.text(some.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
PARAMS = some.dictionaries(
    some.text(some.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"]), min_size=1, max_size=20).filter(str.strip),
    some.none() | some.booleans() | some.integers(-(2**63), 2**63 - 1) | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50) | some.lists(some.integers(-9, 9), max_size=3),
    max_size=6,
)  # fmt: skip


@tried(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    curves=some.dictionaries(
        TAG,
        some.lists(
            some.tuples(some.integers(0, 2**62), some.floats(1, 2e9), POINT),
            min_size=1, max_size=20, unique_by=lambda point: point[0],
        ),
        max_size=4,
    ),
    params=PARAMS,
)  # fmt: skip
def test_any_curve_and_param_comes_back(rest: Rest, curves: dict[str, list[Any]], params: Json) -> None:
    run = ended(rest, params=params)
    write(rest, run, {tag: sorted(points) for tag, points in curves.items()})
    report = bring_back(rest, exported(rest))
    new = back(rest, report, run["id"])
    assert new["params"] == run["params"] == params
    assert curves_of(rest, new) == curves_of(rest, run)
    assert set(curves_of(rest, new)) == set(curves)


def test_the_curves_are_served_and_the_summaries_are_there(rest: Rest) -> None:
    run = ended(rest)
    values = [1.5, float("nan"), float("inf"), -2.0]
    write(rest, run, {"train/loss": [(step, 100.0 + step, value) for step, value in enumerate(values)]})
    new = back(rest, bring_back(rest, exported(rest)), run["id"])
    (series,) = rest.get("/metrics", run=new["id"]).json()["series"]
    (before,) = rest.get("/metrics", run=run["id"]).json()["series"]
    assert {**series, "run": 0} == {**before, "run": 0}
    assert series["nonfinite"] == [[1, "nan"], [2, "inf"]]


def test_files_come_along_when_asked_for(rest: Rest) -> None:
    run = ended(rest)
    folder = rest.folder(run)
    write(rest, run, {"loss": [(0, 1.0, 2.0), (1, 2.0, 1.0)]})
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "last.pt").write_bytes(bytes(range(256)) * 5000)
    (folder / "link").symlink_to("/etc/passwd")
    assert not any(
        name.startswith("files/") for name in zipfile.ZipFile(io.BytesIO(exported(rest))).namelist()
    )
    new = back(rest, bring_back(rest, exported(rest, files=True)), run["id"])
    there = rest.folder(new)
    assert (there / "checkpoints" / "last.pt").read_bytes() == bytes(range(256)) * 5000
    assert len(list(there.glob("*tfevents*"))) == 1
    assert not (there / "link").exists()
    assert curves_of(rest, new) == curves_of(rest, run)


def test_ten_thousand_tags_and_more_come_back(rest: Rest) -> None:
    run = ended(rest)
    tags = [f"layer{number}/norm" for number in range(10_050)]
    write(rest, run, {tag: [(0, 1.0, float(number))] for number, tag in enumerate(tags)})
    new = back(rest, bring_back(rest, exported(rest)), run["id"])
    assert set(read_curves(rest.folder(new))) == set(tags)


def test_the_tables_are_what_pandas_reads(rest: Rest, tmp_path: Path) -> None:
    one = ended(rest, name="one", params={"lr": 0.1, "net": "mlp"}, tags=["x"])
    two = ended(rest, name="two", params={"lr": 1, "net": None, "deep": {"a": 1}})
    write(rest, one, {"loss": [(0, 10.0, 0.5), (7, 11.0, math.nan)]})
    with zipfile.ZipFile(io.BytesIO(exported(rest))) as archive:
        archive.extractall(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["format"], manifest["version"], manifest["runs"]) == ("danlu-export", 1, 2)
    runs = pd.read_parquet(tmp_path / "runs.parquet")
    assert list(runs["id"]) == [one["id"], two["id"]]
    assert list(runs["params.lr"]) == [0.1, 1.0]
    assert str(runs["created_at"].dtype).startswith("datetime64")
    series = pd.read_parquet(tmp_path / "series" / f"{one['id']}.parquet")
    assert list(series.columns) == ["run_id", "tag", "step", "wall_time", "value"]
    assert list(series["step"]) == [0, 7]
    assert series["value"].isna().tolist() == [False, True]
    assert not (tmp_path / "series" / f"{two['id']}.parquet").exists()


def edited(data: bytes, **files: Any) -> bytes:
    """An export with some of its files written anew; None leaves one out."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(sink, "w") as target:
        for name in source.namelist():
            content = files.get(name.partition(".")[0], source.read(name))
            if content is not None:
                target.writestr(name, content if isinstance(content, bytes) else json.dumps(content))
    return sink.getvalue()


def test_what_is_wrong_in_an_export_is_named(rest: Rest) -> None:
    ended(rest)
    data = exported(rest)
    runs = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("runs.json"))["runs"]
    manifest = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("manifest.json"))
    newer = bring_back(rest, edited(data, manifest=manifest | {"version": 99}), status=422)
    assert "version 99" in newer["detail"]
    bad: list[tuple[str, Any]] = [
        ("seed", -1), ("state", "flying"), ("name", ""), ("processes", 0), ("created_at", "yesterday"), ("env", {"A": 1}),
        ("colour", 99), ("snapshot", "../../etc"),
    ]  # fmt: skip
    for field, value in bad:
        answer = bring_back(rest, edited(data, runs={"runs": [runs[0] | {field: value}]}), status=422)
        assert field in answer["detail"], answer
    partly = edited(data, runs={"runs": [runs[0], runs[0] | {"id": 5000, "seed": "x"}]})
    report = bring_back(rest, partly, "partly")
    assert report["counts"]["added"] == 1
    assert "seed" in report["notes"][0]
    bring_back(rest, edited(data, runs=b'{"runs": [NaN]}'), status=422)


def test_a_table_that_is_none_leaves_the_run_without_curves(rest: Rest) -> None:
    run = ended(rest)
    write(rest, run, {"loss": [(0, 1.0, 2.0)]})
    data = edited(exported(rest), **{f"series/{run['id']}": b"no parquet"})
    report = bring_back(rest, data)
    assert report["counts"]["added"] == 1
    assert f"run {run['id']}" in report["notes"][0]


@pytest.mark.parametrize("slug", ["nothing", "no thing"])
def test_there_must_be_an_experiment(rest: Rest, slug: str) -> None:
    refused(rest.get(f"/experiments/{slug}/export"), 404)

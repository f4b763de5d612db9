"""The client and a real server."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from boards import write_scalars
from rest import Rest, resting
from waiting import wait_for

import danlu.rest
from app.answers import RunOut
from app.config import Settings
from app.runs.logfile import LogWriter
from app.runs.words import RunState
from danlu.board import Board
from danlu.client import ApiError, Client, Run, to_pandas
from danlu.client.records import Of
from danlu.client.runrecord import RunRecord


@pytest.fixture
def rest(sqlite_settings: Settings) -> Iterator[Rest]:
    with resting(sqlite_settings) as served:
        yield served


@pytest.fixture
def client(rest: Rest, tmp_path: Path) -> Iterator[Client]:
    with Client(rest.served.url, home=tmp_path) as made:
        yield made


@pytest.fixture
def run(client: Client) -> Run:
    return client.submit("exp", "free", {"lr": 0.1}, name="first", tags=["a"], seed=3)


def test_the_names_of_a_run_are_fields_of_the_server() -> None:
    named = {field._key for field in vars(RunRecord).values() if isinstance(field, Of)}
    assert len(named) > 40
    assert named <= set(RunOut.model_fields)


def test_a_run_says_what_it_is(run: Run, client: Client) -> None:
    assert (run.experiment, run.recipe, run.params, run.tags, run.seed) == (
        "exp",
        "free",
        {"lr": 0.1},
        ["a"],
        3,
    )
    assert (run.state, run.ended, run.position, run.reason) == ("queued", False, 1, None)
    assert run.created_at.tzinfo is not None
    assert (run.started_at, run.progress.step, run.summary) == (None, None, {})
    assert repr(run) == f"Run(id={run.id}, name='first', state='queued', reason=None)"
    assert client.run(run.id) == run
    with pytest.raises(AttributeError, match="cannot be set"):
        run.state = "succeeded"  # type: ignore[misc]


def test_a_run_is_changed_cloned_retried_and_deleted(run: Run, rest: Rest) -> None:
    assert run.change(name="second", tags=[], priority=5).name == "second"
    assert (run.tags, run.priority, run.notes) == ([], 5, "")
    cloned = run.clone(params={"depth": 2}, seed=4, idempotency_key="twice")
    assert (cloned.params, cloned.seed, cloned.parent) == ({"lr": 0.1, "depth": 2}, 4, run.id)
    assert run.clone(params={"depth": 2}, seed=4, idempotency_key="twice").id == cloned.id
    with pytest.raises(ApiError, match="has ended") as caught:
        run.retry()
    assert (caught.value.status, caught.value.code) == (409, "conflict")
    rest.bring(run.id, RunState.SUCCEEDED)
    assert run.wait(1).state == "succeeded"
    again = run.retry()
    assert (again.parent, again.params, again.state) == (run.id, run.params, "queued")
    assert [event.after for event in run.events()] == ["queued", "running", "succeeded"]
    assert again.cancel().state == "cancelled"
    assert again.ended
    again.delete()
    with pytest.raises(ApiError) as gone:
        again.refresh()
    assert gone.value.status == 404


def test_wrong_fields_are_named(client: Client) -> None:
    with pytest.raises(ApiError) as caught:
        client.submit("exp", "rings", {"lr": 2})
    assert caught.value.status == 422
    assert "params.lr" in caught.value.fields


def test_lists_are_whole_and_lazy(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(danlu.rest, "PAGE", 2)
    ids = [client.submit("exp", "free", {"n": number}, tags=["b"]).id for number in range(5)]
    client.submit("other", "free")
    assert [run.id for run in client.runs(experiment="exp")] == ids[::-1]
    assert [run.id for run in client.runs(tag=["b"], state=["queued"], sort="params.n", limit=3)] == ids[:3]
    assert next(client.runs()).experiment == "other"
    assert [item.slug for item in client.experiments()] == ["other", "exp"]


def test_experiments(client: Client) -> None:
    made = client.create_experiment("Two rings", "About rings.")
    assert (made.slug, made.runs, made.states.get("queued", 0)) == ("two-rings", 0, 0)
    assert client.change_experiment("two-rings", description="More.").description == "More."
    assert client.experiment("two-rings").name == "Two rings"
    with pytest.raises(ApiError, match="already"):
        client.create_experiment("two RINGS")
    assert [item.slug for item in client.experiments(q="rings")] == ["two-rings"]
    client.delete_experiment("two-rings")
    with pytest.raises(ApiError):
        client.experiment("two-rings")


def test_what_else_the_server_has(client: Client, run: Run) -> None:
    assert {recipe.name: recipe.error for recipe in client.recipes()}["broken"] == "SyntaxError: line 3"
    assert client.recipe("rings").schema["properties"]["lr"]["default"] == 0.001
    (worker,) = client.workers()
    assert (worker.name, worker.live, worker.devices[0].device, worker.runs) == ("w1", True, "cpu", ())
    me = client.me()
    assert {"read", "submit"} <= set(me.scopes)
    made = client.create_token("laptop", "read", expires_days=None)
    assert made.token is not None
    assert made.token.startswith("danlu_")
    assert made.expires_at is None
    client.delete_token(made.id)
    (listed,) = client.tokens()
    assert (listed.name, listed.token, listed.revoked_at is not None) == ("laptop", None, True)


def test_a_tensorboard_is_started_and_stopped(client: Client, run: Run) -> None:
    assert client.tensorboard("exp").state == "stopped"
    client.start_tensorboard("exp")
    started = wait_for(
        lambda: next((item for item in client.tensorboards() if item.state == "ready"), None), 60
    )
    assert started.experiment == "exp"
    assert client.stop_tensorboard("exp").state == "stopped"


def test_curves_are_arrays(client: Client, run: Run, rest: Rest) -> None:
    folder = rest.folder(run.data)
    with Board(folder) as board:
        for step, value in enumerate([1.0, math.nan, -math.inf, 0.25]):
            board.scalar("loss", value, step * 10)
            board.scalar("acc/val", step, step)
    loss = run.metrics("loss")
    assert loss.step.tolist() == [0, 10, 20, 30]
    assert loss.step.dtype == np.int64
    assert np.array_equal(loss.y, [1.0, math.nan, -math.inf, 0.25], equal_nan=True)
    assert (loss.x == loss.step).all()
    assert len(loss) == loss.total == 4
    assert run.metric_tags() == ["acc/val", "loss"] == sorted(run.metrics())
    assert run.metrics("loss", x="relative").x[0] == 0.0
    with pytest.raises(KeyError, match="no scalar 'lss'; it has acc/val, loss"):
        run.metrics("lss")


def test_curves_are_thinned_when_that_is_wanted(client: Client, run: Run, rest: Rest) -> None:
    write_scalars(rest.folder(run.data), count=500)
    other = client.submit("exp", "free")
    write_scalars(rest.folder(other.data), tag="other", count=3)
    assert len(run.metrics("loss")) == 500
    thin, short = client.metrics([run, other.id], points=50)
    assert (len(thin) <= 50, thin.total, short.tag, len(short)) == (True, 500, "other", 3)


def test_curves_as_pandas(client: Client, run: Run, rest: Rest) -> None:
    write_scalars(rest.folder(run.data), count=3)
    write_scalars(rest.folder(run.data), tag="acc", count=2)
    frame = run.metrics(as_="pandas")
    assert list(frame.columns) == ["run", "tag", "step", "x", "wall", "value"]
    wide = frame.pivot(index="step", columns="tag", values="value")
    assert wide["loss"].tolist() == pytest.approx([1, math.exp(-1 / 50), math.exp(-2 / 50)], rel=1e-6)
    assert wide["acc"].isna().tolist() == [False, False, True]
    assert run.metrics("acc", as_="pandas").index.tolist() == [0, 1]
    assert to_pandas([]).empty


def test_files_are_listed_read_and_fetched(run: Run, rest: Rest, tmp_path: Path) -> None:
    folder = rest.folder(run.data)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "a b#ü.pt").write_bytes(b"weights")
    (folder / "result.json").write_text("{}")
    assert [(item.path, item.size) for item in run.files()] == [
        ("checkpoints/a b#ü.pt", 7),
        ("result.json", 2),
    ]
    assert run.read("checkpoints/a b#ü.pt") == b"weights"
    assert run.download("result.json", tmp_path) == tmp_path / "result.json"
    assert run.download("result.json", tmp_path / "new" / "r.json").read_text() == "{}"
    fetched = run.download_all(tmp_path / "all", "checkpoints/*")
    assert fetched == [tmp_path / "all" / "checkpoints" / "a b#ü.pt"]
    assert len(run.download_all(tmp_path / "all")) == 2
    with pytest.raises(ApiError) as caught:
        run.download("nope", tmp_path / "nope")
    assert caught.value.status == 404
    assert not (tmp_path / "nope").exists()
    assert not list(tmp_path.rglob("*.part"))


def test_a_path_that_leads_out_is_not_written(run: Run, tmp_path: Path) -> None:
    for path in ("../x", "/x", "a/../../x", "", "a\\b"):
        with pytest.raises(ValueError, match="no path"):
            run.download(path, tmp_path)


def test_output_by_lines_and_its_end(run: Run, rest: Rest) -> None:
    writer = LogWriter(rest.folder(run.data), 1 << 20)
    writer.write("一\n二\nthree".encode())
    writer.close()
    assert list(run.stream_logs(follow=False)) == ["一", "二", "three"]
    assert run.log(tail=1).text == "three"
    text, offset = run.log(4)
    assert (text, offset) == ("二\nthree", 13)


def test_live_events(client: Client, run: Run, rest: Rest) -> None:
    events = client.stream(f"run:{run.id}")
    first = next(events)
    assert (first.name, first.data["state"]) == ("run", "queued")
    run.cancel()
    assert next(event.data["state"] for event in events if event.data["state"] != "queued") == "cancelled"
    events.close()  # type: ignore[attr-defined]
    with pytest.raises(ApiError, match="no topic"):
        next(client.stream("nonsense"))


def test_runs_outlive_their_client_and_nothing_is_left_open(rest: Rest, tmp_path: Path) -> None:
    import gc
    import warnings

    run = Client(rest.served.url, home=tmp_path).submit("exp", "free")
    gc.collect()
    assert run.refresh().state == "queued"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        del run
        gc.collect()
    assert [str(item.message) for item in told if item.category is ResourceWarning] == []

"""The client's calls on many runs, views, reports and collections, against a real server."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from boards import write_scalars
from fakes.scripted_server import Answer, in_turn, scripted
from rest import Rest, resting

import danlu.client.comparing
import danlu.rest
from app.config import Settings
from app.runs.words import RunState
from danlu.board import Board
from danlu.client import ApiError, Client, UnreachableError


@pytest.fixture
def rest(sqlite_settings: Settings, tmp_path: Path) -> Iterator[Rest]:
    settings = sqlite_settings.model_copy(update={"import_roots": (tmp_path,)})
    with resting(settings) as served:
        yield served


@pytest.fixture
def client(rest: Rest, tmp_path: Path) -> Iterator[Client]:
    with Client(rest.served.url, home=tmp_path) as made:
        yield made


def ended(client: Client, rest: Rest, **params: float) -> int:
    """A run that has succeeded."""
    run = client.submit("exp", "free", params, seed=int(params.get("n", 0)))
    rest.bring(run.id, RunState.SUCCEEDED)
    return run.id


def test_one_action_on_many_runs(client: Client, rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    done, waiting = ended(client, rest, n=1), client.submit("exp", "free")
    assert client.bulk([done, waiting], "tag", tag="good").done == [done, waiting.id]
    assert waiting.refresh().tags == ["good"]
    outcome = client.bulk([done, waiting, 999], "archive")
    assert outcome.done == [done]
    assert [one.id for one in outcome.refused] == [waiting.id, 999]
    assert "has ended can be archived" in outcome.refused[0].error
    assert client.run(done).archived_at is not None
    assert [run.id for run in client.runs()] == [waiting.id]
    assert {run.id for run in client.runs(archived=True)} == {done, waiting.id}
    monkeypatch.setattr(danlu.client.comparing, "RUNS_AT_ONCE", 1)
    assert client.bulk([done, waiting], "delete").done == [done]
    with pytest.raises(ApiError) as caught:
        client.bulk([waiting], "cancel", tag="good")
    assert caught.value.status == 422


def test_a_cancel_of_many_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(danlu.rest, "FIRST_DELAY", 0.001)
    with scripted(in_turn(Answer(drop=True))) as server, Client(server.url, "x") as client:
        with pytest.raises(UnreachableError):
            client.bulk([1], "cancel")
        assert len(server.asked) == 1
        with pytest.raises(UnreachableError):
            client.bulk([1], "tag", tag="a")
        assert len(server.asked) == 1 + danlu.rest.RETRIES + 1


def test_a_table_of_runs(client: Client, rest: Rest) -> None:
    first, second = ended(client, rest, lr=0.1), ended(client, rest, lr=0.01, depth=2)
    table = client.table(experiment="exp", sort="params.lr")
    assert (table.ids, len(table), table.total) == ([second, first], 2, 2)
    assert table.columns["params"] == [{"lr": 0.01, "depth": 2}, {"lr": 0.1}]
    assert client.table(q="lr>0.05").ids == [first]
    assert client.table(runs=[second]).ids == [second]
    frame = table.to_pandas()
    assert frame.loc[second, "params.depth"] == 2
    assert math.isnan(frame.loc[first, "params.depth"])
    with pytest.raises(ApiError) as caught:
        client.table(q="lr>")
    assert "column" in caught.value.fields["q"]


def test_the_last_values_of_a_table_are_what_they_are() -> None:
    metric = {"run": [3, 5, 6], "last": [0.5, None, None], "nonfinite": [None, "inf", None]}
    answer = {"total": 3, "columns": {"id": [6, 5, 3], "params": [{}, {}, {}]}, "metrics": {"loss": metric}}
    with scripted(in_turn(Answer(200, answer))) as server, Client(server.url, "x") as client:
        table = client.table()
    assert table.last("loss") == {3: 0.5, 5: math.inf}
    assert table.last("other") == {}
    assert table.to_pandas()["metrics.loss"].tolist()[1:] == [math.inf, 0.5]
    assert server.asked[0].query == {"sort": ["-created"]}


def test_completions(client: Client, rest: Rest) -> None:
    ended(client, rest, lr=0.1)
    found = client.complete("state:run", experiment="exp")
    assert (found.start, found.end) == (6, 9)
    assert [item.text for item in found.items] == ["running"]
    assert "lr" in [item.label for item in client.complete("l tag:x", 1).items]


def test_two_runs_are_compared(client: Client, rest: Rest) -> None:
    first, second = ended(client, rest, lr=0.1), ended(client, rest, lr=0.5)
    found = client.diff(first, client.run(second), ["values"])
    (row,) = [row for row in found.params or [] if row["key"] == "lr"]
    assert (row["a"], row["b"], row["delta"]) == (0.1, 0.5, 0.4)
    assert (found.a["id"], found.code, found.log) == (first, None, None)
    assert client.diff(first, second, mask=True).log is not None
    with pytest.raises(TypeError, match="list of names"):
        client.diff(first, second, "values")  # type: ignore[arg-type]
    with pytest.raises(ApiError, match="another run"):
        client.diff(first, first)


def test_seeds_and_what_a_metric_depends_on(client: Client, rest: Rest) -> None:
    for number in range(4):
        ended(client, rest, lr=0.1, n=number)
    seeds = client.seeds(experiment="exp")
    assert seeds.metric is None
    assert sum(len(group.runs) for group in seeds.groups) == 4
    found = client.importance("loss", experiment="exp")
    assert (found.metric, found.n, found.left_out, found.items) == ("loss", 0, 4, ())
    with pytest.raises(ApiError, match="experiment"):
        client.seeds()


def test_two_groups_of_seeds_are_named_by_a_run_of_each() -> None:
    group = {"key": "g", "label": "lr=0.1", "n": 3, "mean": 1.0, "runs": []}
    comparison = {
        "a": "g",
        "b": "h",
        "n": [3, 4],
        "p": 0.01,
        "verdict": "different",
        "test": "Welch's t-test",
    }
    answer = {"metric": "loss", "value": "min", "groups": [group], "comparison": comparison}
    with scripted(in_turn(Answer(200, answer))) as server, Client(server.url, "x") as client:
        found = client.seeds(experiment="exp", value="min", a=3, b=9, test="mannwhitney")
    assert found.groups[0].mean == 1.0
    assert found.comparison is not None
    assert (found.comparison.n, found.comparison.verdict) == ((3, 4), "different")
    assert server.asked[0].query == {
        "experiment": ["exp"], "value": ["min"], "a": ["3"], "b": ["9"], "test": ["mannwhitney"],
    }  # fmt: skip


def test_media_of_runs(client: Client, rest: Rest) -> None:
    run = client.submit("exp", "free")
    with Board(rest.folder(run.data)) as board:
        import numpy as np

        board.image("samples", np.zeros((4, 6, 3), np.uint8), 1)
        board.histogram("weights", np.linspace(0, 1, 50), 1, bins=4)
        board.text("note", "**bold**", 1)
    assert {(one.kind, one.tag) for one in client.media_tags([run])} == {
        ("images", "samples"),
        ("histograms", "weights"),
        ("text", "note"),
    }
    ((image,),) = (found.items for found in client.media([run], "images", "samples"))
    assert client.image(run, image.keys[-1]).startswith(b"\x89PNG")
    ((bars,),) = (found.items for found in client.media([run.id], "histograms", "weights"))
    assert sum(count for _, _, count in bars.bins) == 50
    ((note,),) = (found.items for found in client.media([run.id], "text", "note"))
    assert note.texts == ["**bold**"]
    with pytest.raises(ApiError):
        client.graph(run, image.keys[-1] + "x")


def test_views_are_kept(client: Client) -> None:
    client.create_experiment("exp")
    view = client.create_view("best", "?q=lr%3C0.1", experiment="exp", default=True)
    assert (view.name, view.query, view.default) == ("best", "q=lr%3C0.1", True)
    assert view.links["page"].startswith("/experiments/exp")
    assert client.change_view(view.id, name="better").name == "better"
    assert [one.id for one in client.views("exp")] == [view.id]
    assert client.views() == []
    with pytest.raises(ApiError) as taken:
        client.create_view("BETTER", "q=a", experiment="exp")
    assert taken.value.status == 409
    client.delete_view(view.id)
    assert client.views("exp") == []


def test_a_view_whose_answer_was_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(danlu.rest, "FIRST_DELAY", 0.001)
    taken = Answer(409, {"error": "conflict", "detail": "There is one."})
    listed = Answer(200, {"items": [{"id": 4, "name": "best", "query": "q=a"}], "next": None})
    with (
        scripted(in_turn(Answer(drop=True), taken, listed)) as server,
        Client(server.url, "x") as client,
    ):
        assert client.create_view("best", "?q=a", experiment="exp").id == 4
    assert len(server.asked) == 3


def test_reports_are_written(client: Client, tmp_path: Path) -> None:
    report = client.create_report("Findings", "# One")
    assert (report.title, report.body, report.experiment) == ("Findings", "# One", None)
    changed = client.change_report(report, body="# Two")
    assert changed.body == "# Two"
    with pytest.raises(ApiError) as stale:
        client.change_report(report, body="# Three")
    assert stale.value.status == 409
    assert client.change_report(report.id, title="Found").title == "Found"
    assert client.report(report.id).body == "# Two"
    assert [(one.title, one.body) for one in client.reports()] == [("Found", None)]
    assert "<h" in client.preview_report("# One")
    assert client.export_report(report.id, tmp_path / "found.html", format="html") > 100
    client.delete_report(report.id)
    assert list(client.reports()) == []


def test_tensorboard_on_chosen_runs(client: Client) -> None:
    runs = [client.submit("exp", "free"), client.submit("other", "free")]
    made = client.collect(runs)
    assert (made.runs, made.filter) == (2, None)
    assert client.collect([run.id for run in runs[::-1]]).id == made.id
    found = client.collection(made.id)
    assert [item["id"] for item in found.items] == [run.id for run in runs]
    client.delete_collection(made.id)
    with pytest.raises(ApiError):
        client.collection(made.id)


def test_a_folder_of_the_server_is_imported(client: Client, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    for name in ("a", "b"):
        write_scalars(logs / name, count=3)
    told = client.import_folder(str(logs), "old", tags=["2024"], dry_run=True)
    assert (len(told["added"]), told["dry_run"]) == (2, True)
    assert client.import_folder(str(logs), "old", tags=["2024"])["counts"] == {"added": 2, "updated": 0}
    assert client.import_folder(str(logs), "old")["unchanged"] == 2
    assert {run.name for run in client.runs(experiment="old", tag="2024")} == {"a", "b"}
    with pytest.raises(ApiError) as caught:
        client.import_folder("/", "old")
    assert caught.value.status == 403


def test_an_import_that_takes_longer_goes_on() -> None:
    def part(added: list[int], unchanged: int, *, complete: bool) -> Answer:
        runs = [{"run": number} for number in added]
        counts = {"added": len(added), "updated": 0}
        return Answer(
            200,
            {"added": runs, "updated": [], "counts": counts, "unchanged": unchanged, "complete": complete, "dry_run": False},
        )  # fmt: skip

    answers = part([1, 2], 1, complete=False), part([3], 3, complete=True)
    with scripted(in_turn(*answers)) as server, Client(server.url, "x") as client:
        report = client.import_folder("/logs", "old")
    assert [one["run"] for one in report["added"]] == [1, 2, 3]
    assert (report["counts"], report["unchanged"]) == ({"added": 3, "updated": 0}, 1)
    assert server.asked[0].body == server.asked[1].body

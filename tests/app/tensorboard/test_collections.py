"""TensorBoard on exactly the chosen runs: the real one, across experiments, behind the login, gone with its time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from boards import children_of, write_scalars
from logdirs import write_run
from rest import Rest, refused, resting
from served import serving
from waiting import wait_for

from app.config import Settings, load_settings
from app.runs.words import RunState
from app.tensorboard.collections import Collections
from app.tensorboard.units import Limits, State

Json = dict[str, Any]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def rest(settings: Settings, data: Path) -> Iterator[Rest]:
    with resting(settings.model_copy(update={"import_roots": [str(data)]})) as made:
        yield made


def ended(rest: Rest, experiment: str, tag: str = "loss") -> Json:
    run = rest.submit(experiment=experiment)
    rest.bring(run["id"], RunState.SUCCEEDED)
    write_scalars(rest.folder(run), tag, 5)
    return run


def collect(rest: Rest, *runs: Json) -> Json:
    answer = rest.post("/tensorboards/collections", {"runs": [run["id"] for run in runs]})
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


def shown(http: httpx.Client, base: str) -> dict[str, list[str]]:
    """Run → scalar tags, as TensorBoard has them once it is up and has read everything."""

    def looked() -> dict[str, list[str]] | None:
        if http.get(base).status_code != 200 or not http.get(f"{base}data/runs").json():
            return None
        answer = http.get(f"{base}data/plugin/scalars/tags")
        tags = answer.json() if answer.status_code == 200 else {}
        return {run: sorted(names) for run, names in tags.items()} or None

    found = wait_for(looked, 60, "TensorBoard with its runs")
    assert found is not None
    return found


def name(run: Json) -> str:
    return f"{run['experiment']}/{run['slug']}"


def test_exactly_these_runs_of_several_experiments(rest: Rest, data: Path) -> None:
    one, two, _three = ended(rest, "a"), ended(rest, "b", "acc"), ended(rest, "b", "acc")
    write_run(data / "old" / "train", {"loss": [1.0]})
    write_run(data / "old" / "validation", {"loss": [2.0]})
    imported = rest.post("/import", {"path": str(data), "experiment": "c"}).json()["added"][0]["run"]
    old = rest.get(f"/runs/{imported}").json()
    made = collect(rest, one, two, old)
    assert (made["runs"], made["filter"], made["url"]) == (3, None, f"/tensorboard/{made['id']}/")
    assert made["state"] in {"starting", "ready"}
    assert shown(rest.http, made["url"]) == {
        name(one): ["loss"], name(two): ["acc"], f"{name(old)}/train": ["loss"], f"{name(old)}/validation": ["loss"],
    }  # fmt: skip
    assert collect(rest, old, two, one, two)["id"] == made["id"]
    status = rest.get(f"/tensorboards/collections/{made['id']}").json()
    assert status["state"] == "ready"
    assert [item["name"] for item in status["items"]] == sorted([name(one), name(two), name(old)])
    # The folder of the server is nobody's business, and fonts are asked for below the prefix.
    environment = rest.http.get(f"{made['url']}data/environment").json()
    assert str(rest.served.settings.home) not in str(environment)
    assert environment["window_title"] == "3 runs · TensorBoard"
    page = rest.http.get(made["url"])
    assert f"({made['url']}font-roboto/".encode() in page.content
    # One that is deleted goes from it.
    assert rest.http.delete(f"/api/v1/runs/{two['id']}").status_code == 204
    wait_for(
        lambda: name(two) not in rest.http.get(f"{made['url']}data/runs").json(), 10, "the deleted run to go"
    )
    assert rest.http.delete(f"/api/v1/tensorboards/collections/{made['id']}").status_code == 204
    assert rest.http.get(made["url"]).status_code == 404
    assert not [
        child for child in children_of(rest.served.settings) if made["id"] in " ".join(child.cmdline())
    ]


def test_within_a_small_experiment_its_own_is_filtered(rest: Rest) -> None:
    runs = [ended(rest, "a") for _ in range(3)]
    made = collect(rest, runs[0], runs[2])
    assert made["state"] == "stopped"
    assert made["filter"] == (
        f"/experiments/a/tensorboard/?runFilter=%5E%28{runs[0]['slug']}%7C{runs[2]['slug']}%29%28%2F%7C%24%29"
    )
    # The address of the collection works all the same.
    assert set(shown(rest.http, made["url"])) == {name(runs[0]), name(runs[2])}


def test_of_a_large_experiment_only_a_collection_will_do(rest: Rest) -> None:
    runs = [ended(rest, "a") for _ in range(21)]
    made = collect(rest, runs[0])
    assert made["filter"] is None
    assert made["state"] in {"starting", "ready"}


def test_what_is_asked_for_must_be_there(rest: Rest) -> None:
    refused(rest.post("/tensorboards/collections", {"runs": []}), 422, "runs")
    refused(rest.post("/tensorboards/collections", {"runs": list(range(1, 202))}), 422, "runs")
    refused(rest.post("/tensorboards/collections", {"runs": [12345]}), 404)
    refused(rest.get("/tensorboards/collections/0123456789abcdef"), 404)
    for bad in ("0123456789abcdef", "..", "%2e%2e", "@x", "A" * 16, "0123456789abcdef%2f.."):
        assert rest.http.get(f"/tensorboard/{bad}/data/runs").status_code in {400, 404}, bad


def test_the_same_one_can_be_made_twice_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Collections(tmp_path)
    replace, again = Path.replace, [made]

    def slowly(part: Path, target: Path) -> Path:
        if again:
            again.pop().make([2, 1])
        return replace(part, target)

    monkeypatch.setattr(Path, "replace", slowly)
    assert made.runs(made.make([1, 2])) == (1, 2)


def test_its_pages_need_a_login(sqlite_settings: Settings) -> None:
    with serving(sqlite_settings) as served:
        name = Collections(served.settings.tensorboard_dir).make([1, 2])
        stranger = served.client()
        for path in ("", "data/runs", "data/plugin/scalars/tags"):
            assert stranger.get(f"/tensorboard/{name}/{path}").status_code == 401
        browser = served.client(accept="text/html").get(f"/tensorboard/{name}/")
        assert (browser.status_code, browser.headers["location"]) == (
            303,
            f"/login?next=/tensorboard/{name}/",
        )
        answer = stranger.post("/api/v1/tensorboards/collections", json={"runs": [1]})
        assert answer.status_code == 401


def test_it_is_one_of_the_few_that_live_and_a_link_outlives_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(home=home, port=0)
    monkeypatch.setattr(Limits, "of", classmethod(lambda cls, settings: cls(max_live=1, idle=1800)))
    with resting(settings) as rest:
        one, two, three = ended(rest, "a"), ended(rest, "b"), ended(rest, "c")
        first, second = collect(rest, one, two), collect(rest, two, three)
        # Both are wanted and one may live: each has its turn.
        shown(rest.http, first["url"])
        shown(rest.http, second["url"])
        assert set(shown(rest.http, first["url"])) == {name(one), name(two)}
        boards = rest.served.app.state.tensorboards
        wait_for(lambda: boards.status(f"@{second['id']}").state is State.STOPPED, 15, "the end of the other")
    with serving(settings.model_copy(update={"auth": "none"})) as again:
        assert set(shown(again.client(), first["url"])) == {name(one), name(two)}


def test_one_that_nobody_looks_at_is_stopped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(home=home, port=0)
    monkeypatch.setattr(Limits, "of", classmethod(lambda cls, settings: cls(idle=1.0)))
    with resting(settings) as rest:
        made = collect(rest, ended(rest, "a"), ended(rest, "b"))
        shown(rest.http, made["url"])
        boards = rest.served.app.state.tensorboards
        wait_for(lambda: boards.status(f"@{made['id']}").state is State.STOPPED, 15, "its end")
        wait_for(lambda: children_of(settings) == [], 15, "the end of its data server")
        logdir = settings.tensorboard_dir / f"@{made['id']}" / "logdir"
        wait_for(lambda: not logdir.exists(), 5, "its links to go")


def test_the_oldest_of_many_are_forgotten(sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.tensorboard.manager.KEPT", 3)
    with resting(sqlite_settings) as rest:
        runs = [ended(rest, "a") for _ in range(5)]
        made = [collect(rest, run)["id"] for run in runs]
        kept = Collections(rest.served.settings.tensorboard_dir).all()
        assert kept == list(reversed(made[2:]))
        assert rest.http.get(f"/tensorboard/{made[0]}/").status_code == 404

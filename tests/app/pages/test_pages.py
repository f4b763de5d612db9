"""Pages answer what they cannot make sense of as the API does: with a status that says so."""

import re
from collections.abc import Iterator

import pytest
from rest import Rest, resting

from app.config import Settings


@pytest.fixture
def rest(sqlite_settings: Settings) -> Iterator[Rest]:
    with resting(sqlite_settings) as running:
        yield running


@pytest.mark.parametrize(
    "query", ["q=%00", "sort=%00", "sort=" + "x" * 600, "cursor=" + "x" * 8001, "cursor=x"]
)
def test_a_wrong_query_of_an_experiment_is_no_failure_of_the_server(rest: Rest, query: str) -> None:
    rest.submit()
    answer = rest.http.get(f"/experiments/exp?{query}", headers={"accept": "text/html"})
    assert answer.status_code == 422
    assert "Something went wrong" not in answer.text
    assert rest.http.get("/experiments/exp?q=a&state=nonsense").status_code == 200


def test_a_sort_of_the_workbench_shows_the_plain_list_newest_first(rest: Rest) -> None:
    rest.submit(name="older one")
    rest.submit(name="newer one")
    for sort in ("owner,-params.lr", "-seed", "nothing", "-metrics.a%2Cb.last"):
        answer = rest.http.get("/experiments/exp", params={"sort": sort}, headers={"accept": "text/html"})
        assert answer.status_code == 200
        assert answer.text.index("newer one") < answer.text.index("older one")


def test_the_form_takes_a_number_of_processes_and_the_run_shows_it(rest: Rest) -> None:
    filled = {"recipe": "rings", "p.lr": "0.5", "experiment": "exp", "processes": "65"}
    refused = rest.http.post("/runs/new", data=filled)
    assert refused.status_code == 422
    assert "must be from 1 to 64" in refused.text
    commands = rest.http.post("/runs/new/repeat", data=filled | {"processes": "2"})
    assert "--processes 2" in commands.text
    assert rest.http.post("/runs/new", data=filled | {"processes": "2"}).status_code in {200, 303}
    assert rest.http.post("/runs/new", data=filled | {"processes": ""}).status_code in {200, 303}
    one, several = rest.items()
    assert (one["processes"], several["processes"]) == (1, 2)
    shown = rest.http.get(f"/runs/{several['id']}").text
    assert "<dt>Processes</dt><dd>2</dd>" in shown
    assert "--processes 2" in shown
    plain = rest.http.get(f"/runs/{one['id']}").text
    assert "Processes" not in plain
    assert "--processes" not in plain
    again = rest.http.get(f"/runs/new?recipe=rings&from={several['id']}").text
    assert re.search(r'<input[^>]*name="processes"[^>]*value="2"', again)

"""Pages answer what they cannot make sense of as the API does: with a status that says so."""

from collections.abc import Iterator

import pytest
from rest import Rest, resting

from app.config import Settings


@pytest.fixture
def rest(sqlite_settings: Settings) -> Iterator[Rest]:
    with resting(sqlite_settings) as running:
        yield running


@pytest.mark.parametrize(
    "query", ["q=%00", "sort=%00", "sort=" + "x" * 600, "sort=nothing", "cursor=" + "x" * 8001, "cursor=x"]
)
def test_a_wrong_query_of_an_experiment_is_no_failure_of_the_server(rest: Rest, query: str) -> None:
    rest.submit()
    answer = rest.http.get(f"/experiments/exp?{query}", headers={"accept": "text/html"})
    assert answer.status_code == 422
    assert "Something went wrong" not in answer.text
    assert rest.http.get("/experiments/exp?q=a&state=nonsense").status_code == 200

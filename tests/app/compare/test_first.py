"""What a workbench's page asks for before its modules are there."""

import pytest
from starlette.datastructures import QueryParams

from app.compare.first import first_urls

CURVES = "/api/v1/metrics?format=columns&first=4&points=1000"


@pytest.mark.parametrize(
    ("query", "rows", "runs"),
    [
        ("", "run=9&run=5&run=7", [5, 7, 9]),
        ("sel=7,9", "run=9&run=5&run=7", [7, 9]),
        ("sel=7,8", "run=9&run=5&run=7", [7]),
        ("hide=7", "run=9&run=5&run=7", [5, 9]),
        ("x=wall&sm=0.5&pane=charts", "run=9&run=5&run=7", [5, 7, 9]),
        ("x=epoch", "run=9&run=5&run=7", []),
        ("pane=diff", "run=9&run=5&run=7", []),
        ("q=lr<1", "run=9&run=5&run=7", []),
        ("arch=1", "run=9&run=5&run=7&archived=true", []),
        ("sel=,x,²,-1", "run=9&run=5&run=7", [5, 7, 9]),
    ],
)
def test_a_comparison(query: str, rows: str, runs: list[int]) -> None:
    curves = [CURVES + "".join(f"&run={run}" for run in runs)] if runs else []
    assert first_urls(QueryParams(query), known=[9, 5, 7]) == [f"/api/v1/table?{rows}", *curves]


@pytest.mark.parametrize(
    ("query", "runs"), [("", []), ("sel=7", [7]), ("sel=7,8", []), ("sel=5,7&hide=5", [7])]
)
def test_an_experiment_draws_what_is_ticked(query: str, runs: list[int]) -> None:
    curves = [CURVES + "".join(f"&run={run}" for run in runs)] if runs else []
    found = first_urls(QueryParams(query), known=[9, 5, 7], experiment="rings")
    assert found == ["/api/v1/table?experiment=rings", *curves]


def test_nothing_to_compare() -> None:
    assert first_urls(QueryParams("sel=1"), known=[]) == []

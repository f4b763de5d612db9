"""Reports that are longer, wider and stranger than a page has room for; means of groups as the workbench has them."""

import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from pypdf import PdfReader
from rest import Rest
from written import trained

from app.metrics.series import Series
from app.reports import gather
from app.reports.curves import Chart, Curve, chart
from app.reports.gather import MAX_BLOCKS
from app.reports.groups import grouped
from app.reports.html import file_html
from app.reports.pdf import file_pdf
from app.reports.pdfplot import TALLEST, Plot
from app.reports.plot import draw
from app.reports.shown import Look
from app.reports.svg import line_chart

LONG = "word " * 4_000


def files(body: str) -> tuple[str, str]:
    """The HTML, and the text of the PDF."""
    report = {"title": "t", "body": body, "experiment": None, "owner": None}
    reader = PdfReader(BytesIO(file_pdf(report, [], origin="http://danlu", exported="now")))
    text = "\n".join(page.extract_text() for page in reader.pages)
    return file_html(report, [], origin="http://danlu", exported="now"), text


@pytest.mark.parametrize(
    "body",
    [
        f"| a |\n|---|\n| {LONG}END |",
        f"| a |\n|---|\n| {'w' * 20_000} END |",
        f"> {LONG}END",
        f"> - {LONG}END\n>\n> after",
        f"> 1. one\n> 2. {LONG}END\n> 3. three",
        f"> | a |\n> |---|\n> | {LONG}END |",
        f"# {LONG}END",
        f"- {LONG}END",
        "- > - x\n\n" + "- " + "```\n" + "  line\n" * 400 + "  ```\n\nEND",
    ],
)
def test_what_is_longer_than_a_page_goes_on_with_the_next(body: str) -> None:
    assert "END" in files(body)[1]


def test_a_table_has_as_many_columns_as_a_page_has_room_for() -> None:
    head = "|" + "".join(f"c{number}|" for number in range(200))
    text = files(f"{head}\n|{'---|' * 200}\n{head}")[1]
    assert "c15" in text
    assert "And 184 more columns" in text


def test_links_that_mean_nothing_outside_of_their_page_are_words() -> None:
    html, text = files("[here](#below), [there](notes/a.md), [![badge](http://a/b.svg)](http://c)")
    assert "here, there, badge" in text.replace("[badge]", "badge")
    assert html.count("<a ") == html.count("</a>") == 3, "no link in a link"


def test_a_chart_fits_on_a_page() -> None:
    curves = [Curve(f"run {number}", 1, 0, [0.0, 1.0], [0.0, 1.0]) for number in range(20)]
    plot = Plot(Chart("loss", "step", curves), 499, 1200.0)
    assert plot.height <= TALLEST
    assert Plot(Chart("loss", "step", curves[:1]), 499, 240.0).height < 240


@pytest.mark.parametrize("axis", ["step", "time"])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(
    "ends",
    [(-1.7e308, 1.7e308), (1.0, 1.7e308), (5e-324, 1e308), (1e10, 1e10 + 2e-6), (0.0, 1e15), (-1e299, 1e299)],
)
def test_whatever_is_zoomed_to_there_is_a_drawing(ends: tuple[float, float], log: bool, axis: str) -> None:
    curve = Curve("a", 1, 0, [ends[0], 1.0, ends[1]], [ends[1], 2.0, ends[0]])
    for zoom in (ends, None):
        text = line_chart(Chart("c", axis, [curve], x=zoom, y=zoom, log_x=log, log_y=log))
        assert "nan" not in text.partition(">")[2]
        assert "inf" not in text.partition(">")[2]


def test_a_band_around_what_a_logarithmic_axis_cannot_show_reaches_to_its_end() -> None:
    curve = Curve("a", 1, 0, [0, 1, 2, 3], [1, 1, 1, 1], low=[0.5, -1, -1, 0.5], high=[2, 2, 2, 2])
    made = draw(Chart("c", "step", [curve], log_y=True), 640, 240)
    (area,) = (item for item in made.curves if hasattr(item, "points") and len(item.points) == 8)
    assert max(y for _, y in area.points) <= made.clip[3] + 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"q={'a' * 600}", "at most 500 characters"),
        ("q=%00", "cannot be stored"),
        ("sort=metrics.%2500", "cannot be stored"),
        ("z=-1.7e308~1.7e308", None),
        ("x=wall&z=0~1e15", None),
        (f"hide={','.join(map(str, range(1000, 1600)))}", None),
    ],
)
def test_a_query_that_is_wrong_says_so_in_its_place(rest: Rest, line: str, said: str | None) -> None:
    trained(rest, count=1, points=3)
    body = f"```danlu-view\nquery: {line}\nheight: 1200\n```\n\n```danlu-runs\nquery: {line}\n```\n"
    made = rest.post("/reports", {"title": "t", "experiment": "exp", "body": body}).json()
    for path in (f"/reports/{made['id']}", *(f"/api/v1/reports/{made['id']}/export?format={kind}" for kind in ("html", "pdf"))):  # fmt: skip
        answer = rest.http.get(path)
        assert answer.status_code == 200, answer.text
        if not path.endswith("pdf"):
            assert (said or "环 run 0 #1") in answer.text


def test_a_report_has_so_many_blocks_and_no_more(rest: Rest) -> None:
    rest.submit(name="seen")
    body = "```danlu-runs\nquery: q=name:seen\n```\n\n" * (MAX_BLOCKS + 2)
    html = rest.post("/reports/preview", {"body": body, "experiment": "exp"}).json()["html"]
    assert html.count("seen #1") == MAX_BLOCKS
    assert html.count(f"{MAX_BLOCKS} of them at most") == 2


def test_a_file_has_so_many_charts_and_says_what_it_leaves_out(
    rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gather, "MAX_ALL_CHARTS", 3)
    trained(rest, count=1, points=3)  # two tags
    body = "```danlu-view\nquery: sel=1\n```\n\n" * 3
    made = rest.post("/reports", {"title": "t", "experiment": "exp", "body": body}).json()
    html = rest.get(f"/reports/{made['id']}/export").text
    assert html.count("<svg") == 3
    assert (html.count("And 1 more charts"), html.count("And 2 more charts")) == (1, 1)
    pages = PdfReader(BytesIO(rest.get(f"/reports/{made['id']}/export", format="pdf").content)).pages
    assert "And 2 more charts" in "".join(page.extract_text() for page in pages)


def run(number: int, **values: Any) -> dict[str, Any]:
    return {
        "id": number, "name": f"r{number}", "recipe": "rings", "snapshot": None, "entrypoint": None, "args": [],
        "params": {"lr": 0.1}, "seed": number, "colour": None, "device": "auto", "resolved_device": "cpu", "owner": "ada",
    } | values  # fmt: skip


def series(number: int, steps: list[int], values: list[float]) -> Series:
    at = np.array(steps)
    return Series(number, "loss", at, at, at.astype(float), np.array(values), len(steps), False)


def test_a_mean_is_of_the_runs_that_have_a_value_there() -> None:
    runs = {number: run(number) for number in (1, 2, 3)}
    some = [
        series(1, [0, 1, 2, 3], [1.0, 1.0, 1.0, 1.0]),
        series(2, [0, 1, 2, 3], [3.0, float("nan"), float("nan"), 3.0]),
        series(3, [0, 1], [5.0, 5.0]),
    ]
    (mean,) = grouped(some, runs, Look(group="params.lr", band="sd"))
    assert mean.x == [0, 1, 2, 3], "a short run does not cut the others"
    assert mean.y == [3.0, 3.0, 1.0, 2.0], "a gap is no value"
    assert mean.low is not None
    assert json.loads(json.dumps(mean.low[0])) == pytest.approx(1.0)
    assert np.isnan(mean.low[2]), "one run has no spread"
    assert (mean.colour, mean.label) == (1, "lr = 0.1 (n = 3)")


def test_between_points_a_curve_is_a_line_and_beside_a_gap_it_is_nothing() -> None:
    runs = {number: run(number) for number in (1, 2)}
    some = [series(1, [0, 2, 4], [0.0, 2.0, float("nan")]), series(2, [0, 1, 2, 3, 4], [0.0] * 5)]
    (mean,) = grouped(some, runs, Look(group="owner", band="none"))
    assert mean.y == [0.0, 0.5, 1.0, 0.0, 0.0]
    assert mean.low is None


def test_configurations_are_groups_too() -> None:
    runs = {1: run(1), 2: run(2), 3: run(3, params={"lr": 0.2})}
    some = [series(number, [0], [float(number)]) for number in runs]
    found = grouped(some, runs, Look(group="configuration"))
    assert [(one.label, one.y) for one in found] == [("lr 0.1 (n = 2)", [1.5]), ("lr 0.2 (n = 1)", [3.0])]


def test_groups_are_told_apart_where_their_oldest_runs_have_the_same_colour() -> None:
    runs = {number: run(number, params={"lr": number}) for number in (1, 11, 21, 2)}
    some = [series(number, [0], [1.0]) for number in runs]
    found = grouped(some, runs, Look(group="params.lr"))
    assert [(one.colour, one.dash) for one in found] == [(1, 0), (2, 0), (3, 0), (4, 0)]


def test_only_lines_of_one_colour_are_dashed() -> None:
    runs = {number: run(number) for number in (31, 12, 11, 10, 21, 1)}
    some = [series(number, [0], [1.0]) for number in runs]
    found = chart("loss", some, runs, Look()).curves
    assert {one.label: (one.colour, one.dash) for one in found} == {
        "r1 #1": (1, 0), "r11 #11": (1, 1), "r21 #21": (1, 2), "r31 #31": (1, 0), "r10 #10": (0, 0), "r12 #12": (2, 0),
    }  # fmt: skip

"""Charts as lines and words: scales, ticks, gaps, bands, smoothing; blocks and the palette."""

import math
import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

from app.paths import static_dir
from app.reports import ticks
from app.reports.blocks import BlockError, read_block
from app.reports.curves import Chart, Curve, inliers, smoothed
from app.reports.groups import band
from app.reports.plot import Area, Dot, Line, Words, draw
from app.reports.shown import tag_filter
from app.reports.style import RUNS
from app.reports.svg import line_chart


def curve(y: list[float], **more: Any) -> Curve:
    return Curve("a <b>", 1, 0, [float(x) for x in range(len(y))], y, **more)


def test_a_gap_cuts_a_curve_and_a_lone_point_is_a_dot() -> None:
    made = draw(Chart("loss", "step", [curve([1, 2, math.nan, 3, math.nan, 4, 5], holes=[2, 4])]), 640, 240)
    lines = [item for item in made.curves if isinstance(item, Line) and item.width == 1.5]
    assert [len(line.points) for line in lines] == [2, 2]
    assert len([item for item in made.curves if isinstance(item, Dot)]) == 1
    assert len([item for item in made.curves if isinstance(item, Line) and item.width == 1.2]) == 4, (
        "two crosses"
    )


def test_a_logarithmic_axis_has_no_place_for_zero() -> None:
    made = draw(Chart("loss", "step", [curve([0, 0.01, 1, 100, -5])], log_y=True), 640, 240)
    (line,) = (item for item in made.curves if isinstance(item, Line))
    heights = [y for _, y in line.points]
    assert len(heights) == 3
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.2)
    labels = [item.text for item in made.frame if isinstance(item, Words)]
    assert {"0.01", "1", "100"} <= set(labels)


def test_a_band_is_an_area_around_its_curve() -> None:
    made = draw(Chart("loss", "step", [curve([1, 2, 3], low=[0, 1, 2], high=[2, 3, 4])]), 640, 240)
    (area,) = (item for item in made.curves if isinstance(item, Area))
    assert len(area.points) == 6


@pytest.mark.parametrize(
    "values", [[], [math.nan], [math.inf, -math.inf], [5.0], [0.0, 0.0], [1e300, -1e300], [1e-320, 0.0]]
)
@pytest.mark.parametrize("log", [False, True])
def test_whatever_the_values_there_is_a_drawing(values: list[float], log: bool) -> None:
    text = line_chart(Chart("<&>", "step", [curve(values)], log_x=log, log_y=log))
    ET.fromstring(text)
    assert "nan" not in re.sub(r"aria-label=\"[^\"]*\"", "", text)


def test_ticks_are_round() -> None:
    assert ticks.linear(0, 97, 5) == [0, 20, 40, 60, 80]
    assert ticks.linear(-0.3, 0.3, 4) == [-0.2, 0.0, 0.2]
    assert ticks.logarithmic(2, 30, 6) == [2, 5, 10, 20]
    assert ticks.moments(0, 7200, 4) == [0, 1800, 3600, 5400, 7200]
    assert [ticks.number(v) for v in (1e-9, 12_345, 0.5, -2e6)] == ["1e-9", "12.345k", "0.5", "-2M"]
    assert ticks.moment(3661, 60) == "01:01"


def test_smoothing_is_debiased_and_leaves_gaps() -> None:
    value, step = np.array([1.0, 1.0, np.nan, 1.0]), np.arange(4.0)
    for kernel in ("ema", "gauss"):
        out = smoothed(value, step, 0.9, 1.0, kernel=kernel)
        assert out[[0, 1, 3]] == pytest.approx([1, 1, 1])
        assert np.isnan(out[2])
    rising = smoothed(np.array([0.0, 1.0]), np.arange(2.0), 0.5, 1.0)
    assert rising[1] == pytest.approx(0.5 / 0.75), "as TensorBoard has it"


def test_bands_and_outliers() -> None:
    values = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    low, high = band(values, "sd")
    assert (low.tolist(), high.tolist()) == ([1, 2], [5, 6])
    assert band(values, "se")[0][0] == pytest.approx(3 - 2 / math.sqrt(3))
    low, high = band(values, "ci")
    assert 1 <= low[0] < 3 < high[0] <= 5
    spike = curve([*([1.0] * 500), 1e6, *np.linspace(0, 1, 500).tolist()])
    found = inliers([spike])
    assert found is not None
    assert found[1] < 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("view: a\nquery: b=1", "not both"),
        ("view: a\nview: b", "twice"),
        ("view: a\ncolour: red", "none of its lines"),
        ("height: 5", "120 to 1200"),
        ("height: tall", "120 to 1200"),
    ],
)
def test_a_block_that_is_wrong_says_why(text: str, why: str) -> None:
    with pytest.raises(BlockError, match=why):
        read_block("danlu-view", text)


def test_a_block_may_be_a_name_or_a_query_alone() -> None:
    assert read_block("danlu-view", "my view").view == "my view"
    assert read_block("danlu-view", "?sel=1,2&q=name:x").query == "sel=1,2&q=name:x"
    assert read_block("danlu-runs", "columns: a, b\nlimit: 3").columns == ("a", "b")


def test_a_filter_of_tags_cannot_take_for_ever() -> None:
    assert tag_filter("LOSS")("train/loss")
    assert tag_filter("/^val/")("val_acc")
    assert tag_filter("/^(train|val)/loss.*?$/")("val/loss")
    for text in (
        "/(a+)+$/", "/.*.*.*.*x/", "/(/", f"/{'a?' * 30}{'a' * 30}/", f"/{'(a|aa)' * 30}$/", "/a{99999999999}/",
        f"/{'(' * 9000}{')' * 9000}/", "/(a?)?(b?)?/",
    ):  # fmt: skip
        with pytest.raises(BlockError):
            tag_filter(text)("a" * 40)


def test_an_expression_that_is_slow_on_many_long_tags_is_given_up() -> None:
    shown = tag_filter("/.*.*.*x/")
    with pytest.raises(BlockError, match="takes too long"):
        for number in range(1_000):
            assert not shown("a" * 150 + str(number))


def test_the_palette_is_that_of_the_pages() -> None:
    css = (static_dir() / "css" / "danlu.css").read_text(encoding="utf-8")
    assert re.findall(r"--run-\d: light-dark\((#\w+), (#\w+)\)", css) == [tuple(pair) for pair in RUNS]

"""The numbers behind the charts, as the browser computes them, against numpy."""

import math
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser
MATH = "/static/js/chart_math.js"
RNG = np.random.default_rng(5)


def call(page: Page, body: str, **values: Any) -> Any:
    """Evaluate `body`, in which `m` is the module, on a page of the server."""
    if page.url == "about:blank":
        page.goto("/")
    return page.evaluate(
        f"async given => {{ const m = await import({MATH!r}); const {{ {', '.join(values)} }} = given; {body} }}",
        values,
    )


def test_ema_is_tensorboards(page: Page) -> None:
    y = [*RNG.normal(size=50).tolist(), None, *RNG.normal(size=20).tolist()]
    got = call(
        page,
        "const step = y.map((_, i) => i); return [...m.soften({ y, step, total: y.length }, 'ema', 0.8)]",
        y=y,
    )
    last, wanted = 0.0, []
    for count, value in enumerate(y[:50], 1):
        last = last * 0.8 + 0.2 * value
        wanted.append(last / (1 - 0.8**count))
    assert got[:50] == pytest.approx(wanted)
    assert got[50] is None


def test_a_grown_series_is_smoothed_as_a_whole_one(page: Page) -> None:
    y = RNG.normal(size=200).tolist()
    grown, whole, same = call(
        page,
        """const of = list => ({ y: list, step: list.map((_, i) => i), total: list.length });
        const part = of(y.slice(0, 150)); const first = m.soften(part, 'ema', 0.9);
        for (const value of y.slice(150)) { part.step.push(part.y.length); part.y.push(value); }
        const out = m.soften(part, 'ema', 0.9);
        return [[...out], [...m.soften(of([...y]), 'ema', 0.9)], first === out]""",
        y=y,
    )
    assert grown == pytest.approx(whole)
    assert same


def test_gaussian_kernel(page: Page) -> None:
    y = RNG.normal(size=80)
    got = call(page, "return m.gauss(y, y.map((_, i) => i * 10), 25)", y=y.tolist())
    steps = np.arange(80) * 10.0
    distance = (steps[:, None] - steps[None, :]) / 25
    bell = np.where(abs(distance) <= 3, np.exp(-0.5 * distance**2), 0)
    assert got == pytest.approx((bell @ y / bell.sum(axis=1)).tolist())


def test_smoothing_does_not_change_with_thinning_of_a_flat_part(page: Page) -> None:
    got = call(page, "return m.gauss(y, step, 30)", y=[1.0] * 40 + [3.0], step=[*range(0, 400, 10), 1000])
    assert got == pytest.approx([1.0] * 40 + [3.0])


@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_bands(page: Page, n: int) -> None:
    values = RNG.normal(size=n)
    se, sd, ci, picks = call(
        page,
        "return [m.bandOf(values, 'se'), m.bandOf(values, 'sd'), m.bandOf(values, 'ci'), [...m.resamples(values.length)]]",
        values=values.tolist(),
    )
    spread = values.std(ddof=1)
    assert sd == pytest.approx([values.mean() - spread, values.mean() + spread])
    assert se == pytest.approx([values.mean() - spread / math.sqrt(n), values.mean() + spread / math.sqrt(n)])
    means = values[np.array(picks).reshape(-1, n)].mean(axis=1)
    assert ci == pytest.approx(np.percentile(means, [2.5, 97.5]).tolist())
    theirs = values[np.random.default_rng(1).integers(0, n, (20_000, n))].mean(axis=1)
    assert ci == pytest.approx(np.percentile(theirs, [2.5, 97.5]).tolist(), abs=0.15 * spread)


def test_mean_over_the_union_of_steps(page: Page) -> None:
    first = {"xs": [0, 10, 20, 30], "ys": [0.0, 1.0, None, 3.0]}
    second = {"xs": [5, 10, 40], "ys": [2.0, 4.0, 10.0]}
    got = call(page, "return m.meanCurve([first, second], 'sd')", first=first, second=second)
    assert got["xs"] == [0, 5, 10, 20, 30, 40]
    line = np.interp([20, 30], [10, 40], [4.0, 10.0])
    wanted = [0.0, (0.5 + 2) / 2, 2.5, line[0], (3 + line[1]) / 2, 10.0]
    assert got["ys"] == pytest.approx(wanted)
    assert got["n"] == [1, 2, 2, 1, 2, 1]
    assert got["low"][0] is None
    assert got["high"][2] == pytest.approx(2.5 + np.std([1, 4], ddof=1))


def test_one_run_has_no_band(page: Page) -> None:
    assert call(page, "return m.bandOf([1], 'ci')") is None


def test_quantiles(page: Page) -> None:
    values = np.sort(RNG.normal(size=101))
    got = call(page, "return [0, 0.01, 0.5, 0.99, 1].map(q => m.quantile(values, q))", values=values.tolist())
    assert got == pytest.approx(np.quantile(values, [0, 0.01, 0.5, 0.99, 1]).tolist())

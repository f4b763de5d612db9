"""What differs between two runs, and groups of seeds, in the browser: by the address, by the keyboard, and without a fault."""

import re

import pytest
from accessibility import overflow, violations
from browsing import OpenPage
from playwright.sync_api import Page, expect
from rest import Rest

from app.clock import utcnow
from app.runs import queue
from app.runs.words import Reason, RunState
from app.workers import queries as workers
from app.workers.queries import MetricSummary

pytestmark = pytest.mark.browser


def ended(rest: Rest, value: float, *, seed: int, log: str = "", **fields: object) -> int:
    """A run that has succeeded with this value of `loss`."""
    run = rest.submit(**({"recipe": "rings", "seed": seed} | fields))
    token = rest.bring(run["id"], RunState.RUNNING)
    assert token is not None
    (rest.folder(run) / "stdout.log").write_text(log, encoding="utf-8")
    metric = MetricSummary("loss", step=9, last=value, min=value, max=2.0, min_step=1, max_step=2, count=10)
    with rest.served.db.write() as session:
        workers.report(session, run["id"], token, now=utcnow(), progress={}, metrics=[metric])
        queue.finish(session, run["id"], token, Reason.COMPLETED, now=utcnow())
    return int(run["id"])


def two_rates(rest: Rest) -> tuple[list[int], list[int]]:
    """Three seeds of one learning rate and two of another."""
    slow = [ended(rest, 0.9 + n / 100, seed=n, params={"lr": 0.01}, name="slow") for n in range(3)]
    fast = [ended(rest, 0.1 + n / 100, seed=n, params={"lr": 0.1}, name="fast") for n in range(2)]
    return slow, fast


def test_groups_of_seeds_are_compared_and_the_address_holds_it(page: Page, rest: Rest) -> None:
    slow, fast = two_rates(rest)
    page.goto("/experiments/exp?pane=seeds")
    pane = page.locator("#pane-seeds")
    expect(pane.locator(".seeds-group")).to_have_count(2)
    expect(pane).to_contain_text("Tick two groups")
    for label in ("lr 0.01", "lr 0.1"):
        box = pane.get_by_role("checkbox", name=f"Compare {label}", exact=True)
        box.focus()
        page.keyboard.press("Space")
        expect(box).to_be_checked()
        expect(box).to_be_focused()
    card = pane.get_by_role("region", name="Difference of the two groups")
    expect(card).to_contain_text("No verdict")
    expect(card).to_contain_text("group B needs 1 more seed")
    expect(card).to_contain_text("n = 3 and 2")
    page.wait_for_url(re.compile(r"two=\d+,\d+"))
    ended(rest, 0.12, seed=2, params={"lr": 0.1}, name="fast")
    page.reload()
    expect(card).to_contain_text("Different", timeout=15_000)
    expect(card).to_contain_text("Welch's t-test, two-sided: t =")
    pane.get_by_text("Whitney U").click()
    expect(card).to_contain_text("cannot give a p below 0.1", timeout=15_000)  # scipy is imported now
    page.wait_for_url(re.compile("test=mannwhitney"))
    assert slow
    assert fast


def test_three_more_seeds_are_queued_and_taken_back(page: Page, rest: Rest) -> None:
    _, fast = two_rates(rest)
    page.goto("/experiments/exp?pane=seeds")
    page.get_by_role("button", name="Queue 3 more seeds of lr 0.1", exact=True).click()
    toast = page.locator(".toast")
    expect(toast).to_contain_text("seeds 2, 3, 4")
    queued = rest.items(state="queued")
    assert sorted(run["seed"] for run in queued) == [2, 3, 4]
    assert {run["params"]["lr"] for run in queued} == {0.1}
    assert {run["parent"] for run in queued} == {fast[-1]}
    expect(page.locator("#pane-seeds")).to_contain_text("left out: 3 queued")
    toast.get_by_role("button", name="Undo").click()
    expect(page.locator(".toast")).to_contain_text("Cancelled.")
    assert rest.items(state="queued") == []


def test_two_ticked_runs_are_compared_and_others_can_be_chosen(page: Page, rest: Rest) -> None:
    a = ended(rest, 0.5, seed=1, log="start\nepoch 1 loss 0.5\nfine\n", params={"lr": 0.01})
    b = ended(rest, 0.25, seed=2, log="start\nepoch 1 loss 0.4\nbad\n", params={"lr": 0.1})
    c = ended(rest, 0.75, seed=3, params={"lr": 0.01})
    page.goto(f"/experiments/exp?pane=diff&sel={a},{b}")
    pane = page.locator("#pane-diff")
    row = pane.get_by_role("row", name="lr 0.01 0.1")
    expect(row).to_contain_text("+0.09")
    expect(pane.get_by_role("row", name=re.compile("^loss"))).to_contain_text("\N{MINUS SIGN}0.25")
    expect(pane).to_contain_text("Line 3 is the first that differs.")
    pane.get_by_role("checkbox", name="Ignore numbers").uncheck()
    expect(pane).to_contain_text("Line 2 is the first that differs.")
    page.wait_for_url(re.compile("raw=1"))
    pane.get_by_label("Run B").select_option(str(c))
    expect(pane).to_contain_text("No param differs.")
    page.wait_for_url(re.compile(f"pair={a},{c}"))
    page.reload()
    expect(pane).to_contain_text("No param differs.")
    pane.get_by_role("button", name="Swap the two runs").click()
    page.wait_for_url(re.compile(f"pair={c},{a}"))


def test_a_run_leads_to_the_comparison_with_its_parent(page: Page, rest: Rest) -> None:
    parent = ended(rest, 0.5, seed=1, params={"lr": 0.01})
    child = rest.post(f"/runs/{parent}/clone", {"params": {"lr": 0.1}}).json()["id"]
    page.goto(f"/runs/{child}")
    page.get_by_role("link", name="Compare with parent").click()
    expect(page.get_by_role("heading", name=re.compile("Difference"))).to_be_visible()
    expect(page.get_by_role("row", name="lr 0.01 0.1")).to_be_visible()
    expect(page.get_by_text("of one of these nothing is recorded")).to_be_visible()


def test_a_run_that_is_gone_is_said(rest: Rest) -> None:
    run = ended(rest, 0.5, seed=1)
    answer = rest.http.get(f"/compare/diff?a={run}&b=999")
    assert answer.status_code == 404
    assert "999" in answer.text


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_panes_are_accessible_on_a_phone_and_a_laptop(
    rest: Rest, open_page: OpenPage, theme: str
) -> None:
    slow, fast = two_rates(rest)
    for width in (390, 1280):
        page = open_page(width=width, theme=theme)
        page.goto(f"/compare/diff?a={slow[0]}&b={fast[0]}")
        expect(page.locator("danlu-diff[data-ready]")).to_be_visible()
        assert violations(page, theme=theme) == []
        assert overflow(page) <= 0
        page.goto(f"/experiments/exp?pane=seeds&two={slow[0]},{fast[0]}")
        expect(page.locator("#pane-seeds[data-ready]")).to_be_visible()
        assert overflow(page) <= 0
        assert [fault for fault in violations(page, theme=theme) if "seeds" in fault] == []

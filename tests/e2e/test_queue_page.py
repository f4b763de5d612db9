"""The queue's page in a browser: dragging, the buttons beside it, pausing, and live updates that lose nothing of it."""

import re

import pytest
from accessibility import overflow, violations
from browsing import OpenPage, Watch
from playwright.sync_api import Locator, Page, Route, expect
from rest import Rest
from scenes import NASTY, running

from app.runs.words import RunState

pytestmark = pytest.mark.browser


@pytest.fixture
def ids(rest: Rest) -> list[int]:
    """Four runs of priority 0 behind one of priority 5, and one that runs."""
    running(rest)
    urgent = rest.submit(name="urgent", priority=5)["id"]
    return [urgent, *(rest.submit(name=name)["id"] for name in ("alpha", "beta", "gamma", NASTY))]


def open_queue(page: Page, rows: int = 5) -> Locator:
    page.goto("/queue")
    expect(page.locator("html")).to_have_attribute("data-live", "open")
    found = page.locator("#queue-list > li")
    expect(found).to_have_count(rows)
    return found


def shown(page: Page) -> list[int]:
    rows = page.locator("#queue-list > li").all()
    return [int(row.get_attribute("data-run") or 0) for row in rows]


def expect_order(page: Page, ids: list[int]) -> None:
    """What the page shows, with the places counted."""
    rows = page.locator("#queue-list > li")
    expect(rows).to_have_count(len(ids))
    for place, run_id in enumerate(ids):
        expect(rows.nth(place)).to_have_id(f"queued-{run_id}")
        expect(rows.nth(place).locator("[data-place]")).to_have_text(str(place + 1))


def stored(rest: Rest) -> list[int]:
    return [run["id"] for run in rest.get("/queue").json()["items"]]


def grab(page: Page, run_id: int) -> tuple[float, float]:
    """Press the mouse on a run's handle; where that is."""
    box = page.locator(f"#queued-{run_id} [data-grip]").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    return x, y


def middle(page: Page, run_id: int) -> float:
    box = page.locator(f"#queued-{run_id}").bounding_box()
    assert box is not None
    return box["y"] + box["height"] / 2


def test_a_run_is_dragged_to_another_place(page: Page, rest: Rest, ids: list[int]) -> None:
    urgent, alpha, beta, gamma, last = ids
    open_queue(page)
    x, _ = grab(page, gamma)
    page.mouse.move(x, middle(page, alpha) - 12, steps=8)
    expect_order_by_id(page, [urgent, gamma, alpha, beta, last])
    page.mouse.up()
    expect_order(page, [urgent, gamma, alpha, beta, last])
    expect(page.locator("#queue-said")).to_have_text(f"gamma #{gamma} is now number 2")
    assert stored(rest) == [urgent, gamma, alpha, beta, last]
    x, _ = grab(page, alpha)
    page.mouse.move(x, middle(page, urgent) - 20, steps=8)
    page.mouse.up()
    expect_order(page, [alpha, urgent, gamma, beta, last])
    expect(page.locator(f"#queued-{alpha}")).to_contain_text("priority 5")  # of the one that it passed
    assert stored(rest) == [alpha, urgent, gamma, beta, last]


def expect_order_by_id(page: Page, ids: list[int]) -> None:
    for place, run_id in enumerate(ids):
        expect(page.locator("#queue-list > li").nth(place)).to_have_id(f"queued-{run_id}")


def test_a_live_update_waits_for_the_end_of_a_drag(page: Page, rest: Rest, ids: list[int]) -> None:
    urgent, alpha, beta, gamma, last = ids
    open_queue(page)
    x, _ = grab(page, last)
    page.mouse.move(x, middle(page, beta), steps=8)
    with page.expect_response(lambda answer: answer.url.endswith("/queue")):
        rest.post(f"/runs/{alpha}/cancel")
    expect(page.locator(f"#queued-{last}")).to_have_attribute("data-dragging", "")
    assert alpha in shown(page)
    page.mouse.up()
    expect_order(page, [urgent, last, beta, gamma])
    assert stored(rest) == [urgent, last, beta, gamma]


def test_escape_puts_a_dragged_run_back(page: Page, rest: Rest, ids: list[int]) -> None:
    open_queue(page)
    x, _ = grab(page, ids[4])
    page.mouse.move(x, middle(page, ids[1]) - 12, steps=8)
    assert shown(page) != ids
    page.keyboard.press("Escape")
    page.mouse.up()
    expect_order(page, ids)
    assert stored(rest) == ids


def test_a_refused_drag_goes_back_and_says_why(page: Page, rest: Rest, ids: list[int], watch: Watch) -> None:
    watch.allow("409")
    urgent, alpha, beta, gamma, last = ids
    open_queue(page)

    def claimed_first(route: Route) -> None:
        rest.bring(gamma, RunState.RUNNING)  # a worker was faster
        route.continue_()

    page.route(re.compile("/move$"), claimed_first)
    x, _ = grab(page, gamma)
    page.mouse.move(x, middle(page, alpha) - 12, steps=8)
    page.mouse.up()
    expect(page.get_by_role("status").filter(has_text=f"Run {gamma} is running")).to_be_visible()
    expect_order(page, [urgent, alpha, beta, last])
    expect(page.locator(f"#now-{gamma}")).to_be_visible()


def test_the_buttons_do_the_same_from_the_keyboard(page: Page, rest: Rest, ids: list[int]) -> None:
    urgent, alpha, beta, gamma, last = ids
    open_queue(page)
    up = page.get_by_role("button", name=f"Move gamma #{gamma} up")
    up.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect_order(page, [urgent, gamma, alpha, beta, last])
    expect(up).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=f"Move gamma #{gamma} down")).to_be_focused()
    page.keyboard.press("Enter")
    expect_order(page, [urgent, alpha, gamma, beta, last])
    top = page.get_by_role("button", name=f"Move beta #{beta} to the top")
    top.focus()
    page.keyboard.press("Space")
    expect_order(page, [beta, urgent, alpha, gamma, last])
    expect(top).to_have_attribute("aria-disabled", "true")
    expect(top).to_be_focused()
    page.keyboard.press("Space")  # does nothing more
    expect_order(page, [beta, urgent, alpha, gamma, last])
    expect(page.locator("#queue-said")).to_have_text(f"beta #{beta} is now number 1")
    assert stored(rest) == [beta, urgent, alpha, gamma, last]


def test_the_queue_is_paused_and_resumed(page: Page, rest: Rest, ids: list[int]) -> None:
    rows = open_queue(page)
    page.get_by_role("button", name="Pause the queue").click()
    resume = page.get_by_role("button", name="Resume the queue")
    expect(resume).to_be_focused()
    expect(page.locator("#notice-queue")).to_contain_text("paused by local")
    expect(rows.first).to_contain_text("the queue is paused by local")
    assert rest.get("/queue").json()["paused"]["by"] == "user:local"
    resume.click()
    expect(page.locator("#notice-queue")).to_have_count(0)
    expect(rows.first).not_to_contain_text("paused")
    page.goto("/workers")
    rest.post("/queue/pause")
    expect(page.locator("#notice-queue")).to_contain_text("The queue is paused")


def test_a_refused_pause_is_taken_back(page: Page, rest: Rest, ids: list[int], watch: Watch) -> None:
    watch.allow("403")
    body = '{"error": "forbidden", "detail": "This needs the admin right."}'
    page.route(
        "**/api/v1/queue/pause",
        lambda route: route.fulfill(status=403, content_type="application/json", body=body),
    )
    open_queue(page)
    page.get_by_role("button", name="Pause the queue").click()
    expect(page.get_by_text("This needs the admin right.")).to_be_visible()
    expect(page.get_by_role("button", name="Pause the queue")).to_be_focused()
    expect(page.get_by_role("button", name="Resume the queue")).to_be_hidden()


def test_without_javascript_the_buttons_are_forms(open_page: OpenPage, rest: Rest, ids: list[int]) -> None:
    urgent, alpha, beta, gamma, last = ids
    page = open_page(javascript=False)
    page.goto("/queue")
    page.get_by_role("button", name=f"Move gamma #{gamma} up").click()
    page.get_by_role("button", name=f"Move {NASTY} #{last} to the top").click()
    page.get_by_role("button", name="Pause the queue").click()
    expect(page.get_by_role("button", name="Resume the queue")).to_be_visible()
    assert stored(rest) == [last, urgent, alpha, gamma, beta]
    assert rest.get("/queue").json()["paused"] is not None


def test_a_run_leads_to_what_it_follows_and_to_its_sweep(page: Page, rest: Rest) -> None:
    made = rest.post("/sweeps", {"experiment": "exp", "recipe": "rings", "grid": {"lr": [0.1, 0.01]}}).json()
    first, second = (run["id"] for run in made["items"])
    rest.submit(name="apart")
    page.goto(f"/runs/{first}")
    page.get_by_role("link", name="all runs of this sweep").click()
    expect(page.locator("danlu-runs tbody tr")).to_have_count(2)
    page.goto(f"/runs/{second}")
    page.get_by_role("link", name="Run after success").click()
    expect(page.get_by_label("After run")).to_have_value(str(second))
    page.get_by_role("button", name="Start run").click()
    expect(page.locator("#why")).to_contain_text(f"waits for run #{second}")
    expect(page.locator("#run-facts").get_by_role("link", name=f"run #{second}")).to_be_visible()
    rest.post(f"/runs/{second}/cancel")
    expect(page.locator("#run-head .chip")).to_have_text("cancelled")
    expect(page.locator("#why")).to_contain_text(
        f"was to follow run #{second} rings lr=0.01, which was cancelled"
    )


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_it_is_accessible_and_fits(
    open_page: OpenPage, rest: Rest, ids: list[int], theme: str, width: int, watch: Watch
) -> None:
    watch.allow("Applying inline style")  # by axe
    rest.submit(name="follower of a long name " * 7, after=ids[1], priority=-3)
    rest.post("/queue/pause")
    page = open_page(width=width, theme=theme)
    open_queue(page, 6)
    expect(page.locator("#notice-queue")).to_be_visible()
    assert violations(page, theme=theme) == []
    assert overflow(page) <= 0

"""What is done with runs in the table: shortcuts, the palette, bulk actions with undo, colours, copies."""

import re

import pytest
from browsing import OpenPage
from playwright.sync_api import Page, expect
from rest import Rest
from scenes import running
from test_runs_table import opened
from waiting import wait_for

from app.runs.words import RunState

pytestmark = pytest.mark.browser


def ended(rest: Rest, count: int) -> list[int]:
    """Ids of runs that have ended."""
    ids = []
    for number in range(count):
        run = rest.submit(recipe="rings", name=f"run {number}", params={"lr": 0.01 * (number + 1)})
        rest.bring(run["id"], RunState.SUCCEEDED)
        ids.append(run["id"])
    return ids


def test_deleting_can_be_undone_and_is_sent_later(page: Page, rest: Rest) -> None:
    first, second, third = ended(rest, 3)
    page.clock.install()
    opened(page, f"/experiments/exp?sel={first},{second}")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("danlu-runs tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("danlu-runs tbody tr")).to_have_count(3)
    expect(page.get_by_text("2 selected")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("danlu-runs tbody tr")).to_have_count(1)
    with page.expect_response("**/runs/bulk") as answer:
        page.clock.run_for(10_500)
    assert answer.value.json()["done"] == [first, second]
    assert rest.get(f"/runs/{first}").status_code == 404
    expect(page.locator("danlu-runs tbody tr")).to_have_count(1)
    assert rest.get(f"/runs/{third}").status_code == 200


def test_leaving_the_page_sends_what_waits(page: Page, rest: Rest) -> None:
    (first,) = ended(rest, 1)
    opened(page, f"/experiments/exp?sel={first}")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("danlu-runs tbody tr")).to_have_count(0)
    page.goto("/workers")
    wait_for(lambda: rest.get(f"/runs/{first}").status_code == 404, 10, "the deletion")


def test_stopping_many_can_be_undone(page: Page, rest: Rest) -> None:
    run_id, _ = running(rest)
    waiting = rest.submit(recipe="rings")["id"]
    page.clock.install()
    opened(page, f"/experiments/exp?sel={run_id},{waiting}")
    bar = page.get_by_role("group", name="Selected runs")
    bar.get_by_role("button", name="Cancel").click()
    expect(page.locator(f"#run-{run_id} .chip")).to_have_text("stopping")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(f"#run-{run_id} .chip")).to_have_text("running")
    bar.get_by_role("button", name="Cancel").click()
    with page.expect_response("**/runs/bulk"):
        page.clock.run_for(5_500)
    page.clock.run_for(2_000)
    expect(page.locator(f"#run-{waiting} .chip")).to_have_text("cancelled")
    assert rest.get(f"/runs/{run_id}").json()["cancel_requested_at"]


def test_tags_and_archives_are_undone_by_one_button(page: Page, rest: Rest) -> None:
    first, second = ended(rest, 2)
    opened(page, f"/experiments/exp?sel={first},{second}")
    page.get_by_role("button", name="Tag…").click()
    page.get_by_role("combobox", name="Tag").fill("good")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("danlu-runs tbody .tag", has_text="good")).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("danlu-runs tbody .tag", has_text="good")).to_have_count(0)
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_text("2 runs archived.")).to_be_visible()
    expect(page.locator("danlu-runs tbody tr")).to_have_count(0)
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitemcheckbox", name="Show archived runs").click()
    expect(page.locator("danlu-runs tbody .wt-mark", has_text="archived")).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("danlu-runs tbody .wt-mark", has_text="archived")).to_have_count(0)


def test_a_colour_is_chosen_and_sticks(page: Page, rest: Rest) -> None:
    (first,) = ended(rest, 1)
    opened(page)
    swatch = page.get_by_role("button", name=f"Colour of run 0 #{first}")
    swatch.click()
    page.get_by_role("button", name="Colour 8", exact=True).click()
    expect(swatch.locator(".swatch")).to_have_attribute("data-colour", "7")
    page.reload()
    expect(swatch.locator(".swatch")).to_have_attribute("data-colour", "7")
    assert rest.get(f"/runs/{first}").json()["colour"] == 7


def test_the_eye_hides_a_run_from_the_charts(page: Page, rest: Rest) -> None:
    first, second = ended(rest, 2)
    opened(page)
    drawn = "document.querySelector('danlu-workbench').state.drawn()"
    assert page.evaluate(drawn) == [second, first]
    page.get_by_role("button", name=f"Draw the curves of run 1 #{second}").click()
    assert page.evaluate(drawn) == [first]
    page.wait_for_url(f"**?hide={second}")


def test_single_keys_walk_select_compare_and_can_be_turned_off(page: Page, rest: Rest) -> None:
    ids = ended(rest, 4)
    opened(page)
    page.keyboard.press("j")
    expect(page.get_by_role("checkbox", name=f"Select run 3 #{ids[3]}")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    expect(page.get_by_text("3 selected")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Filter runs")).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_role("combobox", name="Filter runs")).to_have_value("x")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.get_by_role("checkbox", name="Select all runs").focus()
    page.keyboard.press("?")
    page.get_by_role("checkbox", name="Shortcuts of a single key").uncheck()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("checkbox", name="Select all runs").focus()
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile("/experiments/exp"))
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Find a command or a run").fill("compare")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Compare 3 runs")).to_be_visible()


def test_enter_opens_the_run_with_the_focus(page: Page, rest: Rest) -> None:
    (first,) = ended(rest, 1)
    opened(page)
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.wait_for_url(f"**/runs/{first}")


def test_the_table_is_copied_as_text(open_page: OpenPage, rest: Rest) -> None:
    ended(rest, 2)
    page = open_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page, "/experiments/exp?cols=params.lr,state")

    def copied(words: str) -> str:
        page.get_by_role("button", name="More", exact=True).click()
        page.get_by_role("menuitem", name=f"Copy as {words}").click()
        expect(page.get_by_text(f"2 runs copied as {words}.").first).to_be_visible()
        text: str = page.evaluate("navigator.clipboard.readText()")
        return text

    assert copied("CSV").splitlines() == [
        "id,name,params.lr,state",
        "2,run 1,0.02,succeeded",
        "1,run 0,0.01,succeeded",
    ]
    assert copied("Markdown").splitlines()[2] == "| 2 | run 1 | 0.02 | succeeded |"
    assert '"params.lr": 0.02' in copied("JSON")

"""The run table to assistive technology: axe on each of its states, names, places, one stop in the tab order."""

import re

import pytest
from accessibility import violations
from browsing import OpenPage, Watch
from playwright.sync_api import Page, expect
from rest import Rest
from scenes import furnished
from test_runs_table import filter_box, opened

pytestmark = pytest.mark.browser


def columns_open(page: Page) -> None:
    page.get_by_role("button", name="Columns").click()
    expect(page.get_by_role("dialog", name="Columns")).to_be_visible()


def menu_open(page: Page) -> None:
    page.get_by_role("columnheader", name=re.compile("^State")).locator(".wt-sort").click(button="right")
    expect(page.get_by_role("menu", name="Column State")).to_be_visible()


def suggestions_open(page: Page) -> None:
    filter_box(page).fill("id<x or sta")
    expect(page.locator(".wt-error")).to_be_attached()
    expect(page.get_by_role("option").first).to_be_visible()


def palette_open(page: Page) -> None:
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Commands")).to_be_visible()


def help_open(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


def colours_open(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Colour of")).first.click()
    expect(page.get_by_role("dialog", name="Colour")).to_be_visible()


STATES = (columns_open, menu_open, suggestions_open, palette_open, help_open, colours_open)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state(open_page: OpenPage, rest: Rest, watch: Watch, theme: str) -> None:
    watch.allow("Applying inline style")  # by axe
    ids = furnished(rest)
    page = open_page(theme=theme)
    found = {}
    opened(
        page,
        f"/experiments/exp?sel={ids['failed']}&hide={ids['queued']}&base={ids['running']}&sort=-created,name",
    )
    found["selected"] = violations(page, theme=theme)
    opened(page, "/experiments/exp?group=params.lr")
    page.locator(".wt-opener").first.click()
    found["grouped"] = violations(page, theme=theme)
    for act in STATES:
        opened(page)
        act(page)
        found[act.__name__] = violations(page, theme=theme)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_the_grid_is_one_stop_and_every_control_of_a_row_can_be_reached(page: Page, rest: Rest) -> None:
    ids = furnished(rest)
    opened(page)
    inside = page.evaluate(
        "[...document.querySelectorAll('table.wt [tabindex=\"0\"], table.wt :is(a, input, button):not([tabindex])')].length"
    )
    assert inside == 1
    page.keyboard.press("j")
    expect(page.get_by_role("checkbox", name=re.compile(f"#{ids['queued']}$"))).to_be_focused()
    seen = []
    for _ in range(5):
        page.keyboard.press("ArrowRight")
        seen.append(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent"))
    assert [text.split(" ")[0] for text in seen[:2]] == ["Draw", "Colour"]
    assert seen[3].startswith("Cancel")
    row = page.locator(f"#run-{ids['queued']}")
    expect(row).to_have_attribute("aria-rowindex", "2")
    expect(page.get_by_role("grid")).to_have_attribute("aria-rowcount", "7")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('table.wt').contains(document.activeElement)") is False


def test_what_can_be_pressed_is_24_px(page: Page, rest: Rest) -> None:
    furnished(rest)
    opened(page)
    small = page.evaluate(
        """[...document.querySelectorAll('danlu-runs :is(button, input, a)')].filter((one) => one.offsetParent)
        .map((one) => [one.className || one.textContent || one.type, one.getBoundingClientRect()])
        .filter(([, box]) => box.height < 24 && box.height > 0).map(([name, box]) => [name, box.height])"""
    )
    assert [one for one in small if "checkbox" not in one[0] and one[0] != ""] == [], small

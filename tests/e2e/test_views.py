"""Saved views in the workbench: the whole state under a name, the default, the back button, a link to a colleague."""

import re
from typing import Any

import pytest
from accessibility import overflow, violations
from browsing import OpenPage, Watch
from playwright.sync_api import Page, expect
from rest import Rest
from scenes import furnished

pytestmark = pytest.mark.browser

STATE: dict[str, Any] = {
    "q": "-state:queued", "sort": "name", "cols": ["state", "params.lr", "metrics.loss/train.last"],
    "pin": ["state"], "w": {"name": 180, "params.lr": 90}, "group": "params.lr", "diff": True, "arch": True,
    "hide": [2], "base": 1, "pane": "charts", "x": "relative", "sm": 0.6, "smk": "gauss", "logx": True,
    "logy": True, "out": True, "z": [1, 40], "f": "loss", "pins": ["val_acc", "a,b%~c"], "step": 3, "band": "ci",
    "pc": ["lr", "seed"], "br": {"lr": [0.01, None]}, "sx": "params.lr", "sy": "metrics.val_acc.max",
    "metric": "val_acc",
}  # fmt: skip
"""Something for every key but the ticked runs and the view."""
READ = "keys => { const s = document.querySelector('danlu-workbench').state; return Object.fromEntries(keys.map(k => [k, s.get(k)])); }"
SET = "patch => document.querySelector('danlu-workbench').state.set(patch)"


@pytest.fixture
def ids(rest: Rest) -> dict[str, int]:
    return furnished(rest)


def shown(page: Page) -> dict[str, Any]:
    ready(page)
    values: dict[str, Any] = page.evaluate(READ, ["sel", *STATE])
    return values


def ready(page: Page) -> None:
    expect(page.locator("danlu-views")).to_have_attribute("data-ready", "1")


def state(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("() => document.querySelector('danlu-views').state()")
    return found


def menu(page: Page) -> None:
    page.locator(".views-button").click()


def save(page: Page, name: str) -> None:
    menu(page)
    page.get_by_role("textbox", name="Name of a new view").fill(name)
    page.keyboard.press("Enter")
    expect(page.locator(".views-label")).to_have_text(name)


def test_a_view_holds_everything_and_the_experiment_opens_with_it(
    open_page: OpenPage, page: Page, ids: dict[str, int], watch: Watch
) -> None:
    watch.allow("was preloaded")  # archived runs are another request than the one that was begun early
    page.goto("/experiments/exp")
    ready(page)
    wanted = {**STATE, "sel": [ids["running"], ids["succeeded"]]}
    page.evaluate(SET, wanted)
    assert shown(page) == wanted
    save(page, "everything")
    expect(page).to_have_url(re.compile("view="))
    menu(page)
    page.get_by_role("button", name="Make the default view: everything").click()
    expect(page.locator(".views-list .tag")).to_have_text("default")
    page.keyboard.press("Escape")
    expect(page.locator(".views-button")).to_be_focused()

    page.reload()
    assert shown(page) == wanted
    link = page.url

    page.goto("/experiments/exp")
    assert shown(page) == wanted, "without a query the default is shown"
    assert state(page) == {"view": "everything", "changed": False, "names": ["everything"]}

    colleague = open_page(theme="dark")
    colleague.goto(link)
    assert shown(colleague) == wanted
    assert state(colleague)["changed"] is False

    page.evaluate(SET, {"sm": 0, "q": ""})
    expect(page.locator(".views-mark")).to_be_visible()
    menu(page)
    page.get_by_role("link", name="Without a view").click()
    expect(page.locator(".views-label")).to_have_text("Views")
    assert shown(page)["x"] == "step"
    page.reload()
    assert shown(page)["x"] == "step", "none is remembered, too"
    page.go_back()
    expect(page.locator(".views-mark")).to_be_visible()
    assert shown(page) == {**wanted, "sm": 0, "q": ""}
    menu(page)
    page.get_by_role("button", name="Back to it").click()
    expect(page.locator(".views-mark")).to_be_hidden()
    assert shown(page) == wanted


def test_a_view_is_updated_renamed_and_deleted_with_the_keyboard(page: Page, ids: dict[str, int]) -> None:
    page.goto("/experiments/exp")
    ready(page)
    page.evaluate(SET, {"sm": 0.5})
    save(page, "first")
    page.evaluate(SET, {"sm": 0.7})
    expect(page.locator(".views-mark")).to_be_visible()
    page.locator(".views-button").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Name of a new view")).to_be_focused()
    page.get_by_role("button", name="Update it").press("Enter")
    expect(page.locator(".views-mark")).to_be_hidden()
    page.get_by_role("button", name="Rename first").press("Enter")
    page.keyboard.type("second")
    page.keyboard.press("Enter")
    expect(page.locator(".views-label")).to_have_text("second")
    page.reload()
    assert shown(page)["sm"] == 0.7
    menu(page)
    page.get_by_role("button", name="Delete second").press("Enter")
    page.get_by_role("button", name="Really delete second").press("Enter")
    expect(page.locator(".views-list")).to_have_count(0)
    expect(page.locator(".views-label")).to_have_text("Views")


def test_a_refused_name_says_why(page: Page, ids: dict[str, int], watch: Watch) -> None:
    watch.allow("409")
    page.goto("/experiments/exp")
    ready(page)
    save(page, "best")
    menu(page)
    page.get_by_role("textbox", name="Name of a new view").fill("Best")
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("There is a view named 'best' already")


def test_views_of_a_comparison_name_its_runs(page: Page, ids: dict[str, int]) -> None:
    page.goto(f"/compare?run={ids['running']}&run={ids['succeeded']}&sm=0.4")
    ready(page)
    save(page, "two")
    page.goto(f"/compare?run={ids['running']}")
    ready(page)
    menu(page)
    page.get_by_role("link", name="two").click()
    expect(page.locator("main h1")).to_contain_text("2 runs")
    ready(page)
    assert state(page) == {"view": "two", "changed": False, "names": ["two"]}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_menu_is_accessible_and_fits(
    open_page: OpenPage, ids: dict[str, int], theme: str, watch: Watch
) -> None:
    watch.allow("Applying inline style")  # by axe
    page = open_page(width=390, theme=theme)
    page.goto("/experiments/exp")
    ready(page)
    save(page, "a long name of a view that says what it is about 丹炉")
    page.evaluate(SET, {"sm": 0.7})
    menu(page)
    expect(page.get_by_role("button", name="Update it")).to_be_visible()
    assert violations(page, theme=theme) == []
    assert overflow(page) <= 0

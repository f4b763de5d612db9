"""Reports in the browser: writing with a preview, live charts, conflicts, and the exported file without a server."""

import sys
from pathlib import Path

import pytest
from accessibility import overflow, violations
from browsing import OpenPage, Watch
from playwright.sync_api import Browser, Page, expect
from rest import Rest

sys.path.insert(0, str(Path(__file__).parents[1] / "app" / "reports"))
from written import TITLE, written

pytestmark = pytest.mark.browser
EDITOR = "danlu-report-editor"


@pytest.fixture
def report(rest: Rest) -> int:
    return int(written(rest)["id"])


def editor(page: Page) -> None:
    expect(page.locator(EDITOR)).to_have_attribute("data-ready", "1")


def text(page: Page) -> str:
    found: str = page.evaluate(f"() => document.querySelector('{EDITOR}').state().text")
    return found


def test_a_report_is_written_from_nothing(rest: Rest, report: int, page: Page) -> None:
    page.goto("/experiments/exp")
    page.get_by_role("link", name="Reports").click()
    page.get_by_role("textbox", name="Title of a new report").fill("What I found")
    page.keyboard.press("Enter")
    editor(page)
    page.get_by_role("textbox", name="Markdown").click()
    page.keyboard.type("# Rings\nThe **best** one:")
    preview = page.get_by_role("region", name="Preview")
    expect(preview.locator("h2")).to_have_text("Rings")
    page.get_by_role("combobox", name="View to insert").select_option("curves")
    page.get_by_role("button", name="Insert charts").click()
    expect(preview.locator("danlu-curves")).to_have_attribute("data-ready", "1")
    page.keyboard.type("Bye.")
    expect(preview).to_contain_text("Bye.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[data-status]")).to_have_text("saved")
    page.get_by_role("link", name="Close").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What I found")
    expect(page.locator(".report h2")).to_have_text("Rings")
    expect(page.locator("danlu-curves")).to_have_attribute("data-ready", "1")
    shown = page.evaluate("() => document.querySelector('danlu-curves').state()")
    assert shown["runs"] == [1, 2, 3]


def test_both_texts_are_there_when_somebody_was_faster(
    rest: Rest, report: int, page: Page, watch: Watch
) -> None:
    watch.allow("409")
    page.goto(f"/reports/{report}/edit")
    editor(page)
    rest.http.patch(f"/api/v1/reports/{report}", json={"body": "theirs"})
    page.get_by_role("textbox", name="Markdown").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("mine")
    page.get_by_role("button", name="Save").click()
    conflict = page.get_by_role("region", name="Changed meanwhile")
    expect(conflict.locator("pre")).to_have_text("theirs")
    assert text(page) == "mine"
    page.get_by_role("button", name="Save").click()
    expect(conflict).to_be_hidden()
    assert rest.get(f"/reports/{report}").json()["body"] == "mine"
    rest.http.patch(f"/api/v1/reports/{report}", json={"body": "theirs again"})
    page.get_by_role("textbox", name="Title", exact=True).fill("Other")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Take what is stored").click()
    expect(page.locator("[data-status]")).to_have_text("saved")
    assert text(page) == "theirs again"


def test_without_scripts_a_report_is_written_by_a_form(
    rest: Rest, report: int, open_page: OpenPage, watch: Watch
) -> None:
    watch.allow("409")
    page = open_page(javascript=False)
    page.goto(f"/reports/{report}/edit")
    page.locator("textarea").fill("plain")
    rest.http.patch(f"/api/v1/reports/{report}", json={"title": "Theirs"})
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("region", name="Changed meanwhile")).to_be_visible()
    expect(page.locator("textarea")).to_have_value("plain")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".report")).to_contain_text("plain")


def test_what_is_shown_is_added_to_a_report(rest: Rest, report: int, page: Page) -> None:
    page.goto("/experiments/exp?sel=2,1&sm=0.5&pane=report")
    page.get_by_role("button", name="Add these charts to").click()
    expect(page.locator("#toasts")).to_contain_text("stand at the end")
    body = rest.get(f"/reports/{report}").json()["body"]
    assert body.endswith("```danlu-view\nquery: sel=2,1&sm=0.5\n```\n")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_are_accessible_and_fit(report: int, open_page: OpenPage, theme: str, watch: Watch) -> None:
    watch.allow("Applying inline style")  # by axe
    page = open_page(theme=theme)
    phone = open_page(theme=theme, width=390, height=844)
    for path, ready in (
        ("/experiments/exp/reports", "main h1"),
        ("/reports", "main h1"),
        (f"/reports/{report}", "danlu-curves[data-ready]"),
        (f"/reports/{report}/edit", f"{EDITOR}[data-ready]"),
    ):
        for one in (page, phone):
            one.goto(path)
            expect(one.locator(ready).first).to_be_attached()
        assert violations(page, theme=theme) == [], path
        assert overflow(phone) <= 0, path


def test_the_exported_file_needs_no_server(rest: Rest, report: int, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(rest.http.get(f"/api/v1/reports/{report}/export").content)
    for scheme in ("light", "dark"):
        context = browser.new_context(
            offline=True, color_scheme=scheme, viewport={"width": 390, "height": 844}
        )
        page = context.new_page()
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("pageerror", lambda error, said=said: said.append(str(error)))
        page.goto(file.as_uri())
        expect(page.get_by_role("heading", level=1)).to_have_text(TITLE)
        expect(page.get_by_role("img")).to_have_count(1)
        colour = page.evaluate(
            "() => getComputedStyle(document.querySelector('path.run-1[stroke-width=\"1.5\"]')).stroke"
        )
        assert colour == ("rgb(180, 83, 9)" if scheme == "light" else "rgb(242, 161, 84)")
        assert overflow(page) <= 0
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        assert said == []
        assert violations(page) == []
        context.close()

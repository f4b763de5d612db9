"""From the one-time link to a logged-in administrator, by keyboard, and the pages on the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from accessibility import overflow, violations
from browsing import OpenPage, Watch
from playwright.sync_api import expect
from served import PASSWORD, Served, serving

from app.config import load_settings

pytestmark = pytest.mark.browser


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Served]:
    """A fresh home with the login on and nobody in it."""
    with serving(load_settings(home=tmp_path / "closed", port=0)) as served:
        yield served


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_the_first_administrator_comes_in_by_the_link(
    closed: Served, open_page: OpenPage, watch: Watch, width: int, theme: str
) -> None:
    watch.allow("Applying inline style")  # by axe
    page = open_page(base=closed.url, width=width, theme=theme)
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        found[name] = violations(page)
        assert overflow(page) == 0, name

    page.goto(f"/setup?key={closed.setup_token()}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    look("setup")
    page.get_by_label("User name").fill("ada")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{closed.url}/")
    expect(page.get_by_role("heading", name="Start your first run")).to_be_visible()
    page.goto("/settings")
    look("settings")
    page.get_by_role("button", name="Log out").click()
    page.goto("/runs/new?recipe=rings")
    expect(page).to_have_url(f"{closed.url}/login?next=/runs/new%3Frecipe%3Drings")
    look("login")
    page.get_by_label("User name").fill("ada")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{closed.url}/runs/new?recipe=rings")
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_the_answer_of_a_form_far_down_is_in_view(closed: Served, open_page: OpenPage, watch: Watch) -> None:
    watch.allow("422")
    page = open_page(base=closed.url)
    page.goto(f"/setup?key={closed.setup_token()}")
    page.get_by_label("User name").fill("ada")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{closed.url}/")
    page.goto("/settings")
    invited = page.get_by_label("Invite somebody: user name")
    invited.fill("bob")
    page.get_by_role("button", name="Make a one-time link").click()
    expect(page.get_by_text("Send this link to bob.")).to_be_in_viewport()
    invited.fill("ada")
    page.get_by_role("button", name="Make a one-time link").click()
    expect(invited).to_be_focused()
    expect(invited).to_be_in_viewport()

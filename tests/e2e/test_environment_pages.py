"""Environments in the browser: what a run ran in, and the settings in which scripts' Pythons are registered."""

import json

import pytest
from browsing import Watch
from playwright.sync_api import Page, expect
from rest import Rest

pytestmark = pytest.mark.browser


def test_a_run_says_in_what_it_ran(page: Page, rest: Rest) -> None:
    run = rest.submit()
    folder = rest.served.settings.experiments_dir / run["experiment"] / run["slug"] / ".danlu"
    page.goto(f"/runs/{run['id']}")
    fold = page.locator("details", has=page.get_by_role("heading", name="Environment"))
    fold.locator("summary").first.click()
    expect(fold).to_contain_text("It is recorded when the run starts.")
    folder.mkdir(parents=True)
    record = {"environment": "venv:nlp", "python": "3.12.1", "start": "cold", "packages": {"torch": "2.10.0"}}
    (folder / "environment.json").write_text(json.dumps(record))
    fold.locator("summary").first.click()
    fold.locator("summary").first.click()
    expect(fold).to_contain_text("venv:nlp (cold start)")
    fold.get_by_text("1 packages").click()
    expect(fold).to_contain_text("torch==2.10.0")


def test_an_environment_is_registered_in_the_settings(page: Page, rest: Rest, watch: Watch) -> None:
    watch.allow("status of 422")
    page.goto("/settings")
    section = page.locator("section", has=page.get_by_role("heading", name="Environments"))
    section.get_by_label("Name").fill("nlp")
    section.get_by_label("Interpreter").fill("bin/python")
    section.get_by_role("button", name="Add").click()
    expect(section).to_contain_text("must be the absolute path of an interpreter")
    section.get_by_label("Interpreter").fill("/opt/nlp/bin/python")
    section.get_by_role("button", name="Add").click()
    expect(section.get_by_role("cell", name="/opt/nlp/bin/python")).to_be_visible()
    assert [item["name"] for item in rest.get("/environments").json()["items"]] == ["nlp"]
    section.get_by_role("button", name="Remove the environment nlp").click()
    expect(section.get_by_role("cell", name="/opt/nlp/bin/python")).to_have_count(0)

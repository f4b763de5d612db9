"""The form of a new run: generated from the schema, errors beside the fields, the same as commands, clone and edit."""

import json

import pytest
from browsing import OpenPage, Watch
from playwright.sync_api import Page, expect
from rest import Rest

pytestmark = pytest.mark.browser


def test_the_form_follows_the_schema(page: Page) -> None:
    page.goto("/runs/new?recipe=rings")
    lr = page.get_by_label("lr")
    expect(lr).to_have_value("0.001")
    expect(lr).to_have_attribute("type", "number")
    expect(page.get_by_label("epochs")).to_have_attribute("max", "10000")
    expect(page.get_by_label("optimizer")).to_have_value("adam")
    expect(page.get_by_text("0 < x ≤ 1", exact=True)).to_be_visible()
    expect(page.get_by_text("SyntaxError: line 3")).to_be_visible()


def test_a_run_is_submitted_and_its_page_opens(page: Page, rest: Rest) -> None:
    page.goto("/runs/new?recipe=rings")
    page.get_by_label("lr").fill("0.05")
    page.get_by_label("Experiment").fill("my rings")
    page.get_by_label("Tags").fill("one, two")
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url("**/runs/1")
    expect(page.get_by_role("heading", level=1)).to_contain_text("rings")
    expect(page.locator("#toasts")).to_contain_text("Run #1 is queued")
    run = rest.get("/runs/1").json()
    assert run["params"] == {"lr": 0.05, "epochs": 100, "optimizer": "adam", "note": None}
    assert run["experiment"] == "my-rings"
    assert run["tags"] == ["one", "two"]


def test_what_is_wrong_stands_beside_its_field_and_input_is_kept(
    page: Page, rest: Rest, watch: Watch
) -> None:
    watch.allow("422")
    page.goto("/runs/new?recipe=rings")
    page.get_by_label("lr").fill("7")
    page.get_by_label("epochs").fill("")
    page.get_by_label("Name").fill("kept")
    page.get_by_label("Device").fill("toaster")
    page.get_by_role("button", name="Start run").click()
    lr = page.get_by_label("lr")
    expect(lr).to_have_attribute("aria-invalid", "true")
    expect(lr).to_have_accessible_description("must be greater than 0 and at most 1; got 7.0 0 < x ≤ 1")
    expect(lr).to_be_focused()
    expect(lr).to_have_value("7")
    expect(page.get_by_label("Name")).to_have_value("kept")
    expect(page.get_by_text("2 fields to correct.")).to_be_visible()
    expect(page.get_by_text("must be auto, cpu, cuda, cuda:N (N from 0 to 999) or mps")).to_be_visible()
    lr.fill("0.5")
    page.get_by_role("button", name="Start run").click()
    expect(page.get_by_label("Device")).to_be_focused()
    expect(lr).not_to_have_attribute("aria-invalid", "true")
    assert rest.items() == []


def test_the_commands_follow_the_form_and_work(page: Page, rest: Rest) -> None:
    page.goto("/runs/new?recipe=rings&experiment=exp")
    page.get_by_label("lr").fill("0.25")
    shown = page.locator("#repeat-curl")
    expect(shown).to_contain_text('"lr": 0.25')
    expect(page.locator("#repeat-cli")).to_contain_text("--set lr=0.25")
    text = shown.text_content() or ""
    body = json.loads(text[text.index("-d '") + 4 : text.rindex("'")])
    answer = rest.post("/runs", body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["params"]["lr"] == 0.25
    expect(page.get_by_label("lr")).to_be_focused()


def test_the_command_can_be_copied(open_page: OpenPage) -> None:
    page = open_page()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/runs/new?recipe=rings&experiment=exp")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert (
        page.evaluate("navigator.clipboard.readText()")
        == (page.locator("#repeat-curl").text_content() or "").strip()
    )


def test_clone_and_edit_begins_with_the_runs_own_values(page: Page, rest: Rest) -> None:
    run = rest.submit(recipe="rings", params={"lr": 0.5, "note": "warm"}, name="first", seed=9, tags=["a"])
    page.goto(f"/runs/{run['id']}")
    page.get_by_role("link", name="Clone and edit").click()
    expect(page.get_by_label("lr")).to_have_value("0.5")
    expect(page.get_by_label("note", exact=True)).to_have_value("warm")
    expect(page.get_by_label("Seed")).to_have_value("9")
    page.get_by_label("lr").fill("0.75")
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(f"**/runs/{run['id'] + 1}")
    made = rest.get(f"/runs/{run['id'] + 1}").json()
    assert made["parent"] == run["id"]
    assert (made["params"]["lr"], made["params"]["note"], made["seed"]) == (0.75, "warm", 9)


def test_the_form_works_without_javascript(open_page: OpenPage, rest: Rest, watch: Watch) -> None:
    watch.allow("422")
    page = open_page(javascript=False)
    page.goto("/runs/new?recipe=rings")
    page.get_by_label("epochs").fill("0")
    page.get_by_role("button", name="Start run").click()
    expect(page.get_by_label("epochs")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("epochs").fill("3")
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url("**/runs/1")
    assert rest.get("/runs/1").json()["params"]["epochs"] == 3

"""Import on the list of experiments and Export on an experiment's page."""

import json
import zipfile
from pathlib import Path

import pytest
from accessibility import overflow, violations
from browsing import OpenPage, Watch
from logdirs import lightning, write_run
from playwright.sync_api import Page, Route, expect
from rest import Rest
from scenes import furnished

from danlu.logpack import pack_logdir

pytestmark = pytest.mark.browser


def archive_of(tmp_path: Path, name: str = "old-logs.tar.gz") -> Path:
    logs = tmp_path / "logs"
    write_run(logs / "a", {"loss": [1.0, 0.5]})
    lightning(logs, 0, "lr: 0.5\n")
    archive = tmp_path / name
    assert pack_logdir(logs, archive)
    return archive


def open_import(page: Page) -> None:
    page.goto("/")
    expect(page.locator("danlu-import")).to_have_attribute("data-ready", "1")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("dialog", name="Import runs")).to_be_visible()


def test_a_log_folder_is_imported(page: Page, rest: Rest, tmp_path: Path) -> None:
    open_import(page)
    page.get_by_label("Archive").set_input_files(archive_of(tmp_path))
    expect(page.get_by_label("Experiment")).to_have_value("old-logs")
    page.get_by_label("Experiment").fill("Old logs")
    page.get_by_label("Tags").fill("2024, sent")
    page.keyboard.press("Enter")
    result = page.locator("[data-result]")
    expect(result).to_be_focused()
    expect(result).to_contain_text("Runs: 2 added.")
    assert {tuple(run["tags"]) for run in rest.items(experiment="old-logs")} == {("2024", "sent")}
    page.get_by_role("button", name="Import", exact=True).last.click()
    expect(result).to_contain_text("Runs: 2 here already.")
    page.get_by_role("link", name="Open old-logs").click()
    expect(page.get_by_role("heading", name="Old logs")).to_be_visible()
    expect(page.get_by_text("lightning_logs/version_0").first).to_be_visible()


def test_a_folder_is_packed_by_the_page(page: Page, rest: Rest, tmp_path: Path) -> None:
    archive_of(tmp_path)
    (tmp_path / "logs" / "a" / ".env").write_text("SECRET=1")
    open_import(page)
    page.get_by_label("A folder").set_input_files(tmp_path / "logs")
    expect(page.locator("[data-chosen]")).to_contain_text("logs: 3 files")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Import")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("[data-go]").click()
    expect(page.locator("[data-result]")).to_contain_text("Runs: 2 added.")
    names = {path.name for path in rest.served.settings.home.rglob("*") if path.is_file()}
    assert "hparams.yaml" in names
    assert ".env" not in names


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_what_is_wrong_with_an_import_is_said_where_it_is(
    open_page: OpenPage, watch: Watch, tmp_path: Path, width: int, theme: str
) -> None:
    watch.allow("422")
    page = open_page(width=width, theme=theme)
    open_import(page)
    page.locator("[data-go]").click()
    archive = page.get_by_label("Archive")
    expect(archive).to_be_focused()
    expect(archive).to_have_accessible_description("Choose an archive, or a folder.")
    other = tmp_path / "notes.txt"
    other.write_text("no archive")
    archive.set_input_files(other)
    page.locator("[data-go]").click()
    expect(archive).to_have_accessible_description("notes.txt is no archive: choose a .zip, .tar.gz or .tgz.")
    archive.set_input_files(archive_of(tmp_path))
    page.get_by_label("Experiment").fill("")
    page.locator("[data-go]").click()
    expect(page.get_by_label("Experiment")).to_be_focused()
    expect(page.get_by_label("Experiment")).to_have_attribute("aria-invalid", "true")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 and no more")
    archive.set_input_files(broken)
    page.get_by_label("Tags").fill("x" * 100)
    page.locator("[data-go]").click()
    expect(page.get_by_label("Tags")).to_be_focused()
    page.get_by_label("Tags").fill("")
    page.locator("[data-go]").click()
    expect(page.get_by_role("alert")).to_contain_text("zip")
    assert violations(page) == []
    assert overflow(page) == 0


def test_an_upload_is_stopped_and_one_whose_dialog_is_closed_tells_at_the_end(
    page: Page, rest: Rest, tmp_path: Path
) -> None:
    open_import(page)
    page.get_by_label("Archive").set_input_files(archive_of(tmp_path))
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/import/upload?*", hold)
    page.locator("[data-go]").click()
    expect(page.locator("[data-go]")).to_be_disabled()
    expect(page.get_by_role("progressbar", name="Upload")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("alert")).to_contain_text("Stopped: nothing was imported.")
    expect(page.get_by_role("progressbar", name="Upload")).to_be_hidden()
    with page.expect_request("**/import/upload?*"):
        page.locator("[data-go]").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    held.pop().continue_()
    expect(page.locator("#toasts")).to_contain_text("Runs: 2 added.")
    page.locator("#toasts").get_by_role("button", name="Open").click()
    expect(page).to_have_url("/experiments/old-logs")


def test_an_experiment_is_exported_and_comes_back(page: Page, rest: Rest, tmp_path: Path) -> None:
    furnished(rest)
    page.goto("/experiments/exp")
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_role("dialog", name="Export exp")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("with every file of the runs").check()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    assert waiting.value.suggested_filename == "exp-export.zip"
    archive = tmp_path / "exp-export.zip"
    waiting.value.save_as(archive)
    with zipfile.ZipFile(archive) as found:
        runs = json.loads(found.read("runs.json"))["runs"]
        assert any(name.startswith("files/") for name in found.namelist())
    assert len(runs) == 6
    expect(page.locator("#toasts")).to_contain_text("has begun")
    open_import(page)
    page.get_by_label("Archive").set_input_files(archive)
    expect(page.get_by_label("Experiment")).to_have_value("")
    page.get_by_label("Experiment").fill("back")
    page.locator("[data-go]").click()
    expect(page.locator("[data-result]")).to_contain_text("6 added")
    assert len(rest.items(experiment="back")) == 6


def test_an_export_of_what_is_gone_says_so_on_the_page(page: Page, rest: Rest, watch: Watch) -> None:
    watch.allow("404")
    rest.post("/experiments", {"name": "short", "description": ""})
    page.goto("/experiments/short")
    page.get_by_role("button", name="Export").click()
    assert rest.http.delete("/api/v1/experiments/short").status_code == 204
    page.get_by_role("button", name="Download").click()
    expect(page.locator("#toasts")).to_contain_text("no experiment")
    expect(page).to_have_url("/experiments/short")

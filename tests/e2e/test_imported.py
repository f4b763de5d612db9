"""The page of an imported run: curves and files as of any other, and nothing that cannot be done with it."""

from pathlib import Path

import pytest
from accessibility import overflow, violations
from browsing import OpenPage
from logdirs import lightning
from playwright.sync_api import expect
from rest import Rest

from app.clock import utcnow
from app.imports.service import Wish, import_folder

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_an_imported_run(open_page: OpenPage, rest: Rest, tmp_path: Path, width: int, theme: str) -> None:
    logs = tmp_path / "logs"
    folder = lightning(logs, 4, "lr: 0.001\nnet: {name: mlp, width: 64}\n")
    report = import_folder(rest.served.db, rest.served.settings, logs, Wish("old", tags=("2025",)), utcnow())
    run_id = report.added[0]["run"]
    page = open_page(width=width, theme=theme)
    page.goto(f"/runs/{run_id}")
    expect(page.get_by_role("heading", name="lightning_logs/version_4")).to_be_visible()
    expect(page.locator("danlu-curves canvas").first).to_be_visible()
    expect(page.get_by_text(str(folder)).first).to_be_visible()
    expect(page.get_by_role("row", name="net/width 64")).to_be_visible()
    expect(page.get_by_text("hparams.yaml")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    expect(page.get_by_text("Repeat as a command")).to_have_count(0)
    assert violations(page) == []
    assert overflow(page) == 0
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Its files stay where they are")).to_be_visible()

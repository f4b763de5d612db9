"""A script from the browser: pasted, dropped, packed; its typed form, its errors, and what differs from a parent."""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from accessibility import overflow, violations
from browsing import OpenPage, Watch
from playwright.sync_api import Locator, Page, expect
from rest import Rest

pytestmark = pytest.mark.browser

SCRIPT = '''"""Fit a line."""
import argparse
from torch.utils.tensorboard import SummaryWriter

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-3, help="learning rate")
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--optimizer", choices=["sgd", "adam"], default="adam")
parser.add_argument("--amp", action="store_true")
args = parser.parse_args()

with SummaryWriter() as writer:
    for step in range(args.epochs):
        writer.add_scalar("loss", args.lr / (step + 1), step)
'''
DROP = """(host, {name, data}) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([Uint8Array.from(data)], name));
  for (const type of ["dragenter", "dragover", "drop"]) {
    host.dispatchEvent(new DragEvent(type, {dataTransfer: transfer, bubbles: true, cancelable: true}));
  }
}"""


def ready(page: Page, path: str = "/runs/new/script") -> Locator:
    """The page with its editor, which is given."""
    page.goto(path)
    island = page.locator("danlu-script")
    expect(island).to_have_attribute("data-ready", "1")
    return island


def write(page: Page, text: str) -> None:
    """Paste into the editor."""
    page.get_by_role("textbox", name="Code").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)


def drop(page: Page, name: str, data: bytes) -> None:
    """Drop one file onto the editor, as a file manager does."""
    page.locator(".code-pane").evaluate(DROP, {"name": name, "data": list(data)})


def drag(page: Page, *paths: Path) -> None:
    """Drag files or folders of the disk onto the editor, as the browser itself sees it."""
    session = page.context.new_cdp_session(page)
    box = page.locator(".code-pane").bounding_box()
    assert box is not None
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"x": box["x"] + 40, "y": box["y"] + 40}
        session.send("Input.dispatchDragEvent", {"type": kind, "data": data, **place})
    session.detach()


def state(island: Locator) -> dict[str, Any]:
    shown: dict[str, Any] = island.evaluate("island => island.state()")
    return shown


def zipped(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return made.getvalue()


def last_run(rest: Rest) -> dict[str, Any]:
    run: dict[str, Any] = rest.get(f"/runs/{rest.items()[0]['id']}").json()
    return run


def submitted(rest: Rest, text: str = SCRIPT, **fields: Any) -> dict[str, Any]:
    """A run of that script, made by REST."""
    made = rest.http.post("/api/v1/snapshots?filename=train.py", content=text.encode())
    assert made.status_code in {200, 201}, made.text
    answer = rest.post("/runs", {"experiment": "exp", "snapshot": made.json()["id"], **fields})
    assert answer.status_code == 201, answer.text
    run: dict[str, Any] = answer.json()
    return run


def test_a_pasted_script_gets_a_typed_form_and_only_what_is_changed_becomes_its_command_line(
    page: Page, rest: Rest
) -> None:
    ready(page)
    write(page, SCRIPT)
    lr = page.get_by_label("--lr")
    expect(lr).to_have_value("0.001")
    expect(page.get_by_label("--optimizer")).to_have_value("adam")
    expect(page.locator("#script-argv")).to_have_text("python train.py")
    lr.fill("0.1")
    page.get_by_label("--amp").check()
    expect(page.locator("#script-argv")).to_have_text("python train.py --lr 0.1 --amp")
    expect(page.locator(".field.changed")).to_have_count(2)
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile(r"/runs/\d+$"))
    run = last_run(rest)
    assert run["args"] == ["--lr", "0.1", "--amp"]
    assert run["params"] == {"lr": 0.1, "epochs": 10, "optimizer": "adam", "amp": True}
    assert (run["entrypoint"], run["environment"], run["experiment"]) == ("train.py", "worker", "scripts")


def test_the_form_can_be_overridden_by_an_argument_line_and_back(page: Page, rest: Rest) -> None:
    ready(page)
    write(page, SCRIPT)
    page.get_by_label("--lr").fill("0.1")
    page.get_by_label("Extra arguments").fill("--more 'a b'")
    expect(page.locator("#script-argv")).to_contain_text("--more")
    page.get_by_text("Argument line").click()
    line = page.get_by_label("Arguments", exact=True)
    expect(line).to_have_value("--lr 0.1 --more 'a b'")
    line.fill("--epochs 3 --unknown")
    expect(page.locator("#script-argv")).to_have_text("python train.py --epochs 3 --unknown")
    page.get_by_text("Form", exact=True).click()
    expect(page.get_by_label("--epochs")).to_have_value("3")
    expect(page.get_by_label("--lr")).to_have_value("0.001")
    expect(page.get_by_label("Extra arguments")).to_have_value("--unknown")
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile(r"/runs/\d+$"))
    assert last_run(rest)["args"] == ["--epochs", "3", "--unknown"]


def test_a_draft_survives_a_reload_and_is_gone_once_it_is_a_run(page: Page) -> None:
    island = ready(page)
    write(page, SCRIPT)
    page.get_by_label("--lr").fill("0.25")
    page.get_by_label("Name", exact=True).fill("kept")
    expect(page.locator("#script-argv")).to_contain_text("0.25")
    page.reload()
    expect(island).to_have_attribute("data-ready", "1")
    assert state(island)["text"] == SCRIPT
    expect(page.locator(".code-message")).to_contain_text("What you wrote in this tab is back")
    expect(page.get_by_label("--lr")).to_have_value("0.25")
    expect(page.get_by_label("Name", exact=True)).to_have_value("kept")
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile(r"/runs/\d+$"))
    assert state(ready(page))["text"] == ""


def test_a_syntax_error_is_shown_at_its_line_and_refused(page: Page, rest: Rest, watch: Watch) -> None:
    watch.allow("422")
    island = ready(page)
    write(page, "import torch\n\nfor epoch in range(3) print(epoch)\n")
    error = page.locator("#code-error")
    expect(error).to_contain_text("line 3, column 23")
    marked = page.locator(".cm-lint-marker-error")
    expect(marked).to_have_count(1)
    page.get_by_role("button", name="Start run").click()
    expect(page.get_by_role("alert").first).to_contain_text("1 thing to correct")
    expect(page.get_by_role("textbox", name="Code")).to_be_focused()
    expect(page.locator(".cm-activeLineGutter").first).to_have_text("3")
    assert rest.items() == []
    write(page, "for epoch in range(3): print(epoch)\n")
    expect(error).to_have_count(0)
    expect(marked).to_have_count(0)
    assert state(island)["text"].startswith("for epoch")


def test_a_dropped_script_is_in_the_editor(page: Page) -> None:
    island = ready(page)
    drop(page, "fit.py", SCRIPT.encode())
    expect(page.get_by_label("--lr")).to_have_value("0.001")
    expect(page.locator("#script-argv")).to_have_text("python fit.py")
    assert (state(island)["open"], state(island)["text"]) == ("fit.py", SCRIPT)
    drop(page, "weights.bin", b"\0\1\2")
    expect(page.locator(".code-message")).to_contain_text("weights.bin is no script")
    expect(page.locator(".code-card.dropping")).to_have_count(0)
    assert state(island)["open"] == "fit.py"


def test_a_zip_becomes_files_one_of_which_is_edited_and_run(page: Page, rest: Rest) -> None:
    island = ready(page)
    files = {
        "train.py": SCRIPT,
        "model.py": "WIDTH = 4\n",
        "lib/__init__.py": "",
        "other.py": "import argparse\nprint()\n",
    }
    drop(page, "project.zip", zipped(files))
    listed = page.get_by_role("navigation", name="Files", exact=True)
    expect(listed.get_by_role("button")).to_have_count(4)
    expect(page.get_by_label("Entrypoint")).to_have_value("train.py")
    before = state(island)["snapshot"]
    listed.get_by_role("button", name="model.py").click()
    expect(page.locator(".cm-content")).to_contain_text("WIDTH = 4")
    write(page, "WIDTH = 8\n")
    expect(listed.get_by_role("button", name="model.py (changed)")).to_be_visible()
    page.get_by_label("--epochs").fill("2")
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile(r"/runs/\d+$"))
    run = last_run(rest)
    assert run["snapshot"] != before
    assert run["args"] == ["--epochs", "2"]
    kept = {path: rest.get(f"/snapshots/{run['snapshot']}/files/{path}").text for path in files}
    assert kept == files | {"model.py": "WIDTH = 8\n"}


def test_a_zip_with_traversal_is_refused_with_the_reason(page: Page, rest: Rest, watch: Watch) -> None:
    watch.allow("422")
    island = ready(page)
    drop(page, "evil.zip", zipped({"train.py": "", "../../outside.py": "print()"}))
    message = page.locator(".code-message")
    expect(message).to_have_attribute("data-kind", "error")
    expect(message).to_contain_text("evil.zip was refused")
    expect(message).to_contain_text("../../outside.py")
    assert state(island)["snapshot"] is None
    assert list(rest.served.settings.snapshots_dir.iterdir()) == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with code and with much that is none."""
    folder = tmp_path / "project"
    files = {
        "train.py": SCRIPT, "pkg/model.py": "x = 1\n", "pkg/__pycache__/model.pyc": "no", ".git/config": "no",
        "node_modules/a/b.js": "no", "data/big.csv": "no", "notes.txt": "no", "pkg/keep.txt": "yes",
        ".gitignore": "data/\n*.txt\n", ".danluignore": "!keep.txt\n",
    }  # fmt: skip
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.mark.parametrize("way", ["button", "drop"])
def test_a_folder_is_packed_without_what_is_no_code(page: Page, project: Path, rest: Rest, way: str) -> None:
    island = ready(page)
    if way == "drop":
        drag(page, project)
    else:
        page.get_by_label("A folder").set_input_files(project)
    listed = page.get_by_role("navigation", name="Files", exact=True)
    expect(listed).to_be_visible()
    shown = state(island)
    names = {file["path"] for file in rest.get(f"/snapshots/{shown['snapshot']}").json()["listing"]}
    assert names == {"train.py", "pkg/model.py", "pkg/keep.txt", ".gitignore", ".danluignore"}
    assert {one["path"] for one in shown["left"]} == {
        ".git/", "pkg/__pycache__/", "node_modules/", "data/", "notes.txt",
    }  # fmt: skip
    expect(page.get_by_text("5 left out")).to_be_visible()
    expect(page.get_by_label("--lr")).to_have_value("0.001")


def test_what_is_not_utf_8_is_run_as_it_is_and_not_changed(page: Page, rest: Rest) -> None:
    island = ready(page)
    source = "# -*- coding: latin-1 -*-\nprint('\u00e9')\n".encode("latin-1")
    drop(page, "old.py", source)
    expect(page.locator(".code-message")).to_contain_text("old.py is not UTF-8")
    page.get_by_role("textbox", name="Code").click()
    page.keyboard.type("x")
    assert state(island)["edits"] == []
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile(r"/runs/\d+$"))
    assert rest.get(f"/snapshots/{last_run(rest)['snapshot']}/files/old.py").content == source


def test_many_options_can_be_searched_and_all_are_sent(page: Page, rest: Rest) -> None:
    ready(page)
    names = [f"option{number}" for number in range(300)]
    lines = [f'parser.add_argument("--{name}", type=int, default=1, help="about {name}")' for name in names]
    write(
        page,
        "\n".join(["import argparse", "parser = argparse.ArgumentParser()", *lines, "parser.parse_args()\n"]),
    )
    page.get_by_label("Find an option").fill("option29")
    shown = page.locator("[data-options] > .field:visible")
    expect(shown).to_have_count(11)
    page.get_by_label("--option299", exact=True).fill("2")
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile(r"/runs/\d+$"))
    assert last_run(rest)["args"] == ["--option299", "2"]


def test_a_clone_shows_what_differs_before_it_is_started(page: Page, rest: Rest) -> None:
    parent = submitted(rest, args=["--lr", "0.1", "--debug"], tags=["first"], name="line")
    page.goto(f"/runs/{parent['id']}")
    page.get_by_role("link", name="Clone and edit").click()
    expect(page).to_have_url(re.compile(rf"/runs/new/script\?from={parent['id']}$"))
    island = page.locator("danlu-script")
    expect(island).to_have_attribute("data-ready", "1")
    assert state(island)["text"] == SCRIPT
    expect(page.get_by_label("--lr")).to_have_value("0.1")
    expect(page.get_by_label("Extra arguments")).to_have_value("--debug")
    changes = page.locator("#script-changes")
    expect(changes).to_contain_text("None: the same code with the same params.")

    page.get_by_label("--lr").fill("0.5")
    row = changes.get_by_role("row", name=re.compile("^lr"))
    expect(row.locator("del")).to_have_text("0.1")
    expect(row.locator("ins")).to_have_text("0.5")
    write(page, SCRIPT.replace("(step + 1)", "(step + 2)"))
    removed = changes.locator('[data-mark="-"]')
    expect(removed).to_have_count(1)
    expect(removed).to_contain_text("-")
    expect(removed).to_contain_text("(step + 1)")
    expect(changes.locator('[data-mark="+"]')).to_contain_text("(step + 2)")
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile(rf"/runs/{parent['id'] + 1}$"))
    run = last_run(rest)
    assert (run["parent"], run["args"]) == (parent["id"], ["--lr", "0.5", "--debug"])
    assert (run["params"]["lr"], run["tags"], run["seed"]) == (0.5, ["first"], parent["seed"])
    assert run["snapshot"] != parent["snapshot"]


def test_a_clone_of_the_same_code_keeps_its_commit_and_start_over_brings_the_parent_back(
    page: Page, rest: Rest
) -> None:
    git = {
        "commit": "b" * 40,
        "branch": "main",
        "remote": None,
        "dirty": True,
        "diff": "diff --git a/a b/a\n",
    }
    parent = submitted(rest, args=["--lr", "0.1"], git=git)
    island = ready(page, f"/runs/new/script?from={parent['id']}")
    write(page, "print()")
    expect(page.locator("#script-changes .diff")).to_have_count(1)
    page.get_by_role("button", name="Start over").click()
    expect(page.locator("#script-changes")).to_contain_text("None: the same code")
    expect(island).to_have_attribute("data-ready", "1")
    assert state(island)["text"] == SCRIPT
    page.get_by_label("--epochs").fill("3")
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile(rf"/runs/{parent['id'] + 1}$"))
    run = last_run(rest)
    assert (run["git"], run["snapshot"]) == (parent["git"], parent["snapshot"])
    assert run["args"] == ["--lr", "0.1", "--epochs", "3"]
    assert rest.get(f"/runs/{run['id']}/diff").text == git["diff"]


def test_a_shell_command_and_wrong_fields(page: Page, rest: Rest, watch: Watch) -> None:
    watch.allow("422")
    ready(page)
    page.get_by_role("button", name="Start run").click()
    expect(page.locator("#script-errors")).to_contain_text("1 thing to correct")
    expect(page.locator("#code-error")).to_contain_text("Paste a script")
    write(page, SCRIPT)
    page.get_by_label("--epochs").fill("1.5")
    page.get_by_label("Experiment").fill("")
    page.get_by_role("button", name="Start run").click()
    expect(page.locator("#script-errors")).to_contain_text("2 things to correct")
    expect(page.get_by_label("--epochs")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("--epochs")).to_have_value("1.5")
    expect(page.get_by_label("Experiment")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Experiment").fill("exp")
    page.get_by_label("Environment").select_option("shell")
    command = page.get_by_role("textbox", name="Shell command")
    expect(command).to_have_value("python train.py")
    command.fill("python train.py --epochs 1 | tee log.txt")
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile(r"/runs/\d+$"))
    run = last_run(rest)
    assert (run["environment"], run["entrypoint"]) == ("shell", "python train.py --epochs 1 | tee log.txt")


def test_the_run_page_shows_the_code(page: Page, rest: Rest) -> None:
    git = {
        "commit": "a" * 40, "branch": "main", "remote": "https://example.org/a.git", "dirty": True,
        "diff": "diff --git a/train.py b/train.py\n--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-old line\n+new line\n",
    }  # fmt: skip
    run = submitted(rest, args=["--lr", "0.1"], git=git)
    page.goto(f"/runs/{run['id']}")
    page.get_by_role("heading", name="Code").click()
    code = page.locator("danlu-code")
    expect(code).to_have_attribute("data-ready", "1")
    assert code.evaluate("island => island.state()") == {"open": "train.py", "text": SCRIPT}
    fold = page.locator("#code")
    expect(fold.locator("#code-command")).to_have_text("python train.py --lr 0.1")
    expect(fold).to_contain_text("a" * 40)
    expect(fold.locator('[data-mark="-"]')).to_contain_text("old line")
    # it can be read and not be changed
    page.get_by_role("textbox", name="Code, read only").click()
    page.keyboard.type("x")
    assert code.evaluate("island => island.state()")["text"] == SCRIPT


def test_the_editor_is_left_by_escape_and_tab(page: Page) -> None:
    ready(page)
    editor = page.get_by_role("textbox", name="Code")
    editor.focus()
    page.keyboard.type("if x:\n")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(editor).not_to_be_focused()


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_nothing_is_in_the_way_of_anybody(
    open_page: OpenPage, rest: Rest, watch: Watch, theme: str, width: int
) -> None:
    watch.allow("Applying inline style")  # by axe; the tests above see the same pages without it
    parent = submitted(rest, args=["--lr", "0.1"])
    page = open_page(width=width, theme=theme)
    ready(page, f"/runs/new/script?from={parent['id']}")
    page.get_by_label("--lr").fill("0.5")
    write(page, SCRIPT + "\nfor broken in")
    expect(page.locator("#code-error")).to_be_visible()
    expect(page.locator("#script-changes ins")).to_have_count(1)
    page.evaluate("scrollTo(0, 0)")
    assert violations(page, theme=theme) == []
    assert overflow(page) == 0
    page.goto(f"/runs/{parent['id']}")
    page.get_by_role("heading", name="Code").click()
    expect(page.locator("danlu-code")).to_have_attribute("data-ready", "1")
    page.evaluate("scrollTo(0, 0)")
    assert violations(page, theme=theme) == []
    assert overflow(page) == 0


def test_without_scripts_a_text_area_does(open_page: OpenPage, rest: Rest) -> None:
    page = open_page(javascript=False)
    page.goto("/runs/new/script")
    page.get_by_role("textbox", name="Code").fill(SCRIPT)
    page.get_by_label("Arguments").fill("--epochs 2")
    page.get_by_role("button", name="Start run").click()
    page.wait_for_url(re.compile(r"/runs/\d+$"))
    run = last_run(rest)
    assert run["args"] == ["--epochs", "2"]
    assert rest.get(f"/snapshots/{run['snapshot']}/files/train.py").text == SCRIPT


def test_what_is_left_out_of_a_folder_follows_its_lists(page: Page) -> None:
    page.goto("/")
    asked = {
        "a.py": "", "a.log": ".gitignore", "x/a.log": ".gitignore", "keep.log": "", "out/": ".gitignore", "x/out/": ".gitignore",
        "build/": ".gitignore", "x/build/": "", "docs/a.md": ".gitignore", "docs/x/a.md": "", "deep/x/y.tmp": ".danluignore",
        "__pycache__/": "left out by default", "venv/": "", ".git/": "never code", "net.pt": "looks like weights", "#a": "",
    }  # fmt: skip
    lists = ["# a comment\n*.log\n!keep.log\nout/\n/build\ndocs/*.md\n[z-a]\n", "deep/**/*.tmp\n!venv/\n"]
    found = page.evaluate(
        """async ([lists, paths]) => {
          const { ignoring } = await import("/static/js/ignore.js");
          const why = ignoring(...lists);
          return paths.map((path) => (path.endsWith("/") ? why(path.slice(0, -1)) : why(path, 2_000_000)) ?? "");
        }""",
        [lists, list(asked)],
    )
    assert json.dumps(dict(zip(asked, found, strict=True))) == json.dumps(asked)

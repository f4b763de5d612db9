"""Registered environments over REST, on the settings page and on the command line; and the record of a run's own."""

import json
import sys
from pathlib import Path

import pytest
from rest import Rest
from served import Served
from typer.testing import CliRunner

from app.config import Settings
from app.environments.record import recorded
from danlu.cli import app as cli

PYTHON = "/opt/nlp/bin/python"


def test_an_environment_from_registration_to_removal(rest: Rest) -> None:
    made = rest.post("/environments", {"name": "nlp", "python": PYTHON})
    assert made.status_code == 201
    assert made.json() | {"created_at": "x"} == {
        "name": "nlp", "python": PYTHON, "created_at": "x", "created_by": made.json()["created_by"],
    }  # fmt: skip
    assert rest.get("/environments").json() == {"items": [made.json()], "next": None}
    again = rest.post("/environments", {"name": "nlp", "python": "/usr/bin/python3"})
    assert again.status_code == 409
    assert PYTHON in again.json()["detail"]
    assert rest.http.delete("/api/v1/environments/nlp").status_code == 204
    gone = rest.http.delete("/api/v1/environments/nlp")
    assert (gone.status_code, gone.json()["detail"]) == (
        404,
        "There is no environment 'nlp'; registered: none.",
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "", "python": PYTHON}, "name"),
        ({"name": "a b", "python": PYTHON}, "name"),
        ({"name": "-x", "python": PYTHON}, "name"),
        ({"name": "x" * 65, "python": PYTHON}, "name"),
        ({"name": "x", "python": "bin/python"}, "python"),
        ({"name": "x", "python": "/opt/../python"}, "python"),
        ({"name": "x", "python": "/opt\n/python"}, "python"),
        ({"name": "x", "python": "/" + "x" * 1000}, "python"),
        ({"name": "x", "python": ""}, "python"),
        ({"name": "x"}, "python"),
        ({"name": "x", "python": PYTHON, "pip": True}, "pip"),
    ],
)
def test_what_cannot_be_registered_is_named(rest: Rest, body: dict[str, object], field: str) -> None:
    answer = rest.post("/environments", body)
    assert answer.status_code == 422
    assert field in answer.json()["fields"]
    assert rest.get("/environments").json()["items"] == []


def test_only_administrators_change_them_and_everybody_sees_them(served: Served) -> None:
    served.add_user("ada", "admin")
    served.add_user("bob")
    ada, bob = served.log_in("ada"), served.log_in("bob")
    moved = ada.post("/settings/environments", data={"environment": " nlp ", "python": PYTHON})
    assert (moved.status_code, moved.headers["location"]) == (303, "/settings#environments")
    page = ada.get("/settings").text
    assert PYTHON in page
    assert "venv:nlp" in page  # the message
    assert [item["name"] for item in bob.get("/api/v1/environments").json()["items"]] == ["nlp"]
    assert PYTHON in bob.get("/settings").text
    assert "/settings/environments" not in bob.get("/settings").text
    assert bob.post("/settings/environments", data={"environment": "x", "python": PYTHON}).status_code == 403
    assert bob.post("/settings/environments/nlp/remove").status_code == 403
    assert bob.delete("/api/v1/environments/nlp").status_code == 403
    taken = ada.post("/settings/environments", data={"environment": "nlp", "python": PYTHON})
    assert (taken.status_code, "already" in taken.text) == (409, True)
    wrong = ada.post("/settings/environments", data={"environment": "a b", "python": "python"})
    assert wrong.status_code == 422
    assert "It must be the absolute path of an interpreter" in wrong.text
    assert "It must be 1 to 64 letters" in wrong.text
    assert ada.post("/settings/environments/nlp/remove").status_code == 303
    assert ada.get("/api/v1/environments").json()["items"] == []


def test_the_command(sqlite_settings: Settings, tmp_path: Path, served: Served) -> None:
    home = ["--home", str(sqlite_settings.home)]
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(sys.executable)
    run = CliRunner()
    done = run.invoke(cli, ["environment", "add", "mine", str(tmp_path / "venv"), *home])
    assert (done.exit_code, "venv:mine" in done.output) == (0, True), done.output
    listed = json.loads(run.invoke(cli, ["environment", "list", "--json", *home]).output)
    assert [(item["name"], item["python"]) for item in listed] == [
        ("mine", str(tmp_path / "venv" / "bin" / "python"))
    ]
    assert "mine" in run.invoke(cli, ["environment", "list", *home]).output
    for arguments, said in (
        (["add", "mine", sys.executable], "already"),
        (["add", "a b", sys.executable], "must be 1 to 64 letters"),
        (["add", "other", str(tmp_path / "nowhere")], "no interpreter that can be executed"),
        (["remove", "never"], "There is no environment"),
    ):
        refused = run.invoke(cli, ["environment", *arguments, *home])
        assert (refused.exit_code, said in refused.output) == (2, True), refused.output
    assert run.invoke(cli, ["environment", "remove", "mine", *home]).exit_code == 0


def write(folder: Path, value: object) -> None:
    (folder / ".danlu").mkdir(parents=True, exist_ok=True)
    (folder / ".danlu" / "environment.json").write_text(json.dumps(value))


def test_a_record_is_shown_whatever_a_script_has_written_there(tmp_path: Path) -> None:
    assert recorded(tmp_path) is None
    write(
        tmp_path, {"python": "3.11.7", "packages": {"torch": "2.10", "bad": 3}, "start": "warm", "threads": 2}
    )
    found = recorded(tmp_path)
    assert found is not None
    assert (found["python"], found["packages"], found["start"], found["git"]) == (
        "3.11.7",
        {"torch": "2.10"},
        "warm",
        None,
    )
    write(
        tmp_path,
        {
            "python": ["x"],
            "start": "hot",
            "threads": True,
            "devices": [1, "GPU"],
            "git": {"commit": 5, "dirty": 1},
        },
    )
    found = recorded(tmp_path)
    assert found is not None
    assert (found["python"], found["start"], found["threads"], found["devices"]) == (
        None,
        None,
        None,
        ["GPU"],
    )
    assert found["git"] == {"commit": None, "branch": None, "remote": None, "dirty": None}
    write(tmp_path, {"host": "x" * 10_000, "packages": {f"p{n}": "1" for n in range(9000)}})
    found = recorded(tmp_path)
    assert found is not None
    assert (len(found["host"]), len(found["packages"])) == (500, 5000)
    write(tmp_path, [1])
    assert recorded(tmp_path) is None


def test_a_runs_record_over_rest_and_on_its_page(rest: Rest) -> None:
    run = rest.submit()
    assert rest.get(f"/runs/{run['id']}/environment").status_code == 404
    page = f"/runs/{run['id']}/environment"
    assert "recorded when the run starts" in rest.http.get(page).text
    folder = rest.served.settings.experiments_dir / run["experiment"] / run["slug"]
    write(
        folder,
        {
            "environment": "venv:nlp",
            "python": "3.12.1",
            "packages": {"torch": "2.10", "<b>": "1"},
            "torch": "2.10",
        },
    )
    answer = rest.get(f"/runs/{run['id']}/environment")
    assert answer.status_code == 200
    assert answer.json()["packages"] == {"torch": "2.10", "<b>": "1"}
    shown = rest.http.get(page).text
    assert "torch==2.10" in shown
    assert "&lt;b&gt;==1" in shown
    assert f'hx-get="{page}"' in rest.http.get(f"/runs/{run['id']}").text

"""The script way of the new-run page: who may use it, and what it makes of odd requests."""

import json
from collections.abc import Iterator

import pytest
from rest import Rest, resting
from served import Served, serving

from app.config import Settings

FORM = {"experiment": "exp", "filename": "train.py", "code": "print('here')\r\n"}


@pytest.fixture
def rest(sqlite_settings: Settings) -> Iterator[Rest]:
    with resting(sqlite_settings) as running:
        yield running


def test_a_form_without_scripts_makes_a_run(rest: Rest) -> None:
    answer = rest.http.post("/runs/new/script", data=FORM | {"extra": "--lr '0 1'"})
    assert answer.status_code == 303
    (run,) = rest.items()
    assert (run["args"], run["name"]) == (["--lr", "0 1"], "train")
    stored = rest.get(f"/snapshots/{run['snapshot']}/files/train.py")
    assert stored.content == b"print('here')\n"


@pytest.mark.parametrize(
    ("odd", "words"),
    [
        ({"code": ""}, "Paste a script"),
        ({"code": "def"}, "invalid syntax"),
        ({"edits": "no"}, "reload the page"),
        ({"edits": "[]"}, "reload the page"),
        ({"edits": json.dumps({"../x.py": "print()"})}, "../x.py"),
        ({"edits": json.dumps({"a/../../x.py": "print()"})}, "x.py"),
        ({"filename": "con\x01.py"}, "con"),
        ({"snapshot": "0" * 64}, "not on the server any more"),
        ({"snapshot": "../../etc"}, "not on the server any more"),
        ({"extra": "--name 'open"}, "no closing quotation"),
        ({"experiment": ""}, "is needed"),
        ({"environment": "venv:nowhere"}, "venv"),
        ({"environment": "shell", "entrypoint": " "}, "is needed"),
        ({"seed": "x"}, "must be a whole number"),
        ({"edits": json.dumps({"a.py": "print()", "A.py": "print()"}), "entrypoint": "a.py"}, "A.py"),
    ],
)
def test_what_cannot_be_run_is_said_and_nothing_is_made(rest: Rest, odd: dict[str, str], words: str) -> None:
    answer = rest.http.post("/runs/new/script", data=FORM | odd)
    assert answer.status_code == 422, answer.text
    assert words in answer.text.replace("&#39;", "'")
    assert rest.items() == []


def test_parts_are_read_without_anything_being_stored(rest: Rest) -> None:
    code = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--lr', type=float, default=1)\np.parse_args()\n"
    shown = rest.http.post("/runs/new/script/read", data=FORM | {"code": code})
    assert shown.status_code == 200
    assert 'name="p.lr"' in shown.text
    command = rest.http.post("/runs/new/script/command", data=FORM | {"code": code, "p.lr": "2", "d.lr": "1"})
    assert "python train.py --lr 2" in command.text
    assert "-- --lr 2" in command.text
    constants = rest.http.post(
        "/runs/new/script/command", data=FORM | {"code": "LR = 1\n", "p.LR": "2", "d.LR": "1", "seed": "7"}
    )
    assert "--set LR=2" in constants.text
    assert "--seed 7" in constants.text
    assert list(rest.served.settings.snapshots_dir.iterdir()) == []


def test_a_clone_of_a_run_without_a_script_is_refused_and_one_with_a_script_is_sent_here(rest: Rest) -> None:
    plain = rest.submit()
    asked = {"accept": "text/html"}
    assert rest.http.get(f"/runs/new/script?from={plain['id']}", headers=asked).status_code == 422
    rest.http.post("/runs/new/script", data=FORM)
    script = rest.items()[0]
    sent = rest.http.get(f"/runs/new?from={script['id']}", headers=asked)
    assert (sent.status_code, sent.headers["location"]) == (303, f"/runs/new/script?from={script['id']}")


def test_a_script_in_a_folder_and_free_params_of_a_clone_are_kept(rest: Rest) -> None:
    rest.http.post("/runs/new/script", data=FORM | {"filename": "pkg/go.py", "free": '{"depth": 3}'})
    first = rest.items()[0]
    assert (first["entrypoint"], first["params"]) == ("pkg/go.py", {"depth": 3})
    shown = rest.http.get(f"/runs/new/script?from={first['id']}").text
    assert "{&#34;depth&#34;: 3}" in shown
    wrong = rest.http.post("/runs/new/script", data=FORM | {"free": "[1]"})
    assert wrong.status_code == 422
    assert "must be a JSON object" in wrong.text


def test_a_script_is_repeated_by_its_snapshot(rest: Rest) -> None:
    rest.http.post("/runs/new/script", data=FORM | {"code": "LR = 1\nprint(LR)\n", "p.LR": "2", "d.LR": "1"})
    run = rest.items()[0]
    shown = rest.http.get(f"/runs/{run['id']}").text
    assert run["snapshot"] in shown
    assert "&#34;LR&#34;: 2" in shown


@pytest.fixture
def served(sqlite_settings: Settings) -> Iterator[Served]:
    with serving(sqlite_settings) as running:
        yield running


def test_code_needs_the_right_to_submit_it(served: Served) -> None:
    served.add_user("ann")
    ann = served.log_in("ann")
    page = ann.get("/runs/new/script")
    assert page.status_code == 200
    assert "submit-code" in page.text
    assert "<textarea" not in page.text
    for path in ("", "/read", "/command"):
        assert ann.post(f"/runs/new/script{path}", data=FORM).status_code == 403


def test_another_sites_page_cannot_run_code(served: Served) -> None:
    served.add_user("bob", submit_code=True)
    bob = served.log_in("bob")
    for path in ("", "/read", "/command"):
        answer = bob.post(f"/runs/new/script{path}", data=FORM, headers={"origin": "https://evil.example"})
        assert answer.status_code == 403
    assert bob.post("/runs/new/script", data=FORM).status_code == 303

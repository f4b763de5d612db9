"""Runs of scripts over REST: params and arguments become one command line, whichever way they are given."""

from typing import Any

import pytest
from packed import TRAIN, zipped
from rest import Rest, refused

from app.clock import utcnow
from app.models import Environment
from app.runs.words import RunState
from app.snapshots.forms import MAX_FORMS
from worker.queries import script_facts

TUTORIAL = 'LR = 0.1\nEPOCHS = 3\nNAME = "rings"\nprint(LR)\n'
FREE = "import sys\nprint(sys.argv)\n"
FILES = {
    "train.py": TRAIN,
    "consts.py": TUTORIAL,
    "free.py": FREE,
    "go.sh": "python train.py\n",
    "sub/run.py": FREE,
}


@pytest.fixture
def code(rest: Rest) -> str:
    return uploaded(rest, FILES)


def uploaded(rest: Rest, files: dict[str, str]) -> str:
    answer = rest.http.post("/api/v1/snapshots?filename=x.zip", content=zipped(files))
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["id"])


def submit(rest: Rest, code: str, **fields: Any) -> dict[str, Any]:
    answer = rest.post("/runs", {"experiment": "exp", "snapshot": code, **fields})
    assert answer.status_code == 201, answer.text
    run: dict[str, Any] = answer.json()
    return run


def test_params_become_the_command_line(rest: Rest, code: str) -> None:
    run = submit(rest, code, params={"lr": 0.1, "amp": True}, tags=["a"], seed=3)
    assert (run["snapshot"], run["entrypoint"], run["recipe"]) == (code, "train.py", None)
    assert run["args"] == ["--lr", "0.1", "--amp"]
    assert run["params"] == {"lr": 0.1, "epochs": 3, "optimizer": "adam", "amp": True}
    assert (run["name"], run["environment"], run["git"], run["seed"]) == ("train", "worker", None, 3)
    assert rest.get(f"/runs/{run['id']}").json() == run


def test_arguments_become_params(rest: Rest, code: str) -> None:
    run = submit(rest, code, entrypoint="./train.py", args=["--lr=0.1", "--epochs", "5", "--mystery", "7"])
    assert run["args"] == ["--lr=0.1", "--epochs", "5", "--mystery", "7"]
    assert run["params"] == {"lr": 0.1, "epochs": 5, "optimizer": "adam", "amp": False}
    both = submit(rest, code, args=["--lr", "0.5"], params={"epochs": 9, "lr": 0.5})
    assert both["args"] == ["--epochs", "9", "--lr", "0.5"]
    assert (both["params"]["lr"], both["params"]["epochs"]) == (0.5, 9)


def test_what_the_script_does_not_take_is_refused_by_name(rest: Rest, code: str) -> None:
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"params": {"learning": 1}}, "params.learning", "it has lr, epochs, optimizer, amp"),
        ({"params": {"lr": "fast"}}, "params.lr", "must be a number"),
        ({"params": {"epochs": 1.5}}, "params.epochs", "must be an integer"),
        ({"params": {"optimizer": "rmsprop"}}, "params.optimizer", "must be one of"),
        ({"params": {"lr": 1}, "args": ["--lr", "2"]}, "params.lr", "give it once"),
        ({"entrypoint": "trian.py"}, "entrypoint", "did you mean train.py"),
        ({"entrypoint": "../train.py"}, "entrypoint", "is not a file of the snapshot"),
        ({"entrypoint": "/etc/passwd"}, "entrypoint", "is not a file of the snapshot"),
        ({"entrypoint": "sub"}, "entrypoint", "is not a file"),
        ({"entrypoint": "x" * 300 + ".py"}, "entrypoint", "is not a file"),
        ({"entrypoint": "go.sh"}, "entrypoint", "bash go.sh"),
        ({"environment": "docker"}, "environment", "worker, cold, uv, shell or venv:NAME"),
        ({"environment": "venv:old"}, "environment", "no registered environment"),
        ({"environment": "shell"}, "entrypoint", "command line"),
        ({"environment": "shell", "entrypoint": "bash go.sh", "args": ["1"]}, "args", "entrypoint"),
        ({"args": ["x"] * 201}, "args", "200"),
        ({"args": ["x" * 9000]}, "args.0", "8192"),
        ({"args": [1]}, "args.0", "string"),
        ({"recipe": "free"}, "recipe", "exactly one"),
        ({"snapshot": "0" * 64}, "snapshot", "POST /snapshots"),
        ({"snapshot": "x"}, "snapshot", "64"),
        ({"git": {"commit": "a\nb"}}, "git.commit", "invisible"),
        ({"git": {"author": "me"}}, "git.author", "Extra"),
    ]
    for fields, name, words in cases:
        body = refused(rest.post("/runs", {"experiment": "exp", "snapshot": code, **fields}), 422, name)
        assert words in body["fields"][name], body
    refused(rest.post("/runs", {"experiment": "exp"}), 422, "recipe", "snapshot")
    for field, value in (("args", ["1"]), ("entrypoint", "a.py"), ("environment", "uv"), ("git", {})):
        body = {"experiment": "exp", "recipe": "free", field: value}
        if value:
            refused(rest.post("/runs", body), 422, field)
    assert rest.items() == []


def test_required_params_are_asked_for(rest: Rest) -> None:
    source = "import argparse\np = argparse.ArgumentParser()\np.add_argument('data')\np.add_argument('--n', type=int, required=True)\np.parse_args()\n"
    code = uploaded(rest, {"train.py": source})
    refused(rest.post("/runs", {"experiment": "e", "snapshot": code}), 422, "params.data", "params.n")
    run = submit(rest, code, params={"data": "a b", "n": 3})
    assert sorted(run["args"]) == ["--n", "3", "a b"]
    trusted = submit(rest, code, args=["--n", "4"])  # whoever writes the line knows better
    assert trusted["args"] == ["--n", "4"]


def test_constants_and_scripts_without_a_form(rest: Rest, code: str) -> None:
    run = submit(rest, code, entrypoint="consts.py", params={"LR": 0.5}, args=["x"])
    assert (run["args"], run["params"]) == (["x"], {"LR": 0.5, "EPOCHS": 3, "NAME": "rings"})
    refused(
        rest.post(
            "/runs", {"experiment": "e", "snapshot": code, "entrypoint": "consts.py", "params": {"lr": 1}}
        ),
        422,
        "params.lr",
    )
    free = submit(rest, code, entrypoint="free.py", params={"anything": [1, {"a": 2}]}, args=["--x"])
    assert (free["args"], free["params"]) == (["--x"], {"anything": [1, {"a": 2}]})
    refused(
        rest.post(
            "/runs",
            {"experiment": "e", "snapshot": code, "entrypoint": "free.py", "params": {"a": "x" * 70_000}},
        ),
        422,
        "params",
    )
    shell = submit(rest, code, entrypoint="bash go.sh --fast", environment="shell")
    assert (shell["entrypoint"], shell["name"], shell["environment"]) == ("bash go.sh --fast",) * 2 + (
        "shell",
    )


def test_a_registered_environment_may_be_named(rest: Rest, code: str) -> None:
    with rest.served.db.write() as session:
        session.add(
            Environment(name="old", python="/usr/bin/python3", created_at=utcnow(), created_by="user:ann")
        )
    assert submit(rest, code, environment="venv:old")["environment"] == "venv:old"
    body = refused(
        rest.post("/runs", {"experiment": "e", "snapshot": code, "environment": "venv:new"}),
        422,
        "environment",
    )
    assert "there are old" in body["detail"]


def test_clones_render_their_command_line_anew(rest: Rest, code: str) -> None:
    run = submit(rest, code, args=["--lr=0.1", "--mystery", "7"], params={"epochs": 9})
    clone = rest.post(f"/runs/{run['id']}/clone", {"params": {"lr": 0.2}}).json()
    assert clone["args"] == ["--lr", "0.2", "--epochs", "9", "--mystery", "7"]
    assert clone["params"] == run["params"] | {"lr": 0.2}
    assert (clone["parent"], clone["snapshot"], clone["seed"]) == (run["id"], code, run["seed"])
    same = rest.post(f"/runs/{run['id']}/clone", {}).json()
    assert (same["args"], same["params"]) == (run["args"], run["params"])
    other = rest.post(f"/runs/{run['id']}/clone", {"args": ["--amp"], "environment": "cold"}).json()
    assert (other["args"], other["params"]["amp"], other["params"]["lr"]) == (["--amp"], True, 0.001)
    assert other["environment"] == "cold"
    refused(rest.post(f"/runs/{run['id']}/clone", {"params": {"nosuch": 1}}), 422, "params.nosuch")
    recipe = rest.submit()
    refused(rest.post(f"/runs/{recipe['id']}/clone", {"args": ["x"]}), 422, "args")
    free = submit(rest, code, entrypoint="consts.py", params={"LR": 0.5}, args=["a"])
    again = rest.post(f"/runs/{free['id']}/clone", {"params": {"NAME": "b"}}).json()
    assert (again["args"], again["params"]) == (["a"], {"LR": 0.5, "EPOCHS": 3, "NAME": "b"})


def test_a_clone_may_have_other_code(rest: Rest, code: str) -> None:
    run = submit(rest, code, params={"lr": 0.1}, git={"commit": "abc"})
    newer = uploaded(rest, FILES | {"train.py": TRAIN.replace("--amp", "--bf16")})
    clone = rest.post(f"/runs/{run['id']}/clone", {"snapshot": newer, "params": {"bf16": True}}).json()
    assert clone["args"] == ["--lr", "0.1", "--bf16"]
    clone = rest.post(f"/runs/{run['id']}/clone", {"snapshot": newer, "args": ["--bf16"]}).json()
    assert (clone["snapshot"], clone["args"], clone["git"]) == (newer, ["--bf16"], None)
    assert clone["params"] == {"lr": 0.001, "epochs": 3, "optimizer": "adam", "bf16": True}
    other = rest.post(f"/runs/{run['id']}/clone", {"entrypoint": "free.py"}).json()
    assert (other["entrypoint"], other["args"], other["git"]["commit"]) == ("free.py", ["--lr", "0.1"], "abc")


def test_a_clone_of_constants_keeps_what_was_asked_for_alone(rest: Rest, code: str) -> None:
    run = submit(rest, code, entrypoint="consts.py", params={"LR": 0.5})
    newer = uploaded(rest, FILES | {"consts.py": "LR = 0.1\nEPOCHS = 10\n"})
    clone = rest.post(f"/runs/{run['id']}/clone", {"snapshot": newer}).json()
    assert clone["params"] == {"LR": 0.5, "EPOCHS": 10}  # the new code's, and no NAME


def test_the_worker_knows_the_constants_of_any_script(rest: Rest) -> None:
    many = uploaded(rest, {f"train{number}.py": TUTORIAL for number in range(MAX_FORMS + 2)})
    last = f"train{MAX_FORMS + 1}.py"
    run = submit(rest, many, entrypoint=last, params={"LR": 0.5})
    definition = {key: run[key] for key in ("snapshot", "entrypoint", "environment", "params")}
    with rest.served.app.state.db.read() as session:
        assert script_facts(session, definition).constants == {"LR": 0.5, "EPOCHS": 3, "NAME": "rings"}


def test_retries_are_the_same_again(rest: Rest, code: str) -> None:
    git = {
        "commit": "abc",
        "branch": "main",
        "remote": "https://ada:pw@git.example.org/a",
        "dirty": True,
        "diff": "+x\n",
    }
    run = submit(rest, code, params={"lr": 0.1}, git=git, environment="uv")
    assert run["git"] == {
        "commit": "abc",
        "branch": "main",
        "remote": "https://git.example.org/a",
        "dirty": True,
    }
    rest.bring(run["id"], RunState.FAILED)
    again = rest.post(f"/runs/{run['id']}/retry").json()
    for name in ("snapshot", "entrypoint", "args", "params", "environment", "git", "seed", "name"):
        assert again[name] == run[name], name
    for run_id in (run["id"], again["id"]):
        diff = rest.get(f"/runs/{run_id}/diff")
        assert (diff.status_code, diff.text) == (200, "+x\n")
        assert diff.headers["content-type"].startswith("text/plain")
    refused(rest.get(f"/runs/{rest.submit()['id']}/diff"), 404)


def test_a_long_diff_is_cut_with_a_note(rest: Rest, code: str) -> None:
    run = submit(rest, code, git={"diff": "+line\n" * 60_000})
    text = rest.get(f"/runs/{run['id']}/diff").text
    assert len(text.encode()) <= 200_000
    assert "360000 bytes" in text.splitlines()[-1]


def test_runs_are_found_by_their_code(rest: Rest, code: str) -> None:
    run = submit(rest, code)
    free = submit(rest, code, entrypoint="free.py")
    rest.submit()
    assert {item["id"] for item in rest.items(snapshot=code)} == {run["id"], free["id"]}
    assert [item["id"] for item in rest.items(snapshot=code, entrypoint="free.py")] == [free["id"]]


def test_a_repeated_submission_is_one_run(rest: Rest, code: str) -> None:
    body = {"experiment": "e", "snapshot": code, "params": {"lr": 0.1}}
    first = rest.post("/runs", body, **{"Idempotency-Key": "k"})
    again = rest.post("/runs", body, **{"Idempotency-Key": "k"})
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (first.json()["id"], "true")


def test_code_goes_with_its_last_run(rest: Rest, code: str) -> None:
    folder = rest.served.settings.snapshots_dir / code
    one, two = submit(rest, code), submit(rest, code)
    for run in (one, two):
        rest.bring(run["id"], RunState.CANCELLED)
    assert rest.http.delete(f"/api/v1/runs/{one['id']}").status_code == 204
    assert folder.is_dir()
    assert rest.http.delete(f"/api/v1/runs/{two['id']}").status_code == 204
    assert not folder.exists()
    refused(rest.get(f"/snapshots/{code}"), 404)
    again = uploaded(rest, FILES)
    run = submit(rest, again)
    rest.bring(run["id"], RunState.SUCCEEDED)
    assert rest.http.delete("/api/v1/experiments/exp").status_code == 204
    assert not folder.exists()

"""The client has a call for whatever a script may want of the REST interface."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from app.config import load_settings
from app.main import create_app
from danlu.client import Client, Run

CALLS = """
GET /me                     POST /tokens                  GET /tokens                DELETE /tokens/{token_id}
POST /experiments           GET /experiments              GET /experiments/{slug}    PATCH /experiments/{slug}
DELETE /experiments/{slug}  GET /tensorboards             GET /experiments/{slug}/tensorboard
POST /experiments/{slug}/tensorboard                      DELETE /experiments/{slug}/tensorboard
GET /recipes                GET /recipes/{name}           GET /workers               GET /stream
GET /environments           POST /environments            DELETE /environments/{name}
POST /snapshots             GET /snapshots/{snapshot_id}  GET /snapshots/{snapshot_id}/files/{path}
POST /runs                  GET /runs                     GET /runs/{run_id}         PATCH /runs/{run_id}
DELETE /runs/{run_id}       POST /runs/{run_id}/cancel    POST /runs/{run_id}/retry  POST /runs/{run_id}/clone
GET /runs/{run_id}/events   GET /runs/{run_id}/log        GET /runs/{run_id}/files   GET /runs/{run_id}/files/{path}
GET /runs/{run_id}/diff     GET /runs/{run_id}/traceback  GET /runs/{run_id}/environment
POST /sweeps                GET /queue                    POST /queue/pause          POST /queue/resume
POST /runs/{run_id}/move    GET /metrics                  GET /metrics/tags
"""
"""What the client must be able to ask for."""

ANSWER: dict[str, Any] = {
    "id": 7, "state": "succeeded", "sweep": "s", "items": [], "next": None, "series": [], "entrypoint": "train.py",
}  # fmt: skip


def asked(call: Callable[[Client, Run], Any]) -> set[tuple[str, str]]:
    """Method and path of what a call sends."""
    sent: list[tuple[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.method, request.url.path.removeprefix("/api/v1")))
        if request.url.path.endswith("/stream"):
            return httpx.Response(200, content=b'event: run\ndata: {"id": 7}\n\n')
        if request.method == "GET" and re.fullmatch(r"/api/v1/snapshots/[0-9a-f]{64}", request.url.path):
            return httpx.Response(404, json={"error": "not_found", "detail": "no"})
        return httpx.Response(200, json=ANSWER, headers={"X-Next-Offset": "0"})

    with Client("http://danlu.example.org", "danlu_x", transport=httpx.MockTransport(answer)) as client:
        run = client.run(7)
        sent.clear()
        call(client, run)
    return set(sent)


def calls(folder: Path) -> list[Callable[[Client, Run], Any]]:
    (folder / "train.py").write_text("print(1)\n")
    return [
        lambda c, r: (c.me(), list(c.tokens()), c.create_token("a"), c.delete_token(7)),
        lambda c, r: (
            list(c.experiments()),
            c.experiment("e"),
            c.create_experiment("e"),
            c.delete_experiment("e"),
        ),
        lambda c, r: c.change_experiment("e", name="f"),
        lambda c, r: (
            c.tensorboards(),
            c.tensorboard("e"),
            c.start_tensorboard("e"),
            c.stop_tensorboard("e"),
        ),
        lambda c, r: (c.recipes(), c.recipe("rings"), c.workers()),
        lambda c, r: (c.environments(), c.create_environment("a", "/b"), c.delete_environment("a")),
        lambda c, r: (c.upload(folder), c.snapshot("0" * 64 + "x"), c.snapshot_file("0" * 64, "train.py")),
        lambda c, r: (c.submit("e", "rings"), c.sweep("e", "rings", grid={}), list(c.runs()), c.run(7)),
        lambda c, r: (c.queue(), c.pause_queue(), c.resume_queue(), r.move("top")),
        lambda c, r: (c.metrics([7]), r.metric_tags(), next(c.stream("run:7"))),
        lambda c, r: (r.cancel(), r.retry(), r.clone(), r.change(name="a"), r.delete()),
        lambda c, r: (
            r.events(),
            r.log(),
            r.files(),
            r.read("a"),
            r.diff(),
            r.traceback(),
            r.environment_record(),
        ),
    ]


def test_every_rest_call_has_one_of_the_client(home: Path, tmp_path: Path) -> None:
    paths = create_app(load_settings(home=home)).openapi()["paths"]
    offered = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in paths.items()
        for method in methods
    }
    wanted = set(re.findall(r"[A-Z]+ /\S+", CALLS))
    assert wanted <= offered
    sent = set().union(*(asked(call) for call in calls(tmp_path)))
    missing = []
    for call in wanted:
        method, path = call.split()
        if not any(method == used and re.fullmatch(pattern(path), at) for used, at in sent):
            missing.append(call)
    assert missing == []


def pattern(path: str) -> str:
    """Of the paths that an OpenAPI path stands for."""
    return re.sub(r"{(\w+)}", lambda name: ".+" if name[1] == "path" else "[^/]+", path)
